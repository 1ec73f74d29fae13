//! Free pages, watermarks and LRU sizes, from the kernel's own counters. Holds for Linux 5.10 to 7.3; values that are not
//! certain are left out.
//!
//! Fields and size of a `struct zone` depend on the configuration. They are found by what holds in any: each zone points
//! back to its node, names itself, and the zones' counters add up to the global ones.

use crate::bytes::le_words;
use model::{Memory, Zone};

/// Counters at the beginning of `vm_zone_stat` that zones are recognised by: `NR_FREE_PAGES` is the first
/// (`include/linux/mmzone.h`, `enum zone_stat_item`).
const ZONE_ITEMS: usize = 6;

/// Maximum index of a counter in `vm_zone_stat` that is read.
const MAX_ZONE_ITEM: usize = 32;

/// Counters at the beginning of `vm_node_stat` that are read (`enum node_stat_item`, `enum lru_list`).
pub const LRU_ITEMS: usize = LRU.len();

const LRU: [&str; 5] = ["inactive_anon", "active_anon", "inactive_file", "active_file", "unevictable"];

/// `mm/page_alloc.c`, `zone_names`.
const NAMES: [&str; 6] = ["DMA", "DMA32", "Normal", "HighMem", "Movable", "Device"];

/// Maximum distance of a zone's name from its pointer to the node, in words.
pub const MAX_NAME_WORDS: usize = 20;

/// Maximum words before a zone's pointer to its node: watermarks and lowmem reserves come first.
const MAX_HEAD_WORDS: usize = 16;

/// Maximum zones of a node (`MAX_NR_ZONES`).
const MAX_ZONES: usize = 6;

/// Units and limits of a kernel's counters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CounterFormat {
    /// Bytes of an `unsigned long`.
    pub word_bytes: u8,
    /// Bytes of a page.
    pub page_bytes: u32,
    /// KiB of the machine's RAM, the maximum of any figure.
    pub ram_kib: u64,
    /// Index of the free CMA pages in `vm_zone_stat`, where it is known.
    pub free_cma: Option<usize>,
}

/// A `struct pglist_data` of the kernel.
#[derive(Debug, Clone)]
pub struct Node {
    words: Vec<u64>,
    /// Words of a `struct zone`.
    stride: usize,
    /// Index of the pointer to the node in a zone's words.
    pointer: usize,
    zones: usize,
}

/// The name of a zone at the start of these bytes.
pub fn zone_name(bytes: &[u8]) -> Option<&'static str> {
    let end = bytes.iter().position(|&byte| byte == 0)?;
    NAMES.into_iter().find(|name| name.as_bytes() == &bytes[..end])
}

impl CounterFormat {
    /// Bytes at the beginning of `vm_zone_stat` that are read.
    pub fn zone_stat_bytes(self) -> usize {
        let cma = self.free_cma.map_or(0, |at| at.min(MAX_ZONE_ITEM) + 1);
        cma.max(ZONE_ITEMS) * usize::from(self.word_bytes)
    }

    /// The words in some bytes of memory, zero-extended.
    pub fn words(self, bytes: &[u8]) -> Vec<u64> {
        le_words(bytes, self.word_bytes).collect()
    }

    /// The zones of the node whose `struct pglist_data` lies at `address` and begins with these bytes.
    pub fn node(self, address: u64, bytes: &[u8]) -> Option<Node> {
        let words = self.words(bytes);
        // `node_zones` is the first field; every zone has `zone_pgdat` at the same place.
        let pointer = words.iter().take(MAX_HEAD_WORDS).position(|&word| word == address)?;
        let stride = words[pointer + 1..].iter().position(|&word| word == address)? + 1;
        let is_zone = |at: &usize| words.get(pointer + at * stride) == Some(&address);
        let zones = (0..MAX_ZONES).take_while(is_zone).count();
        (stride > MAX_HEAD_WORDS + MAX_NAME_WORDS).then_some(Node { words, stride, pointer, zones })
    }

