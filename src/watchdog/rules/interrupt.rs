//! The user stopped the run.

use super::{Judgement, Rule};
use crate::model::{Kind, Verdict};
use crate::watchdog::seen::Seen;

pub(super) const RULE: Rule = Rule { name: "interrupt", judge };

fn judge(seen: &Seen) -> Judgement {
    if seen.interrupted {
        Judgement::is(Verdict::new(Kind::Interrupted, "", "the run was stopped before this trial had ended"))
    } else {
        Judgement::No
    }
}
