//! The kernel's own counters: the progress of a guest without an agent.

use super::Memory;
use serde::{Deserialize, Serialize};

/// The kernel's counters at one look. A figure that the kernel does not have, or that cannot be read, is absent. All but
/// [`Memory`] only grow while the kernel runs; each counts from the boot on and may wrap around.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Counters {
    /// Timer ticks since the boot, plus a constant (`jiffies_64`, `kernel/time/timer.c`). One CPU at a time counts them; while
    /// all CPUs are idle they may stand (`CONFIG_NO_HZ_IDLE`) until one wakes up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jiffies: Option<u64>,
    /// Events of memory management, of all CPUs together.
    #[serde(default, skip_serializing_if = "VmEvents::is_empty")]
    pub events: VmEvents,
    /// One entry a CPU, by the kernel's numbers; empty if none can be read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cpus: Vec<CpuCounters>,
    /// Free memory, watermarks and LRU sizes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<Memory>,
    /// Whether a CPU is in `panic()` (`panic_cpu`, `kernel/panic.c`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub panicked: Option<bool>,
    /// Host microseconds for which the machine was paused, so that the figures belong to one moment; 0 if it was not.
    pub span_us: u64,
    /// The machine ran meanwhile: the figures are of different moments.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub torn: bool,
    /// Names of the kernel's variables without which figures are absent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<String>,
}

/// Events of memory management since the boot, as `/proc/vmstat` has them (`mm/vmstat.c`, `vmstat_text`): the sums of all CPUs
/// and of all names that begin alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct VmEvents {
    /// Pages allocated, of all zones (`pgalloc_*`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pgalloc: Option<u64>,
    /// Pages freed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pgfree: Option<u64>,
    /// Pages reclaimed by anyone (`pgsteal_kswapd`, `pgsteal_direct` and so on).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pgsteal: Option<u64>,
    /// Pages that reclaim looked at for anyone (`pgscan_kswapd`, `pgscan_direct` and so on).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pgscan: Option<u64>,
    /// Allocations that began direct reclaim, of all zones (`allocstall_*`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allocstall: Option<u64>,
    /// OOM kills.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oom_kill: Option<u64>,
    /// Pages swapped in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pswpin: Option<u64>,
    /// Pages swapped out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pswpout: Option<u64>,
    /// Page faults, minor and major.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pgfault: Option<u64>,
    /// Page faults that waited for a disk.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pgmajfault: Option<u64>,
}

impl VmEvents {
    /// Whether no event is known.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// The kernel's counters of one CPU.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct CpuCounters {
    /// The kernel's number of the CPU.
    pub cpu: u32,
    /// Nanoseconds that the kernel has accounted for, to programs, itself, interrupts, idleness or the hypervisor
    /// (`kernel_cpustat`). Most kernels add a tick's length at each tick: where it stands, the CPU takes no timer interrupts, or
    /// is idle without ticks (`CONFIG_NO_HZ_IDLE`), whose time is added when it wakes up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accounted_ns: Option<u64>,
    /// Of these, nanoseconds of idleness (`CPUTIME_IDLE` and `CPUTIME_IOWAIT`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idle_ns: Option<u64>,
    /// Runnable tasks, with the one that runs and without the idle task (`rq->nr_running`, `kernel/sched/sched.h`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nr_running: Option<u32>,
    /// Context switches (`rq->nr_switches`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub switches: Option<u64>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Event, Probe, Record};

    #[test]
    fn unknown_counters_are_omitted() {
        let event = Event::Counters { counters: Box::new(Counters { span_us: 7, ..Counters::default() }) };
        let text = serde_json::to_string(&event).unwrap();
        assert_eq!(text, r#"{"event":"counters","counters":{"span_us":7}}"#);
        assert_eq!(serde_json::from_str::<Event>(&text).unwrap(), event);
        assert_eq!(serde_json::to_string(&Probe::Counters).unwrap(), r#""counters""#);
    }

    #[test]
    fn all_figures_round_trip() {
        let events = VmEvents { pgalloc: Some(1), oom_kill: Some(0), ..VmEvents::default() };
        let cpu =
            CpuCounters { cpu: 1, accounted_ns: Some(9), idle_ns: Some(4), nr_running: Some(2), switches: Some(3) };
        let counters = Counters {
            jiffies: Some(u64::MAX),
            events,
            cpus: vec![cpu],
            memory: Some(Memory { free_kib: 5, ..Memory::default() }),
            panicked: Some(false),
            span_us: 0,
            torn: true,
            missing: vec!["runqueues".to_owned()],
        };
        let text = r#"{"us":5,"event":"counters","counters":{"jiffies":18446744073709551615,"events":{"pgalloc":1,"oom_kill":0},"cpus":[{"cpu":1,"accounted_ns":9,"idle_ns":4,"nr_running":2,"switches":3}],"memory":{"free_kib":5,"zones":[],"lru_kib":[]},"panicked":false,"span_us":0,"torn":true,"missing":["runqueues"]}}"#;
        let record: Record = serde_json::from_str(text).unwrap();
        assert_eq!(record.event, Event::Counters { counters: Box::new(counters) });
        assert_eq!(serde_json::to_string(&record).unwrap(), text);
    }
}
