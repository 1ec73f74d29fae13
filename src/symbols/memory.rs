//! Memory figures out of the kernel's own counters, from bytes of its memory. Holds for Linux 5.10 to 7.3; what cannot be
//! told for certain is left out.
//!
//! Which fields a `struct zone` has, and how long it is, depends on the configuration. What is looked for is found by what
//! it must be equal to: each zone points back to its node, names itself, and the zones' counters add up to the global
//! ones.

use crate::model::{Memory, Zone};

/// Counters at the beginning of `vm_zone_stat` that are read: `NR_FREE_PAGES` is the first (`include/linux/mmzone.h`,
/// `enum zone_stat_item`).
pub const ZONE_ITEMS: usize = 6;

/// Counters at the beginning of `vm_node_stat` that are read (`enum node_stat_item`, `enum lru_list`).
pub const LRU_ITEMS: usize = LRU.len();

const LRU: [&str; 5] = ["inactive_anon", "active_anon", "inactive_file", "active_file", "unevictable"];

/// `mm/page_alloc.c`, `zone_names`.
const NAMES: [&str; 6] = ["DMA", "DMA32", "Normal", "HighMem", "Movable", "Device"];

/// The name of a zone lies at most so many words behind its pointer to the node.
pub const NAME_WITHIN: usize = 20;

/// A zone begins with its watermarks and its lowmem reserves; the pointer to its node stands behind them, at most so many
/// words from the beginning.
const HEAD_WITHIN: usize = 16;

/// Most zones of a node (`MAX_NR_ZONES`).
const MAX_ZONES: usize = 6;

/// What a kernel of this kind counts with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counters {
    /// Bytes of an `unsigned long`.
    pub word_bytes: u8,
    /// Bytes of a page.
    pub page_bytes: u32,
    /// KiB of the machine's memory: no figure can be above.
    pub ram_kib: u64,
}

/// A `struct pglist_data` of the kernel.
#[derive(Debug, Clone)]
pub struct Node {
    words: Vec<u64>,
    /// Number of words of a `struct zone`.
    stride: usize,
    /// Where in a zone the pointer to the node is.
    pointer: usize,
    zones: usize,
}

/// The name of a zone with which these bytes begin.
pub fn zone_name(bytes: &[u8]) -> Option<&'static str> {
    let end = bytes.iter().position(|&byte| byte == 0)?;
    NAMES.into_iter().find(|name| name.as_bytes() == &bytes[..end])
}

impl Counters {
    /// The words in some bytes of memory, zero-extended.
    pub fn words(self, bytes: &[u8]) -> Vec<u64> {
        let word = |bytes: &[u8]| bytes.iter().rev().fold(0, |value, &byte| value << 8 | u64::from(byte));
        bytes.chunks_exact(usize::from(self.word_bytes)).map(word).collect()
    }

    /// The zones of the node whose `struct pglist_data` lies at `address` and begins with these bytes.
    pub fn node(self, address: u64, bytes: &[u8]) -> Option<Node> {
        let words = self.words(bytes);
        // `node_zones` is the first field; every zone has `zone_pgdat` at the same place.
        let pointer = words.iter().take(HEAD_WITHIN).position(|&word| word == address)?;
        let stride = words[pointer + 1..].iter().position(|&word| word == address)? + 1;
        let is_zone = |at: &usize| words.get(pointer + at * stride) == Some(&address);
        let zones = (0..MAX_ZONES).take_while(is_zone).count();
        (stride > HEAD_WITHIN + NAME_WITHIN).then_some(Node { words, stride, pointer, zones })
    }

    /// The figures. `zone_stat` and `node_stat` are the beginnings of `vm_zone_stat` and `vm_node_stat`; each node comes
    /// with the names of its zones, without a name a zone is left out. `None` when the counters make no sense.
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
        Some(Memory { free_kib, zones: zones.collect(), lru_kib: lru_kib.collect() })
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

    /// Pages in KiB; `None` for a number that cannot be one of pages. A counter that is a little below zero, because it is
    /// the sum of unfinished ones, counts as zero, as the kernel has it.
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

    /// The word of a zone that stands so many words behind its pointer to the node; its name's address is one of the first
    /// [`NAME_WITHIN`], the same one in all zones.
    pub fn behind_pointer(&self, zone: usize, words: usize) -> Option<u64> {
        self.zone(zone).get(self.pointer + words).copied()
    }

    /// A zone's words; the last one's may be cut short.
    fn zone(&self, at: usize) -> &[u64] {
        self.words.chunks(self.stride).nth(at).unwrap_or_default()
    }
}

/// Where in a zone its own counters begin: at the only place at which those of all zones add up to the global ones.
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
