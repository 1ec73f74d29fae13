//! 32-bit arm (ARMv7 with LPAE) on QEMU's `virt`.

use super::registers::hex_after;
use super::{ArchSpec, BinaryFormat, CpuSpec, DiskSpec, GuestSpec, InterruptedPc, KernelSpec, QemuSpec, Registers};
use crate::RamMib;

/// See [`ArchSpec`].
pub(super) const SPEC: ArchSpec = ArchSpec {
    name: "arm",
    mmu: true,
    min_ram: RamMib(64),
    max_vcpus: 8,
    qemu: QemuSpec {
        program: "qemu-system-arm",
        packages: &["qemu-system-arm"],
        machine: "virt",
        cpu: Some("cortex-a15"),
        args: &[],
        disk: DiskSpec::VIRTIO_MMIO,
        nmi: false,
        kvm_hosts: &[],
    },
    cpu: CpuSpec {
        word_bytes: 4,
        registers,
        idle_suffixes: &["_do_idle"],
        interrupt_entries: &[],
        image_base: None,
        kernel_start: Some(MODULES_VADDR),
        kaslr: None,
    },
    stack: None,
    console: "ttyAMA0",
    boot_words: &[],
    kernel: KernelSpec {
        arch: "arm",
        cross_compile: "arm-linux-gnueabihf-",
        target: "zImage",
        image: "arch/arm/boot/zImage",
        debian: Some("armhf"),
    },
    guest: GuestSpec {
        cc: "arm-linux-gnueabihf-gcc",
        cc_package: "gcc-arm-linux-gnueabihf",
        cflags: &["-march=armv7-a", "-mfloat-abi=soft", "-marm"],
        format: BinaryFormat::Elf,
    },
};

/// Linux, `arch/arm/include/asm/memory.h`: modules are in the 16 MiB in front of the kernel, which has the last GiB
/// (`CONFIG_VMSPLIT_3G`).
const MODULES_VADDR: u64 = 0xbf00_0000;

/// QEMU, `target/arm/cpu.c`, `arm_cpu_dump_state()`; the bits of the CPSR: Arm DDI 0406C, B1.3.3.
pub(super) fn registers(dump: &str) -> Option<Registers> {
    const MODE: u64 = 0x1f;
    const USER: u64 = 0x10;
    const INTERRUPT: u64 = 0x12;
    const INTERRUPTS_MASKED: u64 = 1 << 7;
    let status = hex_after(dump, "PSR=")?;
    if status & MODE == INTERRUPT {
        // It has just taken an interrupt: the link register leads back, and the stack of what it did is not shown. A
        // vCPU that is held still first takes the interrupt that is pending.
        let pc = hex_after(dump, "R14=")?.checked_sub(4)?;
        return Some(Registers {
            pc,
            sp: 0,
            user: None,
            irqs_off: false,
            halted: false,
            interrupted: InterruptedPc::Unknown,
        });
    }
    Some(Registers {
        pc: hex_after(dump, "R15=")?,
        sp: hex_after(dump, "R13=")?,
        user: Some(status & MODE == USER),
        irqs_off: status & INTERRUPTS_MASKED != 0,
        halted: false,
        interrupted: InterruptedPc::Unknown,
    })
}
