//! An unpacked kernel image: an ELF file or the plain bytes of its memory.

use object::read::elf::{FileHeader, ProgramHeader};
use object::{Endianness, elf};
use std::ops::Range;

/// Relocations that put the image's own address into a word, by the architecture's number for them:
/// `R_AARCH64_RELATIVE`, `R_RISCV_RELATIVE`.
const RELATIVE: [u64; 2] = [1027, 3];

/// Images are aligned to this in the kernel's address space (arm64 `MIN_KIMG_ALIGN`, riscv `PMD_SIZE`).
const ALIGNED: u64 = 2 << 20;

/// An unpacked kernel image, as it was linked.
#[derive(Debug)]
pub struct KernelImage<'a> {
    /// All of it.
    pub bytes: &'a [u8],
    /// Bytes of a pointer.
    pub word: usize,
    segments: Vec<(Range<usize>, u64)>,
}

impl<'a> KernelImage<'a> {
    /// A bare kernel of an architecture with pointers of `word_bytes`; its bytes, unless it is an ELF file, lie from
    /// `image_base` on when it runs, where that is known.
    pub fn new(bytes: &'a [u8], word_bytes: u8, image_base: Option<u64>) -> Self {
        let word = usize::from(word_bytes);
        let mut kernel = Self { bytes, word, segments: Vec::new() };
        if let Some(segments) = elf_segments(bytes) {
            kernel.segments = segments;
        } else if let Some(base) = image_base.or_else(|| kernel.relocated_base().filter(|_| word == 8)) {
            kernel.segments.push((0..bytes.len(), base));
        }
        kernel
    }

    /// The address of the byte at an offset; `None` if it is not loaded, or the address of the image is unknown.
    pub fn address(&self, at: usize) -> Option<u64> {
        let (range, address) = self.segments.iter().find(|(range, _)| range.contains(&at))?;
        Some(address + (at - range.start) as u64)
    }

    /// The 16-bit number at an offset.
    pub fn u16(&self, at: usize) -> Option<u16> {
        Some(u16::from_le_bytes(self.bytes.get(at..at + 2)?.try_into().ok()?))
    }

    /// The 32-bit number at an offset.
    pub fn u32(&self, at: usize) -> Option<u32> {
        Some(u32::from_le_bytes(self.bytes.get(at..at + 4)?.try_into().ok()?))
    }

    /// The word of the architecture's size at an offset.
    pub(crate) fn word_at(&self, at: usize) -> Option<u64> {
        if self.word == 4 { self.u32(at).map(u64::from) } else { self.u64(at) }
    }

    fn u64(&self, at: usize) -> Option<u64> {
        Some(u64::from_le_bytes(self.bytes.get(at..at + 8)?.try_into().ok()?))
    }

    /// The pointer at an offset. One that a relocation sets when the kernel starts is read from the relocation.
    pub fn pointer(&self, at: usize) -> Option<u64> {
        match self.word_at(at)? {
            pointer if self.word == 4 => Some(pointer),
            0 => {
                let address = self.address(at)?;
                self.relocations().find(|(slot, _)| *slot == address).map(|(_, value)| value)
            }
            pointer => Some(pointer),
        }
    }

    /// The NUL-terminated text at an offset, if it is shorter than `max` bytes.
    pub fn text(&self, at: usize, max: usize) -> Option<&'a str> {
        let bytes = self.bytes.get(at..)?;
        let bytes = &bytes[..bytes.len().min(max)];
        std::str::from_utf8(&bytes[..memchr::memchr(0, bytes)?]).ok()
    }

    /// Address of the image, from the targets of its relocations: the lowest is near its start.
    fn relocated_base(&self) -> Option<u64> {
        Some(self.relocations().map(|(_, value)| value).min()? & !(ALIGNED - 1))
    }

    /// Address and value of each word that is relocated, as far as both lie in the kernel's image.
    fn relocations(&self) -> impl Iterator<Item = (u64, u64)> {
        self.all_relocations().filter(|(slot, value)| slot >> 48 == 0xffff && value >> 48 == 0xffff)
    }

    /// The same, also of a kernel that is linked to lower addresses (`Elf64_Rela`, `Elf32_Rela`).
    pub(crate) fn all_relocations(&self) -> impl Iterator<Item = (u64, u64)> {
        let word = self.word;
        let is_relative = move |at: &usize| self.word_at(*at).is_some_and(|kind| RELATIVE.contains(&kind));
        let entries = (word..self.bytes.len()).step_by(word).filter(is_relative);
        let entries = entries.filter_map(move |at| Some((self.word_at(at - word)?, self.word_at(at + word)?)));
        entries.filter(|(slot, value)| slot.abs_diff(*value) < 2 * self.bytes.len() as u64)
    }
}

/// File ranges of an ELF file's loaded segments and their addresses.
fn elf_segments(bytes: &[u8]) -> Option<Vec<(Range<usize>, u64)>> {
    let header = elf::FileHeader64::<Endianness>::parse(bytes).ok()?;
    let endian = header.endian().ok()?;
    let load = header.program_headers(endian, bytes).ok()?.iter().filter(|it| it.p_type(endian) == elf::PT_LOAD);
    let range = |segment: &elf::ProgramHeader64<Endianness>| {
        let start = usize::try_from(segment.p_offset(endian)).ok()?;
        let end = start.checked_add(usize::try_from(segment.p_filesz(endian)).ok()?)?;
        Some((start..end, segment.p_vaddr(endian)))
    };
    load.map(range).collect()
}
