//! QEMU cannot continue executing the guest, as when KVM meets an instruction that it can neither run nor emulate.

use super::Judgement;
use crate::observations::Observations;
use model::{Kind, RuleId, Verdict};

pub(super) fn judge(observed: &Observations) -> Judgement {
    if !observed.vcpu_failed {
        return Judgement::NotApplicable;
    }
    let summary = "QEMU cannot continue executing the guest (`internal-error`); see `qemu.log`";
    Judgement::verdict(Verdict::new(Kind::VcpuFailed, RuleId::VcpuFailed, summary))
}
