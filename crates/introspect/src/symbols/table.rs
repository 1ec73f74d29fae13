//! Addresses of the kernel and their names, both ways.

use kmsg::functions::Class;
use std::collections::BTreeMap;
use std::ops::Range;

/// One symbol, as `nm` has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Symbol<'a> {
    /// Its address.
    pub address: u64,
    /// Its kind: `T` and `t` are functions, `D`, `B`, `R` and so on are data.
    pub kind: u8,
    /// Its name.
    pub name: &'a str,
}

/// Data whose addresses are kept.
const KEPT: &[&str] =
    &["contig_page_data", "init_task", "log_buf", "log_buf_len", "node_data", "prb", "vm_node_stat", "vm_zone_stat"];

/// Where the kernel's functions lie, by the linker script (`include/asm-generic/vmlinux.lds.h`).
const SECTIONS: &[(&str, &str)] = &[("_stext", "_etext"), ("_sinittext", "_einittext")];

/// No kernel runs at addresses below this one: symbols there count from the beginning of the image.
const LOWEST: u64 = 16 << 20;

/// A kernel's functions by address, and the addresses of some of its data. One table serves all guests with that
/// kernel.
#[derive(Debug, Default)]
pub struct Symbols {
    /// What `starts` count from.
    base: u64,
    /// Beginnings of functions, ascending, without repetition.
    starts: Vec<u32>,
    /// For each function where its name ends in `names`; it begins where the one before ends.
    name_ends: Vec<u32>,
    names: String,
    text: Vec<Range<u64>>,
    idle: Option<Range<u64>>,
    data: BTreeMap<&'static str, u64>,
}

