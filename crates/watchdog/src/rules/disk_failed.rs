//! The host could not read or write the file behind a disk: whatever the kernel does after that is not its own.

use super::Judgement;
use crate::seen::Seen;
use model::{Kind, RuleId, Verdict};

pub(super) fn judge(seen: &Seen) -> Judgement {
    let Some(why) = &seen.disk_failed else { return Judgement::No };
    Judgement::is(Verdict::new(
        Kind::StoreFailed,
        RuleId::DiskFailed,
        format!("the host could not serve the guest's disk: {why}"),
    ))
}
