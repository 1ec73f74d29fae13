//! Reports of the kernel that a trial met beside its verdict.

use super::words::words;
use kmsg::signature::ReportKind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;

words! {
    /// A sort of report that is no verdict by itself: the kernel goes on after it. The gravest is first.
    AlsoKind {
        /// A state that the kernel itself calls a bug, for example `BUG: Bad page state`.
        Oops = "oops",
        /// KASAN, KFENCE, KMSAN, KCSAN or UBSAN found something.
        Sanitizer = "sanitizer",
        /// Locks were taken in a wrong way.
        Lockdep = "lockdep",
        /// Something slept where that is forbidden.
        AtomicSleep = "atomic-sleep",
        /// A failed `WARN_ON()`.
        Warning = "warning",
        /// kmemleak found lost memory.
        MemoryLeak = "memory-leak",
        /// An allocation failed and the kernel said so.
        AllocFailure = "alloc-failure",
        /// An allocation without an MMU failed for a process.
        NommuAllocFailure = "nommu-alloc-failure",
        /// An allocation took longer than ten seconds.
        AllocStall = "alloc-stall",
    }
}

impl AlsoKind {
    /// That of a report of the kernel; `None` for the OOM killer's, and for those that give a verdict or are a caveat of it.
    pub fn of(kind: ReportKind) -> Option<Self> {
        Self::from_word(kind.as_str())
    }
}

/// A report of the kernel that a trial met beside its verdict.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Also {
    /// Its sort.
    pub kind: AlsoKind,
    /// What the problem is and where, the same from boot to boot.
    pub title: String,
    /// How often the kernel printed one with this title.
    pub count: u64,
}

impl Also {
    /// Different reports that are kept of one trial.
    pub const MAX: usize = 8;
}

impl fmt::Display for Also {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.count {
            1 => f.write_str(&self.title),
            count => write!(f, "{} ({count})", self.title),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_have_the_words_of_kmsg() {
        use ReportKind::{
            AllocFailure, AllocStall, AtomicSleep, Lockdep, MemoryLeak, NommuAllocFailure, Oops, Sanitizer, Warning,
        };
        let kinds =
            [Oops, Sanitizer, Lockdep, AtomicSleep, Warning, MemoryLeak, AllocFailure, NommuAllocFailure, AllocStall];
        assert!(kinds.map(AlsoKind::of).into_iter().eq(AlsoKind::ALL.iter().copied().map(Some)));
        for kind in [ReportKind::OomKill, ReportKind::Panic, ReportKind::SoftLockup, ReportKind::None] {
            assert_eq!(AlsoKind::of(kind), None, "{kind}");
        }
    }

    #[test]
    fn count_is_shown_from_two_on() {
        let also = |count| Also { kind: AlsoKind::Warning, title: "WARNING in f".to_owned(), count };
        assert_eq!([1, 3].map(|count| also(count).to_string()), ["WARNING in f", "WARNING in f (3)"]);
    }
}
