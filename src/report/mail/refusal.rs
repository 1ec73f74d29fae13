//! Trials that no mail to a list should be written about.

use super::facts::KernelOrigin;
use model::{KernelName, Kind, Outcome, TrialRecord};

/// Names of kernels with a known bug (`kernels/zoo/`).
const ZOO: &str = "zoo-";

/// Why there is no draft of a trial.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It passed.
    #[error("the trial passed ({0}): there is nothing to report")]
    Passed(Kind),
    /// It proves nothing.
    #[error("the trial proves nothing about the kernel ({0}): run it again with `oomlab repro`")]
    Inconclusive(Kind),
    /// The lab failed.
    #[error("the lab failed ({0}), not the kernel: run it again with `oomlab repro`")]
    LabError(Kind),
    /// The kernel has a known bug on purpose.
    #[error(
        "{0} is a kernel of the zoo: its bug is known or planted, and is no news; report one of a kernel that people run"
    )]
    Zoo(KernelName),
    /// The release is unknown.
    #[error(
        "the release of the kernel {0} is not known, and readers could not find its source: boot an image that carries its version \
         (`file IMAGE` shows it), or build it with `oomlab boot --tree DIR`"
    )]
    NoRelease(KernelName),
}

/// Why there is no draft of a trial; `None` where there is one. `origin` is that of its kernel, where known.
pub fn refusal(trial: &TrialRecord, origin: Option<&KernelOrigin>) -> Option<Refusal> {
    let kind = trial.verdict.kind;
    match trial.verdict.outcome() {
        Outcome::Pass => return Some(Refusal::Passed(kind)),
        Outcome::Inconclusive => return Some(Refusal::Inconclusive(kind)),
        Outcome::LabError => return Some(Refusal::LabError(kind)),
        Outcome::Hang | Outcome::Crash | Outcome::BootFailed | Outcome::Fail => {}
    }
    let kernel = &trial.cell.kernel;
    let is_zoo = |name: &str| name.starts_with(ZOO);
    if is_zoo(kernel.as_str()) || origin.is_some_and(|origin| origin.patches.iter().any(|name| is_zoo(name))) {
        return Some(Refusal::Zoo(kernel.clone()));
    }
    let has_release = trial.kernel_release.as_ref().is_some_and(|release| !release.trim().is_empty());
    (!has_release).then(|| Refusal::NoRelease(kernel.clone()))
}
