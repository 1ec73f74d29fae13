//! 32-bit RISC-V in machine mode without an MMU, on QEMU's `virt` without firmware.

use super::{ArchSpec, CallTarget, CpuSpec, FrameLayout, GuestSpec, ImageMagic, KernelSpec, QemuSpec, StackSpec};

/// As [`riscv64_nommu`](super::riscv64_nommu), with words of 32 bits.
pub(super) const SPEC: ArchSpec = ArchSpec {
    name: "riscv32-nommu",
    aliases: &[],
    qemu: QemuSpec { program: "qemu-system-riscv32", ..super::riscv64_nommu::SPEC.qemu },
    cpu: CpuSpec { word_bytes: 4, ..super::riscv64_nommu::SPEC.cpu },
    stack: Some(STACK),
    kernel: KernelSpec {
        magic: ImageMagic { pe: 0x5032, ..super::riscv64_nommu::SPEC.kernel.magic },
        options: &["RISCV", "32BIT"],
        ..super::riscv64_nommu::SPEC.kernel
    },
    guest: GuestSpec {
        cflags: &["-march=rv32imac", "-mabi=ilp32", "-mcmodel=medany"],
        ..super::riscv64_nommu::SPEC.guest
    },
    ..super::riscv64_nommu::SPEC
};

/// Linux, `arch/riscv/Kconfig` (`THREAD_SIZE_ORDER`): half of what 64-bit kernels have.
const STACK: StackSpec = StackSpec {
    thread_size: 8 << 10,
    frame: FrameLayout { fp: -8, ra: -4 },
    decode_call,
    ..super::riscv64_nommu::STACK
};

/// `c.jal`, which only 32-bit code has (RISC-V unprivileged architecture, chapter 16.4), and the calls of 64-bit code.
fn decode_call(code: &[u8], at: u64) -> Option<CallTarget> {
    let short = u16::from_le_bytes(*code.last_chunk()?);
    match (super::riscv64_nommu::STACK.decode_call)(code, at) {
        None if short & 0xe003 == 0x2001 => Some(CallTarget::Direct(c_jal(short, at.wrapping_sub(2)))),
        call => call,
    }
}

/// Where `c.jal` goes to from its own address.
fn c_jal(word: u16, at: u64) -> u64 {
    let bits = |from: u32, count: u32| word >> from & ((1 << count) - 1);
    let distance = bits(12, 1) << 11
        | bits(11, 1) << 4
        | bits(9, 2) << 8
        | bits(8, 1) << 10
        | bits(7, 1) << 6
        | bits(6, 1) << 7
        | bits(3, 3) << 1
        | bits(2, 1) << 5;
    at.wrapping_add_signed(i64::from((distance << 4).cast_signed() >> 4))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compressed_calls_are_decoded() {
        let halves = |halves: &[u16]| halves.iter().flat_map(|half| half.to_le_bytes()).collect::<Vec<u8>>();
        // c.jal .+0x7fe; c.jal .-2; c.j .+0x7fe; jal ra, .+0x800
        assert_eq!(decode_call(&halves(&[0x2ffd]), 0x1002), Some(CallTarget::Direct(0x17fe)));
        assert_eq!(decode_call(&halves(&[0x3ffd]), 0x1002), Some(CallTarget::Direct(0xffe)));
        assert_eq!(decode_call(&halves(&[0xaffd]), 0x1002), None);
        assert_eq!(decode_call(&halves(&[0x00ef, 0x0010]), 0x1004), Some(CallTarget::Direct(0x1800)));
        assert_eq!(decode_call(&[], 0), None);
    }
}
