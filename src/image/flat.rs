//! Static RISC-V ELF programs to bFLT version 4, which kernels without an MMU load (fs/binfmt_flat.c).
//!
//! The whole program, zeroed data included, becomes the text segment of a file that is loaded to RAM: kernels before
//! 6.1 move the data segment away from the text, and code that finds its data relative to the program counter would
//! miss it. Such code runs wherever it is loaded, as long as no data holds an address.

use object::elf::{EM_RISCV, ET_EXEC, FileHeader64, PT_LOAD, R_RISCV_32, R_RISCV_64, SHF_ALLOC};
use object::read::elf::{FileHeader, ProgramHeader, Rela, SectionHeader};
use object::{LittleEndian, read};

/// Size of the bFLT header; the program is linked to begin behind it.
const HEADER_BYTES: usize = 64;
/// What the loader aligns segments to (`FLAT_DATA_ALIGN`, fs/binfmt_flat.c).
const ALIGN: usize = 32;
/// Programs here need a few KiB; a bigger one is a mistake.
const MAX_BYTES: u64 = 1 << 20;
/// The loader reads everything into RAM (`FLAT_FLAG_RAM`, include/uapi/linux/flat.h).
const FLAG_RAM: u32 = 1;
const VERSION: u32 = 4;

/// An ELF program that cannot become a bFLT file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FlatError {
    /// It cannot be read as an ELF file.
    #[error("not a readable 64-bit ELF file: {0}")]
    Elf(String),
    /// It is for another machine or is no executable.
    #[error("not a static RISC-V executable")]
    NotStatic,
    /// Its addresses leave no room for the header, or are far apart.
    #[error("linked to {start:#x}–{end:#x}: it has to begin at 0x40 and end below {MAX_BYTES:#x}")]
    Layout {
        /// Lowest address.
        start: u64,
        /// End of the highest.
        end: u64,
    },
    /// Some data holds an address, which is known only when the program is loaded.
    #[error("section {section} holds an address at {at:#x}: no initialised static may hold a pointer")]
    Address {
        /// Name of the section.
        section: String,
        /// Where it is.
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
    let header = FileHeader64::<LittleEndian>::parse(elf)?;
    let endian = header.endian()?;
    if header.e_machine(endian) != EM_RISCV || header.e_type(endian) != ET_EXEC {
        return Err(FlatError::NotStatic);
    }
    refuse_addresses(header, endian, elf)?;
    let mut image = load(header, endian, elf)?;
    let entry = u32::try_from(header.e_entry(endian)).unwrap_or(u32::MAX);
    write_header(&mut image, entry, stack_bytes);
    Ok(image)
}

type Header = FileHeader64<LittleEndian>;

/// The program as it lies in memory, with room for the header in front.
fn load(header: &Header, endian: LittleEndian, elf: &[u8]) -> Result<Vec<u8>, FlatError> {
    let segments = header.program_headers(endian, elf)?;
    let loaded = || segments.iter().filter(|segment| segment.p_type(endian) == PT_LOAD && segment.p_memsz(endian) > 0);
    let start = loaded().map(|segment| segment.p_vaddr(endian)).min().unwrap_or(0);
    let end = loaded().map(|s| s.p_vaddr(endian).saturating_add(s.p_memsz(endian))).max().unwrap_or(0);
    if start < HEADER_BYTES as u64 || end > MAX_BYTES {
        return Err(FlatError::Layout { start, end });
    }
    let mut image = vec![0; (end as usize).next_multiple_of(ALIGN)];
    for segment in loaded() {
        let data = segment.data(endian, elf).map_err(|()| FlatError::Elf("a segment lies outside".to_owned()))?;
        let at = segment.p_vaddr(endian) as usize;
        match image.get_mut(at..at + data.len()) {
            Some(place) => place.copy_from_slice(data),
            None => return Err(FlatError::Elf("a segment is longer than its memory".to_owned())),
        }
    }
    Ok(image)
}

fn refuse_addresses(header: &Header, endian: LittleEndian, elf: &[u8]) -> Result<(), FlatError> {
    let sections = header.sections(endian, elf)?;
    for section in sections.iter() {
        let Some((relocations, _)) = section.rela(endian, elf)? else { continue };
        let target = sections.section(section.info_link(endian))?;
        if target.sh_flags(endian) & u64::from(SHF_ALLOC) == 0 {
            continue;
        }
        for relocation in relocations {
            if matches!(relocation.r_type(endian, false), R_RISCV_32 | R_RISCV_64) {
                let section = String::from_utf8_lossy(sections.section_name(endian, target)?).into_owned();
                return Err(FlatError::Address { section, at: relocation.r_offset(endian) });
            }
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
    use std::process::Command;

    /// Builds a small program the way that the images are built; the ELF file.
    fn link(source: &str) -> Vec<u8> {
        let dir = tempfile::tempdir().unwrap();
        let (c, elf) = (dir.path().join("a.c"), dir.path().join("a"));
        std::fs::write(&c, source).unwrap();
        let arch = arch::find("riscv64-nommu").unwrap();
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
    fn the_header_describes_one_segment_with_everything_in_it() {
        let flat = from_elf(&link(GOOD), 8192).unwrap();
        assert_eq!(&flat[..4], b"bFLT");
        let fields: Vec<_> = (0..9).map(|index| field(&flat, index)).collect();
        let end = flat.len();
        assert_eq!(fields, [4, fields[1], end, end, end, 8192, end, 0, 1]);
        assert!((64..end).contains(&fields[1]) && end.is_multiple_of(32));
        assert!(flat.windows(4).any(|bytes| bytes == 0x1234_5678_u32.to_le_bytes()), "data is in the file");
        assert!(end >= 64 + 400, "zeroed data is in the file");
    }

    #[test]
    fn a_pointer_in_initialised_data_is_refused() {
        let error = from_elf(&link("int a; int *volatile p = &a; void _start(void) { *p = 1; for (;;); }"), 8192);
        assert!(matches!(error, Err(FlatError::Address { .. })), "{error:?}");
    }

    #[test]
    fn what_is_no_riscv_program_is_refused() {
        assert!(matches!(from_elf(b"#!/bin/sh", 0), Err(FlatError::Elf(_))));
        let host = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        assert_eq!(from_elf(&host, 0), Err(FlatError::NotStatic));
    }

    #[test]
    fn a_cut_or_broken_file_is_an_error_and_no_panic() {
        let elf = link(GOOD);
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
