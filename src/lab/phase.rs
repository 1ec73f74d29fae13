//! The phases of a trial.

use super::diagnosis::{Diagnosis, Means};
use super::stopping::Stopping;
use crate::guest::Exit;
use model::{Outcome, Stamp};
use std::collections::BTreeMap;
use watchdog::Setup;

/// Fixed properties of a trial.
#[derive(Debug, Clone)]
pub(super) struct Conditions {
    pub setup: Setup,
    /// Process id of QEMU; `None` if unknown.
    pub pid: Option<u32>,
    /// Whether the lab starts and ends QEMU.
    pub is_managed: bool,
    /// Percentage of the time for which the vCPUs are stopped while the workload runs.
    pub vcpu_stop_percent: Option<u32>,
    /// Capabilities of the diagnosis.
    pub diagnosis: Means,
    /// The outcomes after which the guest stays.
    pub keep: Vec<Outcome>,
    /// Titles of which an earlier trial of the cell has the diagnostics, and the trial's number.
    pub diagnosed: BTreeMap<String, u32>,
}

/// A phase of a trial. A deadline passes only with [`super::input::Input::Deadline`]: by then what had arrived is read. The time of another
/// input says nothing; the lab may have been starved.
#[derive(Debug)]
pub(super) enum Phase {
    /// The console is not connected yet.
    Connecting,
    /// The watchdog judges.
    Watching,
    /// The guest has shut its machine down; its last console bytes are being read.
    Flushing { deadline: Stamp, is_flushed: bool, is_overdue: bool },
    /// There is a verdict; evidence is being collected.
    Diagnosing(Diagnosis),
    /// QEMU is being stopped.
    Stopping(Stopping),
    /// QEMU has exited; its last output is being read.
    Draining { exit: Exit, deadline: Stamp, is_overdue: bool },
    /// The trial has ended.
    Over,
}

/// Whether the guest may be probed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Probing {
    Idle,
    Running,
    /// The host's diagnostics run: the next probe invokes the OOM killer.
    Collecting,
    /// The machine is shut down: no further probes.
    Closed,
}
