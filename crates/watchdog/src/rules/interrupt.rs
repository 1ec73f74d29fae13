//! The user stopped the run.

use super::{Judgement, Rule};
use crate::seen::Seen;
use model::{Kind, Verdict};

pub(super) const RULE: Rule = Rule { name: "interrupt", judge };

fn judge(seen: &Seen) -> Judgement {
    if seen.interrupted {
        Judgement::is(Verdict::new(Kind::Interrupted, "", "the run was stopped before this trial had ended"))
    } else {
        Judgement::No
    }
}
