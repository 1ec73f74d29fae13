//! Addresses of the kernel and their names, both ways.

use super::exports::EXPORTED;
use crate::modules::ModuleText;
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

/// Variables that the lab reads beside those of [`EXPORTED`]: not exported to modules.
const UNEXPORTED: &[&str] = &["log_buf", "log_buf_len", "modules", "panic_cpu", "prb", "runqueues"];

/// Where the kernel's functions lie, by the linker script (`include/asm-generic/vmlinux.lds.h`).
const SECTIONS: &[(&str, &str)] = &[("_stext", "_etext"), ("_sinittext", "_einittext")];

/// No kernel runs at addresses below this one: symbols there count from the beginning of the image or, where the functions
/// do not, are per-CPU variables, which count from the beginning of each CPU's (x86_64 until 6.14,
/// `arch/x86/kernel/vmlinux.lds.S`).
const MIN_ADDRESS: u64 = 16 << 20;

/// What is added to the addresses of symbols whose first function is at `first`: `image_base`, the address of the image in the running
/// kernel, if they count from the image's beginning.
pub fn image_shift(first: u64, image_base: Option<u64>) -> u64 {
    image_base.filter(|_| first < MIN_ADDRESS).unwrap_or(0)
}

/// A kernel's functions by address, and the addresses of some of its data. One table serves all guests with that
/// kernel.
#[derive(Debug, Default)]
pub struct Symbols {
    /// Address from which `starts` count.
    base: u64,
    /// Offsets of functions, ascending and distinct.
    starts: Vec<u32>,
    /// For each function where its name ends in `names`; it begins where the one before ends.
    name_ends: Vec<u32>,
    names: String,
    text: Vec<Range<u64>>,
    idle: Option<Range<u64>>,
    data: BTreeMap<&'static str, u64>,
    /// Code of loaded modules: each is a function with the module's name.
    modules: Vec<ModuleText>,
}

