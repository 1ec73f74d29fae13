//! Somebody paused the machine over QMP; the lab never does.

use super::{Judgement, Rule};
use crate::model::{Kind, Verdict};
use crate::watchdog::seen::Seen;

/// Seconds for which a pause may last: a debugger or a snapshot may stop the machine for a moment.
const PAUSE_S: f64 = 10.0;

pub(super) const RULE: Rule = Rule { name: "paused", judge };

fn judge(seen: &Seen) -> Judgement {
    let Some(since) = seen.paused else { return Judgement::No };
    let passed = seen.now().fair_since(since);
    if passed < PAUSE_S {
        return Judgement::hold(seen, PAUSE_S, passed);
    }
    Judgement::is(Verdict::new(Kind::Paused, "", "the machine was paused over QMP and not resumed"))
}
