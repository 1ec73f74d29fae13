//! Layouts of the structures that hold counters.

use super::vmstat::VmstatItems;
use crate::debuginfo::{Field, Types, field};
use crate::modules::ModuleLayout;

/// Bytes of a `struct kernel_cpustat` that begins with the state of the tick, as with `CONFIG_NO_HZ_COMMON` since 7.1: four
/// words in front of ten times (`include/linux/kernel_stat.h`). One without has at most eleven times, aligned to 16 or 32.
const CPUSTAT_WITH_TICK: u64 = 14 * 8;
const TICK_BYTES: u64 = 4 * 8;

/// Minimum and maximum distance of the variable behind `kernel_cpustat`.
const MIN_CPUSTAT: u64 = 10 * 8;
const MAX_CPUSTAT: u64 = 128;

/// Maximum bytes of a `struct rq` that are read: it has a few KiB.
const MAX_RQ: usize = 16 << 10;

/// Where one kernel's counters are in their structures. Parts that are not known are absent.
#[derive(Debug, Clone, Default)]
pub struct CounterLayout {
    /// Which counters make up the events.
    pub items: Option<VmstatItems>,
    /// Offset of the times in `struct kernel_cpustat`.
    pub cpustat: Option<u64>,
    /// Members of `struct rq`.
    pub runqueue: Option<Runqueue>,
    /// Members of `struct module`.
    pub modules: Option<ModuleLayout>,
}

/// Members of `struct rq` (`kernel/sched/sched.h`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Runqueue {
    /// Runnable tasks.
    pub nr_running: Field,
    /// Context switches.
    pub nr_switches: Field,
    /// Distance of the variable `runqueues` from `vm_event_states`, for kernels whose symbols have only the latter.
    pub from_events: Option<i64>,
}

impl Runqueue {
    /// Bytes of a `struct rq` that are read.
    pub fn bytes(&self) -> usize {
        let end = |field: Field| usize::try_from(field.offset.saturating_add(field.size)).unwrap_or(MAX_RQ).min(MAX_RQ);
        end(self.nr_running).max(end(self.nr_switches))
    }
}

impl CounterLayout {
    /// Adds members from the kernel's types.
    #[must_use]
    pub fn with_types(mut self, types: &dyn Types) -> Self {
        let member = |name| field(types, "rq", name).filter(|field| field.size <= 8);
        let distance = || {
            let (runqueues, events) = (types.percpu("runqueues")?, types.percpu("vm_event_states")?);
            Some(i64::from(runqueues) - i64::from(events))
        };
        self.cpustat = field(types, "kernel_cpustat", "cpustat").map(|field| field.offset).or(self.cpustat);
        self.runqueue = member("nr_running").zip(member("nr_switches")).map(|(nr_running, nr_switches)| Runqueue {
            nr_running,
            nr_switches,
            from_events: distance(),
        });
        self.modules = ModuleLayout::of(types);
        self
    }

    /// Adds where the times in `struct kernel_cpustat` begin, by the distance from the variable `kernel_cpustat` to the one
    /// behind it, `kstat` (`kernel/sched/core.c`).
    #[must_use]
    pub fn with_cpustat(mut self, kernel_cpustat: Option<u64>, kstat: Option<u64>) -> Self {
        let distance = kernel_cpustat.zip(kstat).and_then(|(this, next)| next.checked_sub(this));
        let offset = match distance {
            Some(CPUSTAT_WITH_TICK..=MAX_CPUSTAT) => Some(TICK_BYTES),
            Some(MIN_CPUSTAT..CPUSTAT_WITH_TICK) => Some(0),
            _ => None,
        };
        self.cpustat = self.cpustat.or(offset);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::debuginfo::{Member, Shape, TypeId};

    /// A kernel's types: `struct rq`, `struct kernel_cpustat` and a number of eight bytes.
    struct Few;

    impl Types for Few {
        fn find(&self, name: &str) -> Option<TypeId> {
            ["rq", "kernel_cpustat"].iter().position(|known| *known == name).map(TypeId)
        }

        fn shape(&self, id: TypeId) -> Option<Shape> {
            let member = |name: &str, offset| Member { name: Some(name.to_owned()), offset, kind: TypeId(2) };
            Some(match id.0 {
                0 => Shape::Aggregate { size: 64, members: vec![member("nr_running", 8), member("nr_switches", 48)] },
                1 => Shape::Aggregate { size: 112, members: vec![member("cpustat", 32)] },
                _ => Shape::Plain { size: 8 },
            })
        }

        fn percpu(&self, name: &str) -> Option<u32> {
            [("runqueues", 0x100), ("vm_event_states", 0x900)].iter().find(|(known, _)| *known == name).map(|it| it.1)
        }
    }

    #[test]
    fn types_tell_members_and_distances() {
        let layout = CounterLayout::default().with_types(&Few);
        let runqueue = layout.runqueue.unwrap();
        assert_eq!((runqueue.nr_running.offset, runqueue.nr_switches.offset, runqueue.bytes()), (8, 48, 56));
        assert_eq!((runqueue.from_events, layout.cpustat, layout.modules), (Some(-0x800), Some(32), None));
    }

    #[test]
    fn times_begin_where_the_next_variable_tells() {
        let offset = |distance: u64| {
            CounterLayout::default().with_cpustat(Some(0x1000), Some(0x1000_u64.wrapping_add(distance))).cpustat
        };
        assert_eq!([0x50, 0x60, 0x70, 0x80].map(offset), [Some(0), Some(0), Some(32), Some(32)]);
        assert_eq!([0, 0x48, 0x100, u64::MAX].map(offset), [None; 4]);
        assert_eq!(CounterLayout::default().with_cpustat(Some(0x1000), None).cpustat, None);
    }
}
