//! What the kernel's own messages say. One signature per file or family; to add one, write its file and name it
//! in [`ALL`], with a log that it hits and one that it misses in `tests/signatures/`.

mod finding;
mod hung_task;
mod lockup;
mod oom;
mod oops;
mod panic;
mod rcu;
mod text;

pub use finding::{Finding, Trouble};

use memchr::memmem::Finder;
use std::sync::LazyLock;

/// One message of the kernel.
#[derive(Debug, Clone, Copy)]
pub struct Signature {
    /// Name of the rule.
    pub name: &'static str,
    /// A line without any of these is not looked at further.
    pub needles: &'static [&'static str],
    /// Reads the message, its printk prefix already stripped; `None` when it is something else after all.
    pub read: fn(&str) -> Option<Finding>,
}

/// Every signature; the first that reads a line wins. A panic goes before what it gives as its reason.
pub const ALL: &[Signature] = &[
    panic::PANIC,
    oom::INVOKED,
    oom::KILLED,
    oom::REAPED,
    oom::NO_KILLABLE,
    hung_task::HUNG_TASK,
    lockup::SOFT,
    lockup::HARD,
    lockup::WORKQUEUE,
    rcu::STALL,
    oops::OOPS,
];

/// Every needle with its signature, made ready once: a guest may print a hundred megabytes of lines that say nothing.
static NEEDLES: LazyLock<Vec<(Finder<'static>, &'static Signature)>> = LazyLock::new(|| {
    let needles = |signature: &'static Signature| signature.needles.iter().map(move |needle| (needle, signature));
    ALL.iter().flat_map(needles).map(|(needle, signature)| (Finder::new(*needle), signature)).collect()
});

/// What a message says, its printk prefix already stripped; `None` for the many that say nothing of interest.
pub fn read(text: &str) -> Option<Finding> {
    let found = |(needle, _): &&(Finder<'_>, _)| needle.find(text.as_bytes()).is_some();
    NEEDLES.iter().filter(found).find_map(|(_, signature)| (signature.read)(text))
}
