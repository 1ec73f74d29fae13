//! The last question to a guest that looks livelocked: sysrq-f starts the OOM killer by hand (`drivers/tty/sysrq.c`, `moom_callback()`). If
//! it kills another task and the canary recovers, then nothing but the choice of a victim was blocked.

use super::clock::Moment;
use super::seen::Seen;
use model::{Evidence, Kind, Probe, Stamp, Verdict};

/// Fair seconds that the guest has to answer.
const PATIENCE_S: f64 = 3.0;

/// A verdict that waits for its proof.
#[derive(Debug, Clone)]
pub(super) struct Confirmation {
    verdict: Verdict,
    asked: Moment,
    canary: Option<Moment>,
    kill: Option<Moment>,
}

impl Confirmation {
    pub fn begin(verdict: Verdict, seen: &Seen) -> Self {
        Self { verdict, asked: seen.now(), canary: seen.canary_moved, kill: seen.kill.as_ref().map(|kill| kill.at) }
    }

    pub const fn probe(&self) -> Probe {
        Probe::Sysrq('f')
    }

    /// The verdict, or until when to wait for it.
    pub fn settle(&self, seen: &Seen) -> Result<Verdict, Stamp> {
        let mut verdict = self.verdict.clone();
        let killed = seen.kill.as_ref().filter(|kill| Some(kill.at) != self.kill).map(|kill| kill.what.pid);
        let recovered = seen.canary_moved != self.canary;
        let passed = seen.now().fair_since(self.asked);
        let unanswered = seen.ended() || seen.interrupted || seen.inquiry.failed(self.probe(), self.asked);
        let over = unanswered || passed >= PATIENCE_S * seen.slowness();
        match (killed, recovered) {
            (Some(pid), true) => {
                verdict.confidence = 0.99;
                verdict.evidence.push(Evidence::ManualOomKill { killed_pid: Some(pid), canary_recovered: true });
                Ok(verdict)
            }
            _ if !over => Err(seen.clock.host_time_in(PATIENCE_S * seen.slowness() - passed)),
            (None, true) => {
                let summary = format!("it looked like {}, but the canary recovered by itself", verdict.kind);
                Ok(Verdict { kind: Kind::Unproven, summary, confidence: 0.5, ..verdict })
            }
            (Some(pid), false) => {
                verdict.evidence.push(Evidence::ManualOomKill { killed_pid: Some(pid), canary_recovered: false });
                Ok(verdict)
            }
            (None, false) => {
                if seen.inquiry.echoed(self.asked) {
                    verdict.evidence.push(Evidence::ManualOomKill { killed_pid: None, canary_recovered: false });
                }
                Ok(verdict)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::setup::{NOMINAL_LOOP_US, Setup};
    use model::{Event, RuleId, Timeouts};

    /// A guest that is twice as slow as usual, and was asked at once.
    fn asked() -> (Seen, Confirmation) {
        let timeouts = Timeouts { boot_s: 30.0, load_s: 60.0, stuck_s: 4.0 };
        let mut seen = Seen::new(Setup { agent: true, timeouts, held: 0.0 });
        seen.speed_loop_us = Some(2 * NOMINAL_LOOP_US);
        let mut verdict = Verdict::new(Kind::OomLivelock, RuleId::CanaryStuck, "stuck");
        verdict.confidence = 0.8;
        let confirmation = Confirmation::begin(verdict, &seen);
        (seen, confirmation)
    }

    fn pass(seen: &mut Seen, to_s: f64) {
        seen.clock.advance(Stamp::from_secs_f64(to_s));
    }

    fn kill(seen: &mut Seen) {
        let text = "[    1.000000] Out of memory: Killed process 26 (hog) total-vm:6228kB".to_owned();
        seen.take(&Event::Line { text });
    }

    #[test]
    fn an_answer_is_waited_for_as_long_as_the_guest_is_slow() {
        let (mut seen, confirmation) = asked();
        for passed in [0.0, 2.0, 5.5] {
            pass(&mut seen, passed);
            let until = confirmation.settle(&seen).unwrap_err().as_secs_f64();
            assert!((until - 6.001).abs() < 1e-6, "{until}");
        }
        pass(&mut seen, 6.0);
        let verdict = confirmation.settle(&seen).unwrap();
        assert_eq!((verdict.kind, verdict.confidence, verdict.evidence.len()), (Kind::OomLivelock, 0.8, 0));
    }

    #[test]
    fn a_canary_that_recovers_by_itself_proves_nothing() {
        let (mut seen, confirmation) = asked();
        pass(&mut seen, 1.0);
        seen.canary_moved = Some(seen.now());
        assert!(confirmation.settle(&seen).is_err(), "a kill may still be told");
        pass(&mut seen, 6.0);
        let verdict = confirmation.settle(&seen).unwrap();
        assert_eq!((verdict.kind, verdict.confidence, verdict.rule), (Kind::Unproven, 0.5, RuleId::CanaryStuck));
    }

    #[test]
    fn another_kill_tells_whether_the_choice_of_a_victim_was_all_that_was_blocked() {
        let (mut seen, confirmation) = asked();
        pass(&mut seen, 1.0);
        kill(&mut seen);
        assert!(confirmation.settle(&seen).is_err());
        let mut stuck = seen.clone();
        seen.canary_moved = Some(seen.now());
        let recovered = confirmation.settle(&seen).unwrap();
        assert_eq!((recovered.confidence, recovered.evidence.len()), (0.99, 1));
        pass(&mut stuck, 6.0);
        let stuck = confirmation.settle(&stuck).unwrap();
        assert_eq!(stuck.evidence, [Evidence::ManualOomKill { killed_pid: Some(26), canary_recovered: false }]);
        assert_eq!(stuck.confidence, 0.8);
    }

    #[test]
    fn who_is_gone_is_not_waited_for() {
        let (mut seen, confirmation) = asked();
        seen.interrupted = true;
        assert_eq!(confirmation.settle(&seen).unwrap().kind, Kind::OomLivelock);
    }
}
