//! Static ELF programs to bFLT version 4, which kernels without an MMU load (fs/binfmt_flat.c).
//!
//! The whole program, zeroed data included, becomes the text segment of a file that is loaded to RAM: kernels before
//! 6.1 move the data segment away from the text, and code that addresses its data relative to the program counter would
//! miss it. Such code runs at any load address, as long as no data holds an address.

use object::elf::SHF_ALLOC;
use object::{File, Object, ObjectKind, ObjectSection, ObjectSegment, RelocationKind, SectionFlags, read};

/// Size of the bFLT header; the program is linked to begin behind it.
const HEADER_BYTES: usize = 64;
/// The alignment of segments by the loader (`FLAT_DATA_ALIGN`, fs/binfmt_flat.c).
const ALIGN: usize = 32;
/// Programs here have a few KiB; a bigger one is a bug.
const MAX_BYTES: u64 = 1 << 20;
/// The loader reads everything into RAM (`FLAT_FLAG_RAM`, include/uapi/linux/flat.h).
const FLAG_RAM: u32 = 1;
const VERSION: u32 = 4;

/// An ELF program that cannot be converted to a bFLT file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FlatError {
    /// It cannot be read as an ELF file.
    #[error("not a readable ELF file: {0}")]
    Elf(String),
    /// It is a library, an object file, or relocatable by a dynamic loader.
    #[error("not a static executable")]
    NotStatic,
    /// Its addresses leave no room for the header, or are far apart.
    #[error("linked to {start:#x}–{end:#x}: it has to begin at 0x40 and end below {MAX_BYTES:#x}")]
    Layout {
        /// Lowest address.
        start: u64,
        /// End of the highest.
        end: u64,
    },
    /// Data holds an absolute address, which would need relocation.
    #[error("section {section} holds an address at {at:#x}: no initialised static may hold a pointer")]
    Address {
        /// Name of the section.
        section: String,
        /// Its address.
        at: u64,
    },
}

impl From<read::Error> for FlatError {
    fn from(error: read::Error) -> Self {
        Self::Elf(error.to_string())
    }
}

/// Converts a program that was linked by `images/guest/flat.ld` with `--emit-relocs`; `stack_bytes` is the size of
/// the stack that the loader makes.
///
/// # Errors
/// When the program could not run wherever the kernel loads it.
pub fn from_elf(elf: &[u8], stack_bytes: u32) -> Result<Vec<u8>, FlatError> {
    let file = File::parse(elf)?;
    if file.kind() != ObjectKind::Executable {
        return Err(FlatError::NotStatic);
    }
    reject_absolute_addresses(&file)?;
    let mut image = load(&file)?;
    let entry = u32::try_from(file.entry()).unwrap_or(u32::MAX);
    write_header(&mut image, entry, stack_bytes);
    Ok(image)
}

/// The program as it lies in memory, with room for the header in front.
fn load(file: &File) -> Result<Vec<u8>, FlatError> {
    let segments = || file.segments().filter(|segment| segment.size() > 0);
    let start = segments().map(|segment| segment.address()).min().unwrap_or(0);
    let end = segments().map(|segment| segment.address().saturating_add(segment.size())).max().unwrap_or(0);
    if start < HEADER_BYTES as u64 || end > MAX_BYTES {
        return Err(FlatError::Layout { start, end });
    }
    let mut image = vec![0; (end as usize).next_multiple_of(ALIGN)];
    for segment in segments() {
        let data = segment.data()?;
        let at = segment.address() as usize;
        match image.get_mut(at..at + data.len()) {
            Some(place) => place.copy_from_slice(data),
            None => return Err(FlatError::Elf("a segment is longer than its memory".to_owned())),
        }
    }
    Ok(image)
}

fn reject_absolute_addresses(file: &File) -> Result<(), FlatError> {
    let is_loaded = |flags| matches!(flags, SectionFlags::Elf { sh_flags } if sh_flags & u64::from(SHF_ALLOC) != 0);
    for section in file.sections().filter(|section| is_loaded(section.flags())) {
        if let Some((at, _)) = section.relocations().find(|(_, entry)| entry.kind() == RelocationKind::Absolute) {
            return Err(FlatError::Address { section: section.name()?.to_owned(), at });
        }
    }
    Ok(())
}

