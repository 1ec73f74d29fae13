//! What the kernel's own messages say. One signature per file or family; to add one, write its file and name it
//! in [`ALL`], with a log that it hits and one that it misses in `tests/signatures/`.
//!
//! [`Reader`] reads a console line by line: the messages of each line, what they say, and the reports that they make up, whose
//! titles need more than their first line. [`Log`] does so with the bytes of a whole log.

mod age;
mod alloc;
mod assembler;
mod atomic;
mod body;
mod boot;
mod bug;
mod classification;
mod detector;
mod failure;
mod finding;
mod frames;
mod head;
mod hung_task;
mod kind;
mod leak;
mod lockdep;
mod lockup;
mod log;
mod netdev;
mod oom;
mod oops;
mod panic;
mod pending;
mod pool;
mod rcu;
mod reader;
mod registers;
mod report;
mod requests;
mod sanitizer;
mod search;
mod sysrq;
mod tasks;
mod title;
mod warning;

pub use age::{StallAge, claimed_range_s, claimed_s, jiffies_per_s, stall_age};
pub use classification::{Classification, Repeated};
pub use failure::FailureKind;
pub use finding::{Blocker, FailureReport, Finding};
pub use head::{CulpritSource, Head, Role};
pub use kind::ReportKind;
pub use log::Log;
pub use reader::{Message, Reader, has_finding};
pub use report::Report;
pub use search::{begins, read};

/// One message of the kernel.
#[derive(Debug, Clone, Copy)]
pub struct Signature {
    /// Name of the rule.
    pub name: &'static str,
    /// A line without any of these is not looked at further.
    pub needles: &'static [&'static str],
    /// Reads the message, its printk prefix already stripped; `None` when it is something else after all.
    pub read: fn(&str) -> Option<Head>,
}

/// Every signature; the first that reads a line wins. A panic goes before what it gives as its reason, the general behind
/// the special.
pub const ALL: &[Signature] = &[
    panic::PANIC,
    oom::INVOKED,
    oom::KILLED,
    oom::ANNOUNCED,
    oom::CONSTRAINT,
    oom::REAPED,
    oom::NOT_REAPED,
    oom::NO_KILLABLE,
    oom::TRACE,
    alloc::FAILURE,
    alloc::TRACE,
    alloc::STALL,
    alloc::NOMMU,
    hung_task::HUNG_TASK,
    hung_task::ADVICE,
    hung_task::BLOCKER,
    lockup::SOFT,
    lockup::HARD,
    lockup::WORKQUEUE,
    rcu::STALL,
    netdev::UNREGISTER,
    sanitizer::SANITIZER,
    sanitizer::KCSAN,
    sanitizer::TSAN,
    sanitizer::UBSAN,
    sanitizer::KMEMCHECK,
    lockdep::LOCKDEP,
    atomic::ATOMIC,
    leak::LEAK,
    warning::WARNING,
    oops::OOPS,
    oops::DIE,
    bug::SLAB,
    bug::BUG,
    bug::BAD_PAGE,
    boot::BOOT,
    sysrq::SYSRQ,
    detector::TRACE,
];
