//! The last probe of a guest that looks livelocked: sysrq-f starts the OOM killer by hand (`drivers/tty/sysrq.c`, `moom_callback()`). If
//! it kills another task and the canary recovers, then nothing but the choice of a victim was blocked.

use super::clock::Moment;
use super::ends::Finish;
use super::observations::Observations;
use super::probe_log::ANSWER_TIMEOUT_S;
use model::{Evidence, Kind, Probe, Stamp, Verdict};

/// A verdict that waits for its confirmation.
#[derive(Debug, Clone)]
pub(super) struct Confirmation {
    verdict: Verdict,
    /// The lab collects evidence before it sends the letter.
    requested_at: Moment,
    /// The canary's progress until then.
    canary: Option<Moment>,
}

impl Confirmation {
    pub fn new(verdict: Verdict, observed: &Observations) -> Self {
        Self { verdict, requested_at: observed.now(), canary: observed.canary_progress }
    }

    pub const fn probe(&self) -> Probe {
        Probe::Sysrq('f')
    }

    /// The verdict, or the time until which it may still come.
    pub fn poll(&self, observed: &Observations) -> Result<Verdict, Stamp> {
        let mut verdict = self.verdict.clone();
        let sent = observed.probes.last_sysrq().filter(|sent| sent.host >= self.requested_at.host);
        let recovered = observed.canary_progress != self.canary;
        if recovered && sent.is_none() {
            return Ok(self.unproven());
        }
        let is_provoked = |at: Moment| sent.is_some_and(|sent| at.host >= sent.host);
        let killed = observed.oom_kills.last().filter(|kill| is_provoked(kill.at)).map(|kill| kill.what.pid);
        let passed = sent.map_or(0.0, |sent| observed.now().granted_since(sent));
        let unanswered =
            observed.ended() || observed.interrupted || observed.probes.failed_since(self.probe(), self.requested_at);
        let timeout_s = ANSWER_TIMEOUT_S * observed.slowness();
        let over = unanswered || observed.probes.are_answers_due(observed.now(), timeout_s);
        // A workload that finishes ends the trial before the next beat shows the canary.
        let has_finished = |finish: &Finish| finish.status == 0 && is_provoked(finish.at);
        let workload_finished = !recovered && observed.finished.as_ref().is_some_and(has_finished);
        let proof = |killed_pid| Evidence::ManualOomKill { killed_pid, canary_recovered: recovered, workload_finished };
        match (killed, recovered || (workload_finished && killed.is_some())) {
            (Some(_), true) => {
                verdict.confidence = 0.99;
                verdict.evidence.push(proof(killed));
                Ok(verdict)
            }
            _ if !over => Err(observed.clock.host_time_in(timeout_s - passed)),
            (None, true) => Ok(self.unproven()),
            (_, false) => {
                if killed.is_some() || observed.probes.sysrq_acked_since(self.requested_at) {
                    verdict.evidence.push(proof(killed));
                }
                Ok(verdict)
            }
        }
    }

    fn unproven(&self) -> Verdict {
        let verdict = self.verdict.clone();
        let summary = format!("it looked like {}, but the canary recovered by itself", verdict.kind);
        Verdict { kind: Kind::Unproven, summary, confidence: 0.5, ..verdict }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::setup::{NOMINAL_LOOP_US, Setup};
    use model::{Event, RuleId, Timeouts};

    /// A guest that is twice as slow as usual, and a confirmation that was just requested.
    fn requested() -> (Observations, Confirmation) {
        let timeouts = Timeouts { boot_s: 30.0, load_s: 60.0, stuck_s: 4.0 };
        let mut observed = Observations::new(Setup::new(true, timeouts));
        observed.speed_loop_us = Some(2 * NOMINAL_LOOP_US);
        let mut verdict = Verdict::new(Kind::OomLivelock, RuleId::CanaryStuck, "stuck");
        verdict.confidence = 0.8;
        let confirmation = Confirmation::new(verdict, &observed);
        observed.probes.record_request(confirmation.probe(), observed.now());
        (observed, confirmation)
    }

    fn sent() -> (Observations, Confirmation) {
        let (mut observed, confirmation) = requested();
        observed.on_event(&Event::Probed { probe: confirmation.probe() });
        (observed, confirmation)
    }

    fn pass(observed: &mut Observations, to_s: f64) {
        observed.clock.advance(Stamp::from_secs_f64(to_s));
    }

    fn kill(observed: &mut Observations) {
        let text = "[    1.000000] Out of memory: Killed process 26 (hog) total-vm:6228kB".to_owned();
        observed.on_event(&Event::Line { text });
    }

    #[test]
    fn confirmation_timeout_scales_with_slowness() {
        let (mut observed, confirmation) = sent();
        for passed in [0.0, 2.0, 5.5] {
            pass(&mut observed, passed);
            let until = confirmation.poll(&observed).unwrap_err().as_secs_f64();
            assert!((until - 6.001).abs() < 1e-6, "{until}");
        }
        pass(&mut observed, 6.0);
        let verdict = confirmation.poll(&observed).unwrap();
        assert_eq!((verdict.kind, verdict.confidence, verdict.evidence.len()), (Kind::OomLivelock, 0.8, 0));
    }

    #[test]
    fn confirmation_of_recovered_canary_is_unproven() {
        let (mut observed, confirmation) = sent();
        pass(&mut observed, 1.0);
        observed.canary_progress = Some(observed.now());
        assert!(confirmation.poll(&observed).is_err(), "a kill may still be told");
        pass(&mut observed, 6.0);
        let verdict = confirmation.poll(&observed).unwrap();
        assert_eq!((verdict.kind, verdict.confidence, verdict.rule), (Kind::Unproven, 0.5, RuleId::CanaryStuck));
    }

    #[test]
    fn recovery_before_sysrq_f_confirms_nothing() {
        let (mut observed, confirmation) = requested();
        pass(&mut observed, 4.0);
        assert!(confirmation.poll(&observed).is_err(), "evidence is collected");
        observed.canary_progress = Some(observed.now());
        assert_eq!(confirmation.poll(&observed).unwrap().kind, Kind::Unproven);
    }

    #[test]
    fn confirmation_by_second_kill() {
        let (mut observed, confirmation) = sent();
        pass(&mut observed, 1.0);
        kill(&mut observed);
        assert!(confirmation.poll(&observed).is_err());
        let mut stuck = observed.clone();
        observed.canary_progress = Some(observed.now());
        let recovered = confirmation.poll(&observed).unwrap();
        assert_eq!((recovered.confidence, recovered.evidence.len()), (0.99, 1));
        let mut finished = stuck.clone();
        let at = finished.now();
        finished.finished = Some(Finish { at, status: 0, units: 1, why: String::new(), errno: 0 });
        let finished = confirmation.poll(&finished).unwrap();
        assert_eq!(finished.evidence[0].to_string(), "sysrq-f killed pid 26, and the workload finished at once");
        assert_eq!(finished.confidence, 0.99);
        pass(&mut stuck, 6.0);
        let stuck = confirmation.poll(&stuck).unwrap();
        assert_eq!(
            stuck.evidence,
            [Evidence::ManualOomKill { killed_pid: Some(26), canary_recovered: false, workload_finished: false }]
        );
        assert_eq!(stuck.confidence, 0.8);
    }

    #[test]
    fn confirmation_does_not_wait_for_ended_guest() {
        let (mut observed, confirmation) = sent();
        observed.interrupted = true;
        assert_eq!(confirmation.poll(&observed).unwrap().kind, Kind::OomLivelock);
    }
}
