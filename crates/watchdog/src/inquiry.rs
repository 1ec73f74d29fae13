//! What the lab has asked about a suspected guest, and what came back.

use super::blocked::Sleepers;
use super::clock::Moment;
use kmsg::functions::Subsystem;
use model::{Event, Memory, Probe, Profile, Spot};

/// How often the guest is looked into in one trial: a guest that stalls and recovers for hours is not pestered.
const MOST_PROBES: usize = 64;

/// Questions and answers.
#[derive(Debug, Clone, Default)]
pub(super) struct Inquiry {
    asked: Vec<(Probe, Moment)>,
    profiles: Vec<(Moment, Profile)>,
    memories: Vec<(Moment, Memory)>,
    failed: Vec<(Moment, Probe, String)>,
    /// When the kernel was last seen to answer to a sysrq letter.
    pub echo: Option<Moment>,
    pub sleepers: Sleepers,
}

impl Inquiry {
    /// The watchdog asks.
    pub fn ask(&mut self, probe: Probe, now: Moment) {
        if probe == Probe::Sysrq('w') {
            self.sleepers = Sleepers::default();
        }
        self.asked.push((probe, now));
    }

    /// How often it has asked since `since`; as if often enough, when it has asked all that it may in one trial.
    pub fn asked(&self, probe: Probe, since: Moment) -> usize {
        if self.asked.len() >= MOST_PROBES {
            return usize::MAX;
        }
        self.asked.iter().filter(|(other, at)| *other == probe && at.host >= since.host).count()
    }

    /// When it last sent a sysrq letter: what the console says after that may have been provoked.
    pub fn provoked(&self) -> Option<Moment> {
        self.asked.iter().rev().find(|(probe, _)| matches!(probe, Probe::Sysrq(_))).map(|(_, at)| *at)
    }

    /// Whether the lab has started the OOM killer by hand: what it kills then is the lab's doing.
    pub fn killed_by_hand(&self) -> bool {
        self.asked.iter().any(|(probe, _)| *probe == Probe::Sysrq('f'))
    }

    /// Whether the kernel has answered a sysrq letter that was sent since `since`.
    pub fn echoed(&self, since: Moment) -> bool {
        self.echo.is_some_and(|at| at.host >= since.host)
    }

    /// Why a sysrq letter could not be sent.
    pub fn sysrq_failed(&self) -> Option<&str> {
        let sysrq = |(_, probe, _): &&(Moment, Probe, String)| matches!(probe, Probe::Sysrq(_));
        self.failed.iter().rev().find(sysrq).map(|(_, _, why)| why.as_str())
    }

    /// Whether this probe, asked for at `since`, could not be made.
    pub fn failed(&self, probe: Probe, since: Moment) -> bool {
        self.failed.iter().any(|(at, other, _)| *other == probe && at.host >= since.host)
    }

    pub fn take(&mut self, now: Moment, event: &Event) {
        match event {
            Event::Profile { profile } if self.profiles.len() < MOST_PROBES => {
                self.profiles.push((now, profile.clone()));
            }
            Event::Memory { memory } if self.memories.len() < MOST_PROBES => {
                self.memories.push((now, memory.clone()));
            }
            Event::ProbeFailed { probe, why } if self.failed.len() < MOST_PROBES => {
                self.failed.push((now, *probe, why.clone()));
            }
            _ => {}
        }
    }

