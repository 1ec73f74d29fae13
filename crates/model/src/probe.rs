//! Probes of a suspected guest, from the host without the guest's help and by sysrq, and their results.

use serde::{Deserialize, Serialize};

/// One probe of a suspected guest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Probe {
    /// Where the vCPUs run: sampled from outside.
    Profile,
    /// Free memory, watermarks and LRU sizes: read from the guest's memory from outside.
    Memory,
    /// The kernel's own counters, of memory management and of each CPU: read from the guest's memory from outside.
    Counters,
    /// The tasks that decide a verdict on stuck allocations: read from a snapshot of the guest's memory, for which it is paused.
    Tasks,
    /// This sysrq letter, sent as a serial BREAK and the letter; the guest's kernel answers on its console, if it can.
    Sysrq(char),
}

/// Where the vCPUs were: their program counters, sampled from outside and resolved through the kernel's symbols.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Profile {
    /// Host milliseconds over which was sampled.
    pub span_ms: u64,
    /// Samples of single vCPUs in all.
    pub samples: u32,
    /// Of these, in user space.
    pub user: u32,
    /// Of these, in the kernel with interrupts off, though not in its idle loop.
    pub irqs_off: u32,
    /// Of these, in the kernel's idle loop or halted.
    pub idle: u32,
    /// Kernel functions in which the others were, most samples first; at most 16.
    pub spots: Vec<Spot>,
    /// Stacks of busy vCPUs that were read.
    #[serde(default)]
    pub stacks: u32,
    /// Kernel functions whose addresses were found on these stacks: probable callers, those on the most stacks first; at most
    /// 32. May hold leftovers of earlier calls.
    pub callers: Vec<Spot>,
}

/// A kernel function and the number of samples in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spot {
    /// Its name.
    pub symbol: String,
    /// Number of samples.
    pub samples: u32,
}

/// Memory as the kernel's own counters in the guest's memory have it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Memory {
    /// Free memory of all zones together, in KiB.
    pub free_kib: u64,
    /// Free memory of it in KiB that only movable allocations may use (`NR_FREE_CMA_PAGES`), where the kernel's counter is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub free_cma_kib: Option<u64>,
    /// Zones that manage any memory.
    pub zones: Vec<Zone>,
    /// Pages on the LRU lists by the kernel's names (`inactive_anon` and so on), in KiB.
    pub lru_kib: Vec<(String, u64)>,
}

impl Memory {
    /// Free memory in KiB that any allocation may use: the kernel holds what is not of CMA against the watermarks
    /// (`mm/page_alloc.c`, `__zone_watermark_unusable_free()`).
    pub fn usable_kib(&self) -> u64 {
        self.free_kib.saturating_sub(self.free_cma_kib.unwrap_or(0))
    }
}

/// One memory zone.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Zone {
    /// Name, for example `DMA32`.
    pub name: String,
    /// Free memory in KiB, where the kernel counts it by zone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub free_kib: Option<u64>,
    /// Watermark `min` with its boost, in KiB.
    pub min_kib: u64,
    /// Watermark `low` with its boost, in KiB.
    pub low_kib: u64,
    /// Watermark `high` with its boost, in KiB.
    pub high_kib: u64,
}
