//! The last question to a guest that looks livelocked: sysrq-f starts the OOM killer by hand (`drivers/tty/sysrq.c`, `moom_callback()`). If
//! it kills another task and the canary recovers, then nothing but the choice of a victim was blocked.

use super::clock::Moment;
use super::seen::Seen;
use crate::model::{Kind, Probe, Stamp, Verdict};

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
                verdict.grounds.push(format!("sysrq-f killed pid {pid}, and the canary recovered at once"));
                Ok(verdict)
            }
            _ if !over => Err(seen.clock.host_time_in(PATIENCE_S * seen.slowness() - passed)),
            (None, true) => {
                let summary = format!("it looked like {}, but the canary recovered by itself", verdict.kind);
                Ok(Verdict { kind: Kind::Unproven, summary, confidence: 0.5, ..verdict })
            }
            (Some(pid), false) => {
                verdict.grounds.push(format!("sysrq-f killed pid {pid} too, and still nothing was allocated"));
                Ok(verdict)
            }
            (None, false) => {
                if seen.inquiry.echoed(self.asked) {
                    verdict.grounds.push("sysrq-f killed nobody".to_owned());
                }
                Ok(verdict)
            }
        }
    }
}
