//! Readings of the kernel's own counters, and the changes between them.

use super::clock::Moment;
use model::{Counters, Evidence};

/// Maximum readings of one trial, for guests that run for days.
const MAX_LOOKS: u32 = 10_000;

/// Consecutive failed readings before the lab gives up: a kernel without symbols has none later either.
const MAX_FAILURES: u32 = 3;

/// Timeout of a reading in granted seconds: the symbols of a large kernel are read before the first one.
const MAX_PENDING_S: f64 = 30.0;

/// Maximum pages per second of a livelock: atomic allocations dip below the watermarks.
const MAX_TRICKLE: f64 = 2.0;

/// One reading.
#[derive(Debug, Clone)]
pub(super) struct Look {
    pub at: Moment,
    pub counters: Counters,
}

/// Since when a counter does not change, and the readings that showed it.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Still {
    /// The last reading with a change; the first reading if there was none.
    pub since: Moment,
    /// Readings since then.
    pub looks: u32,
}

/// The readings of one trial.
#[derive(Debug, Clone, Default)]
pub(super) struct CounterLog {
    requests: u32,
    requested_at: Option<Moment>,
    /// Whether the last request has no answer yet.
    is_requested: bool,
    failures: u32,
    /// Why the last reading failed, if it did.
    pub failure: Option<String>,
    pub last: Option<Look>,
    /// Allocations: pages do not leave the free lists, and the OOM killer kills none.
    allocations: Still,
    /// Readings with new direct reclaim since the last allocation.
    stalls: u32,
    /// Timer ticks.
    ticks: Still,
    /// Timer ticks of each CPU by its number.
    cpus: Vec<(u32, Still)>,
}

impl CounterLog {
    pub fn record_request(&mut self, now: Moment) {
        // The last one was never answered.
        self.failures += u32::from(self.is_requested);
        self.requests += 1;
        self.requested_at = Some(now);
        self.is_requested = true;
    }

    pub fn record_failure(&mut self, why: &str) {
        self.is_requested = false;
        self.failures += 1;
        self.failure = Some(why.to_owned());
    }

    pub fn record(&mut self, at: Moment, counters: &Counters) {
        self.is_requested = false;
        self.failures = 0;
        self.failure = None;
        let Some(before) = self.last.replace(Look { at, counters: counters.clone() }) else {
            let begin = Still { since: at, looks: 0 };
            (self.allocations, self.ticks) = (begin, begin);
            self.cpus = counters.cpus.iter().map(|cpu| (cpu.cpu, begin)).collect();
            return;
        };
        let (old, new) = (&before.counters, counters);
        let span_s = at.granted_since(before.at);
        let allocates = has_grown(old.events.oom_kill, new.events.oom_kill, 0.0)
            || has_grown(old.events.pgalloc, new.events.pgalloc, MAX_TRICKLE * span_s);
        self.allocations.update(allocates, at);
        if allocates {
            self.stalls = 0;
        } else if has_grown(old.events.allocstall, new.events.allocstall, 0.0) {
            self.stalls += 1;
        }
        self.ticks.update(has_grown(old.jiffies, new.jiffies, 0.0), at);
        for (number, still) in &mut self.cpus {
            let accounted = |counters: &Counters| counters.cpus.iter().find(|cpu| cpu.cpu == *number)?.accounted_ns;
            still.update(has_grown(accounted(old), accounted(new), 0.0), at);
        }
    }

    /// Whether the next reading is due, `period_s` granted seconds after the last request or the spawn.
    pub fn is_due(&self, now: Moment, period_s: f64) -> bool {
        self.due_in(now, period_s) == Some(0.0)
    }

    /// Granted seconds until the next reading; `None` if there will be none.
    pub fn due_in(&self, now: Moment, period_s: f64) -> Option<f64> {
        let is_waiting = self.is_open() && !self.is_pending(now);
        is_waiting.then(|| (period_s - now.granted_since(self.requested_at.unwrap_or_default())).max(0.0))
    }

