//! The phases of a trial.

use super::diagnosis::{Diagnosis, Means};
use super::stopping::Stopping;
use crate::guest::Exit;
use model::Stamp;
use watchdog::Setup;

/// What the conductor must know of a trial beforehand.
#[derive(Debug, Clone)]
pub(super) struct Conditions {
    pub setup: Setup,
    /// Process id of QEMU, where it is known.
    pub pid: Option<u32>,
    /// Whether the lab starts and ends QEMU.
    pub is_managed: bool,
    /// Percent of the time for which the vCPUs are stopped while the workload runs.
    pub vcpu_stop_percent: Option<u32>,
    /// What a diagnosis may do.
    pub diagnosis: Means,
}

/// How far the trial has come.
#[derive(Debug)]
pub(super) enum Phase {
    /// The console cannot be read yet.
    Connecting,
    /// The watchdog judges.
    Watching,
    /// The guest has shut its machine down: its last console bytes are awaited.
    Flushing { deadline: Stamp, is_flushed: bool },
    /// The verdict stands; evidence is collected.
    Diagnosing(Diagnosis),
    /// QEMU is made to exit.
    Stopping(Stopping),
    /// QEMU has exited: what it had sent is awaited.
    Draining { exit: Exit, deadline: Stamp },
    /// Nothing more comes.
    Over,
}

/// Whether the guest may be probed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Probing {
    Idle,
    Running,
    /// The host's own evidence is collected: the next probe starts the OOM killer.
    Collecting,
    /// The machine is shut down: there is nothing to look into.
    Closed,
}
