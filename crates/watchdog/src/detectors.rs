//! What the kernel's own hang detectors claim, and whether steal time explains it.
//!
//! They count in the guest's time, which is the host's: a guest that gets no CPU looks stuck to them.

use super::clock::GuestClock;
use kmsg::signature::{FailureKind, StallAge, claimed_s, jiffies_per_s, stall_age};

/// Seconds after which a detector reports when its message does not say: RCU's default (`CONFIG_RCU_CPU_STALL_TIMEOUT`), and
/// about twice `watchdog_thresh` for lockups.
const DETECTOR_S: f64 = 21.0;

/// A report counts if the guest was granted so many of the seconds that it claims.
const MIN_GRANTED_S: f64 = 15.0;

/// Or this share of them, where they are fewer: a shorter limit is the user's own.
const MIN_GRANTED_SHARE: f64 = 0.7;

/// And if the lab looked for this share of them: in the rest the whole host may have been paused, and its clock may have jumped.
const MIN_WATCHED_SHARE: f64 = 0.5;

/// Shorter claims say nothing of a detector's limit: that of expedited grace periods may be milliseconds.
const MIN_LIMIT_S: f64 = 1.0;

/// The detectors, as far as their reports show them.
#[derive(Debug, Clone, Default)]
pub(super) struct Detectors {
    /// Jiffies per second.
    jiffies_per_s: Option<f64>,
    /// The last age of an RCU stall, and when it was printed, in seconds.
    stall: Option<(StallAge, f64)>,
    /// The smallest claim of each, which is about its limit.
    limits: Vec<(FailureKind, f64)>,
}

impl Detectors {
    /// Any message: a booting kernel prints how long a jiffy is.
    pub fn on_message(&mut self, text: &str) {
        self.jiffies_per_s = self.jiffies_per_s.or_else(|| jiffies_per_s(text));
    }

    /// The seconds that a report's first line claims. It was printed at `now_s`, by one clock throughout.
    pub fn claimed_s(&mut self, text: &str, now_s: f64) -> Option<f64> {
        claimed_s(text).or_else(|| self.age_s(text, now_s))
    }

    /// The age of an RCU stall in seconds, from a report's first line or a later one. Where the length of a jiffy is not known, two
    /// reports of one stall show it.
    pub fn age_s(&mut self, text: &str, now_s: f64) -> Option<f64> {
        let age = stall_age(text)?;
        let before = self.stall.replace((age.clone(), now_s));
        if self.jiffies_per_s.is_none()
            && let Some((before, before_s)) = before
            && before.period.is_some()
            && before.period == age.period
            && before.jiffies < age.jiffies
            && before_s < now_s
        {
            let per_s = f64::from(age.jiffies - before.jiffies) / (now_s - before_s);
            self.jiffies_per_s = Some(per_s);
            self.learn_limit(FailureKind::RcuStall, f64::from(before.jiffies) / per_s);
        }
        Some(f64::from(age.jiffies) / self.jiffies_per_s?)
    }

    /// The smallest claim so far is about the limit of its detector.
    fn learn_limit(&mut self, kind: FailureKind, claimed_s: f64) {
        if claimed_s < MIN_LIMIT_S {
            return;
        }
        match self.limits.iter_mut().find(|(of, _)| *of == kind) {
            Some((_, limit)) => *limit = limit.min(claimed_s),
            None => self.limits.push((kind, claimed_s)),
        }
    }

