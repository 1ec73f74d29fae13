//! RCU's stall detector (`kernel/rcu/tree_stall.h`).

use super::FailureKind;
use super::head::{CulpritSource, Head, Role};
use super::{ReportKind, Signature};

/// The first line of a stall report. Before 4.20 `INFO: ` stands at the start, later behind `rcu: `; kernels of the 2.6
/// series print `INFO: rcu_sched_state detected stall on CPU`, the tiny RCU of ≤ 5.x `INFO: rcu_sched stall`.
pub(super) const STALL: Signature = Signature {
    name: "rcu-stall",
    needles: &[
        "detected stalls on CPUs/tasks",
        "detected stalls on tasks",
        "self-detected stall on CPU",
        "detected stall on CPU",
        "detected stalls on CPUs",
        "detected expedited stalls",
        " kthread starved for ",
        " kthread timer wakeup didn't happen for ",
        " stall (t=",
    ],
    read: |text| {
        if !text.contains("rcu") || text.contains(['"', '`']) {
            return None;
        }
        // A grace-period kthread that gets no CPU explains a stall; it follows the report that it explains.
        let explains = text.contains("kthread");
        let says = explains || text.contains("INFO: ") || text.contains("rcu: ");
        let role = if explains { Role::Append(ReportKind::RcuStall) } else { Role::Start };
        let head = Head::new(ReportKind::RcuStall, "rcu stall", CulpritSource::Entry).with_role(role);
        says.then(|| if explains { head } else { head.with_failure(FailureKind::RcuStall, "rcu stall") })
    },
};
