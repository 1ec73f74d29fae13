//! QEMU cannot go on executing the guest, as when KVM meets an instruction that it can neither run nor emulate.

use super::Judgement;
use crate::seen::Seen;
use model::{Kind, RuleId, Verdict};

pub(super) fn judge(seen: &Seen) -> Judgement {
    if !seen.vcpu_failed {
        return Judgement::No;
    }
    let summary = "QEMU could not go on executing the guest (`internal-error`); `qemu.log` has its words";
    Judgement::is(Verdict::new(Kind::VcpuFailed, RuleId::VcpuFailed, summary))
}
