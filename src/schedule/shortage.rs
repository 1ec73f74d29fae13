//! Why a trial is not admitted.

use std::fmt;

/// What keeps a trial from being admitted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Shortage {
    /// CPUs, memory or the number of trials: other trials of the run have them.
    Busy,
    /// Others than the run's guests have taken the host's memory. In MiB.
    Memory {
        /// Memory that the trial needs.
        need: u64,
        /// Memory that is available now.
        available: u64,
        /// What running guests will still touch.
        outstanding: u64,
        /// What stays available.
        reserve: u64,
    },
    /// The host stalls.
    Pressure {
        /// On what.
        on: Stalled,
        /// `avg10` in percent.
        percent: f32,
    },
    /// Disk space, in MiB.
    Disk {
        /// What it is for.
        place: Place,
        /// Space that this trial and the running ones need, and that stays free.
        need: u64,
        /// Free space.
        free: u64,
    },
}

/// What tasks of the host wait for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stalled {
    /// Memory.
    Memory,
    /// Storage.
    Io,
}

/// Where disk space is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// The run's folder.
    Records,
    /// The folder of scratch disks.
    Scratch,
}

impl Shortage {
    /// Whether it is the host's, not the run's own doing.
    pub fn is_of_host(&self) -> bool {
        !matches!(self, Self::Busy)
    }

    /// Whether it keeps every trial from being admitted.
    pub(super) fn is_for_all(&self) -> bool {
        matches!(self, Self::Pressure { .. })
    }
}

impl fmt::Display for Shortage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Busy => write!(f, "other trials of the run"),
            Self::Memory { need, available, outstanding, reserve } => {
                write!(f, "memory: {available} MiB available, {need} MiB needed")?;
                if *outstanding > 0 {
                    write!(f, ", {outstanding} MiB for guests that run")?;
                }
                write!(f, ", {reserve} MiB kept for the host")
            }
            Self::Pressure { on, percent } => {
                let what = match on {
                    Stalled::Memory => "memory",
                    Stalled::Io => "storage",
                };
                write!(f, "the host: its tasks wait for {what} {percent:.0} % of the time")
            }
            Self::Disk { place, need, free } => {
                let folder = match place {
                    Place::Records => "the run's folder",
                    Place::Scratch => "scratch disks (TMPDIR)",
                };
                write!(f, "disk space for {folder}: {free} MiB free, {need} MiB needed")
            }
        }
    }
}