impl Symbols {
    /// A table of these symbols, in any order. `image_base` is where the image lies in the running kernel, for symbols
    /// that count from its beginning. `None` when there is no function among the symbols.
    pub fn new<'a>(symbols: impl IntoIterator<Item = Symbol<'a>>, image_base: Option<u64>) -> Option<Self> {
        let mut functions: Vec<Symbol<'a>> = Vec::new();
        let mut bounds: BTreeMap<&'a str, u64> = BTreeMap::new();
        let mut data: BTreeMap<&'static str, u64> = BTreeMap::new();
        for symbol in symbols {
            if let Some(kept) = KEPT.iter().find(|kept| **kept == symbol.name) {
                data.insert(kept, symbol.address);
            } else if is_boundary(symbol.name) {
                bounds.insert(symbol.name, symbol.address);
            } else if matches!(symbol.kind | 0x20, b't' | b'w') {
                functions.push(symbol);
            }
        }
        let range = |(start, end): (&str, &str)| Some(*bounds.get(start)?..*bounds.get(end)?);
        let mut text: Vec<Range<u64>> = SECTIONS.iter().filter_map(|&names| range(names)).collect();
        functions.sort_by_key(|symbol| symbol.address);
        if text.is_empty() {
            // Without the linker's word the last function is taken to be as long as a page.
            text.push(functions.first()?.address..functions.last()?.address.saturating_add(4096));
        }
        functions.retain(|symbol| text.iter().any(|range| range.contains(&symbol.address)));
        functions.dedup_by_key(|symbol| symbol.address);
        let first = functions.first()?.address;
        let shift = image_base.filter(|_| first < LOWEST).unwrap_or(0);
        let moved = |range: &Range<u64>| range.start.wrapping_add(shift)..range.end.wrapping_add(shift);
        let mut table = Self {
            base: first.wrapping_add(shift),
            text: text.iter().map(moved).collect(),
            idle: range(("__cpuidle_text_start", "__cpuidle_text_end")).as_ref().map(moved),
            data: data.into_iter().map(|(name, address)| (name, address.wrapping_add(shift))).collect(),
            ..Self::default()
        };
        for function in &functions {
            let Ok(start) = u32::try_from(function.address - first) else { break };
            table.starts.push(start);
            table.names.push_str(stem(function.name));
            table.name_ends.push(u32::try_from(table.names.len()).unwrap_or(u32::MAX));
        }
        table.starts.shrink_to_fit();
        table.name_ends.shrink_to_fit();
        table.names.shrink_to_fit();
        Some(table)
    }

    /// The function at an address; `None` outside the kernel's text. What the compiler appends to the names of parts of
    /// a function (`.isra.0`, `.cold`) is left out.
    pub fn function(&self, address: u64) -> Option<&str> {
        self.position(address).map(|at| self.name(at))
    }

    /// The function at an address, and how far in it that is.
    pub fn place(&self, address: u64) -> Option<(&str, u64)> {
        let at = self.position(address)?;
        Some((self.name(at), address - self.base - u64::from(self.starts[at])))
    }

    /// The addresses of the function at an address.
    pub fn extent(&self, address: u64) -> Option<Range<u64>> {
        let at = self.position(address)?;
        let section = self.text.iter().find(|range| range.contains(&address))?;
        let next = self.starts.get(at + 1).map_or(section.end, |&start| self.base + u64::from(start));
        Some(self.base + u64::from(self.starts[at])..next.min(section.end))
    }

    /// The function that a return address leads back to: one cannot return to a function's first instruction.
    pub fn caller(&self, address: u64) -> Option<&str> {
        let at = self.position(address)?;
        (address - self.base > u64::from(self.starts[at])).then(|| self.name(at))
    }

    /// Whether an address is the first of a function whose name begins in one of these ways.
    pub fn begins(&self, address: u64, names: &[&str]) -> bool {
        let Some(at) = self.position(address) else { return false };
        address - self.base == u64::from(self.starts[at]) && names.iter().any(|name| self.name(at).starts_with(name))
    }

    /// Whether an address lies in the kernel's text.
    pub fn is_text(&self, address: u64) -> bool {
        self.text.iter().any(|range| range.contains(&address))
    }

    /// Whether an address lies in a function that waits for work; `more` are ends of names of
    /// functions besides the usual ones.
    pub fn is_idle(&self, address: u64, more: &[&str]) -> bool {
        self.idle.as_ref().is_some_and(|range| range.contains(&address))
            || self
                .function(address)
                .is_some_and(|name| Class::Idle.has(name) || more.iter().any(|end| name.ends_with(end)))
    }

    /// The address of a function.
    pub fn address(&self, function: &str) -> Option<u64> {
        (0..self.len()).find(|&at| self.name(at) == function).map(|at| self.base + u64::from(self.starts[at]))
    }

    /// The same kernel, so many bytes further up.
    pub fn moved(&self, slide: u64) -> Self {
        let moved = |range: &Range<u64>| range.start.wrapping_add(slide)..range.end.wrapping_add(slide);
        Self {
            base: self.base.wrapping_add(slide),
            text: self.text.iter().map(moved).collect(),
            idle: self.idle.as_ref().map(moved),
            data: self.data.iter().map(|(name, address)| (*name, address.wrapping_add(slide))).collect(),
            starts: self.starts.clone(),
            name_ends: self.name_ends.clone(),
            names: self.names.clone(),
        }
    }

    /// The address of data, of that which the lab looks at.
    pub fn data(&self, name: &str) -> Option<u64> {
        self.data.get(name).copied()
    }

    /// Number of functions.
    pub fn len(&self) -> usize {
        self.starts.len()
    }

    /// Whether there is no function; a table from [`Symbols::new`] has one.
    pub fn is_empty(&self) -> bool {
        self.starts.is_empty()
    }

    fn position(&self, address: u64) -> Option<usize> {
        if !self.is_text(address) {
            return None;
        }
        let offset = address.checked_sub(self.base)?;
        self.starts.partition_point(|&start| u64::from(start) <= offset).checked_sub(1)
    }

    fn name(&self, at: usize) -> &str {
        let start = at.checked_sub(1).map_or(0, |before| self.name_ends[before]);
        &self.names[start as usize..self.name_ends[at] as usize]
    }
}

/// Whether a name marks the beginning or end of a section: it stands at the address of somebody else's function.
fn is_boundary(name: &str) -> bool {
    name.ends_with("_text_start")
        || name.ends_with("_text_end")
        || matches!(name, "_text" | "_stext" | "_etext" | "_sinittext" | "_einittext")
}

/// A function's name without what the compiler appends.
fn stem(name: &str) -> &str {
    name.split_once('.').map_or(name, |(stem, _)| if stem.is_empty() { name } else { stem })
}

#[cfg(test)]
mod tests {
    use super::super::parse;
    use super::*;

    const MAP: &str = "\
        ffff0000 t vector_stub\n80001000 T _stext\n80001000 T first\n80001000 t alias\n80001040 t second.isra.0\n\
        80001080 T __cpuidle_text_start\n80001080 T mwait\n800010c0 T __cpuidle_text_end\n800010c0 T do_idle\n\
        80002000 T _etext\n80003000 T _sinittext\n80003000 T start_kernel\n80003100 T _einittext\n\
        80004000 D vm_zone_stat\n80004100 d second_data\n";

