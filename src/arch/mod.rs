//! Architectures, one file each. To add one: write its file and name it in `architectures!`.

mod paging;
mod registers;
mod spec;
mod stack;

pub use paging::{Entry, Paging};
pub use registers::{Before, Registers};
pub use spec::{ArchSpec, BinaryFormat, CpuSpec, DiskSpec, GuestSpec, KernelSpec, Landmark, QemuSpec};
pub use stack::{Call, Links, Saved, StackSpec};

use crate::model::ArchName;

macro_rules! architectures {
    ($($module:ident),+ $(,)?) => {
        $(mod $module;)+

        /// Every architecture, in the order in which reports list them.
        pub const ALL: &[ArchSpec] = &[$($module::SPEC),+];
    };
}

architectures!(x86_64, arm, aarch64, riscv64, riscv64_nommu);

/// The architecture of this name.
pub fn find(name: &str) -> Option<&'static ArchSpec> {
    ALL.iter().find(|spec| spec.name == name)
}

impl ArchSpec {
    /// Its name as the model's type.
    pub fn arch_name(&self) -> ArchName {
        ArchName::new(self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_found() {
        for spec in ALL {
            assert_eq!(find(spec.name), Some(spec));
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
