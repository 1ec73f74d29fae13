//! Architectures, one file each. To add one: write its file and name it in [`ALL`].

mod aarch64;
mod arm;
mod paging;
mod ram;
mod registers;
mod riscv32_nommu;
mod riscv64;
mod riscv64_nommu;
mod selector;
mod spec;
mod stack;
mod x86_64;

pub use paging::{Entry, Paging};
pub use ram::{RamError, RamMib};
pub use registers::{Before, Registers};
pub use selector::{Arch, UnknownArch, find};
pub use spec::{ArchSpec, BinaryFormat, CpuSpec, DiskSpec, GuestSpec, KernelSpec, Landmark, QemuSpec};
pub use stack::{Call, Links, Saved, StackSpec};

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
    fn names_are_unique_and_found() {
        for spec in ALL {
            assert_eq!(find(spec.name), Some(*spec));
        }
        assert_eq!(find("riscv64-nomu"), None);
    }

    #[test]
    fn kernels_without_an_mmu_load_flat_binaries() {
        for spec in ALL {
            assert_eq!(spec.mmu, spec.guest.format == BinaryFormat::Elf, "{}", spec.name);
        }
    }
}
