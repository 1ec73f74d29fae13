//! Cells as the subject of a search.

use super::error::RequestError;
use crate::host::Resources;
use crate::kernel::is_file;
use crate::matrix::{self, Known, SingleCell, SingleKernel, SinglePayload};
use crate::schedule::Need;
use bisect::Settings;
use model::{Cell, KernelName, Payload};

/// Initial estimates of the duration of a trial and of an incremental build, in seconds.
const TRIAL_S: f64 = 20.0;
const BUILD_S: f64 = 60.0;

/// The request for a cell like that of a recorded trial, with its kernel from the catalogue.
pub fn like_recorded(cell: Cell) -> SingleCell {
    SingleCell {
        kernel: SingleKernel::Catalogue(cell.kernel.to_string()),
        arch: cell.arch,
        ram: cell.ram.to_string(),
        payload: match cell.payload {
            Payload::Workload { name, options } => SinglePayload::Workload { name: name.to_string(), options },
            Payload::Initrd(initrd) => SinglePayload::Initrd(initrd),
        },
        vcpus: cell.vcpus,
        append: cell.append,
        qemu: cell.qemu,
        faults: cell.faults,
        canary: cell.canary,
        timeouts: cell.timeouts,
        repeat: 1,
        fail_on: cell.fail_on,
    }
}

/// The cell of a request.
pub(super) fn plan(wanted: SingleCell, known: &Known<'_>) -> Result<Cell, RequestError> {
    let plan = matrix::single(wanted, known).map_err(RequestError::Cell)?;
    plan.cells.into_iter().next().ok_or_else(|| RequestError::Cell(Vec::new()))
}

/// The kernel of cells whose kernel is built from a commit.
pub(super) fn commit_kernel() -> SingleKernel {
    SingleKernel::User(KernelName::new("commit"))
}

/// A configuration independent of the current folder: the absolute path of a file, or the name of a fragment.
pub(super) fn absolute_config(name: &str) -> String {
    let absolute = std::path::absolute(name).ok().filter(|_| is_file(name));
    absolute.map_or_else(|| name.to_owned(), |path| path.display().to_string())
}

/// Parallel trials: by default as many as the host has CPUs and memory for, never more than descriptors.
pub(super) fn jobs(requested: Option<u32>, cell: &Cell) -> u32 {
    let budget = Resources::of_host().budget();
    requested.map_or_else(|| budget.parallel(Need::of(cell)), |jobs| jobs.min(budget.guests))
}

/// Settings of a search with cells.
pub(super) fn settings(builds: bool) -> Settings {
    Settings { trial_s: TRIAL_S, build_s: if builds { BUILD_S } else { 0.0 }, ..Settings::default() }
}
