//! BPF Type Format (Linux, `include/uapi/linux/btf.h`, Documentation/bpf/btf.rst, up to 7.3).

use super::error::DebugInfoError;
use super::types::{Member, Shape, TypeId, Types};
use memchr::memmem;

/// Start of a header: magic number, version, flags and header length.
const MAGIC: &[u8] = &[0x9f, 0xeb, 1, 0, HEADER_BYTES as u8, 0, 0, 0];
/// Bytes of the header.
const HEADER_BYTES: usize = 24;
/// Bytes common to all types (`struct btf_type`).
const TYPE_BYTES: usize = 12;
/// Minimum number of types of a kernel; programs that it carries have fewer.
const MIN_TYPES: usize = 1000;

/// The section of per-CPU variables (`include/asm-generic/percpu.h`, `PER_CPU_BASE_SECTION`).
const PERCPU: &str = ".data..percpu";

const INT: u32 = 1;
const POINTER: u32 = 2;
const ARRAY: u32 = 3;
const STRUCT: u32 = 4;
const UNION: u32 = 5;
const ENUM: u32 = 6;
const FORWARD: u32 = 7;
const TYPEDEF: u32 = 8;
const VOLATILE: u32 = 9;
const CONST: u32 = 10;
const RESTRICT: u32 = 11;
const FUNCTION: u32 = 12;
const PROTOTYPE: u32 = 13;
const VARIABLE: u32 = 14;
const SECTION: u32 = 15;
const FLOAT: u32 = 16;
const DECL_TAG: u32 = 17;
const TYPE_TAG: u32 = 18;
const ENUM64: u32 = 19;

/// The types of a kernel.
#[derive(Debug, Clone)]
pub struct Btf<'a> {
    types: &'a [u8],
    strings: &'a [u8],
    /// Where each type begins; the first one has the number 1.
    starts: Vec<u32>,
    word_bytes: u8,
}

impl<'a> Btf<'a> {
    /// Finds the kernel's types in its image, an ELF file or the bytes of its memory: between `__start_BTF` and
    /// `__stop_BTF` (`include/asm-generic/vmlinux.lds.h`). Pointers have `word_bytes`.
    ///
    /// # Errors
    /// When there are none, or they cannot be read.
    pub fn find(image: &'a [u8], word_bytes: u8) -> Result<Self, DebugInfoError> {
        let mut error = DebugInfoError::Absent;
        for at in memmem::find_iter(image, MAGIC) {
            match Self::parse(&image[at..], word_bytes) {
                Ok(btf) if btf.starts.len() >= MIN_TYPES => return Ok(btf),
                // The types of a program that the kernel carries (`kernel/bpf/preload`).
                Ok(_) => {}
                Err(unreadable) => error = unreadable,
            }
        }
        Err(error)
    }

    /// Reads types that begin with their header; any bytes after them are ignored.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn parse(bytes: &'a [u8], word_bytes: u8) -> Result<Self, DebugInfoError> {
        let cut = || DebugInfoError::Unreadable("the BTF is cut off".to_owned());
        if !bytes.starts_with(MAGIC) {
            return Err(DebugInfoError::Absent);
        }
        let word = |at: usize| number(bytes, at).map(|word| word as usize).ok_or_else(cut);
        let part = |offset: usize, length: usize| {
            let start = HEADER_BYTES.checked_add(offset)?;
            bytes.get(start..start.checked_add(length)?)
        };
        let types = part(word(8)?, word(12)?).ok_or_else(cut)?;
        let strings = part(word(16)?, word(20)?).ok_or_else(cut)?;
        let (mut starts, mut at) = (Vec::new(), 0);
        while at < types.len() {
            starts.push(u32::try_from(at).map_err(|_| cut())?);
            let info = number(types, at + 4).ok_or_else(cut)?;
            let unknown = || DebugInfoError::Unreadable(format!("BTF has a type of the unknown kind {}", kind(info)));
            at += TYPE_BYTES + more(info).ok_or_else(unknown)?;
        }
        if at != types.len() {
            return Err(cut());
        }
        Ok(Self { types, strings, starts, word_bytes })
    }

    /// The text at a place among the strings.
    fn text(&self, at: u32) -> Option<&'a [u8]> {
        let text = self.strings.get(at as usize..)?;
        Some(&text[..memchr::memchr(0, text)?])
    }

    /// Index of the first type with a name and a kind.
    fn named(&self, name: &[u8], is_kind: impl Fn(u32) -> bool) -> Option<usize> {
        self.starts.iter().position(|&start| {
            let info = number(self.types, start as usize + 4);
            info.is_some_and(|info| is_kind(kind(info)))
                && number(self.types, start as usize).and_then(|at| self.text(at)) == Some(name)
        })
    }

    fn members(&self, at: usize, info: u32) -> Option<Vec<Member>> {
        let bitfields = info >> 31 != 0;
        let mut members = Vec::new();
        for at in (at + TYPE_BYTES..).step_by(12).take(count(info)) {
            let (name, kind, bits) =
                (number(self.types, at)?, number(self.types, at + 4)?, number(self.types, at + 8)?);
            let (offset, width) = if bitfields { (bits & 0x00ff_ffff, bits >> 24) } else { (bits, 0) };
            if width == 0 {
                let name = Some(String::from_utf8_lossy(self.text(name)?).into_owned()).filter(|it| !it.is_empty());
                members.push(Member { name, offset: u64::from(offset / 8), kind: TypeId(kind as usize) });
            }
        }
        Some(members)
    }
}

