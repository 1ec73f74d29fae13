//! Whether a cell can exist.

use super::known::Known;
use arch::Arch;
use model::{Cell, Needs, Payload};

/// Why a cell cannot exist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Misfit {
    /// The axis to blame.
    pub axis: &'static str,
    /// The reason, as a fragment.
    pub reason: String,
}

/// What the cell's workload and its faults need on its machine.
pub(super) fn needs(cell: &Cell, arch: Arch, known: &Known<'_>) -> Needs {
    let mut needs = match &cell.payload {
        Payload::Workload { name, .. } => known.workloads.get(name.as_str()).map(|known| known.needs(arch, cell.ram)),
        Payload::Initrd { .. } => None,
    }
    .unwrap_or_default();
    needs.config.extend(needs_of_faults(cell).config);
    if let Some(disk) = &mut needs.disk {
        disk.throttle = disk.throttle.with(&cell.faults.disk);
    }
    needs
}

/// Whether the cell can exist on its architecture. A kernel or workload that `known` does not have is the user's own
/// and is not judged.
pub(super) fn check(cell: &Cell, arch: Arch, known: &Known<'_>) -> Result<(), Misfit> {
    let misfit = |axis: &'static str| move |reason: String| Misfit { axis, reason };
    if let Some(kernel) = known.kernels.get(cell.kernel.as_str()) {
        kernel.available(arch).map_err(|reason| format!("{} {reason}", cell.kernel)).map_err(misfit("kernel"))?;
    }
    if cell.ram < arch.min_ram {
        let reason = format!("{} needs at least {} of RAM, not {}", arch.name, arch.min_ram, cell.ram);
        return Err(misfit("ram")(reason));
    }
    if cell.vcpus > arch.max_vcpus {
        let reason = format!("{} takes at most {} vCPUs, not {}", arch.name, arch.max_vcpus, cell.vcpus);
        return Err(misfit("vcpus")(reason));
    }
    if let Payload::Workload { name, .. } = &cell.payload
        && let Some(workload) = known.workloads.get(name.as_str())
    {
        workload.fits(arch, cell.ram).map_err(misfit("workload"))?;
    }
    if !cell.faults.disk.is_none() && cell.needs.disk.is_none() {
        return Err(misfit("workload")(format!("{} has no disk that could be slow", cell.workload_name())));
    }
    if matches!(cell.payload, Payload::Initrd { .. }) && cell.faults.config().next().is_some() {
        return Err(misfit("workload")("allocations fail in workloads of the lab alone".to_owned()));
    }
    let Some(kernel) = known.kernels.get(cell.kernel.as_str()) else { return Ok(()) };
    for (needs, of) in [
        (&needs_of_faults(cell), "the cell's faults need".to_owned()),
        (&cell.needs, format!("{} needs", cell.workload_name())),
    ] {
        let lacks = |reason: String| misfit("kernel")(format!("{} {reason}, which {of}", cell.kernel));
        kernel.provides(arch, needs).map_err(lacks)?;
    }
    Ok(())
}

fn needs_of_faults(cell: &Cell) -> Needs {
    Needs { config: cell.faults.config().map(str::to_owned).collect(), ..Needs::default() }
}
