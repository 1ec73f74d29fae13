//! x86_64 on QEMU's `q35`.

use super::{ArchSpec, BinaryFormat, DiskSpec, GuestSpec, KernelSpec, QemuSpec};
use crate::model::RamMib;

/// See [`ArchSpec`].
pub(super) const SPEC: ArchSpec = ArchSpec {
    name: "x86_64",
    mmu: true,
    min_ram: RamMib(96),
    max_vcpus: 64,
    qemu: QemuSpec {
        program: "qemu-system-x86_64",
        packages: &["qemu-system-x86"],
        machine: "q35",
        cpu: Some("max"),
        args: &[],
        disk: DiskSpec::VIRTIO_PCI,
        kvm_hosts: &["x86_64"],
    },
    console: "ttyS0",
    boot_words: &[],
    kernel: KernelSpec {
        arch: "x86_64",
        cross_compile: "x86_64-linux-gnu-",
        target: "bzImage",
        image: "arch/x86/boot/bzImage",
        debian: Some("amd64"),
    },
    guest: GuestSpec {
        cc: "x86_64-linux-gnu-gcc",
        cc_package: "gcc-x86-64-linux-gnu",
        cflags: &["-m64", "-mno-red-zone"],
        format: BinaryFormat::Elf,
    },
};
