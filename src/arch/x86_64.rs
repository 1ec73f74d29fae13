//! x86_64 on QEMU's `q35`.

use super::registers::number;
use super::{ArchSpec, Before, BinaryFormat, CpuSpec, DiskSpec, GuestSpec, KernelSpec, QemuSpec, Registers};
use crate::model::RamMib;

/// See [`ArchSpec`]. At boot the kernel counts the timer's interrupts while it busily waits ten ticks long, and panics
/// when there are too few (`check_timer()`, `arch/x86/kernel/apic/io_apic.c`): as on a host that has no CPU for QEMU.
/// `no_timer_check` skips that; under KVM the kernel does so by itself.
pub(super) const SPEC: ArchSpec = ArchSpec {
    name: "x86_64",
    mmu: true,
    min_ram: RamMib(96),
    max_vcpus: 64,
    qemu: QemuSpec {
        program: "qemu-system-x86_64",
        packages: &["qemu-system-x86"],
        machine: "q35",
        cpu: Some("max"),
        args: &[],
        disk: DiskSpec::VIRTIO_PCI,
        nmi: true,
        kvm_hosts: &["x86_64"],
    },
    cpu: CpuSpec {
        word_bytes: 8,
        registers,
        idle: &["_safe_halt", "mwait_idle", "acpi_idle_do_entry"],
        interrupts: &["asm_sysvec_", "asm_common_interrupt", "irq_entries_start"],
        image_base: None,
    },
    console: "ttyS0",
    boot_words: &["no_timer_check", "nokaslr"],
    kernel: KernelSpec {
        arch: "x86_64",
        cross_compile: "x86_64-linux-gnu-",
        target: "bzImage",
        image: "arch/x86/boot/bzImage",
        debian: Some("amd64"),
    },
    guest: GuestSpec {
        cc: "x86_64-linux-gnu-gcc",
        cc_package: "gcc-x86-64-linux-gnu",
        cflags: &["-m64", "-mno-red-zone"],
        format: BinaryFormat::Elf,
    },
};

/// QEMU, `target/i386/cpu-dump.c`. The names of the registers are shorter while the vCPU runs 16- or 32-bit code.
fn registers(dump: &str) -> Option<Registers> {
    const INTERRUPTS: u64 = 1 << 9;
    let either = |long, short| number(dump, long).or_else(|| number(dump, short));
    Some(Registers {
        pc: either("RIP=", "EIP=")?,
        sp: either("RSP=", "ESP=")?,
        user: Some(number(dump, "CPL=")? == 3),
        irqs_off: either("RFL=", "EFL=")? & INTERRUPTS == 0,
        halted: number(dump, "HLT=")? != 0,
        before: Before::OnStack,
    })
}
