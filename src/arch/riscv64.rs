//! 64-bit RISC-V with an MMU, started by OpenSBI, on QEMU's `virt`.

use super::{ArchSpec, BinaryFormat, DiskSpec, GuestSpec, KernelSpec, QemuSpec};
use crate::model::RamMib;

/// See [`ArchSpec`].
pub(super) const SPEC: ArchSpec = ArchSpec {
    name: "riscv64",
    mmu: true,
    min_ram: RamMib(32),
    max_vcpus: 8,
    qemu: QemuSpec {
        program: "qemu-system-riscv64",
        packages: &["qemu-system-riscv", "qemu-system-misc"],
        machine: "virt",
        cpu: None,
        args: &["-bios", "default"],
        disk: DiskSpec::VIRTIO_MMIO,
        kvm_hosts: &["riscv64"],
    },
    console: "ttyS0",
    boot_words: &[],
    kernel: KernelSpec {
        arch: "riscv",
        cross_compile: "riscv64-linux-gnu-",
        target: "Image",
        image: "arch/riscv/boot/Image",
        debian: Some("riscv64"),
    },
    guest: GuestSpec {
        cc: "riscv64-linux-gnu-gcc",
        cc_package: "gcc-riscv64-linux-gnu",
        cflags: &["-march=rv64imac", "-mabi=lp64", "-mcmodel=medany"],
        format: BinaryFormat::Elf,
    },
};