impl Types for Btf<'_> {
    fn find(&self, name: &str) -> Option<TypeId> {
        self.named(name.as_bytes(), |kind| matches!(kind, STRUCT | UNION)).map(|at| TypeId(at + 1))
    }

    fn shape(&self, id: TypeId) -> Option<Shape> {
        if id.0 == 0 {
            return Some(Shape::Plain { size: 0 });
        }
        let at = *self.starts.get(id.0 - 1)? as usize;
        let (info, size) = (number(self.types, at + 4)?, number(self.types, at + 8)?);
        let more = |word: usize| number(self.types, at + TYPE_BYTES + 4 * word);
        Some(match kind(info) {
            STRUCT | UNION => Shape::Aggregate { size: u64::from(size), members: self.members(at, info)? },
            ARRAY => Shape::Array { element: TypeId(more(0)? as usize), count: u64::from(more(2)?) },
            TYPEDEF | VOLATILE | CONST | RESTRICT | TYPE_TAG => Shape::Alias(TypeId(size as usize)),
            POINTER => Shape::Plain { size: u64::from(self.word_bytes) },
            INT | ENUM | ENUM64 | FLOAT => Shape::Plain { size: u64::from(size) },
            _ => Shape::Plain { size: 0 },
        })
    }

    fn percpu(&self, name: &str) -> Option<u32> {
        // The only section of the kernel itself (`pahole`, `btf_encoder.c`): its parts are type, offset and size.
        let section = self.named(PERCPU.as_bytes(), |kind| kind == SECTION)?;
        let at = *self.starts.get(section)? as usize;
        let count = count(number(self.types, at + 4)?);
        (at + TYPE_BYTES..).step_by(12).take(count).find_map(|at| {
            let variable = *self.starts.get((number(self.types, at)? as usize).checked_sub(1)?)? as usize;
            let own = self.text(number(self.types, variable)?)?;
            (own == name.as_bytes()).then(|| number(self.types, at + 4)).flatten()
        })
    }
}

fn number(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|word| u32::from_le_bytes(*word))
}

fn kind(info: u32) -> u32 {
    info >> 24 & 0x1f
}

/// How many parts a type has.
fn count(info: u32) -> usize {
    (info & 0xffff) as usize
}

/// How many bytes a type has beyond those that all have.
fn more(info: u32) -> Option<usize> {
    Some(match kind(info) {
        INT | VARIABLE | DECL_TAG => 4,
        ARRAY => 12,
        STRUCT | UNION | SECTION | ENUM64 => 12 * count(info),
        ENUM | PROTOTYPE => 8 * count(info),
        POINTER | FORWARD | TYPEDEF | VOLATILE | CONST | RESTRICT | FUNCTION | FLOAT | TYPE_TAG => 0,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::super::{Field, field, samples, size};
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn btf_layouts_are_read() {
        let bytes = samples::btf();
        let btf = Btf::parse(&bytes, 8).unwrap();
        samples::check(&btf);
        assert_eq!(field(&btf, "task", "flags"), None, "a bit-field");
        assert_eq!(size(&btf, "long"), None, "no structure");
        let narrow = Btf::parse(&bytes, 4).unwrap();
        assert_eq!(field(&narrow, "task", "next"), Some(Field { offset: 16, size: 4 }));
    }

    #[test]
    fn percpu_variables_have_offsets() {
        let bytes = samples::btf();
        let btf = Btf::parse(&bytes, 8).unwrap();
        assert_eq!((btf.percpu("runqueues"), btf.percpu("task")), (Some(0x40), None));
    }

    #[test]
    fn find_skips_the_types_of_small_programs() {
        let small = samples::btf();
        assert_eq!(Btf::find(&[&[1, 2, 3], &small[..]].concat(), 8).unwrap_err(), DebugInfoError::Absent);
        let large = samples::large_btf();
        let image = [&small[..], &[0; 5], &large, &[7; 9]].concat();
        assert_eq!(size(&Btf::find(&image, 8).unwrap(), "task"), Some(32));
    }

    #[test]
    fn truncated_or_unknown_types_are_errors() {
        let mut bytes = samples::btf();
        for length in 0..bytes.len() {
            assert!(Btf::parse(&bytes[..length], 8).is_err(), "{length}");
        }
        bytes[HEADER_BYTES + 7] = 31;
        let message = Btf::parse(&bytes, 8).unwrap_err().to_string();
        assert_eq!(message, "its debug information cannot be read: BTF has a type of the unknown kind 31");
    }

    proptest! {
        #[test]
        fn damaged_btf_never_panics(at in 0_usize..400, value: u8, second in 0_usize..400, other: u8) {
            let mut bytes = samples::btf();
            let length = bytes.len();
            bytes[at % length] = value;
            bytes[second % length] = other;
            if let Ok(btf) = Btf::parse(&bytes, 8) {
                for name in ["task", "inner", ""] {
                    size(&btf, name);
                    field(&btf, name, "inside.b");
                    btf.percpu(name);
                }
            }
        }
    }
}
