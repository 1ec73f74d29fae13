//! The host could not read or write the file behind a disk: whatever the kernel does after that is not its own.

use super::{Judgement, Rule};
use crate::seen::Seen;
use model::{Kind, Verdict};

pub(super) const RULE: Rule = Rule { name: "disk", judge };

fn judge(seen: &Seen) -> Judgement {
    let Some(why) = &seen.disk_failed else { return Judgement::No };
    Judgement::is(Verdict::new(Kind::StoreFailed, "", format!("the host could not serve the guest's disk: {why}")))
}
