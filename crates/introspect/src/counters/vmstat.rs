//! Events of memory management: which of the kernel's counters make up a figure, and their sums.

use crate::bytes::le_uint_at;
use model::VmEvents;

/// The first counter of nodes and the first event in `vmstat_text` (`mm/vmstat.c`).
const FIRST_OF_NODES: &str = "nr_inactive_anon";
const FIRST_EVENT: &str = "pgpgin";

/// The counter of free CMA pages of zones (`NR_FREE_CMA_PAGES`).
const FREE_CMA: &str = "nr_free_cma";

/// A figure of [`VmEvents`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Figure {
    Alloc,
    Free,
    Steal,
    Scan,
    AllocStall,
    OomKill,
    SwapIn,
    SwapOut,
    Fault,
    MajorFault,
}

impl Figure {
    /// The figure to which the counter of this name adds. `pgsteal_anon` and `pgsteal_file` count the same pages again.
    fn of(name: &str) -> Option<Self> {
        Some(match name {
            "pgfree" => Self::Free,
            "pgsteal_kswapd" | "pgsteal_direct" | "pgsteal_khugepaged" | "pgsteal_proactive" => Self::Steal,
            "pgscan_kswapd" | "pgscan_direct" | "pgscan_khugepaged" | "pgscan_proactive" => Self::Scan,
            "oom_kill" => Self::OomKill,
            "pswpin" => Self::SwapIn,
            "pswpout" => Self::SwapOut,
            "pgfault" => Self::Fault,
            "pgmajfault" => Self::MajorFault,
            _ if name.starts_with("pgalloc_") => Self::Alloc,
            _ if name.starts_with("allocstall_") => Self::AllocStall,
            _ => return None,
        })
    }

    fn slot(self, events: &mut VmEvents) -> &mut Option<u64> {
        match self {
            Self::Alloc => &mut events.pgalloc,
            Self::Free => &mut events.pgfree,
            Self::Steal => &mut events.pgsteal,
            Self::Scan => &mut events.pgscan,
            Self::AllocStall => &mut events.allocstall,
            Self::OomKill => &mut events.oom_kill,
            Self::SwapIn => &mut events.pswpin,
            Self::SwapOut => &mut events.pswpout,
            Self::Fault => &mut events.pgfault,
            Self::MajorFault => &mut events.pgmajfault,
        }
    }
}

/// Where the counters of each figure are. Reclaim's moved from the events of each CPU to the counters of nodes in 7.1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VmstatItems {
    /// Indices in `vm_event_states` of a CPU.
    events: Vec<(Figure, usize)>,
    /// Indices in `vm_node_stat`.
    nodes: Vec<(Figure, usize)>,
    /// Index of the free CMA pages in `vm_zone_stat`.
    free_cma: Option<usize>,
}

impl VmstatItems {
    /// Finds them by the names of all counters, in the kernel's order; `None` if there are no events among them.
    pub fn new(names: &[&str]) -> Option<Self> {
        let nodes = names.iter().position(|name| *name == FIRST_OF_NODES)?;
        let events = names.iter().position(|name| *name == FIRST_EVENT).filter(|&events| events > nodes)?;
        let items = |names: &[&str]| {
            names.iter().enumerate().filter_map(|(at, name)| Some((Figure::of(name)?, at))).collect::<Vec<_>>()
        };
        let free_cma = names[..nodes].iter().position(|name| *name == FREE_CMA);
        Some(Self { events: items(&names[events..]), nodes: items(&names[nodes..events]), free_cma })
    }

    /// Index of the free CMA pages among the counters of `vm_zone_stat`.
    pub const fn free_cma(&self) -> Option<usize> {
        self.free_cma
    }

    /// Number of counters at the beginning of a CPU's `vm_event_states` that are read.
    pub fn event_count(&self) -> usize {
        self.events.iter().map(|(_, at)| at + 1).max().unwrap_or(0)
    }

    /// Number of counters at the beginning of `vm_node_stat` that are read; 0 if reclaim's are among the events.
    pub fn node_count(&self) -> usize {
        self.nodes.iter().map(|(_, at)| at + 1).max().unwrap_or(0)
    }

