//! RCU's stall detector (`kernel/rcu/tree_stall.h`).

use super::{Finding, Signature};
use crate::model::Kind;

/// The first line of a stall report.
pub(super) const STALL: Signature = Signature {
    name: "rcu-stall",
    needles: &["detected stalls on CPUs/tasks", "self-detected stall on CPU", "detected expedited stalls"],
    read: |_| Some(Finding::trouble(Kind::RcuStall, "rcu stall", None)),
};
