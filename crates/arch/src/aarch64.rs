//! 64-bit arm on QEMU's `virt`.

use super::registers::hex_after;
use super::{
    ArchSpec, BinaryFormat, CallTarget, CpuSpec, DebianSpec, DiskSpec, FrameLayout, FrameRegisters, GuestSpec,
    ImageMagic, InterruptedPc, KernelSpec, NetworkSpec, PageTableEntry, PageTables, QemuSpec, Registers,
    SavedRegisters, StackSpec,
};
use crate::RamMib;

/// See [`ArchSpec`].
pub(super) const SPEC: ArchSpec = ArchSpec {
    name: "aarch64",
    aliases: &["arm64"],
    mmu: true,
    min_ram: RamMib(16),
    max_vcpus: 8,
    qemu: QemuSpec {
        program: "qemu-system-aarch64",
        packages: &["qemu-system-arm"],
        machine: "virt",
        cpu: Some("cortex-a57"),
        vcpu_sockets: false,
        args: &[],
        opensbi: None,
        disk: DiskSpec::VIRTIO_MMIO,
        network: NetworkSpec::VIRTIO_MMIO,
        nmi: false,
        kvm_hosts: &["aarch64"],
    },
    cpu: CpuSpec {
        word_bytes: 8,
        elf_machine: 183,
        registers,
        idle_suffixes: &["cpu_do_idle"],
        interrupt_entries: &["vectors"],
        image_base: None,
        kernel_start: Some(CpuSpec::UPPER_HALF),
        decode_loads,
        kaslr: None,
    },
    stack: Some(STACK),
    console: "ttyAMA0",
    boot_words: &["nokaslr"],
    kernel: KernelSpec {
        arch: "arm64",
        cross_compile: "aarch64-linux-gnu-",
        target: "Image",
        image: "arch/arm64/boot/Image",
        debian: Some(DebianSpec { arch: "arm64", min_ram: RamMib(96) }),
        // Documentation/arch/arm64/booting.rst.
        magic: ImageMagic { header: (56, b"ARM\x64"), elf: 183, pe: 0xaa64 },
        options: &["ARM64"],
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

/// Linux, `arch/arm64/include/asm/processor.h`, `stacktrace/frame.h`, `thread_info.h`, from 5.10 to 7.3.
const STACK: StackSpec = StackSpec {
    ram: |bytes| std::iter::once(RAM..RAM + bytes).collect(),
    page_tables: PageTables::Search { levels: &[4, 3], decode_entry },
    thread_size: 16 << 10,
    saved_registers: SavedRegisters::InTask {
        pc: "thread.cpu_context.pc",
        sp: "thread.cpu_context.sp",
        fp: "thread.cpu_context.fp",
    },
    frame_registers: |dump| Some(FrameRegisters { fp: hex_after(dump, "X29=")?, ra: hex_after(dump, "X30=") }),
    frame: FrameLayout { fp: 0, ra: 8 },
    decode_call,
    decode_jump,
    exception_entries: &["el1h_64_", "el0t_64_", "el1_sync", "el1_irq"],
    instruction_align: 4,
    tif_memdie: 18,
};

/// QEMU, `hw/arm/virt.c`, `base_memmap`.
const RAM: u64 = 1 << 30;

/// `ldr` through a register that `adrp`, and perhaps `add`, has set (Arm DDI 0487, C4.1).
fn decode_loads(code: &[u8], at: u64) -> Vec<u64> {
    let mut registers = [None; 32];
    let mut loads = Vec::new();
    for (word, at) in code.chunks_exact(4).zip((at..).step_by(4)) {
        let word = u32::from_le_bytes([word[0], word[1], word[2], word[3]]);
        let (to, from) = ((word & 31) as usize, (word >> 5 & 31) as usize);
        let immediate = u64::from(word >> 10 & 0xfff);
        let set = match word >> 22 {
            0b11_1110_0101 => load(registers[from], 8 * immediate, &mut loads),
            0b10_1110_0101 => load(registers[from], 4 * immediate, &mut loads),
            0b10_0100_0100 => registers[from].map(|value: u64| value.wrapping_add(immediate)),
            _ if word & 0x9f00_0000 == 0x9000_0000 => Some(page(word, at)),
            _ => continue,
        };
        registers[to] = set;
    }
    loads
}

/// A register after a load through another: unknown.
fn load(base: Option<u64>, offset: u64, loads: &mut Vec<u64>) -> Option<u64> {
    loads.extend(base.map(|base| base.wrapping_add(offset)));
    None
}

/// What `adrp` at an address sets a register to.
fn page(word: u32, at: u64) -> u64 {
    let pages = (word >> 5 & 0x7_ffff) << 2 | word >> 29 & 3;
    let pages = i64::from((pages << 11).cast_signed() >> 11);
    (at & !0xfff).wrapping_add_signed(pages << 12)
}

/// Descriptors of the 4 KiB granule (Arm DDI 0487, D8.3). In the last table, a page has the bits of a table.
fn decode_entry(entry: u64) -> PageTableEntry {
    const ADDRESS: u64 = 0x0000_ffff_ffff_f000;
    match entry & 3 {
        3 => PageTableEntry::Table(entry & ADDRESS),
        1 => PageTableEntry::Page(entry & ADDRESS),
        _ => PageTableEntry::Absent,
    }
}

/// `bl`, `blr` and its forms with authentication (Arm DDI 0487, C4.1.65).
fn decode_call(code: &[u8], at: u64) -> Option<CallTarget> {
    let word = u32::from_le_bytes(*code.last_chunk()?);
    if word >> 26 == 0b10_0101 {
        return Some(CallTarget::Direct(branch(word, at.wrapping_sub(4))));
    }
    (word & 0xfeff_f000 == 0xd63f_0000).then_some(CallTarget::Indirect)
}

/// `b`.
fn decode_jump(code: &[u8], at: u64) -> Option<u64> {
    let word = u32::from_le_bytes(*code.first_chunk()?);
    (word >> 26 == 0b00_0101).then(|| branch(word, at))
}

/// The target of `b` and `bl` at an address.
fn branch(word: u32, at: u64) -> u64 {
    let words = i64::from((word << 6).cast_signed() >> 6);
    at.wrapping_add_signed(4 * words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decode_call_knows_direct_and_indirect_calls() {
        let code = |word: u32| word.to_le_bytes();
        // bl .+0x1000; bl .-4; blr x3; blraaz x3; ret; b .+4
        assert_eq!(decode_call(&code(0x9400_0400), 0x2004), Some(CallTarget::Direct(0x3000)));
        assert_eq!(decode_call(&code(0x97ff_ffff), 0x2004), Some(CallTarget::Direct(0x1ffc)));
        assert_eq!(decode_call(&code(0xd63f_0060), 0x2004), Some(CallTarget::Indirect));
        assert_eq!(decode_call(&code(0xd63f_087f), 0x2004), Some(CallTarget::Indirect));
        assert_eq!((decode_call(&code(0xd65f_03c0), 4), decode_call(&code(0x1400_0001), 4)), (None, None));
        assert_eq!((decode_call(&[], 0), decode_jump(&[], 0)), (None, None));
        assert_eq!((decode_jump(&code(0x1400_0001), 8), decode_jump(&code(0x9400_0400), 8)), (Some(12), None));
    }

    #[test]
    fn decode_loads_follows_pages() {
        let code = |words: &[u32]| words.iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<u8>>();
        // adrp x0, .+0x2000; ldr x0, [x0, #0x18]; ret
        assert_eq!(decode_loads(&code(&[0xd000_0000, 0xf940_0c00, 0xd65f_03c0]), 0x1008), [0x3018]);
        // adrp x1, .-0x1000; add x1, x1, #0x20; ldr w0, [x1, #4]; ldr x2, [x0]
        assert_eq!(decode_loads(&code(&[0xf0ff_ffe1, 0x9100_8021, 0xb940_0420, 0xf940_0002]), 0x5000), [0x4024]);
        assert!(decode_loads(&[1, 2, 3], u64::MAX).is_empty());
    }

    #[test]
    fn decode_entry_knows_tables_and_pages() {
        assert_eq!(decode_entry(0x0000_0000_4123_4003), PageTableEntry::Table(0x4123_4000));
        assert_eq!(decode_entry(0x0060_0000_4020_0f11), PageTableEntry::Page(0x4020_0000));
        assert_eq!(decode_entry(0x0060_0000_4020_0f10), PageTableEntry::Absent);
    }
}