    /// Whether the answer to the last request may still come.
    pub fn is_pending(&self, now: Moment) -> bool {
        self.is_requested && self.requested_at.is_some_and(|at| now.granted_since(at) < MAX_PENDING_S)
    }

    /// Whether there will be further readings.
    pub const fn is_open(&self) -> bool {
        self.failures < MAX_FAILURES && self.requests < MAX_LOOKS
    }

    /// Since when allocations stand still; `None` where the lab cannot see it.
    pub fn allocations(&self) -> Option<Still> {
        self.last.as_ref()?.counters.events.pgalloc?;
        Some(self.allocations)
    }

    /// Since when timer ticks stand still; `None` where the lab cannot see it.
    pub fn ticks(&self) -> Option<Still> {
        self.last.as_ref()?.counters.jiffies?;
        Some(self.ticks)
    }

    /// CPUs with something to run whose ticks stand still while others tick, with the time since which they do.
    pub fn silent_cpus(&self) -> impl Iterator<Item = (u32, Still)> {
        let runs = |number: u32| {
            let cpus = self.last.iter().flat_map(|look| &look.counters.cpus);
            cpus.filter(|cpu| cpu.cpu == number)
                .any(|cpu| cpu.accounted_ns.is_some() && cpu.nr_running.unwrap_or(1) > 0)
        };
        self.cpus.iter().copied().filter(move |(number, still)| still.looks > 0 && runs(*number))
    }

    /// Readings with new direct reclaim since the last allocation.
    pub const fn stalls(&self) -> u32 {
        self.stalls
    }

    /// That no page was allocated from look to look, if it is so.
    pub fn evidence(&self) -> Option<Evidence> {
        let (still, last) = (self.allocations().filter(|still| still.looks > 0)?, self.last.as_ref()?);
        Some(Evidence::AllocationsStill { still_s: still.lasted_s(last.at), looks: still.looks, stalls: self.stalls })
    }

    /// Whether more is free than the high watermarks ask for, at the last look; `None` where that is not known.
    pub fn is_memory_free(&self) -> Option<bool> {
        let memory = self.last.as_ref()?.counters.memory.as_ref()?;
        let high_kib: u64 = memory.zones.iter().map(|zone| zone.high_kib).sum();
        (high_kib > 0).then_some(memory.usable_kib() > high_kib)
    }
}

impl Still {
    fn update(&mut self, moved: bool, at: Moment) {
        *self = if moved { Self { since: at, looks: 0 } } else { Self { looks: self.looks + 1, ..*self } };
    }

    /// Granted seconds up to a moment.
    pub fn lasted_s(self, until: Moment) -> f64 {
        until.granted_since(self.since)
    }
}