    /// The figures. `states` are the beginnings of all CPUs' `vm_event_states`, `node_stat` is that of `vm_node_stat`; a figure
    /// with a counter that is not in them is absent. Words have `word_bytes`.
    pub fn sum(&self, states: &[Vec<u8>], node_stat: &[u8], word_bytes: u8) -> VmEvents {
        let word = usize::from(word_bytes);
        let mut sums = VmEvents::default();
        let mut cut = Vec::new();
        let mut add = |figure: Figure, count: Option<u64>| match count {
            Some(count) => {
                let slot = figure.slot(&mut sums);
                *slot = Some(wrapping(slot.unwrap_or(0), count, word));
            }
            None => cut.push(figure),
        };
        for &(figure, at) in &self.events {
            states.iter().for_each(|state| add(figure, le_uint_at(state, at * word, word)));
        }
        for &(figure, at) in &self.nodes {
            // The sum of per-CPU deltas that are not folded yet may be below zero.
            let count = le_uint_at(node_stat, at * word, word);
            add(figure, count.map(|count| if count >> (8 * word - 1) == 0 { count } else { 0 }));
        }
        cut.into_iter().for_each(|figure| *figure.slot(&mut sums) = None);
        sums
    }
}

/// A sum that wraps around as the kernel's own words do.
fn wrapping(a: u64, b: u64, word: usize) -> u64 {
    let sum = a.wrapping_add(b);
    if word == 4 { sum & u64::from(u32::MAX) } else { sum }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NAMES: [&str; 14] = [
        "nr_free_pages",
        "nr_zone_inactive_anon",
        "nr_inactive_anon",
        "nr_active_anon",
        "pgsteal_kswapd",
        "pgsteal_direct",
        "pgsteal_anon",
        "nr_dirty_threshold",
        "pgpgin",
        "pgalloc_dma32",
        "pgalloc_normal",
        "allocstall_normal",
        "pgfree",
        "oom_kill",
    ];

    fn words(words: &[u64], width: usize) -> Vec<u8> {
        words.iter().flat_map(|word| word.to_le_bytes()[..width].to_vec()).collect()
    }

    #[test]
    fn figures_are_sums_over_cpus_and_names() {
        let items = VmstatItems::new(&NAMES).unwrap();
        assert_eq!((items.event_count(), items.node_count(), items.free_cma()), (6, 4, None));
        let with_cma = [&NAMES[..2], &["nr_free_cma"], &NAMES[2..]].concat();
        assert_eq!(VmstatItems::new(&with_cma).unwrap(), VmstatItems { free_cma: Some(2), ..items.clone() });
        for width in [4, 8] {
            let states = [words(&[9, 1, 2, 3, 4, 5], width), words(&[9, 10, 20, 30, 40, 50], width)];
            let sums = items.sum(&states, &words(&[7, 7, 100, 200, 300], width), width as u8);
            let expected = VmEvents {
                pgalloc: Some(33),
                allocstall: Some(33),
                pgfree: Some(44),
                oom_kill: Some(55),
                pgsteal: Some(300),
                ..VmEvents::default()
            };
            assert_eq!(sums, expected, "{width}");
        }
    }

    #[test]
    fn sums_wrap_and_negative_counters_of_nodes_are_zero() {
        let items = VmstatItems::new(&NAMES).unwrap();
        let state = words(&[0, u64::from(u32::MAX), 2, 0, 0, 0], 4);
        let sums = items.sum(&[state], &words(&[0, 0, 0xffff_fff0, 5], 4), 4);
        assert_eq!((sums.pgalloc, sums.pgsteal), (Some(1), Some(5)));
    }

    #[test]
    fn event_missing_on_one_cpu_is_absent() {
        let items = VmstatItems::new(&NAMES).unwrap();
        let sums = items.sum(&[words(&[1; 6], 8), words(&[1; 5], 8)], &[], 8);
        assert_eq!((sums.pgfree, sums.oom_kill, sums.pgsteal, sums.pswpin), (Some(2), None, None, None));
    }

    #[test]
    fn names_without_events_are_none() {
        assert_eq!(VmstatItems::new(&NAMES[..8]), None);
        assert_eq!(VmstatItems::new(&["pgpgin", "nr_inactive_anon"]), None);
    }

    proptest! {
        #[test]
        fn hostile_memory_never_panics(
            states in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..60), 0..4),
            node_stat in prop::collection::vec(any::<u8>(), 0..60),
        ) {
            let items = VmstatItems::new(&NAMES).unwrap();
            items.sum(&states, &node_stat, 4);
            items.sum(&states, &node_stat, 8);
        }
    }
}
