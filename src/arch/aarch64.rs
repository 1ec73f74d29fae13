//! 64-bit arm on QEMU's `virt`.

use super::{ArchSpec, BinaryFormat, DiskSpec, GuestSpec, KernelSpec, QemuSpec};
use crate::model::RamMib;

/// See [`ArchSpec`].
pub(super) const SPEC: ArchSpec = ArchSpec {
    name: "aarch64",
    mmu: true,
    min_ram: RamMib(96),
    max_vcpus: 8,
    qemu: QemuSpec {
        program: "qemu-system-aarch64",
        packages: &["qemu-system-arm"],
        machine: "virt",
        cpu: Some("cortex-a57"),
        args: &[],
        disk: DiskSpec::VIRTIO_MMIO,
        kvm_hosts: &["aarch64"],
    },
    console: "ttyAMA0",
    boot_words: &[],
    kernel: KernelSpec {
        arch: "arm64",
        cross_compile: "aarch64-linux-gnu-",
        target: "Image",
        image: "arch/arm64/boot/Image",
        debian: Some("arm64"),
    },
    guest: GuestSpec {
        cc: "aarch64-linux-gnu-gcc",
        cc_package: "gcc-aarch64-linux-gnu",
        cflags: &["-march=armv8-a", "-mno-outline-atomics"],
        format: BinaryFormat::Elf,
    },
};