impl Symbols {
    /// A table of these symbols, in any order. `image_base` is the address of the image in the running kernel, for
    /// symbols that count from its start. `None` if there is no function among the symbols.
    pub fn new<'a>(symbols: impl IntoIterator<Item = Symbol<'a>>, image_base: Option<u64>) -> Option<Self> {
        let mut functions: Vec<Symbol<'a>> = Vec::new();
        let mut bounds: BTreeMap<&'a str, u64> = BTreeMap::new();
        let mut data: BTreeMap<&'static str, u64> = BTreeMap::new();
        for symbol in symbols {
            if let Some(name) = EXPORTED.iter().chain(UNEXPORTED).find(|name| **name == symbol.name) {
                data.insert(name, symbol.address);
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
            // No section bounds: the last function is taken to be at most a page long.
            text.push(functions.first()?.address..functions.last()?.address.saturating_add(4096));
        }
        functions.retain(|symbol| text.iter().any(|range| range.contains(&symbol.address)));
        functions.dedup_by_key(|symbol| symbol.address);
        let first = functions.first()?.address;
        let shift = image_shift(first, image_base);
        let shifted = |range: &Range<u64>| range.start.wrapping_add(shift)..range.end.wrapping_add(shift);
        let mut table = Self {
            base: first.wrapping_add(shift),
            text: text.iter().map(shifted).collect(),
            idle: range(("__cpuidle_text_start", "__cpuidle_text_end")).as_ref().map(shifted),
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

    /// The function at an address; `None` outside the kernel's text. Suffixes that the compiler appends to parts of a
    /// function (`.isra.0`, `.cold`) are left out.
    pub fn function(&self, address: u64) -> Option<&str> {
        match self.position(address) {
            Some(at) => Some(self.name(at)),
            None => self.module(address).map(|module| module.name.as_str()),
        }
    }

    /// The function at an address, and the offset of the address in it.
    pub fn function_and_offset(&self, address: u64) -> Option<(&str, u64)> {
        let Some(at) = self.position(address) else {
            return self.module(address).map(|module| (module.name.as_str(), address - module.range.start));
        };
        Some((self.name(at), address - self.base - u64::from(self.starts[at])))
    }

    /// The address range of the function at an address.
    pub fn function_range(&self, address: u64) -> Option<Range<u64>> {
        let Some(at) = self.position(address) else {
            return self.module(address).map(|module| module.range.clone());
        };
        let section = self.text.iter().find(|range| range.contains(&address))?;
        let next = self.starts.get(at + 1).map_or(section.end, |&start| self.base + u64::from(start));
        Some(self.base + u64::from(self.starts[at])..next.min(section.end))
    }

    /// The function that a return address is in; `None` for the first instruction of a function, to which nothing returns.
    pub fn caller(&self, address: u64) -> Option<&str> {
        let (function, offset) = self.function_and_offset(address)?;
        (offset > 0).then_some(function)
    }

    /// Whether an address is the first one of a function whose name has one of these prefixes.
    pub fn is_entry(&self, address: u64, prefixes: &[&str]) -> bool {
        let Some(at) = self.position(address) else { return false };
        address - self.base == u64::from(self.starts[at])
            && prefixes.iter().any(|prefix| self.name(at).starts_with(prefix))
    }

    /// Whether an address is in the text of the kernel or of a module that is known.
    pub fn is_text(&self, address: u64) -> bool {
        self.text.iter().any(|range| range.contains(&address)) || self.module(address).is_some()
    }

    fn module(&self, address: u64) -> Option<&ModuleText> {
        self.modules.iter().find(|module| module.range.contains(&address))
    }

    /// Whether an address is in an idle function; `suffixes` are of names of further ones besides [`Class::Idle`].
    pub fn is_idle(&self, address: u64, suffixes: &[&str]) -> bool {
        self.idle.as_ref().is_some_and(|range| range.contains(&address))
            || self
                .function(address)
                .is_some_and(|name| Class::Idle.has(name) || suffixes.iter().any(|suffix| name.ends_with(suffix)))
    }

    /// The address of a function.
    pub fn address(&self, function: &str) -> Option<u64> {
        (0..self.len()).find(|&at| self.name(at) == function).map(|at| self.base + u64::from(self.starts[at]))
    }

    /// The same kernel, randomized to addresses that are higher by `offset` bytes (KASLR), modulo 2^64.
    pub fn with_kaslr(&self, offset: u64) -> Self {
        let shifted = |range: &Range<u64>| range.start.wrapping_add(offset)..range.end.wrapping_add(offset);
        Self {
            base: self.base.wrapping_add(offset),
            text: self.text.iter().map(shifted).collect(),
            idle: self.idle.as_ref().map(shifted),
            data: self.data.iter().map(|(name, address)| (*name, moved(*address, offset))).collect(),
            starts: self.starts.clone(),
            name_ends: self.name_ends.clone(),
            names: self.names.clone(),
            modules: self.modules.clone(),
        }
    }

    /// The same kernel with these modules, each of which counts as one function. Code that overlaps the kernel's own is the
    /// kernel's.
    pub fn with_modules(&self, modules: Vec<ModuleText>) -> Self {
        Self { modules, ..self.with_kaslr(0) }
    }

    /// The address of a variable; `None` if the lab does not read it, or the kernel does not have it.
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
        if !self.text.iter().any(|range| range.contains(&address)) {
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

/// The address of a variable of a kernel that is `offset` bytes higher: per-CPU variables that count from zero stay.
fn moved(address: u64, offset: u64) -> u64 {
    if address < MIN_ADDRESS { address } else { address.wrapping_add(offset) }
}

/// Whether a name marks the start or end of a section: it has the address of another symbol's function.
fn is_boundary(name: &str) -> bool {
    name.ends_with("_text_start")
        || name.ends_with("_text_end")
        || matches!(name, "_text" | "_stext" | "_etext" | "_sinittext" | "_einittext")
}

/// A function's name without the suffix that the compiler appends.
fn stem(name: &str) -> &str {
    name.split_once('.').map_or(name, |(stem, _)| if stem.is_empty() { name } else { stem })
}

#[cfg(test)]
mod tests {
    use super::super::parse_map;
    use super::*;

    const MAP: &str = "\
        ffff0000 t vector_stub\n80001000 T _stext\n80001000 T first\n80001000 t alias\n80001040 t second.isra.0\n\
        80001080 T __cpuidle_text_start\n80001080 T mwait\n800010c0 T __cpuidle_text_end\n800010c0 T do_idle\n\
        80002000 T _etext\n80003000 T _sinittext\n80003000 T start_kernel\n80003100 T _einittext\n\
        80004000 D vm_zone_stat\n80004100 d second_data\n";

    fn table(map: &str, image_base: Option<u64>) -> Symbols {
        Symbols::new(parse_map(map.as_bytes()), image_base).unwrap()
    }

    #[test]
    fn function_is_none_outside_the_text() {
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
    fn with_kaslr_shifts_functions_and_data() {
        let table = table(MAP, None);
        assert_eq!((table.address("second"), table.address("nowhere")), (Some(0x8000_1040), None));
        let shifted = table.with_kaslr(0x20_0000);
        assert_eq!((shifted.function(0x8020_1040), shifted.function(0x8000_1040)), (Some("second"), None));
        assert_eq!(shifted.data("vm_zone_stat"), Some(0x8020_4000));
        assert!(shifted.is_idle(0x8020_1080, &[]) && shifted.len() == table.len());
        assert_eq!(shifted.with_kaslr(0_u64.wrapping_sub(0x20_0000)).address("second"), Some(0x8000_1040));
        let map = format!("0000000000020040 A kernel_cpustat\n{MAP}");
        assert_eq!(self::table(&map, None).with_kaslr(0x20_0000).data("kernel_cpustat"), Some(0x2_0040));
    }

    #[test]
    fn caller_is_none_at_the_start_of_a_function() {
        let table = table(MAP, None);
        assert_eq!((table.caller(0x8000_1040), table.caller(0x8000_1044)), (None, Some("second")));
    }

    #[test]
    fn module_is_one_function() {
        let module = ModuleText { name: "[ext4]".to_owned(), range: 0xc000_0000..0xc000_1000 };
        let (kernel, table) = (table(MAP, None), table(MAP, None).with_modules(vec![module]));
        assert_eq!((table.function(0xc000_0010), table.caller(0xc000_0000)), (Some("[ext4]"), None));
        assert_eq!(table.function_and_offset(0xc000_0010), Some(("[ext4]", 16)));
        assert_eq!(table.function_range(0xc000_0010), Some(0xc000_0000..0xc000_1000));
        assert!(table.is_text(0xc000_0fff) && !table.is_text(0xc000_1000) && !kernel.is_text(0xc000_0010));
        assert!(!table.is_entry(0xc000_0000, &["["]) && !table.is_idle(0xc000_0000, &[]));
        assert_eq!(table.function(0x8000_1040), kernel.function(0x8000_1040));
    }

    #[test]
    fn function_range_ends_at_the_next_function_or_the_end_of_the_text() {
        let table = table(MAP, None);
        assert_eq!(table.function_and_offset(0x8000_1047), Some(("second", 7)));
        assert_eq!(table.function_range(0x8000_1047), Some(0x8000_1040..0x8000_1080));
        assert_eq!(table.function_range(0x8000_1fff), Some(0x8000_10c0..0x8000_2000));
        assert_eq!(table.function_range(0x8000_3010), Some(0x8000_3000..0x8000_3100));
        assert_eq!((table.function_range(0x8000_2000), table.function_and_offset(0x8000_2000)), (None, None));
    }

    #[test]
    fn is_entry_wants_the_first_address_and_a_prefix() {
        let table = table(MAP, None);
        assert!(table.is_entry(0x8000_1040, &["x", "sec"]) && !table.is_entry(0x8000_1044, &["sec"]));
        assert!(!table.is_entry(0x8000_1040, &["ond"]) && !table.is_entry(0, &[""]));
    }

    #[test]
    fn is_idle_knows_the_section_and_names() {
        let table = table(MAP, None);
        assert!(table.is_idle(0x8000_1084, &[]) && table.is_idle(0x8000_10c4, &[]));
        assert!(!table.is_idle(0x8000_1044, &[]) && table.is_idle(0x8000_1044, &["cond"]));
    }

    #[test]
    fn data_finds_kept_variables() {
        let table = table(MAP, None);
        assert_eq!((table.data("vm_zone_stat"), table.data("vm_node_stat")), (Some(0x8000_4000), None));
    }

    #[test]
    fn image_base_shifts_symbols_that_count_from_the_image() {
        let map = "0 T _start\n1000 T _stext\n1000 T first\n1010 T second\n2000 T _etext\n3000 D vm_zone_stat\n";
        let table = table(map, Some(0x8000_0000));
        assert_eq!((table.function(0x8000_1012), table.data("vm_zone_stat")), (Some("second"), Some(0x8000_3000)));
        assert_eq!(self::table(MAP, Some(0x1234_0000)).function(0x8000_1040), Some("second"));
    }

    #[test]
    fn new_needs_a_function() {
        assert!(
            Symbols::new(parse_map(b"80004000 D vm_zone_stat\n80001000 T _stext\n80002000 T _etext\n"), None).is_none()
        );
        assert!(Symbols::new(parse_map(b""), None).is_none());
    }
}
