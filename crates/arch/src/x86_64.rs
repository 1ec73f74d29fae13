//! x86_64 on QEMU's `q35`.

use super::registers::hex_after;
use super::{
    ArchSpec, BinaryFormat, CallTarget, CpuSpec, DebianSpec, DiskSpec, FrameLayout, FrameRegisters, GuestSpec,
    ImageMagic, InterruptedPc, KaslrAnchor, KernelSpec, NetworkSpec, PageTableEntry, PageTables, Paging, QemuSpec,
    Registers, SavedRegisters, StackSpec,
};
use crate::RamMib;
use std::ops::Range;

/// See [`ArchSpec`]. At boot the kernel counts the timer's interrupts while it busily waits ten ticks long, and panics
/// when there are too few (`check_timer()`, `arch/x86/kernel/apic/io_apic.c`): as on a host that has no CPU for QEMU.
/// `no_timer_check` skips that; under KVM the kernel does so by itself.
pub(super) const SPEC: ArchSpec = ArchSpec {
    name: "x86_64",
    aliases: &["amd64", "x86-64"],
    mmu: true,
    min_ram: RamMib(32),
    max_vcpus: 64,
    qemu: QemuSpec {
        program: "qemu-system-x86_64",
        packages: &["qemu-system-x86"],
        machine: "q35",
        cpu: Some("max"),
        vcpu_sockets: true,
        args: &[],
        opensbi: None,
        disk: DiskSpec::VIRTIO_PCI,
        network: NetworkSpec::VIRTIO_PCI,
        nmi: true,
        kvm_hosts: &["x86_64"],
    },
    cpu: CpuSpec {
        word_bytes: 8,
        elf_machine: 62,
        registers,
        idle_suffixes: &["_safe_halt", "mwait_idle", "acpi_idle_do_entry"],
        interrupt_entries: &["asm_sysvec_", "asm_common_interrupt", "irq_entries_start"],
        image_base: None,
        kernel_start: Some(CpuSpec::UPPER_HALF),
        decode_loads: |_, _| Vec::new(),
        kaslr: Some(KASLR_ANCHOR),
    },
    stack: Some(STACK),
    console: "ttyS0",
    boot_words: &["no_timer_check", "nokaslr"],
    kernel: KernelSpec {
        arch: "x86_64",
        cross_compile: "x86_64-linux-gnu-",
        target: "bzImage",
        image: "arch/x86/boot/bzImage",
        debian: Some(DebianSpec { arch: "amd64", min_ram: RamMib(96) }),
        // Documentation/arch/x86/boot.rst.
        magic: ImageMagic { header: (0x202, b"HdrS"), elf: 62, pe: 0x8664 },
        options: &["X86_64"],
    },
    guest: GuestSpec {
        cc: "x86_64-linux-gnu-gcc",
        cc_package: "gcc-x86-64-linux-gnu",
        cflags: &["-m64", "-mno-red-zone"],
        format: BinaryFormat::Elf,
    },
};

/// The first gate of the interrupt descriptor table: the division error (Intel SDM 3A, figure 6-8; Linux,
/// `arch/x86/kernel/idt.c`). KASLR offsets are multiples of
/// `CONFIG_PHYSICAL_ALIGN`, which is at least 2 MiB.
const KASLR_ANCHOR: KaslrAnchor = KaslrAnchor {
    location: |dump| hex_after(dump, "IDT="),
    bytes: 16,
    decode: |gate| {
        let half = |at: usize| Some(u64::from(u16::from_le_bytes(gate.get(at..at + 2)?.try_into().ok()?)));
        Some(half(0)? | half(6)? << 16 | half(8)? << 32 | half(10)? << 48)
    },
    symbols: &["asm_exc_divide_error", "divide_error"],
    align: 2 << 20,
};

