//! What the kernel counts of each CPU, and where its per-CPU variables are.

use super::layout::CounterLayout;
use crate::bytes::{le_uint_at, le_words};
use model::CpuCounters;

/// Maximum number of CPUs that are read; no machine of the lab has more.
pub const MAX_CPUS: usize = 64;

/// Bytes of a CPU's `kernel_cpustat` that are read.
pub const CPUSTAT_BYTES: usize = 8 * (MAX_PREFIX + STATES);

/// States whose times add up to all of a CPU's time (`enum cpu_usage_stat`, `include/linux/kernel_stat.h`): the time of guests
/// comes behind them and is counted as a program's already.
const STATES: usize = 8;

/// Maximum words of `struct kernel_cpustat` in front of the times.
const MAX_PREFIX: usize = 4;

const IDLE: usize = 5;
const IOWAIT: usize = 6;

/// The CPUs of a kernel, and how far each one's variables are from where they are linked (`include/asm-generic/percpu.h`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CpuSet {
    offsets: Vec<u64>,
    online: u64,
    mask: u64,
}

impl CpuSet {
    /// From the first bytes of `__per_cpu_offset` and `__cpu_online_mask` and the value of `nr_cpu_ids`, as far as they are
    /// known; without the latter two, the CPUs are those with offsets of their own. `None` if there is no CPU.
    pub fn new(offsets: &[u8], online: &[u8], count: Option<u64>, word_bytes: u8) -> Option<Self> {
        let max = count.and_then(|count| usize::try_from(count).ok()).unwrap_or(MAX_CPUS).min(MAX_CPUS);
        let mut own: Vec<u64> = Vec::new();
        for offset in le_words(offsets, word_bytes).take(max) {
            // x86_64 begins with the same offset for all CPUs (`arch/x86/kernel/setup_percpu.c`).
            if own.contains(&offset) {
                break;
            }
            own.push(offset);
        }
        let words = le_words(online, word_bytes).collect::<Vec<_>>();
        let online = match (word_bytes, &words[..]) {
            (4, [low, high, ..]) => low | high << 32,
            (_, [word, ..]) => *word,
            _ => u64::MAX,
        };
        (!own.is_empty()).then_some(Self { offsets: own, online, mask: all_ones(word_bytes) })
    }

    /// The one CPU of a kernel without `CONFIG_SMP`, whose variables are where they are linked.
    pub fn single(word_bytes: u8) -> Self {
        Self { offsets: vec![0], online: 1, mask: all_ones(word_bytes) }
    }

    /// The kernel's numbers of all CPUs that may ever be online: one that is not keeps its counts.
    pub fn possible(&self) -> impl Iterator<Item = u32> + use<> {
        0..self.offsets.len() as u32
    }

    /// Address of a CPU's own variable that is linked at `linked`.
    pub fn address(&self, cpu: u32, linked: u64) -> u64 {
        let offset = self.offsets.get(cpu as usize).copied().unwrap_or_default();
        linked.wrapping_add(offset) & self.mask
    }

    /// Whether a CPU is online.
    pub fn is_online(&self, cpu: u32) -> bool {
        self.online >> cpu.min(63) & 1 != 0
    }
}

fn all_ones(word_bytes: u8) -> u64 {
    if word_bytes == 4 { u64::from(u32::MAX) } else { u64::MAX }
}

/// Nanoseconds accounted for and nanoseconds of idleness in the bytes of a CPU's `kernel_cpustat`, whose times begin at
/// `offset`.
pub fn cpustat(bytes: &[u8], offset: u64) -> Option<(u64, u64)> {
    let offset = usize::try_from(offset).ok()?;
    let state = |at: usize| le_uint_at(bytes, offset.checked_add(8 * at)?, 8);
    let all = (0..STATES).try_fold(0_u64, |sum, at| Some(sum.wrapping_add(state(at)?)))?;
    Some((all, state(IDLE)?.wrapping_add(state(IOWAIT)?)))
}

/// The counters of a CPU, from the bytes of its `kernel_cpustat` and of its `struct rq`.
pub fn cpu_counters(cpu: u32, cpustat_bytes: &[u8], runqueue: &[u8], layout: &CounterLayout) -> CpuCounters {
    let times = layout.cpustat.and_then(|offset| cpustat(cpustat_bytes, offset));
    let member = |field: crate::debuginfo::Field| {
        let width = usize::try_from(field.size).ok().filter(|width| *width <= 8)?;
        le_uint_at(runqueue, usize::try_from(field.offset).ok()?, width)
    };
    let running = layout.runqueue.and_then(|runqueue| member(runqueue.nr_running));
    CpuCounters {
        cpu,
        accounted_ns: times.map(|(all, _)| all),
        idle_ns: times.map(|(_, idle)| idle),
        nr_running: running.and_then(|running| u32::try_from(running).ok()),
        switches: layout.runqueue.and_then(|runqueue| member(runqueue.nr_switches)),
    }
}

