//! kmemleak (`mm/kmemleak.c`).

use super::head::{CulpritSource, Head, Role};
use super::{ReportKind, Signature};
use crate::text::message;

/// `unreferenced object 0x… (size N):` (`print_unreferenced()`), `kmemleak: N new suspected memory leaks`
/// (`kmemleak_scan()`), and the words under which tools pass them on, `BUG: memory leak`.
pub(super) const LEAK: Signature = Signature {
    name: "memory-leak",
    needles: &["BUG: memory leak", "unreferenced object 0x", " new suspected memory leaks"],
    read: |text| {
        let head = Head::new(ReportKind::MemoryLeak, "memory leak", CulpritSource::Allocation);
        if message(text, "BUG: memory leak").is_some() {
            return Some(head);
        }
        if message(text, "unreferenced object 0x").is_some() {
            return text.contains("(size ").then(|| head.with_role(Role::Append(ReportKind::MemoryLeak)));
        }
        let counted = message(text, "kmemleak: ")?.strip_prefix("kmemleak: ")?;
        counted.starts_with(|c: char| c.is_ascii_digit()).then(|| head.with_role(Role::Append(ReportKind::MemoryLeak)))
    },
};
