//! The RAM that an image needs before its kernel can run: below it, QEMU refuses to start, or the kernel overwrites itself
//! or its initramfs, and nothing is to be learned about it.

use arch::RamMib;
use std::fs::File;
use std::io::Read;
use std::path::Path;

const MIB: u64 = 1 << 20;

/// How an image lies in RAM.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Footprint {
    /// `Image` of riscv (Documentation/arch/riscv/boot-image-header.rst): the size with its bss, behind what the firmware has.
    /// QEMU puts the initramfs half of the RAM, or 128 or 512 MiB, behind the kernel's start (hw/riscv/boot.c). If the kernel
    /// reaches so far, QEMU refuses to start; if only its bss does, the kernel does without the initramfs.
    Riscv {
        /// Bytes from the start of RAM.
        start: u64,
        /// Bytes.
        size: u64,
    },
    /// `Image` of arm64 (Documentation/arch/arm64/booting.rst): the size with its bss. QEMU leaves 2 MiB before it, and puts
    /// the device tree behind it, at a multiple of 2 MiB (hw/arm/boot.c).
    Arm64 {
        /// Bytes.
        size: u64,
    },
    /// `bzImage` (Documentation/arch/x86/boot.rst): it unpacks itself into `init_size` bytes at `pref_address`.
    X86 {
        /// Bytes.
        end: u64,
    },
}

impl Footprint {
    /// Reads the header of an image; `None` for an image of another kind, whose size in RAM is not known.
    pub fn read(image: &Path) -> Option<Self> {
        let mut header = Vec::new();
        File::open(image).ok()?.take(0x300).read_to_end(&mut header).ok()?;
        Self::of_header(&header)
    }

    fn of_header(header: &[u8]) -> Option<Self> {
        let quad = |at: usize| header.get(at..at + 8)?.try_into().ok().map(u64::from_le_bytes);
        let word = |at: usize| header.get(at..at + 4)?.try_into().ok().map(u32::from_le_bytes);
        // Kernels before 3.17 do not tell a size.
        let size = quad(16).filter(|size| *size > 0 && *size < 1 << 40);
        match header.get(56..60)? {
            b"RSC\x05" => return Some(Self::Riscv { start: quad(8).filter(|start| *start < 1 << 40)?, size: size? }),
            b"ARM\x64" => return Some(Self::Arm64 { size: size? }),
            _ => {}
        }
        // `init_size` is there since version 2.10 of the protocol.
        let is_bzimage = header.get(0x202..0x206)? == b"HdrS" && word(0x206)? & 0xffff >= 0x20a;
        let end = quad(0x258)?.checked_add(word(0x260)?.into())?;
        (is_bzimage && end < 1 << 40).then_some(Self::X86 { end })
    }

    /// The minimum RAM, with or without an initramfs.
    pub fn min_ram(self, has_initrd: bool) -> RamMib {
        let bytes = match self {
            Self::Riscv { size, .. } if has_initrd => 2 * size,
            Self::Riscv { start, size } => start + size,
            // The device tree is behind the image, and needs a little.
            Self::Arm64 { size } => (2 * MIB + size).next_multiple_of(2 * MIB) + 1,
            Self::X86 { end } => end,
        };
        RamMib(u32::try_from(bytes.div_ceil(MIB)).unwrap_or(u32::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A header with these values at their offsets.
    fn header(values: &[(usize, &[u8])]) -> Vec<u8> {
        let mut bytes = vec![0; 0x300];
        for (at, value) in values {
            bytes[*at..*at + value.len()].copy_from_slice(value);
        }
        bytes
    }

    #[test]
    fn image_headers_tell_the_minimum() {
        let size = (35 * MIB + MIB / 2).to_le_bytes();
        let riscv =
            Footprint::of_header(&header(&[(8, &(2 * MIB).to_le_bytes()), (16, &size), (56, b"RSC\x05")])).unwrap();
        assert_eq!((riscv.min_ram(true), riscv.min_ram(false)), (RamMib(71), RamMib(38)));
        let arm64 = Footprint::of_header(&header(&[(16, &size), (56, b"ARM\x64")])).unwrap();
        assert_eq!((arm64.min_ram(true), arm64.min_ram(false)), (RamMib(39), RamMib(39)));
        let (start, length) = ((16 * MIB).to_le_bytes(), (52 * 1024 * 1024 - 1_u32).to_le_bytes());
        let bzimage: &[(usize, &[u8])] = &[(0x202, b"HdrS"), (0x206, &[0x0f, 0x02]), (0x258, &start), (0x260, &length)];
        assert_eq!(Footprint::of_header(&header(bzimage)).unwrap().min_ram(true), RamMib(68));
    }

    #[test]
    fn unknown_and_damaged_images_have_no_minimum() {
        assert_eq!(Footprint::of_header(&header(&[(0x24, &[0x18, 0x28, 0x6f, 0x01])])), None, "zImage");
        assert_eq!(Footprint::of_header(&header(&[(56, b"ARM\x64")])), None, "no size");
        assert_eq!(Footprint::of_header(&header(&[(16, &[0xff; 8]), (56, b"RSC\x05")])), None, "no such size");
        assert_eq!(Footprint::of_header(&header(&[(0x202, b"HdrS"), (0x206, &[0x09, 0x02])])), None, "old protocol");
        assert_eq!(Footprint::of_header(b"MZ"), None);
        assert_eq!(Footprint::read(Path::new("/nonexistent")), None);
    }
}
