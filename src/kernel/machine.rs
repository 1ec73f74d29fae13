//! Which architectures an image may be for.

use arch::{Arch, ImageMagic};

/// How much of an image tells whether it is text.
const START: usize = 4096;

/// Why a file is no kernel image for an architecture.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ImageProblem {
    /// It has no content.
    #[error("it is empty")]
    Empty,
    /// It is text.
    #[error("it is a text file, not a kernel image")]
    Text,
    /// It is for others.
    #[error("it is a kernel for {}, not for {wanted}", names(.found))]
    Machine {
        /// The architectures for which it may be.
        found: Vec<Arch>,
        /// The architecture.
        wanted: Arch,
    },
}

/// Refuses what is certainly no kernel image for an architecture. What nothing is known of is left to QEMU.
pub(super) fn check(image: &[u8], wanted: Arch) -> Result<(), ImageProblem> {
    if image.is_empty() {
        return Err(ImageProblem::Empty);
    }
    let start = &image[..image.len().min(START)];
    if start.iter().all(|&byte| !byte.is_ascii_control() || byte.is_ascii_whitespace()) {
        return Err(ImageProblem::Text);
    }
    let found: Vec<Arch> = arch::ALL.iter().copied().filter(|arch| matches(image, &arch.kernel.magic)).collect();
    if found.is_empty() || found.contains(&wanted) { Ok(()) } else { Err(ImageProblem::Machine { found, wanted }) }
}

fn matches(image: &[u8], magic: &ImageMagic) -> bool {
    let (at, header) = magic.header;
    image.get(at..).is_some_and(|rest| rest.starts_with(header))
        || elf(image) == Some(magic.elf)
        || pe(image) == Some(magic.pe)
}

/// `e_machine`, in the byte order of all architectures here.
fn elf(image: &[u8]) -> Option<u16> {
    image.strip_prefix(b"\x7fELF").and_then(|_| half(image, 18))
}

/// The machine of the COFF header, whose offset is at 0x3c.
fn pe(image: &[u8]) -> Option<u16> {
    let at = usize::from(image.strip_prefix(b"MZ").and_then(|_| half(image, 0x3c))?);
    image.get(at..)?.strip_prefix(b"PE\0\0").and_then(|_| half(image, at + 4))
}

fn half(image: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(*image.get(at..)?.first_chunk()?))
}

fn names(arches: &[Arch]) -> String {
    arches.iter().map(|arch| arch.name).collect::<Vec<_>>().join(" or ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(image: &[u8]) -> Vec<&'static str> {
        arch::ALL.iter().filter(|arch| check(image, **arch).is_ok()).map(|arch| arch.name).collect()
    }

    #[test]
    fn machine_is_read_from_header_elf_and_pe() {
        let with = |length: usize, parts: &[(usize, &[u8])]| {
            let mut image = vec![0; length];
            for (at, bytes) in parts {
                image[*at..at + bytes.len()].copy_from_slice(bytes);
            }
            image
        };
        assert_eq!(found(&with(0x300, &[(0x202, b"HdrS")])), ["x86_64"]);
        assert_eq!(found(&with(0x40, &[(0x24, b"\x18\x28\x6f\x01")])), ["arm"]);
        let riscv = found(&with(0x40, &[(0x38, b"RSC\x05")]));
        assert!(riscv.len() >= 3 && riscv.iter().all(|name| name.starts_with("riscv")), "{riscv:?}");
        assert_eq!(found(&with(0x40, &[(0, b"\x7fELF\x02\x01"), (18, &[62, 0])])), ["x86_64"]);
        let zboot = with(0x80, &[(0, b"MZ"), (4, b"zimg"), (0x3c, &[0x40]), (0x40, b"PE\0\0\x64\xaa")]);
        assert_eq!(found(&zboot), ["aarch64"]);
        assert_eq!(found(b"\0 an image of another kind").len(), arch::ALL.len());
        assert!(found(b"MZ").is_empty(), "text");
    }
}
