//! 32-bit arm (ARMv7 with LPAE) on QEMU's `virt`.

use super::{ArchSpec, BinaryFormat, DiskSpec, GuestSpec, KernelSpec, QemuSpec};
use crate::model::RamMib;

/// See [`ArchSpec`].
pub(super) const SPEC: ArchSpec = ArchSpec {
    name: "arm",
    mmu: true,
    min_ram: RamMib(64),
    max_vcpus: 8,
    qemu: QemuSpec {
        program: "qemu-system-arm",
        packages: &["qemu-system-arm"],
        machine: "virt",
        cpu: Some("cortex-a15"),
        args: &[],
        disk: DiskSpec::VIRTIO_MMIO,
        kvm_hosts: &[],
    },
    console: "ttyAMA0",
    boot_words: &[],
    kernel: KernelSpec {
        arch: "arm",
        cross_compile: "arm-linux-gnueabihf-",
        target: "zImage",
        image: "arch/arm/boot/zImage",
        debian: Some("armhf"),
    },
    guest: GuestSpec {
        cc: "arm-linux-gnueabihf-gcc",
        cc_package: "gcc-arm-linux-gnueabihf",
        cflags: &["-march=armv7-a", "-mfloat-abi=soft", "-marm"],
        format: BinaryFormat::Elf,
    },
};