    /// A console line, its printk prefix already stripped, that may be the answer to a sysrq letter.
    pub fn line(&mut self, now: Moment, text: &str) {
        if self.provoked().is_none() {
            return;
        }
        // `drivers/tty/sysrq.c`, `__handle_sysrq()`: before 4.20 `SysRq : `, then `sysrq: `. It says so too when it refuses.
        if text.starts_with("sysrq: ") || text.starts_with("SysRq : ") {
            self.echo = Some(now);
        }
        self.sleepers.take(text);
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

/// The share of a profile's samples, from 0 to 1, in which a vCPU was in one of these places or was called from there.
pub(super) fn share_in(profile: &Profile, places: &[Subsystem]) -> f64 {
    let is_there = |spot: &&Spot| Subsystem::of(&spot.symbol).is_some_and(|place| places.contains(&place));
    let here: u32 = profile.spots.iter().filter(is_there).map(|spot| spot.samples).sum();
    // One stack has many callers: the one that was seen most often is a lower bound of their union.
    let called = profile.callers.iter().filter(is_there).map(|spot| spot.samples).max().unwrap_or(0);
    let share = |part: u32, whole: u32| f64::from(part.min(whole)) / f64::from(whole.max(1));
    share(here, profile.samples).max(share(called, profile.stacks) * share(busy(profile), profile.samples))
}

/// Samples inside the kernel and not idle.
fn busy(profile: &Profile) -> u32 {
    profile.samples.saturating_sub(profile.user + profile.idle)
}

/// `91 % __alloc_pages_slowpath, 6 % shrink_node (64 samples in 2.1 s)`.
pub(super) fn in_words(profile: &Profile) -> String {
    let percent = |samples: u32| 100.0 * f64::from(samples) / f64::from(profile.samples.max(1));
    let mut parts: Vec<(f64, &str)> =
        profile.spots.iter().map(|spot| (percent(spot.samples), spot.symbol.as_str())).collect();
    parts.push((percent(profile.idle), "idle"));
    parts.push((percent(profile.user), "outside the kernel"));
    parts.sort_by(|a, b| b.0.total_cmp(&a.0));
    let shown = parts.iter().filter(|(share, _)| *share >= 1.0).take(4);
    let mut shown: Vec<String> = shown.map(|(share, name)| format!("{share:.0} % {name}")).collect();
    // Whatever they do right now, this is what they do it for.
    let allocator = |spot: &&Spot| Subsystem::of(&spot.symbol) == Some(Subsystem::Allocator);
    let caller = profile.callers.iter().filter(allocator).max_by_key(|spot| spot.samples);
    shown.extend(
        caller.map(|caller| {
            format!("{:.0} % below {}", 100.0 * share_in(profile, &[Subsystem::Allocator]), caller.symbol)
        }),
    );
    format!("{} ({} samples in {:.1} s)", shown.join(", "), profile.samples, profile.span_ms as f64 / 1e3)
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::Stamp;

    fn spot(symbol: &str, samples: u32) -> Spot {
        Spot { symbol: symbol.to_owned(), samples }
    }

    fn at(seconds: f64) -> Moment {
        Moment { host: Stamp::from_secs_f64(seconds), fair_s: seconds }
    }

    fn profile(spots: &[(&str, u32)], callers: &[(&str, u32)]) -> Profile {
        let spots: Vec<Spot> = spots.iter().map(|(symbol, samples)| spot(symbol, *samples)).collect();
        let callers = callers.iter().map(|(symbol, samples)| spot(symbol, *samples)).collect();
        Profile { span_ms: 2100, samples: 100, user: 3, irqs_off: 0, idle: 2, stacks: 20, spots, callers }
    }

    #[test]
    fn a_profile_reads_like_one() {
        let profile = profile(&[("__alloc_pages_slowpath", 89), ("shrink_node", 6)], &[]);
        assert_eq!(
            in_words(&profile),
            "89 % __alloc_pages_slowpath, 6 % shrink_node, 3 % outside the kernel, 2 % idle (100 samples in 2.1 s)"
        );
    }

    #[test]
    fn a_profile_names_the_allocation_that_all_is_done_for() {
        let profile =
            profile(&[("memcpy", 95)], &[("try_to_free_pages", 20), ("__alloc_pages", 19), ("alloc_pages", 2)]);
        assert_eq!(
            in_words(&profile),
            "95 % memcpy, 3 % outside the kernel, 2 % idle, 90 % below __alloc_pages (100 samples in 2.1 s)"
        );
    }

    #[test]
    fn shares_count_where_it_is_and_who_called() {
        let profile =
            profile(&[("schedule", 60), ("shrink_node", 10)], &[("__alloc_pages", 20), ("try_to_free_pages", 10)]);
        assert!((share_in(&profile, &[Subsystem::Allocator]) - 0.95).abs() < 1e-9);
        assert!((share_in(&profile, &[Subsystem::Reclaim]) - 0.475).abs() < 1e-9);
        assert!((share_in(&profile, &[Subsystem::Lock])).abs() < 1e-9);
    }

    #[test]
    fn profiles_of_one_stall_add_up_and_older_ones_do_not_count() {
        let mut inquiry = Inquiry::default();
        assert_eq!(inquiry.profile(at(0.0)), None);
        for (second, spots) in [(1.0, [("a", 1), ("b", 2)]), (5.0, [("a", 10), ("b", 2)]), (9.0, [("a", 1), ("c", 30)])]
        {
            inquiry.take(at(second), &Event::Profile { profile: profile(&spots, &[("d", 1)]) });
        }
        let sum = inquiry.profile(at(5.0)).unwrap();
        assert_eq!(sum.spots, [spot("c", 30), spot("a", 11), spot("b", 2)]);
        assert_eq!((sum.samples, sum.span_ms, sum.user, sum.idle), (200, 4200, 6, 4));
        assert_eq!(sum.callers, [spot("d", 2)]);
    }

    #[test]
    fn questions_are_counted_and_bounded() {
        let mut inquiry = Inquiry::default();
        inquiry.ask(Probe::Memory, at(1.0));
        inquiry.ask(Probe::Memory, at(3.0));
        assert_eq!((inquiry.asked(Probe::Memory, at(2.0)), inquiry.asked(Probe::Profile, at(0.0))), (1, 0));
        assert_eq!(inquiry.provoked(), None);
        (0..64).for_each(|_| inquiry.ask(Probe::Sysrq('m'), at(4.0)));
        assert_eq!(inquiry.asked(Probe::Profile, at(9.0)), usize::MAX);
        assert_eq!(inquiry.provoked(), Some(at(4.0)));
    }

    #[test]
    fn who_sleeps_is_asked_anew_with_each_sysrq_w() {
        let mut inquiry = Inquiry::default();
        let sleepers = |inquiry: &Inquiry| inquiry.sleepers.all.len();
        inquiry.ask(Probe::Sysrq('w'), at(1.0));
        inquiry.line(at(1.0), "task:hog state:D stack:0 pid:26 ppid:1");
        inquiry.ask(Probe::Memory, at(2.0));
        assert_eq!(sleepers(&inquiry), 1);
        inquiry.ask(Probe::Sysrq('w'), at(3.0));
        assert_eq!(sleepers(&inquiry), 0);
    }

    #[test]
    fn only_sysrq_f_kills_and_only_what_failed_since_then_counts() {
        let mut inquiry = Inquiry::default();
        inquiry.ask(Probe::Sysrq('m'), at(1.0));
        assert!(!inquiry.killed_by_hand());
        inquiry.ask(Probe::Sysrq('f'), at(2.0));
        assert!(inquiry.killed_by_hand());
        let failed = |probe, why: &str| Event::ProbeFailed { probe, why: why.to_owned() };
        assert_eq!(inquiry.sysrq_failed(), None);
        inquiry.take(at(3.0), &failed(Probe::Sysrq('m'), "no BREAK"));
        inquiry.take(at(4.0), &failed(Probe::Memory, "no symbols"));
        assert_eq!(inquiry.sysrq_failed(), Some("no BREAK"));
        let asked = |probe, since| inquiry.failed(probe, at(since));
        assert!(asked(Probe::Sysrq('m'), 3.0) && !asked(Probe::Sysrq('m'), 3.5) && !asked(Probe::Sysrq('f'), 0.0));
        (0..100).for_each(|_| inquiry.take(at(5.0), &failed(Probe::Profile, "again")));
        assert_eq!(inquiry.failed.len(), MOST_PROBES);
    }

    #[test]
    fn answers_are_bounded() {
        let mut inquiry = Inquiry::default();
        for _ in 0..100 {
            inquiry.take(at(1.0), &Event::Profile { profile: Profile::default() });
            inquiry.take(at(1.0), &Event::Memory { memory: Memory::default() });
        }
        assert_eq!((inquiry.profiles.len(), inquiry.memories.len()), (MOST_PROBES, MOST_PROBES));
    }

    #[test]
    fn an_echo_is_one_only_after_a_question() {
        let mut inquiry = Inquiry::default();
        inquiry.line(at(1.0), "sysrq: Show Memory");
        assert!(!inquiry.echoed(at(0.0)));
        inquiry.ask(Probe::Sysrq('m'), at(2.0));
        inquiry.line(at(2.5), "Mem-Info:");
        assert!(!inquiry.echoed(at(0.0)));
        inquiry.line(at(3.0), "SysRq : Show Memory");
        assert!(inquiry.echoed(at(2.0)) && !inquiry.echoed(at(3.5)));
    }

    #[test]
    fn memory_figures_come_as_first_and_last() {
        let mut inquiry = Inquiry::default();
        let figure = |free_kib| Event::Memory { memory: Memory { free_kib, ..Memory::default() } };
        assert_eq!(inquiry.memory(at(0.0)), None);
        (1..4_u32).for_each(|n| inquiry.take(at(f64::from(n)), &figure(u64::from(n))));
        let free = |since| inquiry.memory(at(since)).map(|(a, b)| (a.free_kib, b.free_kib));
        assert_eq!((free(0.0), free(3.0), free(4.0)), (Some((1, 3)), Some((3, 3)), None));
    }
}
