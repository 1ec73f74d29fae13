//! A guest without the agent: console and host alone are judged.

use super::{Judgement, Rule};
use crate::model::{Kind, Verdict};
use crate::watchdog::seen::Seen;

/// A vCPU that wants more than this share of a CPU is busy.
const BUSY: f64 = 0.8;

pub(super) const RULE: Rule = Rule { name: "unattended", judge };

fn judge(seen: &Seen) -> Judgement {
    if seen.setup.agent {
        return Judgement::No;
    }
    let timeouts = &seen.setup.timeouts;
    let silent_limit = if seen.kill.is_some() { 6.0 * timeouts.stuck_s } else { f64::INFINITY };
    let silent = seen.now().fair_since(seen.console_moved.unwrap_or_default());
    let limit = timeouts.boot_s + timeouts.load_s;
    let passed = seen.now().fair_s;
    if let (Some(kill), true) = (&seen.kill, silent >= silent_limit)
        && seen.clock.demand(kill.at.host).is_some_and(|demand| demand >= BUSY)
    {
        let summary = format!(
            "pid {} ({}) was killed, then the console fell silent for {silent:.0} s while a vCPU is busy",
            kill.what.pid, kill.what.comm
        );
        let mut verdict = Verdict::new(Kind::OomLivelock, "", summary);
        verdict.confidence = 0.6;
        verdict.against.push("there is no agent in the guest: it may merely have nothing to say".to_owned());
        verdict.onset = Some(kill.onset());
        verdict.victim = Some(kill.what.clone());
        verdict.lines = vec![kill.line.clone()];
        return Judgement::is(verdict);
    }
    if passed < limit {
        let next = if silent < silent_limit { (limit - passed).min(silent_limit - silent) } else { limit - passed };
        return Judgement::later(seen, next, 0.0);
    }
    if seen.console_moved.is_none() {
        return Judgement::is(Verdict::new(Kind::BootSilent, "", format!("the console stayed empty for {limit:.0} s")));
    }
    let mut verdict = Verdict::new(
        Kind::LoadTimeout,
        "",
        format!("the guest was still running after {limit:.0} s; its console was last heard {silent:.0} s ago"),
    );
    verdict.lines = vec![seen.last_line.clone()];
    Judgement::is(verdict)
}
