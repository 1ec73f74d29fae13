//! 64-bit RISC-V in machine mode without an MMU, on QEMU's `virt` without firmware.

use super::{ArchSpec, BinaryFormat, GuestSpec, KernelSpec, QemuSpec};
use crate::model::RamMib;

/// The kernel is linked to the start of RAM and QEMU jumps there: no firmware may lie in its place.
pub(super) const SPEC: ArchSpec = ArchSpec {
    name: "riscv64-nommu",
    mmu: false,
    min_ram: RamMib(8),
    max_vcpus: 8,
    qemu: QemuSpec { args: &["-bios", "none"], kvm_hosts: &[], ..super::riscv64::SPEC.qemu },
    console: "ttyS0",
    boot_words: &[],
    kernel: KernelSpec { debian: None, ..super::riscv64::SPEC.kernel },
    guest: GuestSpec { format: BinaryFormat::Flat, ..super::riscv64::SPEC.guest },
};
