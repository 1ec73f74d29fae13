//! 64-bit RISC-V with an MMU, started by OpenSBI, on QEMU's `virt`.

use super::registers::number;
use super::{ArchSpec, Before, BinaryFormat, CpuSpec, DiskSpec, GuestSpec, KernelSpec, QemuSpec, Registers};
use crate::model::RamMib;

/// SIE of mstatus and sstatus (RISC-V privileged architecture, 3.1.6).
const SUPERVISOR_INTERRUPTS: u64 = 1 << 1;

/// Linux, `arch/riscv/include/asm/pgtable.h`, since 5.13: the last two GiB.
const KERNEL_LINK_ADDR: u64 = 0xffff_ffff_8000_0000;

/// See [`ArchSpec`].
pub(super) const SPEC: ArchSpec = ArchSpec {
    name: "riscv64",
    mmu: true,
    min_ram: RamMib(32),
    max_vcpus: 8,
    qemu: QemuSpec {
        program: "qemu-system-riscv64",
        packages: &["qemu-system-riscv", "qemu-system-misc"],
        machine: "virt",
        cpu: None,
        args: &["-bios", "default"],
        disk: DiskSpec::VIRTIO_MMIO,
        nmi: false,
        kvm_hosts: &["riscv64"],
    },
    cpu: CpuSpec { word_bytes: 8, registers, idle: &["cpu_do_idle"], interrupts: &["handle_exception"], image_base: Some(KERNEL_LINK_ADDR) },
    console: "ttyS0",
    boot_words: &["nokaslr"],
    kernel: KernelSpec {
        arch: "riscv",
        cross_compile: "riscv64-linux-gnu-",
        target: "Image",
        image: "arch/riscv/boot/Image",
        debian: Some("riscv64"),
    },
    guest: GuestSpec {
        cc: "riscv64-linux-gnu-gcc",
        cc_package: "gcc-riscv64-linux-gnu",
        cflags: &["-march=rv64imac", "-mabi=lp64", "-mcmodel=medany"],
        format: BinaryFormat::Elf,
    },
};

/// QEMU, `target/riscv/cpu.c`. The dump does not show the privilege; with an MMU the kernel has the upper half of the
/// addresses, and programs and firmware the lower (Linux, Documentation/arch/riscv/vm-layout.rst).
fn registers(dump: &str) -> Option<Registers> {
    let pc = number(dump, "pc ")?;
    Some(Registers {
        pc,
        sp: number(dump, "x2/sp ")?,
        user: Some(pc >> 63 == 0),
        irqs_off: number(dump, "mstatus ")? & SUPERVISOR_INTERRUPTS == 0,
        halted: false,
        before: Before::At(number(dump, "sepc ")?),
    })
}
