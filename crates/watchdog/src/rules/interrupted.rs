//! The user stopped the run.

use super::Judgement;
use crate::seen::Seen;
use model::{Kind, RuleId, Verdict};

pub(super) fn judge(seen: &Seen) -> Judgement {
    if seen.interrupted {
        Judgement::is(Verdict::new(
            Kind::Interrupted,
            RuleId::Interrupted,
            "the run was stopped before this trial had ended",
        ))
    } else {
        Judgement::No
    }
}