    /// Whether the host granted the guest too little of the time that a report claims. What has lasted for the detector's whole limit in
    /// granted seconds is a hang, for any host time: a stall is not discounted forever. Nothing has lasted for longer than the kernel
    /// has been up, `uptime_s`, where that is known: user space can print such a line, too.
    pub fn is_discounted(
        &mut self,
        clock: &GuestClock,
        kind: FailureKind,
        claimed_s: Option<f64>,
        uptime_s: Option<f64>,
    ) -> bool {
        claimed_s.into_iter().for_each(|claimed_s| self.learn_limit(kind, claimed_s));
        let limit_s = self.limits.iter().find(|(of, _)| *of == kind).map_or(MIN_GRANTED_S, |(_, limit)| *limit);
        let claimed_s = claimed_s.unwrap_or(DETECTOR_S);
        let lasted_s = uptime_s.map_or(claimed_s, |uptime_s| claimed_s.min(uptime_s));
        clock.watched_over(lasted_s) < MIN_WATCHED_SHARE
            || lasted_s * clock.share_over(lasted_s) < MIN_GRANTED_S.min(claimed_s * MIN_GRANTED_SHARE).min(limit_s)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{Stamp, ThreadTime};

    fn rcu(jiffies: u32, period: u32) -> String {
        format!("\t(t={jiffies} jiffies g={period} q=1)")
    }

    #[test]
    fn jiffy_length_from_two_stall_reports() {
        for (first, second, age) in [
            ((2500, 57, 10.0), (5000, 57, 20.0), Some(20.0)),
            ((2500, 57, 10.0), (5000, 58, 20.0), None),
            ((2500, 57, 10.0), (2500, 57, 20.0), None),
            ((5000, 57, 10.0), (2500, 57, 20.0), None),
            ((2500, 57, 10.0), (5000, 57, 10.0), None),
            ((2500, 57, 20.0), (5000, 57, 10.0), None),
        ] {
            let mut detectors = Detectors::default();
            assert_eq!(detectors.age_s(&rcu(first.0, first.1), first.2), None);
            assert_eq!(detectors.age_s(&rcu(second.0, second.1), second.2), age, "{first:?} {second:?}");
            // What the first claimed is about the limit of the detector.
            let limit = age.map(|_| (FailureKind::RcuStall, 10.0));
            assert_eq!(detectors.limits, limit.into_iter().collect::<Vec<_>>());
        }
        assert_eq!(Detectors::default().age_s("nothing", 1.0), None);
    }

    #[test]
    fn jiffy_length_is_kept() {
        let mut detectors = Detectors { jiffies_per_s: Some(100.0), ..Detectors::default() };
        assert_eq!(detectors.age_s(&rcu(2500, 57), 10.0), Some(25.0));
        assert_eq!(detectors.age_s(&rcu(5000, 57), 20.0), Some(50.0));
    }

    #[test]
    fn detector_limit_is_the_smallest_claim() {
        let mut detectors = Detectors::default();
        for (kind, claimed_s) in [
            (FailureKind::RcuStall, 0.9),
            (FailureKind::RcuStall, 30.0),
            (FailureKind::RcuStall, 10.0),
            (FailureKind::RcuStall, 20.0),
            (FailureKind::SoftLockup, 1.0),
        ] {
            detectors.learn_limit(kind, claimed_s);
        }
        assert_eq!(detectors.limits, [(FailureKind::RcuStall, 10.0), (FailureKind::SoftLockup, 1.0)]);
    }

    /// A guest that got this share of 100 seconds.
    fn clock(share: f64) -> GuestClock {
        let mut clock = GuestClock::default();
        for second in 1..=100_u32 {
            let at = f64::from(second);
            clock.advance(Stamp::from_secs_f64(at));
            let ran = (at * share * 1e6) as u64;
            clock.sample(&[ThreadTime { ran_us: ran, waited_us: u64::from(second) * 1_000_000 - ran }]);
        }
        clock
    }

    #[test]
    fn detector_report_is_discounted_by_steal_time() {
        for (share, claimed_s, starved) in [
            // 15 granted seconds, or seven tenths of what is claimed.
            (0.5, Some(30.0), false),
            (0.5, Some(28.0), true),
            (0.75, Some(16.0), false),
            (0.65, Some(16.0), true),
            // Without a claim, 21 seconds.
            (0.75, None, false),
            (0.5, None, true),
        ] {
            let mut detectors = Detectors::default();
            assert_eq!(
                detectors.is_discounted(&clock(share), FailureKind::SoftLockup, claimed_s, None),
                starved,
                "{share} {claimed_s:?}"
            );
        }
        // What has lasted for a limit that is known is a hang.
        let mut detectors = Detectors::default();
        detectors.learn_limit(FailureKind::SoftLockup, 10.0);
        assert!(!detectors.is_discounted(&clock(0.5), FailureKind::SoftLockup, Some(24.0), None));
        assert!(detectors.is_discounted(&clock(0.5), FailureKind::HardLockup, Some(24.0), None), "another detector's");
    }

    #[test]
    fn claim_beyond_the_uptime_is_discounted() {
        let is_discounted =
            |uptime_s| Detectors::default().is_discounted(&clock(1.0), FailureKind::SoftLockup, Some(22.0), uptime_s);
        assert_eq!(
            [Some(1.6), Some(14.0), Some(16.0), Some(60.0), None].map(is_discounted),
            [true, true, false, false, false]
        );
    }
}
