//! 64-bit arm on QEMU's `virt`.

use super::registers::hex_after;
use super::{ArchSpec, BinaryFormat, CpuSpec, DiskSpec, GuestSpec, InterruptedPc, KernelSpec, QemuSpec, Registers};
use crate::RamMib;

/// See [`ArchSpec`].
pub(super) const SPEC: ArchSpec = ArchSpec {
    name: "aarch64",
    mmu: true,
    min_ram: RamMib(96),
    max_vcpus: 8,
    qemu: QemuSpec {
        program: "qemu-system-aarch64",
        packages: &["qemu-system-arm"],
        machine: "virt",
        cpu: Some("cortex-a57"),
        args: &[],
        disk: DiskSpec::VIRTIO_MMIO,
        nmi: false,
        kvm_hosts: &["aarch64"],
    },
    cpu: CpuSpec {
        word_bytes: 8,
        registers,
        idle_suffixes: &["cpu_do_idle"],
        interrupt_entries: &["vectors"],
        image_base: None,
        kernel_start: Some(CpuSpec::UPPER_HALF),
        kaslr: None,
    },
    stack: None,
    console: "ttyAMA0",
    boot_words: &["nokaslr"],
    kernel: KernelSpec {
        arch: "arm64",
        cross_compile: "aarch64-linux-gnu-",
        target: "Image",
        image: "arch/arm64/boot/Image",
        debian: Some("arm64"),
    },
    guest: GuestSpec {
        cc: "aarch64-linux-gnu-gcc",
        cc_package: "gcc-aarch64-linux-gnu",
        cflags: &["-march=armv8-a", "-mno-outline-atomics"],
        format: BinaryFormat::Elf,
    },
};

/// QEMU, `target/arm/cpu.c`, `aarch64_cpu_dump_state()`; the bits of PSTATE: Arm DDI 0487, C5.2.
fn registers(dump: &str) -> Option<Registers> {
    const LEVEL: u64 = 0b1100;
    const INTERRUPTS_MASKED: u64 = 1 << 7;
    let Some(status) = hex_after(dump, "PSTATE=") else {
        // The vCPU runs a 32-bit program.
        return super::arm::registers(dump);
    };
    Some(Registers {
        pc: hex_after(dump, "PC=")?,
        sp: hex_after(dump, "SP=")?,
        user: Some(status & LEVEL == 0),
        irqs_off: status & INTERRUPTS_MASKED != 0,
        halted: false,
        interrupted: InterruptedPc::Unknown,
    })
}
