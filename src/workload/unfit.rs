//! Why a workload cannot run on a machine.

use arch::{Arch, RamMib};
use model::WorkloadName;

/// Why a workload cannot run on a machine.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// It needs an MMU.
    #[error("{workload} needs an MMU, {arch} has none")]
    NeedsMmu {
        /// The workload.
        workload: WorkloadName,
        /// The machine's architecture.
        arch: Arch,
    },
    /// It runs without an MMU only.
    #[error("{workload} is for kernels without an MMU, {arch} has one")]
    NommuOnly {
        /// The workload.
        workload: WorkloadName,
        /// The machine's architecture.
        arch: Arch,
    },
    /// Its manifest excludes the architecture.
    #[error("{workload} cannot run on {arch}: {reason}")]
    Excluded {
        /// The workload.
        workload: WorkloadName,
        /// The machine's architecture.
        arch: Arch,
        /// The manifest's reason.
        reason: String,
    },
    /// The machine has too little RAM.
    #[error("{workload} needs at least {min} of RAM")]
    MinRam {
        /// The workload.
        workload: WorkloadName,
        /// The minimum.
        min: RamMib,
    },
}
