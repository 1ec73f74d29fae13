//! Sysrq requests (`drivers/tty/sysrq.c`, `__handle_sysrq()`).

use super::head::{CulpritSource, Head, Role};
use super::{ReportKind, Signature};
use crate::text::message;

/// `sysrq: Show Memory`; until 4.19 `SysRq : Show Memory`, and `sysrq: SysRq : Show Memory` since 4.3.
pub(super) const SYSRQ: Signature = Signature {
    name: "sysrq",
    needles: &["sysrq: Show ", "SysRq : Show ", "sysrq: Manual OOM execution", "SysRq : Manual OOM execution"],
    read: |text| {
        let text = message(text, "sysrq: ").or_else(|| message(text, "SysRq : "))?;
        let action = text.trim_start_matches("sysrq: ").trim_start_matches("SysRq : ");
        let role = match action {
            _ if action.starts_with("Manual OOM") => Role::AsksForKill,
            _ if action.starts_with("Show ") => Role::AsksForDump,
            _ => return None,
        };
        Some(Head::new(ReportKind::None, action, CulpritSource::Nowhere).with_role(role))
    },
};
