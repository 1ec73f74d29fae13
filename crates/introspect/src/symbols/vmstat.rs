//! The names of the kernel's memory counters (`vmstat_text` in `mm/vmstat.c`), out of a bare kernel image: a table of pointers
//! to texts, in the order of the counters. It has no size and need not be among the symbols; it is recognised by the names
//! with which it begins.

use super::image::KernelImage;
use memchr::memmem;

/// The first names, `enum zone_stat_item` of `include/linux/mmzone.h`: the second one is new in 6.17.
const FIRST: &str = "nr_free_pages";
const SECOND: [&str; 2] = ["nr_zone_inactive_anon", "nr_free_pages_blocks"];

/// Names that every table has, one of nodes and two of events; other tables of texts begin with the same names.
const COMMON: [&str; 3] = ["nr_inactive_anon", "pgpgin", "pgfree"];

/// Maximum number of counters; 7.3 has at most 260.
const MAX_COUNTERS: usize = 512;

/// Maximum length of a name; the longest of 7.3 has 31 characters.
const MAX_NAME: usize = 64;

/// The names of all counters in order: of zones, of NUMA, of nodes, of dirty memory, then of events. `None` for a kernel
/// without them.
pub fn vmstat_names<'a>(kernel: &KernelImage<'a>) -> Option<Vec<&'a str>> {
    let places = |name: &str| memmem::find_iter(kernel.bytes, format!("{name}\0").as_bytes()).collect::<Vec<_>>();
    let seconds = SECOND.map(places).concat();
    let starts: Vec<(usize, usize)> =
        places(FIRST).iter().flat_map(|&first| seconds.iter().map(move |&second| (first, second))).collect();
    in_place(kernel, &starts).or_else(|| relocated(kernel, &starts))
}

/// A table whose pointers stand in the image. Texts lie at one distance from their addresses, so that two pointers are as far
/// apart as their texts.
fn in_place<'a>(kernel: &KernelImage<'a>, starts: &[(usize, usize)]) -> Option<Vec<&'a str>> {
    let word = kernel.word;
    let pointer = |at: usize| kernel.word_at(at);
    let mut before = pointer(0)?;
    (word..kernel.bytes.len()).step_by(word).find_map(|at| {
        let (first, second) = (std::mem::replace(&mut before, pointer(at)?), pointer(at)?);
        let pointers = || (at - word..).step_by(word).map_while(pointer);
        starts.iter().find_map(|start| names(kernel, pointers(), base(first, second, *start)?))
    })
}

/// A table whose pointers are relocations.
fn relocated<'a>(kernel: &KernelImage<'a>, starts: &[(usize, usize)]) -> Option<Vec<&'a str>> {
    let word = kernel.word as u64;
    let mut slots: Vec<(u64, u64)> = kernel.all_relocations().collect();
    slots.sort_unstable();
    (1..slots.len()).find_map(|at| {
        let ((slot, first), (next, second)) = (slots[at - 1], slots[at]);
        let base =
            starts.iter().find_map(|start| base(first, second, *start)).filter(|_| next == slot.wrapping_add(word))?;
        let row =
            slots[at - 1..].iter().zip((slot..).step_by(kernel.word)).take_while(|((here, _), slot)| here == slot);
        names(kernel, row.map(|((_, value), _)| *value), base)
    })
}

/// The address of the image's first byte, if two pointers next to each other are those of two texts at these places.
fn base(first: u64, second: u64, (place, other): (usize, usize)) -> Option<u64> {
    let (place, other) = (place as u64, other as u64);
    first.checked_sub(place).filter(|_| second.wrapping_sub(first) == other.wrapping_sub(place))
}

/// The names at these pointers up to the first that has none; `base` is the address of the image's first byte.
fn names<'a>(kernel: &KernelImage<'a>, pointers: impl Iterator<Item = u64>, base: u64) -> Option<Vec<&'a str>> {
    let name = |pointer: u64| {
        let name = kernel.text(usize::try_from(pointer.checked_sub(base)?).ok()?, MAX_NAME)?;
        let is_name = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        (name.len() > 3 && name.bytes().all(is_name)).then_some(name)
    };
    let names: Vec<&str> = pointers.take(MAX_COUNTERS).map_while(name).collect();
    (names.first() == Some(&FIRST) && COMMON.iter().all(|name| names.contains(name))).then_some(names)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NAMES: [&str; 7] = [
        "nr_free_pages",
        "nr_zone_inactive_anon",
        "nr_inactive_anon",
        "pgsteal_kswapd",
        "pgpgin",
        "pgalloc_dma",
        "pgfree",
    ];

    /// An image with the names and, from byte 1024 on, where words have `word` bytes, the pointers to them.
    fn image(word: usize, base: u64) -> Vec<u8> {
        let mut bytes = vec![0; 2048];
        let mut at = 101;
        for (n, name) in NAMES.iter().enumerate() {
            bytes[at..at + name.len()].copy_from_slice(name.as_bytes());
            let pointer = (base + at as u64).to_le_bytes();
            bytes[1024 + n * word..][..word].copy_from_slice(&pointer[..word]);
            at += name.len() + 1;
        }
        bytes
    }

    #[test]
    fn table_of_pointers_is_found_without_symbols() {
        for (word, base) in [(4, 0xc020_8000), (8, 0xffff_ffff_8000_0000)] {
            let bytes = image(word, base);
            assert_eq!(vmstat_names(&KernelImage::new(&bytes, word as u8, None)).unwrap(), NAMES, "{word}");
        }
        assert_eq!(vmstat_names(&KernelImage::new(&[0; 4096], 8, None)), None);
        let mut other = image(8, 0x1000_0000);
        other[1024 + 8 * 4] ^= 1;
        assert_eq!(vmstat_names(&KernelImage::new(&other, 8, None)), None, "it ends before the events");
    }

    #[test]
    fn table_of_relocations_is_found() {
        const BASE: u64 = 0xffff_8000_0800_0000;
        let mut bytes = image(8, 0);
        let pointers: Vec<u8> = bytes[1024..1024 + 8 * NAMES.len()].to_vec();
        bytes[1024..1024 + 8 * NAMES.len()].fill(0);
        for (n, pointer) in pointers.chunks(8).enumerate() {
            let target = BASE + u64::from_le_bytes(pointer.try_into().unwrap());
            for (field, value) in [BASE + 1024 + 8 * n as u64, 1027, target].into_iter().enumerate() {
                bytes[1200 + 24 * n + 8 * field..][..8].copy_from_slice(&value.to_le_bytes());
            }
        }
        assert_eq!(vmstat_names(&KernelImage::new(&bytes, 8, None)).unwrap(), NAMES);
    }

    proptest! {
        #[test]
        fn damaged_tables_never_panic(at in 0_usize..2048, value: u8, second in 1024_usize..1100, other: u8) {
            let mut bytes = image(4, 0xc020_8000);
            (bytes[at], bytes[second]) = (value, other);
            let names = vmstat_names(&KernelImage::new(&bytes, 4, None));
            prop_assert!(names.is_none_or(|names| names.len() <= MAX_COUNTERS));
        }
    }
}
