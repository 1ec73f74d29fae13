//! Architectures: how QEMU emulates them, how their kernels and programs are built, and how the registers, page tables
//! and stacks of their vCPUs are read. A new one is a file with its [`ArchSpec`], named in [`ALL`].

mod aarch64;
mod arm;
mod opensbi;
mod paging;
mod ram;
mod registers;
mod riscv32_nommu;
mod riscv64;
mod riscv64_nommu;
mod sandbox;
mod selector;
mod spec;
mod stack;
mod x86_64;

pub use opensbi::OpensbiVersion;
pub use paging::{PageTableEntry, Paging};
pub use ram::{RamError, RamMib};
pub use registers::{InterruptedPc, Registers, vcpu_dumps};
pub use sandbox::{SANDBOX, without_sandbox};
pub use selector::{Arch, UnknownArch, find};
pub use spec::{
    ArchSpec, BinaryFormat, CpuSpec, DebianSpec, DiskSpec, GuestSpec, ImageMagic, KaslrAnchor, KernelSpec, NetworkSpec,
    QemuSpec,
};
pub use stack::{CallTarget, FrameLayout, FrameRegisters, PageTables, SavedRegisters, StackSpec};

/// Every architecture, in the order in which reports list them.
pub const ALL: &[Arch] = &[
    Arch::of(&x86_64::SPEC),
    Arch::of(&arm::SPEC),
    Arch::of(&aarch64::SPEC),
    Arch::of(&riscv64::SPEC),
    Arch::of(&riscv64_nommu::SPEC),
    Arch::of(&riscv32_nommu::SPEC),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn find_knows_every_name() {
        for spec in ALL {
            assert_eq!(find(spec.name), Some(*spec));
        }
        assert_eq!(find("riscv64-nomu"), None);
    }

    #[test]
    fn guests_without_an_mmu_load_flat_binaries() {
        for spec in ALL {
            assert_eq!(spec.mmu, spec.guest.format == BinaryFormat::Elf, "{}", spec.name);
        }
    }
}
