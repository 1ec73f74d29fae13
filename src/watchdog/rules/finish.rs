//! The workload ended by itself.

use super::{Judgement, Rule};
use crate::model::{Kind, Verdict};
use crate::watchdog::seen::Seen;

/// Fair seconds that the guest has to power off; a crash on the way is still its own.
const POWER_OFF_S: f64 = 10.0;

pub(super) const RULE: Rule = Rule { name: "finish", judge };

fn judge(seen: &Seen) -> Judgement {
    let Some(finish) = &seen.finished else { return Judgement::No };
    let passed = seen.now().fair_since(finish.at);
    if seen.exit.is_none() && passed < POWER_OFF_S {
        return Judgement::hold(seen, POWER_OFF_S, passed);
    }
    let mut verdict = if finish.status == 0 {
        Verdict::new(Kind::Finished, "", format!("the workload finished after {} units of work", finish.units))
    } else {
        let why = if finish.why.is_empty() { "no reason given" } else { &finish.why };
        Verdict::new(Kind::WorkloadFailed, "", format!("the workload ended with status {}: {why}", finish.status))
    };
    if seen.exit.is_none() {
        verdict.against.push("the guest did not power off afterwards".to_owned());
    }
    Judgement::is(verdict)
}