/// Whether a CPU is in `panic()`, by the bytes of `panic_cpu`: `PANIC_CPU_INVALID`, -1, if none is.
pub fn is_panicked(panic_cpu: &[u8]) -> Option<bool> {
    Some(le_uint_at(panic_cpu, 0, 4)? != u64::from(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::super::Runqueue;
    use super::*;
    use crate::debuginfo::Field;
    use proptest::prelude::*;

    fn words(words: &[u64]) -> Vec<u8> {
        words.iter().flat_map(|word| word.to_le_bytes()).collect()
    }

    fn layout() -> CounterLayout {
        let runqueue = Runqueue {
            nr_running: Field { offset: 4, size: 4 },
            nr_switches: Field { offset: 16, size: 8 },
            from_events: None,
        };
        CounterLayout { cpustat: Some(8), runqueue: Some(runqueue), ..CounterLayout::default() }
    }

    #[test]
    fn cpus_are_those_with_offsets_of_their_own() {
        let offsets = words(&[0x1000, 0x3000, 0x9000, 0x9000]);
        let cpus = |online: &[u8], count| CpuSet::new(&offsets, online, count, 8).unwrap();
        let addresses = |cpus: &CpuSet| cpus.possible().map(|cpu| cpus.address(cpu, 0x20)).collect::<Vec<_>>();
        assert_eq!(addresses(&cpus(&[], None)), [0x1020, 0x3020, 0x9020]);
        let two = cpus(&words(&[1]), Some(2));
        assert_eq!(addresses(&two), [0x1020, 0x3020]);
        assert!(two.is_online(0) && !two.is_online(1) && cpus(&[], None).is_online(1));
        assert_eq!(CpuSet::new(&[], &[], Some(4), 8), None);
        assert_eq!(addresses(&CpuSet::single(8)), [0x20]);
    }

    #[test]
    fn addresses_wrap_around_as_the_kernels_do() {
        let offsets = 0xf000_0000_u32.to_le_bytes();
        let cpus = CpuSet::new(&offsets, &[3, 0, 0, 0, 1, 0, 0, 0], Some(1), 4).unwrap();
        assert_eq!(cpus.address(0, 0xc000_0000), 0xb000_0000);
        assert!(cpus.is_online(32) && cpus.is_online(1) && !cpus.is_online(33));
    }

    #[test]
    fn times_of_guests_are_not_counted_twice() {
        let bytes = words(&[99, 1, 2, 4, 8, 16, 32, 64, 128, 1000, 1000]);
        assert_eq!(cpustat(&bytes, 8), Some((255, 96)));
        assert_eq!((cpustat(&bytes[..64], 8), cpustat(&bytes, u64::MAX)), (None, None));
    }

    #[test]
    fn counters_of_a_cpu_are_read() {
        let runqueue = words(&[3 << 32, 0, 77]);
        let found = cpu_counters(1, &words(&[0, 1, 1, 1, 1, 1, 5, 1, 1]), &runqueue, &layout());
        let expected =
            CpuCounters { cpu: 1, accounted_ns: Some(12), idle_ns: Some(6), nr_running: Some(3), switches: Some(77) };
        assert_eq!(found, expected);
        assert_eq!(cpu_counters(0, &[], &[], &layout()), CpuCounters::default());
        assert_eq!((is_panicked(&[0xff; 4]), is_panicked(&[0; 4]), is_panicked(&[0])), (Some(false), Some(true), None));
    }

    proptest! {
        #[test]
        fn hostile_memory_never_panics(
            bytes in prop::collection::vec(any::<u8>(), 0..600),
            online in prop::collection::vec(any::<u8>(), 0..9),
            count: Option<u64>, linked: u64, offset: u64, cpu: u32,
        ) {
            for word in [4, 8] {
                if let Some(cpus) = CpuSet::new(&bytes, &online, count, word) {
                    prop_assert!(cpus.possible().count() <= MAX_CPUS);
                    cpus.address(cpu, linked);
                    cpus.is_online(cpu);
                }
            }
            let layout = CounterLayout { cpustat: Some(offset), ..layout() };
            cpu_counters(cpu, &bytes, &bytes, &layout);
            is_panicked(&bytes);
        }
    }
}
