//! 64-bit RISC-V in machine mode without an MMU, on QEMU's `virt` without firmware.

use super::registers::hex_after;
use super::{
    ArchSpec, BinaryFormat, CpuSpec, GuestSpec, InterruptedPc, KernelSpec, PageTables, Paging, QemuSpec, Registers,
    StackSpec,
};
use crate::RamMib;

/// The kernel is linked to the start of RAM and QEMU jumps there: no firmware may lie in its place.
pub(super) const SPEC: ArchSpec = ArchSpec {
    name: "riscv64-nommu",
    aliases: &[],
    mmu: false,
    min_ram: RamMib(8),
    max_vcpus: 8,
    qemu: QemuSpec { args: &["-bios", "none"], opensbi: None, kvm_hosts: &[], ..super::riscv64::SPEC.qemu },
    cpu: CpuSpec { registers, image_base: Some(0x8000_0000), kernel_start: None, ..super::riscv64::SPEC.cpu },
    stack: Some(STACK),
    console: "ttyS0",
    boot_words: &[],
    kernel: KernelSpec { debian: None, ..super::riscv64::SPEC.kernel },
    guest: GuestSpec { format: BinaryFormat::Flat, ..super::riscv64::SPEC.guest },
};

/// See [`StackSpec`].
pub(super) const STACK: StackSpec =
    StackSpec { page_tables: PageTables::Registers(|_| Some(Paging::Off)), ..super::riscv64::STACK };

/// Kernel and programs share the addresses: only symbols distinguish them. The kernel runs in machine mode.
fn registers(dump: &str) -> Option<Registers> {
    const MACHINE_INTERRUPTS: u64 = 1 << 3;
    let supervisor = (super::riscv64::SPEC.cpu.registers)(dump)?;
    let irqs_off = hex_after(dump, "mstatus ")? & MACHINE_INTERRUPTS == 0;
    Some(Registers { user: None, irqs_off, interrupted: InterruptedPc::At(hex_after(dump, "mepc ")?), ..supervisor })
}
