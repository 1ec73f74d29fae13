//! Allocations that fail or take too long (`mm/page_alloc.c`, `mm/slub.c`, `mm/vmalloc.c`, `mm/nommu.c`).

use super::head::{CulpritSource, Head, Role};
use super::{ReportKind, Signature};
use crate::task::Task;
use crate::task::TaskRef;
use crate::text::{between, message, number};

/// `COMM: page allocation failure: order:N, mode:…` (`warn_alloc()`; `warn_alloc_failed()` before 4.9, `. order:` before
/// 3.9), and what other allocators say.
pub(super) const FAILURE: Signature = Signature {
    name: "alloc-failure",
    needles: &[
        ": page allocation failure",
        "SLUB: Unable to allocate memory on ",
        "SLAB: Unable to allocate memory on ",
        ": vmalloc: allocation failure",
        ": vmalloc error: size ",
        ": vmalloc size ",
        "vmap allocation for size ",
    ],
    read: |text| {
        if let Some((comm, rest)) = text.split_once(": page allocation failure") {
            let order = between(rest, "order:", ",");
            let what = order.map_or("page allocation failure".to_owned(), |order| {
                format!("page allocation failure, order {}", order.trim())
            });
            return rest.starts_with([':', '.']).then(|| failure(&what).with_task(Some(TaskRef::named_before(comm))));
        }
        if text.starts_with("SLUB: ") || text.starts_with("SLAB: ") {
            return Some(failure("slab allocation failure").with_role(Role::Append(ReportKind::AllocFailure)));
        }
        // 4.4: `vmalloc: allocation failure: N bytes`, `warn_alloc_failed()`; ≥ 5.13: `vmalloc error: size N, …`.
        let vmalloc = text.contains(" fail") || text.contains("vmalloc error: size ");
        let comm = text.split_once(": vmalloc").map(|(comm, _)| TaskRef::named_before(comm));
        vmalloc.then(|| {
            failure("vmalloc allocation failure").with_task(comm).with_role(Role::Append(ReportKind::AllocFailure))
        })
    },
};

/// The function that prints a failure, in the call trace of a log that does not have the failure's own line.
pub(super) const TRACE: Signature = Signature {
    name: "alloc-failure-trace",
    needles: &["warn_alloc+0x", "warn_alloc_failed+0x"],
    read: |_| Some(failure("page allocation failure").with_role(Role::Fragment)),
};

/// `COMM: page allocation stalls for Nms, order:N` (`warn_alloc()`, 4.9 to 4.14), `COMM: page allocation stall for N secs: order:N`
/// (`check_alloc_stall_warn()`, 7.2.12 and later).
pub(super) const STALL: Signature = Signature {
    name: "alloc-stall",
    needles: &[": page allocation stall"],
    read: |text| {
        let (comm, said) = text.split_once(": page allocation stall")?;
        let said = said.strip_prefix('s').unwrap_or(said).strip_prefix(" for ")?;
        number(said)?;
        let task = match comm.rsplit_once('(') {
            Some((name, pid)) => TaskRef { pid: number(pid), comm: name.to_owned() },
            None => TaskRef::named_before(comm),
        };
        Some(
            Head::new(ReportKind::AllocStall, "page allocation stall", CulpritSource::Allocation).with_task(Some(task)),
        )
    },
};

/// `Allocation of length N from process PID (COMM) failed` (`mm/nommu.c`, `do_mmap_private()`), `Unable to allocate RAM
/// for process text/data` (`fs/binfmt_flat.c`, `load_flat_file()`).
pub(super) const NOMMU: Signature = Signature {
    name: "nommu-alloc-failure",
    needles: &["Allocation of length ", "Unable to allocate RAM for process "],
    read: |text| {
        let head = Head::new(ReportKind::NommuAllocFailure, "allocation for a process failed", CulpritSource::Task)
            .with_also(ReportKind::AllocFailure);
        if let Some(rest) = message(text, "Unable to allocate RAM for process ") {
            let known = rest.contains(" text") || rest.contains(" data");
            return known.then(|| head.with_role(Role::Append(ReportKind::NommuAllocFailure)));
        }
        let text = message(text, "Allocation of length ")?;
        let process = text.split(" from process ").nth(1)?;
        // Before 2.6.31, the pid alone.
        let task = Task::from_pid_comm(process).map_or_else(
            || number(process).map(|pid| TaskRef { pid: Some(pid), comm: String::new() }),
            |task| Some(task.into()),
        );
        let failed = process.starts_with(|c: char| c.is_ascii_digit()) && process.trim_end().ends_with(" failed");
        failed.then(|| head.with_task(task).with_role(Role::Refine(ReportKind::AllocFailure)))
    },
};

fn failure(what: &str) -> Head {
    Head::new(ReportKind::AllocFailure, what, CulpritSource::Allocation)
}
