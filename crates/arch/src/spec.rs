//! The description of an architecture.

use super::{Registers, StackSpec};
use crate::RamMib;

/// An architecture: how to emulate it, how to talk to it, how to build for it.
#[derive(Debug, Clone, Copy)]
pub struct ArchSpec {
    /// Name in matrices.
    pub name: &'static str,
    /// Names that other projects have for it.
    pub aliases: &'static [&'static str],
    /// Whether the kernel runs with an MMU.
    pub mmu: bool,
    /// Minimum RAM with which a small kernel, as the lab configures it, runs anon-hog.
    pub min_ram: RamMib,
    /// Maximum number of vCPUs of the machine.
    pub max_vcpus: u32,
    /// How QEMU emulates it.
    pub qemu: QemuSpec,
    /// How its vCPUs are read from outside.
    pub cpu: CpuSpec,
    /// How the kernel's tasks are found in its memory; `None` where the lab cannot read them.
    pub stack: Option<StackSpec>,
    /// Kernel console device, without `/dev/`.
    pub console: &'static str,
    /// Kernel parameters of every boot. `nokaslr` keeps the kernel at the addresses of its symbols; a kernel that does not
    /// know it passes it to init, as all unknown parameters.
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
    /// Whether each vCPU is a socket of its own. The MP table of SeaBIOS, from which a kernel without ACPI takes its CPUs, lists one
    /// CPU a socket (`src/fw/mptable.c`).
    pub vcpu_sockets: bool,
    /// Further arguments that this machine needs.
    pub args: &'static [&'static str],
    /// OpenSBI, which starts the kernel: its file in Debian's package `opensbi`; `None` where the machine needs no firmware, or
    /// `args` names it.
    pub opensbi: Option<&'static str>,
    /// How a disk is attached.
    pub disk: DiskSpec,
    /// How a network is attached.
    pub network: NetworkSpec,
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

/// How a machine attaches a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NetworkSpec {
    /// `-device`.
    pub device: &'static str,
    /// Its options, each behind a comma.
    pub options: &'static str,
    /// Kernel modules that drive it: the bus first.
    pub modules: &'static [&'static str],
}

impl NetworkSpec {
    /// A PCI device; without an option ROM, which only a machine that boots from the network needs.
    pub const VIRTIO_PCI: Self =
        Self { device: "virtio-net-pci", options: ",romfile=", modules: &["virtio_pci", "virtio_net"] };
    /// A device of a machine that describes its devices by a device tree.
    pub const VIRTIO_MMIO: Self =
        Self { device: "virtio-net-device", options: "", modules: &["virtio_mmio", "virtio_net"] };
}

/// How the vCPUs of an architecture are read from outside.
#[derive(Debug, Clone, Copy)]
pub struct CpuSpec {
    /// Bytes of the kernel's `unsigned long`; all architectures here are little-endian.
    pub word_bytes: u8,
    /// The machine's number in an ELF file (`include/uapi/linux/elf-em.h`).
    pub elf_machine: u16,
    /// Reads the register dump of one vCPU; `None` if it lacks a register that is needed.
    pub registers: fn(&str) -> Option<Registers>,
    /// Suffixes of the names of idle functions outside the kernel's own section for them (`.cpuidle.text`).
    pub idle_suffixes: &'static [&'static str],
    /// Prefixes of the names of functions at which interrupts arrive. A vCPU that is stopped first takes the pending
    /// interrupt and stands at the first instruction of one of them, or, where several share a symbol, in it: its
    /// program counter does not show what it was doing.
    pub interrupt_entries: &'static [&'static str],
    /// Virtual address of the first byte of a bare kernel image, for kernels whose symbols count from there.
    pub image_base: Option<u64>,
    /// Lowest address of the kernel and its modules, where programs have lower ones; `None` without an MMU, where they share
    /// all addresses.
    pub kernel_start: Option<u64>,
    /// Addresses of the variables that some code, at an address, reads at fixed places, in order: where distributions build
    /// kernels without the symbols of data. None are found where these have all symbols.
    pub decode_loads: fn(&[u8], u64) -> Vec<u64>,
    /// How to find where a kernel has been randomized to; `None` where the lab does not know.
    pub kaslr: Option<KaslrAnchor>,
}

impl CpuSpec {
    /// The upper half of the address space, where 64-bit kernels with an MMU are.
    pub(crate) const UPPER_HALF: u64 = 1 << 63;

    /// Whether an address is one of the kernel's, rather than a program's; `None` without an MMU.
    pub fn is_kernel_address(&self, address: u64) -> Option<bool> {
        self.kernel_start.map(|start| address >= start)
    }
}

/// A kernel function whose address the hardware holds. The difference to its address by the symbols is the KASLR offset.
#[derive(Debug, Clone, Copy)]
pub struct KaslrAnchor {
    /// From the register dump of a vCPU: the virtual address of the memory that holds the function's address.
    pub location: fn(&str) -> Option<u64>,
    /// Bytes to read there.
    pub bytes: usize,
    /// Decodes the function's address from these bytes.
    pub decode: fn(&[u8]) -> Option<u64>,
    /// Names of the function, newest kernel first.
    pub symbols: &'static [&'static str],
    /// The KASLR offset is a multiple of this many bytes.
    pub align: u64,
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
    /// Debian's kernels; `None` where there are none.
    pub debian: Option<DebianSpec>,
    /// What an image begins with, or has behind its start.
    pub magic: ImageMagic,
    /// Options that a configuration for it has, without `CONFIG_`; MMU is [`ArchSpec::mmu`].
    pub options: &'static [&'static str],
}

/// Kernels that Debian has built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DebianSpec {
    /// Debian's name of the architecture.
    pub arch: &'static str,
    /// Minimum RAM with which they reach init.
    pub min_ram: RamMib,
}

/// How the images of an architecture are told from those of others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ImageMagic {
    /// Offset and bytes of the boot protocol's header.
    pub header: (usize, &'static [u8]),
    /// `e_machine` of ELF (`include/uapi/linux/elf-em.h`).
    pub elf: u16,
    /// Machine of a PE image, which EFI boots (`include/linux/pe.h`).
    pub pe: u16,
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