    fn table(map: &str, image_base: Option<u64>) -> Symbols {
        Symbols::new(parse(map.as_bytes()), image_base).unwrap()
    }

    #[test]
    fn addresses_are_named_within_the_text_only() {
        let table = table(MAP, None);
        let named = |address| table.function(address);
        assert_eq!(named(0x8000_0fff), None);
        assert_eq!((named(0x8000_1000), named(0x8000_103f)), (Some("first"), Some("first")));
        assert_eq!(named(0x8000_1040), Some("second"));
        assert_eq!(named(0x8000_1fff), Some("do_idle"));
        assert_eq!(named(0x8000_2000), None, "behind the text");
        assert_eq!(named(0x8000_30ff), Some("start_kernel"));
        assert_eq!((named(0xffff_0000), named(u64::MAX), named(0)), (None, None, None));
        assert_eq!(table.len(), 5);
    }

    #[test]
    fn a_kernel_that_has_moved_has_its_symbols_moved() {
        let table = table(MAP, None);
        assert_eq!((table.address("second"), table.address("nowhere")), (Some(0x8000_1040), None));
        let moved = table.moved(0x20_0000);
        assert_eq!((moved.function(0x8020_1040), moved.function(0x8000_1040)), (Some("second"), None));
        assert_eq!(moved.data("vm_zone_stat"), Some(0x8020_4000));
        assert!(moved.is_idle(0x8020_1080, &[]) && moved.len() == table.len());
        assert_eq!(moved.moved(0_u64.wrapping_sub(0x20_0000)).address("second"), Some(0x8000_1040));
    }

    #[test]
    fn one_does_not_return_to_a_functions_beginning() {
        let table = table(MAP, None);
        assert_eq!((table.caller(0x8000_1040), table.caller(0x8000_1044)), (None, Some("second")));
    }

    #[test]
    fn functions_extend_to_the_next_one_or_to_the_texts_end() {
        let table = table(MAP, None);
        assert_eq!(table.place(0x8000_1047), Some(("second", 7)));
        assert_eq!(table.extent(0x8000_1047), Some(0x8000_1040..0x8000_1080));
        assert_eq!(table.extent(0x8000_1fff), Some(0x8000_10c0..0x8000_2000));
        assert_eq!(table.extent(0x8000_3010), Some(0x8000_3000..0x8000_3100));
        assert_eq!((table.extent(0x8000_2000), table.place(0x8000_2000)), (None, None));
    }

    #[test]
    fn a_functions_first_address_is_told_from_the_others() {
        let table = table(MAP, None);
        assert!(table.begins(0x8000_1040, &["x", "sec"]) && !table.begins(0x8000_1044, &["sec"]));
        assert!(!table.begins(0x8000_1040, &["ond"]) && !table.begins(0, &[""]));
    }

    #[test]
    fn idle_functions_are_those_of_their_section_and_some_by_name() {
        let table = table(MAP, None);
        assert!(table.is_idle(0x8000_1084, &[]) && table.is_idle(0x8000_10c4, &[]));
        assert!(!table.is_idle(0x8000_1044, &[]) && table.is_idle(0x8000_1044, &["cond"]));
    }

    #[test]
    fn data_is_found_by_name() {
        let table = table(MAP, None);
        assert_eq!((table.data("vm_zone_stat"), table.data("vm_node_stat")), (Some(0x8000_4000), None));
    }

    #[test]
    fn symbols_that_count_from_the_image_are_moved_to_where_it_lies() {
        let map = "0 T _start\n1000 T _stext\n1000 T first\n1010 T second\n2000 T _etext\n3000 D vm_zone_stat\n";
        let table = table(map, Some(0x8000_0000));
        assert_eq!((table.function(0x8000_1012), table.data("vm_zone_stat")), (Some("second"), Some(0x8000_3000)));
        assert_eq!(self::table(MAP, Some(0x1234_0000)).function(0x8000_1040), Some("second"));
    }

    #[test]
    fn without_functions_there_is_no_table() {
        assert!(
            Symbols::new(parse(b"80004000 D vm_zone_stat\n80001000 T _stext\n80002000 T _etext\n"), None).is_none()
        );
        assert!(Symbols::new(parse(b""), None).is_none());
    }
}