/// Linux, `arch/x86/include/asm/switch_to.h`, `thread_info.h`, `page_64_types.h`, from 5.10 to 7.3.
const STACK: StackSpec = StackSpec {
    ram,
    page_tables: PageTables::Registers(paging),
    thread_size: 16 << 10,
    saved_registers: SavedRegisters::OnStack {
        sp: "thread.sp",
        structure: "inactive_task_frame",
        pc: "ret_addr",
        fp: "bp",
    },
    frame_registers: |dump| Some(FrameRegisters { fp: hex_after(dump, "RBP=")?, ra: None }),
    frame: FrameLayout { fp: 0, ra: 8 },
    decode_call,
    decode_jump,
    exception_entries: &["asm_sysvec_", "asm_exc_", "asm_common_interrupt", "common_interrupt_return"],
    instruction_align: 1,
    tif_memdie: 20,
};

/// QEMU, `hw/i386/pc_q35.c`, `pc_q35_init()`: RAM that would overlap the PCI hole is above 4 GiB.
fn ram(bytes: u64) -> Vec<Range<u64>> {
    const LOW: u64 = 0x8000_0000;
    const MAX_LOW: u64 = 0xb000_0000;
    const HIGH: u64 = 1 << 32;
    let (low, high) = if bytes < MAX_LOW { (bytes, 0) } else { (LOW, bytes - LOW) };
    [0..low, HIGH..HIGH + high].into_iter().filter(|range| !range.is_empty()).collect()
}

/// Physical address in CR3 and in the entries of page tables (Intel SDM, volume 3, 4.5).
const ADDRESS: u64 = 0x000f_ffff_ffff_f000;

/// The tables of programs lie one page behind the kernel's (Linux, `arch/x86/mm/pti.c`).
fn paging(dump: &str) -> Option<Paging> {
    const PROGRAMS_TABLE: u64 = 1 << 12;
    const FIVE_LEVELS: u64 = 1 << 12;
    const PAGING: u64 = 1 << 31;
    const LONG_MODE: u64 = 1 << 10;
    if hex_after(dump, "CR0=")? & PAGING == 0 || hex_after(dump, "EFER=")? & LONG_MODE == 0 {
        return Some(Paging::Off);
    }
    let levels = if hex_after(dump, "CR4=")? & FIVE_LEVELS != 0 { 5 } else { 4 };
    Some(Paging::Tables { root: hex_after(dump, "CR3=")? & ADDRESS & !PROGRAMS_TABLE, levels, decode_entry })
}

/// In the last table the bit that marks large pages has another meaning, and the address is at the same place.
fn decode_entry(entry: u64) -> PageTableEntry {
    const PRESENT: u64 = 1;
    const LARGE: u64 = 1 << 7;
    match (entry & PRESENT != 0, entry & LARGE != 0) {
        (false, _) => PageTableEntry::Absent,
        (true, false) => PageTableEntry::Table(entry & ADDRESS),
        (true, true) => PageTableEntry::Page(entry & ADDRESS),
    }
}

/// `call rel32`; `call` through a register or memory takes two to seven bytes (Intel SDM, volume 2, CALL).
fn decode_call(code: &[u8], at: u64) -> Option<CallTarget> {
    const DIRECT: u8 = 0xe8;
    const INDIRECT: u8 = 0xff;
    if let Some([DIRECT, distance @ ..]) = code.last_chunk::<5>() {
        return Some(CallTarget::Direct(at.wrapping_add_signed(i64::from(i32::from_le_bytes(*distance)))));
    }
    let is_indirect = |length: usize| {
        let start = code.len().checked_sub(length);
        // The second operand of the byte is what the instruction does; of its first, some lengths follow.
        matches!(start.and_then(|start| code.get(start..)), Some([INDIRECT, operand, ..]) if operand >> 3 & 7 == 2)
    };
    (2..=7).any(is_indirect).then_some(CallTarget::Indirect)
}

