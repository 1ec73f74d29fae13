//! 64-bit RISC-V with an MMU, started by OpenSBI, on QEMU's `virt`.

use super::registers::hex_after;
use super::{
    ArchSpec, BinaryFormat, CallTarget, CpuSpec, DebianSpec, DiskSpec, FrameLayout, FrameRegisters, GuestSpec,
    ImageMagic, InterruptedPc, KernelSpec, NetworkSpec, PageTableEntry, PageTables, Paging, QemuSpec, Registers,
    SavedRegisters, StackSpec,
};
use crate::RamMib;

/// SIE of mstatus and sstatus (RISC-V privileged architecture, 3.1.6).
const SUPERVISOR_INTERRUPTS: u64 = 1 << 1;

/// Linux, `arch/riscv/include/asm/pgtable.h`, since 5.13: the last two GiB.
const KERNEL_LINK_ADDR: u64 = 0xffff_ffff_8000_0000;

/// See [`ArchSpec`].
pub(super) const SPEC: ArchSpec = ArchSpec {
    name: "riscv64",
    aliases: &[],
    mmu: true,
    min_ram: RamMib(16),
    max_vcpus: 8,
    qemu: QemuSpec {
        program: "qemu-system-riscv64",
        packages: &["qemu-system-riscv", "qemu-system-misc"],
        machine: "virt",
        cpu: None,
        vcpu_sockets: false,
        args: &[],
        opensbi: Some("usr/lib/riscv64-linux-gnu/opensbi/generic/fw_dynamic.bin"),
        disk: DiskSpec::VIRTIO_MMIO,
        network: NetworkSpec::VIRTIO_MMIO,
        nmi: false,
        kvm_hosts: &["riscv64"],
    },
    cpu: CpuSpec {
        word_bytes: 8,
        elf_machine: 243,
        registers,
        idle_suffixes: &["cpu_do_idle"],
        interrupt_entries: &["handle_exception"],
        image_base: Some(KERNEL_LINK_ADDR),
        kernel_start: Some(CpuSpec::UPPER_HALF),
        decode_loads: |_, _| Vec::new(),
        kaslr: None,
    },
    stack: Some(STACK),
    console: "ttyS0",
    boot_words: &["nokaslr"],
    kernel: KernelSpec {
        arch: "riscv",
        cross_compile: "riscv64-linux-gnu-",
        target: "Image",
        image: "arch/riscv/boot/Image",
        debian: Some(DebianSpec { arch: "riscv64", min_ram: RamMib(32) }),
        // Documentation/arch/riscv/boot-image-header.rst.
        magic: ImageMagic { header: (0x38, b"RSC\x05"), elf: 243, pe: 0x5064 },
        options: &["RISCV", "64BIT"],
    },
    guest: GuestSpec {
        cc: "riscv64-linux-gnu-gcc",
        cc_package: "gcc-riscv64-linux-gnu",
        cflags: &["-march=rv64imac", "-mabi=lp64", "-mcmodel=medany"],
        format: BinaryFormat::Elf,
    },
};

/// Linux, `arch/riscv/include/asm/processor.h` (`struct thread_struct`), `thread_info.h`, `arch/riscv/kernel/stacktrace.c`
/// (`struct stackframe`), from 5.10 to 7.3; RAM: QEMU, `hw/riscv/virt.c`.
pub(super) const STACK: StackSpec = StackSpec {
    ram: |bytes| std::iter::once(0x8000_0000..0x8000_0000 + bytes).collect(),
    page_tables: PageTables::Registers(paging),
    thread_size: 16 << 10,
    saved_registers: SavedRegisters::InTask { pc: "thread.ra", sp: "thread.sp", fp: "thread.s" },
    frame_registers: |dump| {
        Some(FrameRegisters { fp: hex_after(dump, "x8/s0 ")?, ra: Some(hex_after(dump, "x1/ra ")?) })
    },
    frame: FrameLayout { fp: -16, ra: -8 },
    decode_call,
    decode_jump,
    exception_entries: &["handle_exception"],
    instruction_align: 2,
    tif_memdie: 5,
};

/// `satp`: RISC-V privileged architecture, 4.1.11.
fn paging(dump: &str) -> Option<Paging> {
    const PAGE_NUMBER: u64 = (1 << 44) - 1;
    let satp = hex_after(dump, "satp ")?;
    let levels = match satp >> 60 {
        0 => return Some(Paging::Off),
        mode @ 8..=10 => mode as u8 - 5,
        _ => return None,
    };
    Some(Paging::Tables { root: (satp & PAGE_NUMBER) << 12, levels, decode_entry })
}

/// RISC-V privileged architecture, 4.4.1: one that permits nothing leads to a table.
fn decode_entry(entry: u64) -> PageTableEntry {
    const VALID: u64 = 1;
    const PERMITTED: u64 = 0b1110;
    const PAGE_NUMBER: u64 = (1 << 44) - 1;
    let address = (entry >> 10 & PAGE_NUMBER) << 12;
    match (entry & VALID != 0, entry & PERMITTED != 0) {
        (false, _) => PageTableEntry::Absent,
        (true, false) => PageTableEntry::Table(address),
        (true, true) => PageTableEntry::Page(address),
    }
}

/// Where `jal` goes to from its own address.
fn jal(word: u32, at: u64) -> u64 {
    let bits = |from: u32, count: u32| word >> from & ((1 << count) - 1);
    let distance = bits(31, 1) << 20 | bits(12, 8) << 12 | bits(20, 1) << 11 | bits(21, 10) << 1;
    at.wrapping_add_signed(i64::from((distance << 11).cast_signed() >> 11))
}