    /// The memory figures. `zone_stat` and `node_stat` are the first bytes of `vm_zone_stat` and `vm_node_stat`; each node
    /// comes with the names of its zones, and zones without a name are left out. `None` if the counters are not plausible.
    pub fn memory(
        self,
        zone_stat: &[u8],
        node_stat: &[u8],
        nodes: &[(Node, Vec<Option<&'static str>>)],
    ) -> Option<Memory> {
        let global = self.words(zone_stat);
        let free_kib = self.kib(*global.first()?)?;
        let lru = self.words(node_stat);
        let lru_kib = LRU.iter().zip(lru).filter_map(|(name, pages)| Some(((*name).to_owned(), self.kib(pages)?)));
        let free = own_free(&global, nodes);
        let zones = nodes.iter().flat_map(|(node, names)| {
            (0..node.zones).zip(names).filter_map(move |(at, name)| {
                let zone = node.zone(at);
                let free = free.and_then(|free| self.kib(*zone.get(free)?));
                self.zone((*name)?, zone, free)
            })
        });
        let free_cma_kib = self.free_cma.and_then(|at| self.kib(*global.get(at)?)).filter(|cma| *cma <= free_kib);
        Some(Memory { free_kib, free_cma_kib, zones: zones.collect(), lru_kib: lru_kib.collect() })
    }

    fn zone(self, name: &str, zone: &[u64], free_kib: Option<u64>) -> Option<Zone> {
        let &[min, low, high, fourth, fifth, ..] = zone else { return None };
        // `__setup_per_zone_wmarks()`: the steps from mark to mark are equal. Since 5.18 there is a fourth one.
        let step = low.checked_sub(min)?;
        // A zone without memory has no step (`Movable` may have marks nevertheless).
        if step == 0 || high.checked_sub(low)? != step {
            return None;
        }
        let boost = if high.checked_add(step) == Some(fourth) { fifth } else { fourth };
        let mark = |pages: u64| self.kib(pages.checked_add(boost)?);
        Some(Zone { name: name.to_owned(), free_kib, min_kib: mark(min)?, low_kib: mark(low)?, high_kib: mark(high)? })
    }

    /// Pages in KiB; `None` for a number above the machine's RAM. A negative counter, the sum of per-CPU deltas that are not
    /// folded yet, counts as zero, as in `zone_page_state()` (`include/linux/vmstat.h`).
    fn kib(self, pages: u64) -> Option<u64> {
        let negative = pages >> (8 * u32::from(self.word_bytes) - 1) != 0;
        let kib = if negative { 0 } else { pages.checked_mul(u64::from(self.page_bytes))? / 1024 };
        (kib <= self.ram_kib).then_some(kib)
    }
}

impl Node {
    /// Number of its zones, those without memory as well.
    pub fn zones(&self) -> usize {
        self.zones
    }

    /// The word of a zone at a distance from its pointer to the node, in words. The address of its name is at one of the
    /// first [`MAX_NAME_WORDS`], the same in all zones.
    pub fn word_after_pointer(&self, zone: usize, words: usize) -> Option<u64> {
        self.zone(zone).get(self.pointer + words).copied()
    }

    /// A zone's words; the last one's may be cut short.
    fn zone(&self, at: usize) -> &[u64] {
        self.words.chunks(self.stride).nth(at).unwrap_or_default()
    }
}

/// Index of a zone's own counters in its words: the first at which those of all zones add up to the global ones.
fn own_free(global: &[u64], nodes: &[(Node, Vec<Option<&'static str>>)]) -> Option<usize> {
    let zones: Vec<&[u64]> = nodes.iter().flat_map(|(node, _)| (0..node.zones).map(|at| node.zone(at))).collect();
    let global = global.get(..ZONE_ITEMS).filter(|counters| counters.iter().any(|&count| count != 0))?;
    let adds_up = |start: usize| {
        global.iter().enumerate().all(|(item, &count)| {
            let sum = zones.iter().try_fold(0_u64, |sum, zone| Some(sum.wrapping_add(*zone.get(start + item)?)));
            sum == Some(count)
        })
    };
    (0..zones.first()?.len()).find(|&start| adds_up(start))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const FORMAT: CounterFormat = CounterFormat { word_bytes: 8, page_bytes: 4096, ram_kib: 32 * 1024, free_cma: None };
    const NODE: u64 = 0x8028_da80;
    const STRIDE: usize = 60;

    fn bytes(words: &[u64]) -> Vec<u8> {
        words.iter().flat_map(|word| word.to_le_bytes()).collect()
    }

    /// A zone as a kernel of the 6.x series has it: marks, boost, reserves, node, name; and its own counters at its end.
    fn zone(marks: [u64; 5], own: [u64; 6]) -> Vec<u64> {
        let mut zone = vec![0; STRIDE];
        zone[..5].copy_from_slice(&marks);
        zone[9] = NODE;
        zone[16] = 0x8010_0000;
        zone[50..56].copy_from_slice(&own);
        zone
    }

    /// Two zones with memory and one without, boosted and not, then what else is in a node.
    fn node(marks: [u64; 5]) -> Vec<u64> {
        let zones = [
            zone([169, 211, 253, 295, 1024], [1193, 0, 0, 0, 0, 2139]),
            zone(marks, [7, 1, 2, 3, 4, 5]),
            zone([32, 32, 32, 32, 0], [0; 6]),
        ];
        [zones.concat(), vec![5, NODE, 7]].concat()
    }

    fn memory(words: &[u64]) -> Option<Memory> {
        let node = FORMAT.node(NODE, &bytes(words))?;
        assert_eq!(node.zones(), 3);
        assert_eq!(node.word_after_pointer(1, 7), Some(0x8010_0000));
        let names = vec![Some("DMA32"), Some("Normal"), Some("Movable")];
        FORMAT.memory(&bytes(&[1200, 1, 2, 3, 4, 2144]), &bytes(&[1, 2, 3, 4, 2139]), &[(node, names)])
    }

    #[test]
    fn memory_reads_zones_and_lru_lists() {
        let memory = memory(&node([10, 12, 14, 16, 0])).unwrap();
        assert_eq!(memory.free_kib, 4800);
        let named = |name: &str, free, min, low, high| Zone {
            name: name.to_owned(),
            free_kib: Some(free),
            min_kib: min,
            low_kib: low,
            high_kib: high,
        };
        assert_eq!(memory.zones, [named("DMA32", 4772, 4772, 4940, 5108), named("Normal", 28, 40, 48, 56)]);
        let lru: Vec<(&str, u64)> = memory.lru_kib.iter().map(|(name, kib)| (name.as_str(), *kib)).collect();
        let expected = [
            ("inactive_anon", 4),
            ("active_anon", 8),
            ("inactive_file", 12),
            ("active_file", 16),
            ("unevictable", 8556),
        ];
        assert_eq!(lru, expected);
    }

    #[test]
    fn watermark_boost_is_the_fourth_word_before_5_18() {
        let marks = |marks| memory(&node(marks)).unwrap().zones[1].clone();
        assert_eq!(marks([10, 12, 14, 3, 99]).min_kib, 52);
        assert_eq!(marks([10, 12, 14, 16, 3]).min_kib, 52);
    }

    #[test]
    fn implausible_counters_are_left_out() {
        for wrong in
            [[10, 12, 15, 16, 0], [12, 10, 8, 16, 0], [10, 12, 14, 16, u64::MAX], [1 << 40, 1 << 41, 3 << 40, 0, 0]]
        {
            assert_eq!(memory(&node(wrong)).unwrap().zones.len(), 1, "{wrong:?}");
        }
        let no_zones = FORMAT.memory(&bytes(&[1200]), &bytes(&[1, 1 << 60, u64::MAX]), &[]).unwrap();
        assert_eq!(no_zones.lru_kib, [("inactive_anon".to_owned(), 4), ("inactive_file".to_owned(), 0)]);
        assert_eq!(FORMAT.memory(&bytes(&[1 << 40]), &[], &[]), None, "more than the machine has");
        assert_eq!(FORMAT.memory(&[], &[], &[]), None);
    }

    #[test]
    fn free_pages_of_a_zone_need_all_counters_to_add_up() {
        let node = FORMAT.node(NODE, &bytes(&node([10, 12, 14, 16, 0]))).unwrap();
        let nodes = [(node, vec![Some("DMA32"), None, None])];
        let memory = FORMAT.memory(&bytes(&[1201, 1, 2, 3, 4, 2144]), &[], &nodes).unwrap();
        assert_eq!(memory.zones.iter().map(|zone| zone.free_kib).collect::<Vec<_>>(), [None]);
    }

    #[test]
    fn free_cma_pages_are_counted_where_their_index_is_known() {
        let zone_stat = [1200, 1, 2, 3, 4, 2144, 0, 900];
        let cma = |free_cma| {
            let format = CounterFormat { free_cma, ..FORMAT };
            let memory = format.memory(&bytes(&zone_stat)[..format.zone_stat_bytes().min(64)], &[], &[]).unwrap();
            (memory.free_cma_kib, memory.usable_kib())
        };
        assert_eq!(
            [None, Some(7), Some(8), Some(5), Some(usize::MAX)].map(cma),
            [
                (None, 4800),
                (Some(3600), 1200),
                (None, 4800),
                // More than is free.
                (None, 4800),
                (None, 4800),
            ]
        );
        let read = |free_cma| CounterFormat { free_cma, ..FORMAT }.zone_stat_bytes();
        assert_eq!([None, Some(7), Some(usize::MAX)].map(read), [48, 64, 264]);
    }

    #[test]
    fn counters_of_32_bits_are_read() {
        let counters = CounterFormat { word_bytes: 4, ..FORMAT };
        assert_eq!(counters.words(&[1, 0, 0, 0, 2, 0, 0, 0x80, 9]), [1, 0x8000_0002]);
        let memory = counters.memory(&[16, 0, 0, 0], &[0xff, 0xff, 0xff, 0xff], &[]).unwrap();
        assert_eq!((memory.free_kib, memory.lru_kib[0].1), (64, 0), "a little below zero is zero");
    }

    #[test]
    fn zone_name_knows_the_kernels_names() {
        assert_eq!(zone_name(b"DMA32\0xx"), Some("DMA32"));
        assert_eq!((zone_name(b"DMA3\0"), zone_name(b"Normal"), zone_name(b"")), (None, None, None));
    }

    proptest! {
        #[test]
        fn hostile_memory_never_panics(
            words in prop::collection::vec(prop_oneof![Just(NODE), any::<u64>(), 0_u64..9], 0..400),
            stat in prop::collection::vec(any::<u8>(), 0..64),
        ) {
            for counters in [FORMAT, CounterFormat { word_bytes: 4, ..FORMAT }] {
                if let Some(node) = counters.node(NODE, &bytes(&words)) {
                    for zone in 0..node.zones() + 1 {
                        assert!((0..=MAX_NAME_WORDS).filter_map(|behind| node.word_after_pointer(zone, behind)).count() <= MAX_NAME_WORDS + 1);
                    }
                    let names = vec![Some("Normal"); node.zones()];
                    counters.memory(&stat, &stat, &[(node, names)]);
                }
            }
        }
    }
}
