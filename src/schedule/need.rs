//! What a trial takes of the host.

use model::{Cell, RamMib};

/// Resources of one trial.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Need {
    /// CPUs: one per vCPU, under KVM and under TCG, which has a thread for each.
    pub cpus: u32,
    /// Memory in MiB: the guest's RAM and QEMU's own.
    pub ram_mib: u64,
    /// Room for the trial's record where the run's folder is, in MiB.
    pub record_mib: u64,
    /// Room where scratch disks are, in MiB: as much as the guest can write.
    pub scratch_mib: u64,
}

/// Memory that QEMU uses besides the guest's RAM, in MiB; a large part of it is TCG's code buffer.
pub const QEMU_OVERHEAD_MIB: u64 = 128;

/// Console, events, diagnostics of a trial. Most have less than 1 MiB; a flood is cut at 64 MiB.
const RECORD_MIB: u64 = 32;

/// What a test writes to its root disk, which is a snapshot.
const ROOT_DISK_MIB: u64 = 512;

impl Need {
    /// The need of a cell's trial without a dump of its memory.
    pub fn of(cell: &Cell) -> Self {
        let disk = cell.needs.disk.as_ref().map_or(0, |disk| disk.bytes >> 20);
        let root_disk = cell.needs.root_disk().map_or(0, |_| ROOT_DISK_MIB);
        Self {
            cpus: cell.vcpus,
            ram_mib: u64::from(cell.ram.0) + QEMU_OVERHEAD_MIB,
            record_mib: RECORD_MIB,
            scratch_mib: disk.saturating_add(root_disk),
        }
    }

    /// As [`Need::of`], where the RAM of guests with at most `max_dump` may be kept.
    pub fn with_dump(cell: &Cell, max_dump: Option<RamMib>) -> Self {
        let dump = max_dump.filter(|max| cell.ram <= *max).map_or(0, |_| u64::from(cell.ram.0));
        let need = Self::of(cell);
        Self { record_mib: need.record_mib + dump, ..need }
    }
}