/// Where `jalr` goes to whose register the `auipc` in front of it sets, from the address of that; `None` when it is
/// another register's.
fn far(auipc: u32, jalr: u32, at: u64) -> Option<u64> {
    const REGISTER: u32 = 0x1f;
    let distance = i64::from((auipc & !0xfff).cast_signed()) + i64::from(jalr.cast_signed() >> 20);
    let same = auipc & 0x7f == 0x17 && auipc >> 7 & REGISTER == jalr >> 15 & REGISTER;
    same.then(|| at.wrapping_add_signed(distance))
}

/// `jal ra`, `auipc` and `jalr ra`, `c.jalr` (RISC-V unprivileged architecture, chapters 2.5 and 16.4).
fn decode_call(code: &[u8], at: u64) -> Option<CallTarget> {
    let before = |end: usize| code.get(..end)?.last_chunk().map(|word| u32::from_le_bytes(*word));
    if let Some(word) = before(code.len()) {
        if word & 0xfff == 0xef {
            return Some(CallTarget::Direct(jal(word, at.wrapping_sub(4))));
        }
        if word & 0x7fff == 0xe7 {
            let upper = code.len().checked_sub(4).and_then(before);
            let callee = upper.and_then(|upper| far(upper, word, at.wrapping_sub(8)));
            return Some(callee.map_or(CallTarget::Indirect, CallTarget::Direct));
        }
    }
    let short = u16::from_le_bytes(*code.last_chunk()?);
    (short & 0xf07f == 0x9002 && short & 0x0f80 != 0).then_some(CallTarget::Indirect)
}

/// `jal` and `jalr` that keep no return address.
fn decode_jump(code: &[u8], at: u64) -> Option<u64> {
    let word = |at: usize| code.get(at..)?.first_chunk().map(|word| u32::from_le_bytes(*word));
    match word(0)? {
        jump if jump & 0xfff == 0x6f => Some(jal(jump, at)),
        upper => far(upper, word(4).filter(|jalr| jalr & 0x7fff == 0x67)?, at),
    }
}

/// QEMU, `target/riscv/cpu.c`. The dump does not show the privilege; with an MMU the kernel has the upper half of the
/// addresses, and programs and firmware the lower (Linux, Documentation/arch/riscv/vm-layout.rst).
fn registers(dump: &str) -> Option<Registers> {
    let pc = hex_after(dump, "pc ")?;
    Some(Registers {
        pc,
        sp: hex_after(dump, "x2/sp ")?,
        user: Some(pc >> 63 == 0),
        irqs_off: hex_after(dump, "mstatus ")? & SUPERVISOR_INTERRUPTS == 0,
        halted: false,
        interrupted: InterruptedPc::At(hex_after(dump, "sepc ")?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decode_call_knows_direct_and_indirect_calls() {
        let code = |words: &[u32]| words.iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<u8>>();
        // jal ra, .+0x800; jal ra, .-4; auipc ra, 1; jalr ra, -4(ra); jalr ra, 0(a5); c.jalr a5; addi sp, sp, -16
        assert_eq!(decode_call(&code(&[0x0010_00ef]), 0x1004), Some(CallTarget::Direct(0x1800)));
        assert_eq!(decode_call(&code(&[0xffdf_f0ef]), 0x1004), Some(CallTarget::Direct(0xffc)));
        assert_eq!(decode_call(&code(&[0x0000_1097, 0xffc0_80e7]), 0x1008), Some(CallTarget::Direct(0x1ffc)));
        assert_eq!(decode_call(&code(&[0x0007_80e7]), 0x1004), Some(CallTarget::Indirect));
        assert_eq!(decode_call(&[0x82, 0x97], 0x1002), Some(CallTarget::Indirect));
        assert_eq!(decode_call(&code(&[0xff01_0113]), 0x1004), None);
        assert_eq!(decode_call(&[], 0), None);
    }

    #[test]
    fn decode_jump_knows_direct_jumps() {
        // j .+0x800; auipc t1, 1; jr -4(t1)
        assert_eq!(decode_jump(&0x0010_006f_u32.to_le_bytes(), 0x1000), Some(0x1800));
        let far = [0x0000_1317_u32.to_le_bytes(), 0xffc3_0067_u32.to_le_bytes()].concat();
        assert_eq!(decode_jump(&far, 0x1000), Some(0x1ffc));
        assert_eq!(
            (decode_jump(&far[..4], 0x1000), decode_jump(&far[4..], 0x1004), decode_jump(&[], 0)),
            (None, None, None)
        );
    }

    #[test]
    fn paging_is_read_from_satp() {
        let Some(Paging::Tables { root, levels, .. }) = paging(" satp     9000000000081234\r\n") else { panic!() };
        assert_eq!((root, levels), (0x8123_4000, 4));
        assert!(matches!(paging(" satp     0000000000000000\r\n"), Some(Paging::Off)));
        assert!(paging(" satp     1000000000000000\r\n").is_none() && paging("").is_none());
    }

    #[test]
    fn decode_entry_knows_tables_and_pages() {
        assert_eq!(decode_entry(0x2000_0001), PageTableEntry::Table(0x8000_0000));
        assert_eq!(decode_entry(0x2000_00ef), PageTableEntry::Page(0x8000_0000));
        assert_eq!(decode_entry(0x2000_00ee), PageTableEntry::Absent);
    }
}