/// `struct flat_hdr` of include/uapi/linux/flat.h, big-endian; offsets count from the header's own start.
fn write_header(image: &mut [u8], entry: u32, stack_bytes: u32) {
    let end = u32::try_from(image.len()).unwrap_or(u32::MAX);
    let (data_start, data_end, bss_end, reloc_start, reloc_count) = (end, end, end, end, 0);
    let fields = [VERSION, entry, data_start, data_end, bss_end, stack_bytes, reloc_start, reloc_count, FLAG_RAM];
    image[..4].copy_from_slice(b"bFLT");
    for (place, field) in image[4..].chunks_exact_mut(4).zip(fields) {
        place.copy_from_slice(&field.to_be_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arch::{Arch, BinaryFormat};
    use std::process::Command;

    /// The architectures that load flat binaries.
    fn arches() -> impl Iterator<Item = Arch> {
        arch::ALL.iter().copied().filter(|arch| arch.guest.format == BinaryFormat::Flat)
    }

    /// Links a small program as the images are linked: the ELF file.
    fn link(arch: Arch, source: &str) -> Vec<u8> {
        let dir = tempfile::tempdir().unwrap();
        let (c, elf) = (dir.path().join("a.c"), dir.path().join("a"));
        std::fs::write(&c, source).unwrap();
        let script = concat!("-Wl,-T,", env!("CARGO_MANIFEST_DIR"), "/images/guest/flat.ld");
        let done = Command::new(arch.guest.cc)
            .args(arch.guest.cflags)
            .args(["-O1", "-fno-pie", "-no-pie", "-nostdlib", "-static", "-Wl,--no-relax", "-Wl,--emit-relocs", script])
            .arg("-o")
            .args([&elf, &c])
            .status()
            .unwrap();
        assert!(done.success());
        std::fs::read(elf).unwrap()
    }

    const GOOD: &str =
        "static volatile int zeroed[100]; int set = 0x12345678; void _start(void) { zeroed[set & 1] = set; for (;;); }";

    fn field(flat: &[u8], index: usize) -> usize {
        u32::from_be_bytes(flat[4 + 4 * index..8 + 4 * index].try_into().unwrap()) as usize
    }

    #[test]
    fn header_describes_one_segment() {
        for arch in arches() {
            let flat = from_elf(&link(arch, GOOD), 8192).unwrap();
            assert_eq!(&flat[..4], b"bFLT");
            let fields: Vec<_> = (0..9).map(|index| field(&flat, index)).collect();
            let end = flat.len();
            assert_eq!(fields, [4, fields[1], end, end, end, 8192, end, 0, 1], "{}", arch.name);
            assert!((64..end).contains(&fields[1]) && end.is_multiple_of(32));
            assert!(flat.windows(4).any(|bytes| bytes == 0x1234_5678_u32.to_le_bytes()), "data is in the file");
            assert!(end >= 64 + 400, "zeroed data is in the file");
        }
    }

    #[test]
    fn pointer_in_initialised_data_is_rejected() {
        const BAD: &str = "int a; int *volatile p = &a; void _start(void) { *p = 1; for (;;); }";
        for arch in arches() {
            let error = from_elf(&link(arch, BAD), 8192);
            assert!(matches!(error, Err(FlatError::Address { .. })), "{}: {error:?}", arch.name);
        }
    }

    #[test]
    fn other_files_are_rejected() {
        assert!(matches!(from_elf(b"#!/bin/sh", 0), Err(FlatError::Elf(_))));
        let host = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        assert_eq!(from_elf(&host, 0), Err(FlatError::NotStatic));
    }

    #[test]
    fn truncated_and_corrupted_files_do_not_panic() {
        for elf in arches().map(|arch| link(arch, GOOD)) {
            for length in (0..elf.len()).step_by(97) {
                let _ = from_elf(&elf[..length], 0);
            }
            for at in 0..elf.len().min(512) {
                let mut broken = elf.clone();
                broken[at] ^= 0xff;
                let _ = from_elf(&broken, 0);
            }
        }
    }
}
