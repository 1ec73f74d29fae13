//! 32-bit arm (ARMv7 with LPAE) on QEMU's `virt`.

use super::registers::hex_after;
use super::{
    ArchSpec, BinaryFormat, CpuSpec, DebianSpec, DiskSpec, GuestSpec, ImageMagic, InterruptedPc, KernelSpec,
    NetworkSpec, QemuSpec, Registers,
};
use crate::RamMib;

/// See [`ArchSpec`].
pub(super) const SPEC: ArchSpec = ArchSpec {
    name: "arm",
    aliases: &["armhf", "armv7"],
    mmu: true,
    min_ram: RamMib(16),
    max_vcpus: 8,
    qemu: QemuSpec {
        program: "qemu-system-arm",
        packages: &["qemu-system-arm"],
        machine: "virt",
        cpu: Some("cortex-a15"),
        vcpu_sockets: false,
        args: &[],
        opensbi: None,
        disk: DiskSpec::VIRTIO_MMIO,
        network: NetworkSpec::VIRTIO_MMIO,
        nmi: false,
        kvm_hosts: &[],
    },
    cpu: CpuSpec {
        word_bytes: 4,
        elf_machine: 40,
        registers,
        idle_suffixes: &["_do_idle"],
        interrupt_entries: &[],
        image_base: None,
        kernel_start: Some(MODULES_VADDR),
        decode_loads,
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
        debian: Some(DebianSpec { arch: "armhf", min_ram: RamMib(64) }),
        // arch/arm/boot/compressed/head.S.
        magic: ImageMagic { header: (0x24, b"\x18\x28\x6f\x01"), elf: 40, pe: 0x01c2 },
        options: &["ARM"],
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

/// `ldr` through a register that `movw` and `movt` have set (Arm DDI 0406C, A8.8).
fn decode_loads(code: &[u8], _at: u64) -> Vec<u64> {
    let mut registers: [Option<u32>; 16] = [None; 16];
    let mut loads = Vec::new();
    for word in code.chunks_exact(4) {
        let word = u32::from_le_bytes([word[0], word[1], word[2], word[3]]);
        let (to, base) = ((word >> 12 & 15) as usize, (word >> 16 & 15) as usize);
        let immediate = word >> 4 & 0xf000 | word & 0xfff;
        match word >> 20 & 0xff {
            0x30 => registers[to] = Some(immediate),
            0x34 => registers[to] = registers[to].map(|low| low & 0xffff | immediate << 16),
            0x59 => {
                loads.extend(registers[base].map(|base| u64::from(base.wrapping_add(word & 0xfff))));
                registers[to] = None;
            }
            _ => {}
        }
    }
    loads
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decode_loads_follows_halves() {
        let code = |words: &[u32]| words.iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<u8>>();
        // movw r3, #0x5b08; movt r3, #0xc140; ldr r0, [r3, #4]; bx lr
        let getter = code(&[0xe305_3b08, 0xe34c_3140, 0xe593_0004, 0xe12f_ff1e]);
        assert_eq!(decode_loads(&getter, 0), [0xc140_5b0c]);
        assert!(decode_loads(&getter[4..], 0).is_empty() && decode_loads(&[1, 2, 3], 0).is_empty());
    }
}
