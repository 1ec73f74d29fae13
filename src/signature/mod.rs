//! What the kernel's own messages say. One signature per file or family; to add one, write its file and name it
//! in [`ALL`], with a log that it hits and one that it misses in `tests/signatures/`.
//!
//! [`read`] looks at one line. [`Assembler`] puts lines together into reports, whose titles need more than their first line;
//! [`Log`] says what is wrong in a whole log.

mod alloc;
mod assembler;
mod atomic;
mod body;
mod boot;
mod bug;
mod classification;
mod finding;
mod frames;
mod head;
mod hung_task;
mod kind;
mod leak;
mod lockdep;
mod lockup;
mod log;
mod oom;
mod oops;
mod panic;
mod rcu;
mod report;
mod sanitizer;
mod symbol;
mod text;
mod title;
mod warning;
mod who;

pub use assembler::Assembler;
pub use classification::{Classification, Repeated, Reports};
pub use finding::{Finding, Trouble};
pub use head::{Head, Place, Role};
pub use kind::ReportKind;
pub use log::Log;
pub use report::Report;
pub use who::Who;

use aho_corasick::{AhoCorasick, AhoCorasickKind};
use std::sync::LazyLock;

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
    oom::NO_KILLABLE,
    alloc::FAILURE,
    alloc::STALL,
    alloc::NOMMU,
    hung_task::HUNG_TASK,
    lockup::SOFT,
    lockup::HARD,
    lockup::WORKQUEUE,
    rcu::STALL,
    sanitizer::SANITIZER,
    sanitizer::KCSAN,
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
    boot::BOOT,
];

/// Every needle, searched for at once: a guest may print a hundred megabytes of lines that say nothing.
struct Needles {
    search: AhoCorasick,
    /// The place in [`ALL`] of each needle's signature.
    signatures: Vec<usize>,
}

static NEEDLES: LazyLock<Needles> = LazyLock::new(|| {
    let (signatures, needles): (Vec<usize>, Vec<&str>) = ALL
        .iter()
        .enumerate()
        .flat_map(|(at, signature)| signature.needles.iter().map(move |needle| (at, *needle)))
        .unzip();
    let search = AhoCorasick::builder().kind(Some(AhoCorasickKind::DFA)).build(needles);
    Needles { search: search.expect("a few dozen short needles fit"), signatures }
});

/// What a message says, its printk prefix already stripped; `None` for the many that say nothing.
fn read_head(text: &str) -> Option<Head> {
    let needles = &*NEEDLES;
    // The first search is the faster one, and for most lines the only one.
    needles.search.find(text)?;
    let candidates = needles
        .search
        .find_overlapping_iter(text)
        .fold(0_u64, |set, hit| set | 1 << needles.signatures[hit.pattern().as_usize()]);
    ALL.iter().enumerate().filter(|(at, _)| candidates >> at & 1 == 1).find_map(|(_, signature)| (signature.read)(text))
}

/// What a message tells a watchdog, its printk prefix already stripped; `None` for the many that say nothing of interest.
pub fn read(text: &str) -> Option<Finding> {
    read_head(text)?.finding
}
