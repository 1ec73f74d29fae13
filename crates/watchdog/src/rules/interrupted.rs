//! The user stopped the run.

use super::Judgement;
use crate::observations::Observations;
use model::{Kind, RuleId, Verdict};

pub(super) fn judge(observed: &Observations) -> Judgement {
    if observed.interrupted {
        Judgement::verdict(Verdict::new(
            Kind::Interrupted,
            RuleId::Interrupted,
            "the run was stopped before this trial had ended",
        ))
    } else {
        Judgement::NotApplicable
    }
}
