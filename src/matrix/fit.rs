//! Whether a cell can exist.

use super::criterion::Key;
use super::known::{KernelLack, Known};
use crate::workload::Unfit;
use arch::Arch;
use model::{Canary, Cell, KernelName, Needs, Payload, RamMib, WorkloadName};

/// Why a cell cannot exist.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Misfit {
    #[error("{kernel} {lack}")]
    NoKernel { kernel: KernelName, lack: KernelLack },
    #[error("{kernel} {lack}, which {user}{}", remedy(lack))]
    KernelLacks { kernel: KernelName, lack: KernelLack, user: User },
    #[error("{arch} needs at least {min} of RAM, not {ram}", min = .arch.min_ram)]
    TooLittleRam { arch: Arch, ram: RamMib },
    #[error("{kernel} for {arch} needs at least {min} of RAM, not {ram}")]
    TooLittleRamForKernel { kernel: KernelName, arch: Arch, min: RamMib, ram: RamMib },
    #[error("{arch} takes at most {max} vCPUs, not {vcpus}", max = .arch.max_vcpus)]
    TooManyVcpus { arch: Arch, vcpus: u32 },
    #[error(transparent)]
    Workload(#[from] Unfit),
    #[error("{0} has no disk that could be slow")]
    NoDisk(String),
    #[error("allocations fail in workloads of the lab alone")]
    AllocationFaults,
    #[error("the canary is part of the lab's agent, which your own initramfs does not have")]
    NoCanary,
}

/// What needs something of a kernel; reads on after "which".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum User {
    #[error("the cell's faults need")]
    Faults,
    #[error("{0} needs")]
    Workload(String),
}

fn remedy(lack: &KernelLack) -> String {
    lack.remedy().map(|kernel| format!("; `{kernel}` has it")).unwrap_or_default()
}

impl Misfit {
    /// The axis to blame.
    pub fn axis(&self) -> Key {
        match self {
            Self::NoKernel { .. } | Self::KernelLacks { .. } => Key::Kernel,
            Self::TooLittleRam { .. } | Self::TooLittleRamForKernel { .. } => Key::Ram,
            Self::TooManyVcpus { .. } => Key::Vcpus,
            Self::Workload(_) | Self::NoDisk(_) | Self::AllocationFaults | Self::NoCanary => Key::Workload,
        }
    }
}

/// What the cell's workload and its faults need on its machine.
pub(super) fn needs(cell: &Cell, known: &Known<'_>) -> Needs {
    let mut needs = match &cell.payload {
        Payload::Workload { name, options } => {
            let workload = known.workloads.get(name.as_str());
            workload.map(|workload| workload.needs(cell.arch, cell.ram, options)).unwrap_or_default()
        }
        Payload::Initrd(_) => Needs::default(),
    };
    needs.config.extend(needs_of_faults(cell).config);
    if let Some(disk) = &mut needs.disk {
        disk.throttle = disk.throttle.with(&cell.faults.disk);
    }
    needs
}

/// How much RAM a cell needs at least.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MinRam {
    /// What is known to suffice on this machine, for this kernel and this workload.
    Known,
    /// What the kernel's image takes: with less, QEMU cannot load it.
    Image,
}

/// Whether the cell can exist. A kernel or workload that `known` does not have is the user's own and is not judged.
pub(super) fn check(cell: &Cell, known: &Known<'_>, min_ram: MinRam) -> Result<(), Misfit> {
    let arch = cell.arch;
    let kernel = known.kernels.find(cell.kernel.as_str()).ok();
    if let Some(kernel) = &kernel {
        kernel.available(arch).map_err(|lack| Misfit::NoKernel { kernel: cell.kernel.clone(), lack })?;
    }
    let is_known = min_ram == MinRam::Known;
    if is_known && cell.ram < arch.min_ram {
        return Err(Misfit::TooLittleRam { arch, ram: cell.ram });
    }
    let min_of_kernel = kernel.as_ref().and_then(|kernel| {
        let image = kernel.image_ram(arch, cell.payload.has_initrd());
        image.max(kernel.min_ram(arch).filter(|_| is_known))
    });
    if let Some(min) = min_of_kernel
        && cell.ram < min
    {
        return Err(Misfit::TooLittleRamForKernel { kernel: cell.kernel.clone(), arch, min, ram: cell.ram });
    }
    if cell.vcpus > arch.max_vcpus {
        return Err(Misfit::TooManyVcpus { arch, vcpus: cell.vcpus });
    }
    if let Some(workload) = workload_of(cell).and_then(|name| known.workloads.get(name.as_str())) {
        workload.fits(arch, if is_known { cell.ram } else { RamMib(u32::MAX) })?;
    }
    if !cell.faults.disk.is_none() && cell.needs.disk.is_none() {
        return Err(Misfit::NoDisk(cell.workload_name().to_owned()));
    }
    if matches!(cell.payload, Payload::Initrd(_)) && cell.canary != Canary::default() {
        return Err(Misfit::NoCanary);
    }
    if matches!(cell.payload, Payload::Initrd(_)) && cell.faults.config().next().is_some() {
        return Err(Misfit::AllocationFaults);
    }
    let Some(kernel) = kernel else { return Ok(()) };
    for (needs, user) in
        [(&needs_of_faults(cell), User::Faults), (&cell.needs, User::Workload(cell.workload_name().to_owned()))]
    {
        let lacks = |lack| Misfit::KernelLacks { kernel: cell.kernel.clone(), lack, user };
        kernel.provides(arch, needs).map_err(lacks)?;
    }
    Ok(())
}

/// Why a cell cannot exist on this machine, which may know more of its kernel than the one that has expanded the matrix.
pub fn impossible(cell: &Cell, known: &Known<'_>) -> Option<String> {
    check(cell, known, MinRam::Known).err().map(|misfit| misfit.to_string())
}

fn workload_of(cell: &Cell) -> Option<&WorkloadName> {
    match &cell.payload {
        Payload::Workload { name, .. } => Some(name),
        Payload::Initrd(_) => None,
    }
}

fn needs_of_faults(cell: &Cell) -> Needs {
    Needs { config: cell.faults.config().map(str::to_owned).collect(), ..Needs::default() }
}
