//! What the lab must know of an architecture.

use super::{Registers, StackSpec};
use crate::RamMib;

/// An architecture: how to emulate it, how to talk to it, how to build for it.
#[derive(Debug, Clone, Copy)]
pub struct ArchSpec {
    /// Name in matrices.
    pub name: &'static str,
    /// Whether the kernel runs with an MMU.
    pub mmu: bool,
    /// The least RAM at which a stock kernel reaches init.
    pub min_ram: RamMib,
    /// The most virtual CPUs that the machine takes.
    pub max_vcpus: u32,
    /// How QEMU emulates it.
    pub qemu: QemuSpec,
    /// How its vCPUs are looked at from outside.
    pub cpu: CpuSpec,
    /// How the kernel's tasks are found in its memory; `None` where the lab does not know.
    pub stack: Option<StackSpec>,
    /// Kernel console device, without `/dev/`.
    pub console: &'static str,
    /// Kernel command line words that every boot of it gets. `nokaslr` keeps the kernel where its symbols say that it is;
    /// init gets it as an argument, as all words that the kernel does not know.
    pub boot_words: &'static [&'static str],
    /// How its kernels are built.
    pub kernel: KernelSpec,
    /// How programs for its guests are built.
    pub guest: GuestSpec,
}

/// How QEMU emulates an architecture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QemuSpec {
    /// Name of the program.
    pub program: &'static str,
    /// Debian package that has it, by Debian release (newest first): QEMU's packages were split over time.
    pub packages: &'static [&'static str],
    /// `-machine`.
    pub machine: &'static str,
    /// `-cpu` under emulation; `None` takes the machine's default.
    pub cpu: Option<&'static str>,
    /// Arguments that this machine needs besides.
    pub args: &'static [&'static str],
    /// How a disk is attached.
    pub disk: DiskSpec,
    /// Whether the machine can raise a non-maskable interrupt (QEMU, `hw/core/nmi.c`) that the kernel answers.
    pub nmi: bool,
    /// `uname -m` of the hosts on which KVM may run it.
    pub kvm_hosts: &'static [&'static str],
}

/// How a machine attaches a disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DiskSpec {
    /// `-device`.
    pub device: &'static str,
    /// Kernel modules that drive it: the bus first.
    pub modules: &'static [&'static str],
}

impl DiskSpec {
    /// A PCI device.
    pub const VIRTIO_PCI: Self = Self { device: "virtio-blk-pci", modules: &["virtio_pci", "virtio_blk"] };
    /// A device of a machine that describes its devices by a device tree.
    pub const VIRTIO_MMIO: Self = Self { device: "virtio-blk-device", modules: &["virtio_mmio", "virtio_blk"] };
}

/// How the vCPUs of an architecture are looked at from outside.
#[derive(Debug, Clone, Copy)]
pub struct CpuSpec {
    /// Bytes of the kernel's `unsigned long`; all architectures here are little-endian.
    pub word_bytes: u8,
    /// Reads the dump of one vCPU; `None` when something that is needed is not in it.
    pub registers: fn(&str) -> Option<Registers>,
    /// Ends of the names of kernel functions in which a vCPU waits for work and that are not in the kernel's own section of
    /// idle functions (`.cpuidle.text`).
    pub idle: &'static [&'static str],
    /// Beginnings of the names of kernel functions at which an interrupt arrives. A vCPU that is held still first takes
    /// the interrupt that is pending, and stands at the first instruction of one of them, or where several are one
    /// symbol, in it: it was elsewhere.
    pub interrupts: &'static [&'static str],
    /// Where the first byte of a bare kernel image lies while it runs, for kernels that do not say so themselves: those
    /// whose symbols count from the image's beginning.
    pub image_base: Option<u64>,
    /// How to see where a kernel has put itself (KASLR).
    pub landmark: Option<Landmark>,
}

/// A function of the kernel's that the hardware knows the address of.
#[derive(Debug, Clone, Copy)]
pub struct Landmark {
    /// From the dump of a vCPU: the virtual address at which that stands.
    pub at: fn(&str) -> Option<u64>,
    /// Bytes to read there.
    pub bytes: usize,
    /// The function's address, from these bytes.
    pub read: fn(&[u8]) -> Option<u64>,
    /// Its names in different versions.
    pub symbols: &'static [&'static str],
    /// A kernel moves by a multiple of this many bytes.
    pub step: u64,
}

/// How kernels of an architecture are built and packaged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KernelSpec {
    /// `ARCH=` of the kernel's makefiles.
    pub arch: &'static str,
    /// `CROSS_COMPILE=`; the compiler is this and `gcc`.
    pub cross_compile: &'static str,
    /// Make target of the bootable image.
    pub target: &'static str,
    /// The image's path in the output tree.
    pub image: &'static str,
    /// Debian's name of the architecture, for prebuilt kernels; `None` where Debian builds none.
    pub debian: Option<&'static str>,
}

/// How programs for guests of an architecture are built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GuestSpec {
    /// The C compiler.
    pub cc: &'static str,
    /// Debian package that has it.
    pub cc_package: &'static str,
    /// Flags that choose the instruction set and the ABI.
    pub cflags: &'static [&'static str],
    /// What the kernel loads.
    pub format: BinaryFormat,
}

/// The format of executables that the kernel loads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BinaryFormat {
    /// A static ELF file.
    Elf,
    /// bFLT version 4, for kernels without an MMU (`fs/binfmt_flat.c`).
    Flat,
}
