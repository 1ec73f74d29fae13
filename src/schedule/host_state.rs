//! What the host has left at one moment.

/// Readings of the host and of this process's control groups. What cannot be read limits nothing.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct HostState {
    /// Memory that is available without swapping, in MiB.
    pub available_mib: Option<u64>,
    /// Stalls.
    pub pressure: Pressure,
    /// Free disk space for records and for scratch disks.
    pub disk: DiskSpace,
}

/// Pressure stall information, `avg10` in percent (Linux, `Documentation/accounting/psi.rst`): of the host or of a control group,
/// whichever is higher; 0 where the kernel has none.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Pressure {
    /// Some task waited for memory.
    pub memory: f32,
    /// All tasks waited for storage.
    pub io: f32,
}

/// Free space in MiB.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DiskSpace {
    /// Where the run's folder is.
    pub record_mib: Option<u64>,
    /// Where scratch disks are.
    pub scratch_mib: Option<u64>,
    /// Whether both are on one file system.
    pub is_shared: bool,
}
