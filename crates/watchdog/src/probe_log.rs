//! Probes of a suspected guest and their results.

use super::blocked::BlockedTasks;
use super::clock::Moment;
use super::counter_log::CounterLog;
use kmsg::functions::Subsystem;
use model::{Event, FunctionShare, Memory, Probe, Profile, ProfileSummary, Spot, Tasks};
use std::collections::VecDeque;

/// Probes of one trial: a guest that stalls and recovers for hours is not probed without end.
const MAX_PROBES: usize = 64;

/// Granted seconds for the answer to a sysrq letter.
pub(super) const ANSWER_TIMEOUT_S: f64 = 3.0;

/// Granted seconds for which a sysrq letter may wait for the probe before it: reading the symbols of a large kernel takes long.
const MAX_QUEUED_S: f64 = 60.0;

/// Requests and results.
#[derive(Debug, Clone, Default)]
pub(super) struct ProbeLog {
    requests: Vec<(Probe, Moment)>,
    profiles: Vec<(Moment, Profile)>,
    memories: VecDeque<(Moment, Memory)>,
    failed: Vec<(Moment, Probe, String)>,
    /// The last snapshot of the tasks.
    tasks: Option<(Moment, Box<Tasks>)>,
    /// The probe that the lab makes now, unless it is a sysrq letter.
    pub running: Option<Probe>,
    /// The sysrq letters that the lab began to send, and when: a probe may have to wait for the one before it.
    sent: Vec<(char, Moment)>,
    /// When the kernel last acknowledged a sysrq letter.
    pub sysrq_ack: Option<Moment>,
    pub blocked_tasks: BlockedTasks,
    /// Readings of the kernel's counters, for the whole trial.
    pub counters: CounterLog,
}

impl ProbeLog {
    /// The watchdog requests a probe.
    pub fn record_request(&mut self, probe: Probe, now: Moment) {
        match probe {
            Probe::Counters => return self.counters.record_request(now),
            Probe::Sysrq('w') => self.blocked_tasks = BlockedTasks::default(),
            Probe::Profile | Probe::Memory | Probe::Tasks | Probe::Sysrq(_) => {}
        }
        self.requests.push((probe, now));
    }

    /// Number of requests since `since`; `usize::MAX` once the trial has used up its probes.
    pub fn count_since(&self, probe: Probe, since: Moment) -> usize {
        if self.requests.len() >= MAX_PROBES {
            return usize::MAX;
        }
        self.requests.iter().filter(|(other, at)| *other == probe && at.host >= since.host).count()
    }

    /// When the lab last sent a sysrq letter: console output after that may be its doing.
    pub fn last_sysrq(&self) -> Option<Moment> {
        self.sent.last().map(|(_, at)| *at)
    }

    /// The last sysrq letter that was sent.
    pub fn last_letter(&self) -> Option<char> {
        self.sent.last().map(|(letter, _)| *letter)
    }

    /// Whether each sysrq letter that was requested has had so many granted seconds for its answer. One that cannot be sent gets none.
    pub fn are_answers_due(&self, now: Moment, timeout_s: f64) -> bool {
        let requests = || self.requests.iter().filter(|(probe, _)| matches!(probe, Probe::Sysrq(_)));
        let waits = |since: &Moment, limit_s: f64| now.granted_since(*since) < limit_s;
        if requests().count() > self.sent.len() {
            return requests().next_back().is_some_and(|(_, at)| !waits(at, MAX_QUEUED_S));
        }
        self.sysrq_failed().is_some() || !self.last_sysrq().is_some_and(|at| waits(&at, timeout_s))
    }

    /// Whether the lab has started the OOM killer by sysrq-f: its kills are the lab's doing then.
    pub fn manual_oom_kill_sent(&self) -> bool {
        self.sent.iter().any(|(letter, _)| *letter == 'f')
    }

    /// Whether the kernel has acknowledged a sysrq letter since `since`.
    pub fn sysrq_acked_since(&self, since: Moment) -> bool {
        self.sysrq_ack.is_some_and(|at| at.host >= since.host)
    }

    /// The sysrq letter that last could not be sent, and why.
    pub fn sysrq_failed(&self) -> Option<(char, &str)> {
        self.failed.iter().rev().find_map(|(_, probe, why)| match probe {
            Probe::Sysrq(letter) => Some((*letter, why.as_str())),
            Probe::Profile | Probe::Memory | Probe::Counters | Probe::Tasks => None,
        })
    }

    /// Whether this probe, requested at `since`, failed.
    pub fn failed_since(&self, probe: Probe, since: Moment) -> bool {
        self.failed.iter().any(|(at, other, _)| *other == probe && at.host >= since.host)
    }

