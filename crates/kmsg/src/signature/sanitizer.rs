//! The sanitizers (`mm/kasan/report.c`, `mm/kfence/report.c`, `mm/kmsan/report.c`, `kernel/kcsan/report.c`, `lib/ubsan.c`).

use super::head::{CulpritSource, Head};
use super::{ReportKind, Signature};
use crate::text::message;

/// `BUG: KASAN: use-after-free in FUNCTION+0x…`, `BUG: KFENCE: out-of-bounds read in FUNCTION+0x…`, `BUG: KMSAN: …`.
pub(super) const SANITIZER: Signature = Signature {
    name: "sanitizer",
    needles: &["BUG: KASAN: ", "BUG: KASan: ", "BUG: KFENCE: ", "BUG: KMSAN: "],
    read: |text| {
        let starts = ["BUG: KASAN: ", "BUG: KASan: ", "BUG: KFENCE: ", "BUG: KMSAN: "];
        let said = starts.iter().find_map(|start| message(text, start))?.strip_prefix("BUG: ")?;
        let said = &said.replace("KASan", "KASAN");
        // Before 4.10: `BUG: KASAN: use-after-free on address ffff…`, without a function.
        let (what, place) = said.split_once(" in ").or_else(|| said.split_once(" on address")).unwrap_or((said, ""));
        // `double-free or invalid-free`, until KASAN distinguished them (6.0).
        let what = what.replace("double-free or invalid-free", "invalid-free");
        Some(Head::new(ReportKind::Sanitizer, what.trim(), CulpritSource::Function).at(place))
    },
};

/// `BUG: KCSAN: data-race in A / B`: KCSAN itself sorts the two names.
pub(super) const KCSAN: Signature = Signature {
    name: "kcsan",
    needles: &["BUG: KCSAN: "],
    read: |text| {
        let said = message(text, "BUG: KCSAN: ")?.strip_prefix("BUG: ")?;
        let (what, places) = said.split_once(" in ")?;
        let mut head = Head::new(ReportKind::Sanitizer, what, CulpritSource::Function);
        let mut names = places.split(" / ").filter_map(crate::symbol::leading);
        head.function = match (names.next(), names.next()) {
            (Some(first), Some(second)) if first != second => Some(format!("{first} / {second}")),
            (first, _) => first.map(str::to_owned),
        };
        Some(head)
    },
};

/// `ThreadSanitizer: data-race in FUNCTION`, of kernels with KTSAN. What programs print says `data race (pid=12)`.
pub(super) const TSAN: Signature = Signature {
    name: "thread-sanitizer",
    needles: &["ThreadSanitizer: data-race in ", "KTSAN: data-race in "],
    read: |text| {
        let said = ["ThreadSanitizer: ", "KTSAN: "].iter().find_map(|start| message(text, start))?;
        let (what, place) = said.split_once(" in ")?;
        Some(Head::new(ReportKind::Sanitizer, what, CulpritSource::Function).at(place))
    },
};

/// `UBSAN: shift-out-of-bounds in FILE:LINE:COLUMN`; before 5.3 `UBSAN: Undefined behaviour in FILE:…`.
pub(super) const UBSAN: Signature = Signature {
    name: "ubsan",
    needles: &["UBSAN: "],
    read: |text| {
        let said = message(text, "UBSAN: ")?;
        let (what, site) = said.split_once(" in ")?;
        // Nothing but C is instrumented.
        let is_site = site.contains(".c:") || site.contains(".h:");
        is_site.then(|| Head::new(ReportKind::Sanitizer, what.replace("Undefined", "undefined"), CulpritSource::Trace))
    },
};

/// `WARNING: kmemcheck: Caught 32-bit read from uninitialized memory` (`arch/x86/mm/kmemcheck/error.c`, until 4.14).
pub(super) const KMEMCHECK: Signature = Signature {
    name: "kmemcheck",
    needles: &["kmemcheck: Caught "],
    read: |text| {
        let said = message(text, "kmemcheck: Caught ")?;
        let what = said.split(" (").next()?.trim_start_matches("kmemcheck: ");
        Some(Head::new(ReportKind::Sanitizer, format!("kmemcheck: {what}"), CulpritSource::Function))
    },
};