/// `jmp rel32`; one with an operand of one byte hardly ever leaves a function.
fn decode_jump(code: &[u8], at: u64) -> Option<u64> {
    let [0xe9, distance @ ..] = code.first_chunk::<5>()? else { return None };
    Some(at.wrapping_add(5).wrapping_add_signed(i64::from(i32::from_le_bytes(*distance))))
}

/// QEMU, `target/i386/cpu-dump.c`. The names of the registers are shorter while the vCPU runs 16- or 32-bit code.
fn registers(dump: &str) -> Option<Registers> {
    const INTERRUPTS: u64 = 1 << 9;
    let either = |long, short| hex_after(dump, long).or_else(|| hex_after(dump, short));
    Some(Registers {
        pc: either("RIP=", "EIP=")?,
        sp: either("RSP=", "ESP=")?,
        user: Some(hex_after(dump, "CPL=")? == 3),
        irqs_off: either("RFL=", "EFL=")? & INTERRUPTS == 0,
        halted: hex_after(dump, "HLT=")? != 0,
        interrupted: InterruptedPc::OnStack,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kaslr_anchor_is_the_first_gate() {
        let dump = "GDT=     fffffe0000001000 0000007f\r\nIDT=     fffffe0000000000 00000fff\r\nCR0=80050033";
        assert_eq!((KASLR_ANCHOR.location)(dump), Some(0xffff_fe00_0000_0000));
        let gate = [0x90, 0x0a, 0x10, 0x00, 0x00, 0x8e, 0xc0, 0x9e, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0];
        assert_eq!((KASLR_ANCHOR.decode)(&gate), Some(0xffff_ffff_9ec0_0a90));
        assert_eq!((KASLR_ANCHOR.decode)(&gate[..11]), None);
    }

    #[test]
    fn decode_call_knows_direct_and_indirect_calls() {
        assert_eq!(decode_call(&[0xe8, 0xfb, 0xff, 0xff, 0xff], 0x1005), Some(CallTarget::Direct(0x1000)));
        assert_eq!(decode_call(&[0x90, 0xff, 0xd0], 0x1003), Some(CallTarget::Indirect), "call *%rax");
        assert_eq!(
            decode_call(&[0xff, 0x14, 0xc5, 1, 0, 0, 0x82], 0x1007),
            Some(CallTarget::Indirect),
            "call *table(,%rax,8)"
        );
        assert_eq!(decode_call(&[0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0xc3], 0x1007), None);
        assert_eq!(decode_call(&[], 0), None);
    }

    #[test]
    fn decode_jump_knows_direct_jumps() {
        assert_eq!(decode_jump(&[0xe9, 0xfb, 0xff, 0xff, 0xff, 0x90], 0x1000), Some(0x1000));
        assert_eq!((decode_jump(&[0xe8, 0, 0, 0, 0], 0), decode_jump(&[0xe9, 0, 0], 0)), (None, None));
    }

    #[test]
    fn paging_uses_the_kernels_own_tables() {
        let dump = |cr4: &str| {
            format!("CR0=80050033 CR2=0000000000000000 CR3=0000000004a3d803 CR4={cr4}\r\nEFER=0000000000000d01\r\n")
        };
        let Some(Paging::Tables { root, levels, .. }) = paging(&dump("000006f0")) else { panic!() };
        assert_eq!((root, levels), (0x4a3_c000, 4));
        assert!(matches!(paging(&dump("000016f0")), Some(Paging::Tables { levels: 5, .. })));
        assert!(matches!(paging("CR0=00000011 CR3=0 CR4=0 EFER=0"), Some(Paging::Off)));
        assert!(paging("").is_none());
    }

    #[test]
    fn ram_above_the_pci_hole_is_a_second_range() {
        assert_eq!(ram(128 << 20), std::iter::once(0..128 << 20).collect::<Vec<_>>());
        assert_eq!(ram(4 << 30), [0..2 << 30, 4 << 30..6 << 30]);
    }
}