    pub fn on_event(&mut self, now: Moment, event: &Event) {
        match event {
            Event::Probed { probe: Probe::Sysrq(letter) } => {
                self.running = None;
                if self.sent.len() < MAX_PROBES {
                    self.sent.push((*letter, now));
                }
            }
            Event::Probed { probe } => self.running = Some(*probe),
            Event::Profile { .. }
            | Event::Memory { .. }
            | Event::Counters { .. }
            | Event::Tasks { .. }
            | Event::ProbeFailed { .. } => {
                self.running = None;
                self.on_answer(now, event);
            }
            _ => {}
        }
    }

    fn on_answer(&mut self, now: Moment, event: &Event) {
        match event {
            Event::Profile { profile } if self.profiles.len() < MAX_PROBES => {
                self.profiles.push((now, profile.clone()));
            }
            Event::Memory { memory } => self.keep(now, memory),
            Event::Counters { counters } => {
                self.counters.record(now, counters);
                counters.memory.iter().for_each(|memory| self.keep(now, memory));
            }
            Event::Tasks { tasks } => self.tasks = Some((now, tasks.clone())),
            Event::ProbeFailed { probe: Probe::Counters, why } => self.counters.record_failure(why),
            Event::ProbeFailed { probe, why } if self.failed.len() < MAX_PROBES => {
                self.failed.push((now, *probe, why.clone()));
            }
            _ => {}
        }
    }

    fn keep(&mut self, now: Moment, memory: &Memory) {
        if self.memories.len() >= MAX_PROBES {
            self.memories.pop_front();
        }
        self.memories.push_back((now, memory.clone()));
    }

    /// A console line, its printk prefix already stripped, that may be the answer to a sysrq letter.
    pub fn on_message(&mut self, now: Moment, text: &str) {
        if self.last_sysrq().is_none() {
            return;
        }
        // `drivers/tty/sysrq.c`, `__handle_sysrq()`: before 4.20 `SysRq : `, then `sysrq: `. It says so too when it refuses.
        if text.starts_with("sysrq: ") || text.starts_with("SysRq : ") {
            self.sysrq_ack = Some(now);
        }
        self.blocked_tasks.on_message(text);
    }

    /// All profiles taken since `since` as one; `None` without samples.
    pub fn profile(&self, since: Moment) -> Option<Profile> {
        let mut sum = Profile::default();
        for (_, profile) in self.profiles.iter().filter(|(at, _)| at.host >= since.host) {
            sum.span_ms += profile.span_ms;
            sum.samples += profile.samples;
            sum.user += profile.user;
            sum.irqs_off += profile.irqs_off;
            sum.idle += profile.idle;
            sum.stacks += profile.stacks;
            add(&mut sum.spots, &profile.spots);
            add(&mut sum.callers, &profile.callers);
        }
        (sum.samples > 0).then_some(sum)
    }

    /// The tasks as they were at the last snapshot since `since`, if there was one.
    pub fn tasks(&self, since: Moment) -> Option<&Tasks> {
        self.tasks.as_ref().filter(|(at, _)| at.host >= since.host).map(|(_, tasks)| &**tasks)
    }

    /// The first and the last memory figures taken since `since`; the same twice if there is one.
    pub fn memory(&self, since: Moment) -> Option<(&Memory, &Memory)> {
        let mut since = self.memories.iter().filter(|(at, _)| at.host >= since.host).map(|(_, memory)| memory);
        let first = since.next()?;
        Some((first, since.next_back().unwrap_or(first)))
    }
}

fn add(sum: &mut Vec<Spot>, spots: &[Spot]) {
    for spot in spots {
        match sum.iter_mut().find(|known| known.symbol == spot.symbol) {
            Some(known) => known.samples += spot.samples,
            None => sum.push(spot.clone()),
        }
    }
    sum.sort_by_key(|spot| std::cmp::Reverse(spot.samples));
}

/// The share of a profile's samples, from 0 to 1, in which a vCPU was in one of these subsystems or was called from there.
pub(super) fn share_in(profile: &Profile, subsystems: &[Subsystem]) -> f64 {
    let is_there = |spot: &&Spot| Subsystem::of(&spot.symbol).is_some_and(|found| subsystems.contains(&found));
    let here: u32 = profile.spots.iter().filter(is_there).map(|spot| spot.samples).sum();
    // One stack has many callers: the most frequent one is a lower bound of their union.
    let called = profile.callers.iter().filter(is_there).map(|spot| spot.samples).max().unwrap_or(0);
    let share = |part: u32, whole: u32| f64::from(part.min(whole)) / f64::from(whole.max(1));
    share(here, profile.samples).max(share(called, profile.stacks) * share(busy(profile), profile.samples))
}

/// Samples inside the kernel and not idle.
fn busy(profile: &Profile) -> u32 {
    profile.samples.saturating_sub(profile.user + profile.idle)
}