/// Whether a counter that only grows has grown by more than `least`. One that has wrapped around has.
fn has_grown(old: Option<u64>, new: Option<u64>, least: f64) -> bool {
    matches!((old, new), (Some(old), Some(new)) if new.wrapping_sub(old) as f64 > least)
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{CpuCounters, Memory, Stamp, VmEvents, Zone};

    fn at(seconds: f64) -> Moment {
        Moment { host: Stamp::from_secs_f64(seconds), granted_s: seconds, late_s: 0.0 }
    }

    fn look(pgalloc: u64, allocstall: u64, jiffies: u64) -> Counters {
        let events = VmEvents { pgalloc: Some(pgalloc), allocstall: Some(allocstall), ..VmEvents::default() };
        Counters { jiffies: Some(jiffies), events, ..Counters::default() }
    }

    #[test]
    fn allocations_stand_still_but_for_a_trickle() {
        let mut log = CounterLog::default();
        assert_eq!(log.allocations(), None);
        log.record(at(5.0), &look(100, 1, 10));
        log.record(at(10.0), &look(9000, 2, 20));
        assert_eq!((log.allocations(), log.stalls()), (Some(Still { since: at(10.0), looks: 0 }), 0));
        log.record(at(15.0), &look(9010, 9, 30));
        log.record(at(20.0), &look(9010, 9, 40));
        assert_eq!((log.allocations(), log.stalls()), (Some(Still { since: at(10.0), looks: 2 }), 1));
        assert_eq!(log.ticks().unwrap(), Still { since: at(20.0), looks: 0 });
        log.record(at(25.0), &look(9021, 9, 40));
        assert_eq!((log.allocations().unwrap().looks, log.stalls()), (0, 0), "11 pages in 5 s");
        assert!((log.ticks().unwrap().lasted_s(at(26.0)) - 6.0).abs() < 1e-9);
    }

    #[test]
    fn a_kill_is_progress_and_so_is_a_counter_that_wraps() {
        let mut log = CounterLog::default();
        let killed = |kills| Counters {
            events: VmEvents { pgalloc: Some(7), oom_kill: Some(kills), ..VmEvents::default() },
            ..Counters::default()
        };
        log.record(at(1.0), &killed(1));
        log.record(at(2.0), &killed(2));
        assert_eq!(log.allocations().unwrap().looks, 0);
        assert_eq!(log.ticks(), None);
        log.record(at(3.0), &look(u64::MAX, 0, 0));
        log.record(at(4.0), &look(500, 0, 0));
        assert_eq!(log.allocations().unwrap().since, at(4.0));
    }

    #[test]
    fn looks_come_once_a_period_until_they_fail() {
        let mut log = CounterLog::default();
        assert!(!log.is_due(at(4.0), 5.0) && log.is_due(at(5.0), 5.0));
        log.record_request(at(0.0));
        assert!(log.is_pending(at(9.0)) && !log.is_due(at(9.0), 5.0), "its answer is awaited");
        log.record(at(1.0), &look(1, 1, 1));
        assert!(!log.is_due(at(4.0), 5.0) && log.is_due(at(5.0), 5.0));
        assert_eq!(log.due_in(at(4.0), 5.0), Some(1.0));
        (0..3).for_each(|_| log.record_failure("no symbol"));
        assert!(!log.is_due(at(50.0), 5.0));
        assert_eq!((log.due_in(at(50.0), 5.0), log.failure.as_deref()), (None, Some("no symbol")));
        let mut unanswered = CounterLog::default();
        for second in [0.0, 100.0, 200.0, 300.0] {
            assert!(unanswered.is_open());
            unanswered.record_request(at(second));
        }
        assert!(!unanswered.is_open());
    }

    #[test]
    fn silent_cpus_have_something_to_run() {
        let cpus = |first, second, running| Counters {
            cpus: [(0, first, 1), (1, second, running)]
                .map(|(cpu, ns, running)| CpuCounters {
                    cpu,
                    accounted_ns: Some(ns),
                    nr_running: Some(running),
                    ..CpuCounters::default()
                })
                .to_vec(),
            ..Counters::default()
        };
        let mut log = CounterLog::default();
        log.record(at(1.0), &cpus(1, 1, 1));
        log.record(at(2.0), &cpus(2, 1, 1));
        assert_eq!(log.silent_cpus().collect::<Vec<_>>(), [(1, Still { since: at(1.0), looks: 1 })]);
        log.record(at(3.0), &cpus(3, 1, 0));
        assert_eq!(log.silent_cpus().count(), 0);
    }

    #[test]
    fn memory_is_free_above_the_high_watermarks() {
        let mut log = CounterLog::default();
        let zone = |high_kib| Zone { high_kib, ..Zone::default() };
        for (free_kib, cma, zones, is_free) in [
            (300, None, vec![zone(100), zone(100)], Some(true)),
            (200, None, vec![zone(200)], Some(false)),
            (66_288, Some(66_000), vec![zone(4212)], Some(false)),
            (66_288, Some(100), vec![zone(4212)], Some(true)),
            (300, None, vec![], None),
        ] {
            let memory = Memory { free_kib, free_cma_kib: cma, zones, ..Memory::default() };
            log.record(at(1.0), &Counters { memory: Some(memory), ..Counters::default() });
            assert_eq!(log.is_memory_free(), is_free);
        }
    }
}
