//! The host could not read or write the file behind a disk: the kernel is not to blame for what follows.

use super::Judgement;
use crate::observations::Observations;
use model::{Kind, RuleId, Verdict};

pub(super) fn judge(observed: &Observations) -> Judgement {
    let Some(why) = &observed.disk_failed else { return Judgement::NotApplicable };
    Judgement::verdict(Verdict::new(
        Kind::StoreFailed,
        RuleId::DiskFailed,
        format!("the host could not serve the guest's disk: {why}"),
    ))
}
