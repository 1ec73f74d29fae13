//! `BUG: …`: states that the kernel itself calls bugs, and that end neither a task nor the machine.

use super::head::{CulpritSource, Head, Role};
use super::{ReportKind, Signature};
use crate::task::TaskRef;
use crate::text::{message, stable};

/// Messages whose words hold more than their title should, and the title.
const KNOWN: &[(&str, &str)] = &[
    // kernel/locking/spinlock_debug.c, spin_bug() and rwlock_bug()
    ("spinlock recursion", "spinlock recursion"),
    ("spinlock bad magic", "spinlock bad magic"),
    ("spinlock already unlocked", "spinlock already unlocked"),
    ("spinlock wrong owner", "spinlock wrong owner"),
    ("spinlock wrong CPU", "spinlock wrong CPU"),
    ("spinlock lockup suspected", "spinlock lockup suspected"),
    ("spinlock cpu recursion", "spinlock recursion"),
    ("rwlock ", "rwlock bug"),
    // mm/page_alloc.c, mm/memory.c, kernel/fork.c
    ("Bad page state in process", "bad page state"),
    ("Bad page map in process", "bad page map"),
    ("Bad rss-counter state", "bad rss-counter state"),
    ("Bad page cache in process", "bad page cache"),
    ("non-zero pgtables_bytes on freeing mm", "non-zero pgtables_bytes on freeing mm"),
    ("non-zero nr_ptes on freeing mm", "non-zero nr_ptes on freeing mm"),
    // fs/dcache.c, umount_check()
    ("Dentry ", "dentry still in use"),
    // kernel/workqueue.c, process_one_work()
    ("workqueue leaked lock or atomic", "workqueue leaked lock or atomic"),
    ("workqueue leaked atomic, lock or RCU", "workqueue leaked lock or atomic"),
    // lib/atomic64, kernel/locking/lockdep.c
    ("MAX_", "lockdep's tables are full"),
];

/// Any other `BUG: `; those with a signature of their own are read before.
pub(super) const BUG: Signature = Signature {
    name: "bug",
    needles: &["BUG: "],
    read: |text| {
        let said = text.strip_prefix("BUG: ")?;
        if let Some(check) = said.strip_prefix("using ") {
            // lib/smp_processor_id.c, check_preemption_disabled()
            let words = check.split(" in preemptible").next()?;
            return Some(bug(&format!("using {words} in preemptible code")));
        }
        // mm/page_alloc.c, bad_page(): how many were not printed.
        if said.ends_with(" messages suppressed") {
            return None;
        }
        if let Some((_, words)) = KNOWN.iter().find(|(start, _)| said.starts_with(start)) {
            return Some(bug(words).with_task(process(said)));
        }
        let words = stable(said.split(" at ").next()?.split("  ").next()?);
        (!words.is_empty()).then(|| bug(&words))
    },
};

/// What `bad_page()` prints behind its first line (`mm/page_alloc.c`), in a log that does not have that. Others dump pages, too.
pub(super) const BAD_PAGE: Signature = Signature {
    name: "bad-page-trace",
    needles: &[" bad_page+0x", " bad_page.cold"],
    read: |_| Some(bug("bad page state").with_role(Role::Fragment)),
};

/// SLUB's and SLAB's own checks: `BUG kmalloc-64 (Not tainted): Redzone overwritten` (`mm/slub.c`, `slab_bug()`).
pub(super) const SLAB: Signature = Signature {
    name: "slab-bug",
    needles: &["BUG "],
    read: |text| {
        let text = message(text, "BUG ")?;
        let (cache, said) = text.strip_prefix("BUG ")?.split_once("): ")?;
        let (cache, taint) = cache.split_once(" (")?;
        let tainted = taint.starts_with("Not tainted") || taint.starts_with("Tainted");
        (tainted && !cache.contains(' '))
            .then(|| bug(&format!("slab {}", stable(said.split(" at ").next().unwrap_or(said)))))
    },
};

/// `Bad page state in process COMM  pfn:12345`, `Bad page map in process COMM  pte:…`: a comm may hold blanks, two end it.
fn process(said: &str) -> Option<TaskRef> {
    let comm = said.split_once(" in process ")?.1.split("  ").next()?.trim_end();
    (!comm.is_empty()).then(|| TaskRef::named(comm))
}

fn bug(words: &str) -> Head {
    Head::new(ReportKind::Oops, format!("BUG: {words}"), CulpritSource::Trace)
}