/// The functions with the most samples.
const TOP_FUNCTIONS: usize = 4;

/// The summary of a profile for a verdict.
pub(super) fn summary(profile: &Profile) -> ProfileSummary {
    let share = |samples: u32| f64::from(samples) / f64::from(profile.samples.max(1));
    let function = |spot: &Spot| FunctionShare { symbol: spot.symbol.clone(), share: share(spot.samples) };
    let allocates = |spot: &&Spot| Subsystem::of(&spot.symbol) == Some(Subsystem::Allocator);
    let caller = profile.callers.iter().filter(allocates).max_by_key(|spot| spot.samples);
    let allocator = caller.map(|caller| FunctionShare {
        symbol: caller.symbol.clone(),
        share: share_in(profile, &[Subsystem::Allocator]),
    });
    ProfileSummary {
        samples: profile.samples,
        span_ms: profile.span_ms,
        functions: profile.spots.iter().take(TOP_FUNCTIONS).map(function).collect(),
        user: share(profile.user),
        idle: share(profile.idle),
        allocator,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::Stamp;

    fn spot(symbol: &str, samples: u32) -> Spot {
        Spot { symbol: symbol.to_owned(), samples }
    }

    fn at(seconds: f64) -> Moment {
        Moment { host: Stamp::from_secs_f64(seconds), granted_s: seconds, late_s: 0.0 }
    }

    fn profile(spots: &[(&str, u32)], callers: &[(&str, u32)]) -> Profile {
        let spots: Vec<Spot> = spots.iter().map(|(symbol, samples)| spot(symbol, *samples)).collect();
        let callers = callers.iter().map(|(symbol, samples)| spot(symbol, *samples)).collect();
        Profile { span_ms: 2100, samples: 100, user: 3, irqs_off: 0, idle: 2, stacks: 20, spots, callers }
    }

    #[test]
    fn summary_has_the_top_functions_and_the_allocator() {
        let spots = [("memcpy", 45), ("a", 20), ("b", 15), ("c", 10), ("d", 5)];
        let callers = [("try_to_free_pages", 20), ("__alloc_pages", 19), ("alloc_pages", 2)];
        let summary = summary(&profile(&spots, &callers));
        let symbols: Vec<&str> = summary.functions.iter().map(|function| function.symbol.as_str()).collect();
        assert_eq!(symbols, ["memcpy", "a", "b", "c"]);
        assert_eq!((summary.functions[0].share, summary.user, summary.idle), (0.45, 0.03, 0.02));
        let allocator = summary.allocator.unwrap();
        assert_eq!(allocator.symbol, "__alloc_pages");
        assert!((allocator.share - 0.9025).abs() < 1e-9, "{allocator:?}");
    }

    #[test]
    fn share_in_counts_functions_and_callers() {
        let profile =
            profile(&[("schedule", 60), ("shrink_node", 10)], &[("__alloc_pages", 20), ("try_to_free_pages", 10)]);
        assert!((share_in(&profile, &[Subsystem::Allocator]) - 0.95).abs() < 1e-9);
        assert!((share_in(&profile, &[Subsystem::Reclaim]) - 0.475).abs() < 1e-9);
        assert!((share_in(&profile, &[Subsystem::Lock])).abs() < 1e-9);
    }

    #[test]
    fn profile_sums_since_a_moment() {
        let mut probes = ProbeLog::default();
        assert_eq!(probes.profile(at(0.0)), None);
        for (second, spots) in [(1.0, [("a", 1), ("b", 2)]), (5.0, [("a", 10), ("b", 2)]), (9.0, [("a", 1), ("c", 30)])]
        {
            probes.on_event(at(second), &Event::Profile { profile: profile(&spots, &[("d", 1)]) });
        }
        let sum = probes.profile(at(5.0)).unwrap();
        assert_eq!(sum.spots, [spot("c", 30), spot("a", 11), spot("b", 2)]);
        assert_eq!((sum.samples, sum.span_ms, sum.user, sum.idle), (200, 4200, 6, 4));
        assert_eq!(sum.callers, [spot("d", 2)]);
    }

    #[test]
    fn requests_are_counted_and_bounded() {
        let mut probes = ProbeLog::default();
        probes.record_request(Probe::Memory, at(1.0));
        probes.record_request(Probe::Memory, at(3.0));
        assert_eq!((probes.count_since(Probe::Memory, at(2.0)), probes.count_since(Probe::Profile, at(0.0))), (1, 0));
        assert_eq!(probes.last_sysrq(), None);
        (0..64).for_each(|_| request(&mut probes, 'm', 4.0));
        assert_eq!(probes.count_since(Probe::Profile, at(9.0)), usize::MAX);
        assert_eq!(probes.last_sysrq(), Some(at(4.0)));
    }

    #[test]
    fn sysrq_w_clears_blocked_tasks() {
        let mut probes = ProbeLog::default();
        let blocked_tasks = |probes: &ProbeLog| probes.blocked_tasks.all.len();
        request(&mut probes, 'w', 1.0);
        probes.on_message(at(1.0), "task:hog state:D stack:0 pid:26 ppid:1");
        probes.record_request(Probe::Memory, at(2.0));
        assert_eq!(blocked_tasks(&probes), 1);
        request(&mut probes, 'w', 3.0);
        assert_eq!(blocked_tasks(&probes), 0);
    }

    #[test]
    fn failed_probes_and_manual_oom_kill() {
        let mut probes = ProbeLog::default();
        request(&mut probes, 'm', 1.0);
        assert!(!probes.manual_oom_kill_sent());
        request(&mut probes, 'f', 2.0);
        assert!(probes.manual_oom_kill_sent());
        let failed = |probe, why: &str| Event::ProbeFailed { probe, why: why.to_owned() };
        assert_eq!(probes.sysrq_failed(), None);
        probes.on_event(at(3.0), &failed(Probe::Sysrq('m'), "no BREAK"));
        probes.on_event(at(4.0), &failed(Probe::Memory, "no symbols"));
        assert_eq!(probes.sysrq_failed(), Some(('m', "no BREAK")));
        let has_failed = |probe, since| probes.failed_since(probe, at(since));
        assert!(has_failed(Probe::Sysrq('m'), 3.0));
        assert!(!has_failed(Probe::Sysrq('m'), 3.5) && !has_failed(Probe::Sysrq('f'), 0.0));
        (0..100).for_each(|_| probes.on_event(at(5.0), &failed(Probe::Profile, "again")));
        assert_eq!(probes.failed.len(), MAX_PROBES);
    }

    #[test]
    fn probe_results_are_bounded() {
        let mut probes = ProbeLog::default();
        for _ in 0..100 {
            probes.on_event(at(1.0), &Event::Profile { profile: Profile::default() });
            probes.on_event(at(1.0), &Event::Memory { memory: Memory::default() });
        }
        assert_eq!((probes.profiles.len(), probes.memories.len()), (MAX_PROBES, MAX_PROBES));
    }

    /// Requests a sysrq letter, which is sent at once.
    fn request(probes: &mut ProbeLog, letter: char, seconds: f64) {
        probes.record_request(Probe::Sysrq(letter), at(seconds));
        probes.on_event(at(seconds), &Event::Probed { probe: Probe::Sysrq(letter) });
    }

    #[test]
    fn an_answer_is_due_after_the_letter_is_sent() {
        let mut probes = ProbeLog::default();
        assert!(probes.are_answers_due(at(0.0), 3.0));
        probes.record_request(Probe::Sysrq('m'), at(1.0));
        assert!(!probes.are_answers_due(at(30.0), 3.0), "it waits for another probe");
        assert!(probes.are_answers_due(at(61.0), 3.0));
        probes.on_event(at(31.0), &Event::Probed { probe: Probe::Sysrq('m') });
        assert!(!probes.are_answers_due(at(33.0), 3.0) && probes.are_answers_due(at(34.0), 3.0));
        probes.on_event(at(33.0), &Event::ProbeFailed { probe: Probe::Sysrq('m'), why: "no BREAK".to_owned() });
        assert!(probes.are_answers_due(at(33.0), 3.0));
    }

    #[test]
    fn sysrq_ack_needs_a_request() {
        let mut probes = ProbeLog::default();
        probes.on_message(at(1.0), "sysrq: Show Memory");
        assert!(!probes.sysrq_acked_since(at(0.0)));
        request(&mut probes, 'm', 2.0);
        probes.on_message(at(2.5), "Mem-Info:");
        assert!(!probes.sysrq_acked_since(at(0.0)));
        probes.on_message(at(3.0), "SysRq : Show Memory");
        assert!(probes.sysrq_acked_since(at(2.0)) && !probes.sysrq_acked_since(at(3.5)));
    }

    #[test]
    fn memory_gives_first_and_last() {
        let mut probes = ProbeLog::default();
        let figure = |free_kib| Event::Memory { memory: Memory { free_kib, ..Memory::default() } };
        assert_eq!(probes.memory(at(0.0)), None);
        (1..4_u32).for_each(|n| probes.on_event(at(f64::from(n)), &figure(u64::from(n))));
        let free = |since| probes.memory(at(since)).map(|(a, b)| (a.free_kib, b.free_kib));
        assert_eq!((free(0.0), free(3.0), free(4.0)), (Some((1, 3)), Some((3, 3)), None));
    }
}
