//! Data that the kernel exports to modules. Without `CONFIG_KALLSYMS_ALL` its own table of symbols has only functions;
//! what is exported is in another table by name (`include/linux/export-internal.h`, `struct kernel_symbol`): entries that
//! begin with the place of the value and the place of the name, as 32-bit distances from themselves where pointers have 64
//! bits, else as pointers.

use super::image::KernelImage;
use std::collections::{BTreeMap, HashMap};
use std::fmt::Write;

/// Variables that the lab reads and that kernels export to modules.
pub(super) const EXPORTED: &[&str] = &[
    "__cpu_online_mask",
    "__per_cpu_offset",
    "contig_page_data",
    "init_task",
    "jiffies_64",
    "kernel_cpustat",
    "kstat",
    "node_data",
    "nr_cpu_ids",
    "vm_event_states",
    "vm_node_stat",
    "vm_zone_stat",
];

/// How far the image of a kernel for 32 bits may begin in front of its text, and what it is aligned to (`TEXT_OFFSET`,
/// `arch/arm/Makefile`).
const HEAD: u32 = 16 << 20;
const HEAD_ALIGNED: u32 = 0x8000;

/// The map with those symbols that the lab looks for, are not in it, and are exported.
pub(super) fn complete(mut map: String, kernel: &KernelImage<'_>) -> String {
    let has = |name: &&&str| map.lines().any(|line| line.ends_with(**name) && line.split(' ').nth(2) == Some(**name));
    let missing: Vec<&str> = EXPORTED.iter().filter(|name| !has(name)).copied().collect();
    let text = map.lines().find_map(|line| line.strip_suffix(" T _stext"));
    let found = match text.and_then(|text| u64::from_str_radix(text, 16).ok()) {
        Some(text) if kernel.word == 4 => by_pointers(kernel, u32::try_from(text).unwrap_or_default(), &missing),
        _ => by_distances(kernel, &missing),
    };
    for (name, address) in found {
        // Writing to a string does not fail.
        let _ = writeln!(map, "{address:016x} D {name}");
    }
    map
}

/// Where a name stands as a text.
fn texts<'k>(kernel: &'k KernelImage<'_>, name: &str) -> impl Iterator<Item = usize> + use<'k> {
    // No NUL in front of it: the linker may have put it into the end of a longer text.
    let text = [name.as_bytes(), b"\0"].concat();
    let found: Vec<usize> = memchr::memmem::find_iter(kernel.bytes, &text).collect();
    found.into_iter()
}

fn by_distances<'n>(kernel: &KernelImage<'_>, names: &[&'n str]) -> Vec<(&'n str, u64)> {
    let distant = |at: usize| kernel.address(at)?.checked_add_signed(i64::from(kernel.u32(at)?.cast_signed()));
    let addresses = |name: &&'n str| {
        let name = *name;
        texts(kernel, name).filter_map(move |text| Some((kernel.address(text)?, name))).collect::<Vec<_>>()
    };
    let known: HashMap<u64, &'n str> = names.iter().flat_map(addresses).collect();
    let mut found: BTreeMap<&'n str, u64> = BTreeMap::new();
    for at in (4..kernel.bytes.len()).step_by(4) {
        let Some(name) = distant(at).and_then(|address| known.get(&address)) else { continue };
        if let Some(value) = distant(at - 4) {
            found.entry(name).or_insert(value);
        }
    }
    found.into_iter().collect()
}

/// The address of the image is unknown, only that of its text: most names agree on the right one.
fn by_pointers<'n>(kernel: &KernelImage<'_>, text: u32, names: &[&'n str]) -> Vec<(&'n str, u64)> {
    let mut bases: BTreeMap<u32, BTreeMap<&'n str, u32>> = BTreeMap::new();
    for name in names {
        for place in texts(kernel, name).filter_map(|place| u32::try_from(place).ok()) {
            for at in (4..kernel.bytes.len()).step_by(4) {
                let Some(base) = kernel.u32(at).and_then(|pointer| pointer.checked_sub(place)) else { continue };
                let head = text.wrapping_sub(base);
                if head < HEAD
                    && head.is_multiple_of(HEAD_ALIGNED)
                    && let Some(value) = kernel.u32(at - 4).filter(|&value| value >= text)
                {
                    bases.entry(base).or_default().entry(name).or_insert(value);
                }
            }
        }
    }
    let best = bases.into_values().max_by_key(BTreeMap::len).filter(|found| found.len() > 1);
    best.into_iter().flatten().map(|(name, value)| (name, u64::from(value))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASE: u32 = 0xc020_8000;

    fn put(bytes: &mut [u8], at: usize, number: u32) {
        bytes[at..at + 4].copy_from_slice(&number.to_le_bytes());
    }

    /// Names of exported data at two places, one of them the end of a longer text.
    fn image() -> Vec<u8> {
        let mut bytes = vec![0; 4096];
        bytes[100..113].copy_from_slice(b"vm_zone_stat\0");
        bytes[200..215].copy_from_slice(b"hi_vm_node_stat"); // and a NUL behind it
        bytes
    }

    #[test]
    fn pointers_are_followed_where_most_names_agree() {
        let mut bytes = image();
        for (at, value, name) in [(1000, 0xc140_5b00, 100), (2000, 0xc140_5b40, 203)] {
            put(&mut bytes, at, value);
            put(&mut bytes, at + 4, BASE + name);
        }
        // By chance this looks like an entry of an image that begins elsewhere.
        put(&mut bytes, 3000, 0xc100_0000);
        put(&mut bytes, 3004, BASE - 0x8000 + 100);
        let map = complete("00000000c0300000 T _stext\n".to_owned(), &KernelImage::new(&bytes, 4, None));
        let expected = "00000000c0300000 T _stext\n00000000c1405b40 D vm_node_stat\n00000000c1405b00 D vm_zone_stat\n";
        assert_eq!(map, expected);
        put(&mut bytes, 2000, 0);
        let map = complete("00000000c0300000 T _stext\n".to_owned(), &KernelImage::new(&bytes, 4, None));
        assert_eq!(map.lines().count(), 1, "one name alone proves nothing");
    }

    #[test]
    fn exports_by_distance_keep_known_symbols() {
        let mut bytes = image();
        put(&mut bytes, 1000, 0x0010_0000);
        put(&mut bytes, 1004, 100_u32.wrapping_sub(1004));
        let kernel = KernelImage::new(&bytes, 8, Some(0xffff_8000_0000_0000));
        let map = complete("ffff800000010000 D node_data\n".to_owned(), &kernel);
        assert_eq!(map, "ffff800000010000 D node_data\nffff8000001003e8 D vm_zone_stat\n");
    }
}
