//! Facts about the host.

use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// Facts about the host; unknown figures are `None`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Facts {
    /// Programs on the PATH, with the version that they print, empty if they print none.
    pub programs: BTreeMap<String, String>,
    /// The QEMUs among them, and whether each accepts the lab's seccomp sandbox.
    pub sandbox: BTreeMap<String, bool>,
    /// Required files that exist.
    pub files: BTreeSet<String>,
    /// The version of the OpenSBI that QEMU brings, by architecture.
    pub opensbi: BTreeMap<String, String>,
    /// The version of the one in the cache, where the lab uses that.
    pub opensbi_cached: BTreeMap<String, String>,
    /// Architectures whose QEMU brings one that is too old.
    pub opensbi_unsound: BTreeSet<String>,
    /// Free space for the cache, in MiB.
    pub cache_free_mib: Option<u64>,
    /// Available memory on the host and in this process's control groups, in MiB.
    pub ram_available_mib: Option<u64>,
    /// CPUs that this process may use.
    pub cpus: Option<usize>,
    /// Limits of this process that make it less than the host has.
    pub limits: Vec<String>,
    /// Whether `/dev/kvm` can be opened.
    pub kvm: Kvm,
    /// Whether `/proc/pressure` exists (`CONFIG_PSI`, Linux 4.20).
    pub pressure: bool,
    /// Whether `/proc/self/schedstat` counts (`CONFIG_SCHED_INFO`).
    pub schedstat: bool,
}

/// The state of `/dev/kvm`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kvm {
    /// It opens; it may still not run guests.
    Opens,
    /// It exists, and this user may not open it.
    Denied,
    /// It does not exist.
    #[default]
    Absent,
}
