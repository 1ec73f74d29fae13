//! DWARF (version 2 to 5), out of an ELF file that is linked.

use super::error::DebugInfoError;
use super::types::{Member, Shape, TypeId, Types};
use gimli::{
    Abbreviations, AttributeValue, DebugInfoOffset, DebuggingInformationEntry, DwTag, EndianSlice, LittleEndian, Unit,
    UnitHeader, UnitOffset, UnitSectionOffset, constants as dw,
};
use object::{Object, ObjectSection};
use std::cell::RefCell;
use std::rc::Rc;

type Slice<'a> = EndianSlice<'a, LittleEndian>;

/// The types of a kernel. A type's number is its place in the section `.debug_info`.
pub struct Dwarf<'a> {
    sections: gimli::Dwarf<Slice<'a>>,
    units: Vec<Place<'a>>,
}

/// A compilation unit and its offset in `.debug_info`.
struct Place<'a> {
    start: usize,
    header: UnitHeader<Slice<'a>>,
    /// What is read of it when it is looked into.
    unit: RefCell<Option<Rc<Unit<Slice<'a>>>>>,
}

impl<'a> Dwarf<'a> {
    /// Reads an ELF file.
    ///
    /// # Errors
    /// When it is none, is not linked, or its debug information is absent, compressed or damaged.
    pub fn parse(elf: &'a [u8]) -> Result<Self, DebugInfoError> {
        let unreadable = |message: String| DebugInfoError::Unreadable(message);
        let file = object::File::parse(elf).map_err(|error| unreadable(error.to_string()))?;
        if file.kind() == object::ObjectKind::Relocatable {
            return Err(unreadable("the file is not linked".to_owned()));
        }
        let section = |id: gimli::SectionId| -> Result<Slice<'a>, DebugInfoError> {
            let Some(section) = file.section_by_name(id.name()) else {
                return Ok(EndianSlice::new(&[], LittleEndian));
            };
            let packed =
                section.compressed_file_range().is_ok_and(|range| range.format != object::CompressionFormat::None);
            if packed {
                let remedy = "unpack it with `objcopy --decompress-debug-sections`";
                return Err(unreadable(format!("{} is compressed: {remedy}", id.name())));
            }
            let data = section.data().map_err(|error| unreadable(error.to_string()))?;
            Ok(EndianSlice::new(data, LittleEndian))
        };
        if section(gimli::SectionId::DebugInfo)?.is_empty() {
            return Err(DebugInfoError::Absent);
        }
        let sections = gimli::Dwarf::load(section)?;
        let mut units = Vec::new();
        let mut headers = sections.units();
        while let Some(header) = headers.next().map_err(|error| unreadable(error.to_string()))? {
            if let UnitSectionOffset::DebugInfoOffset(DebugInfoOffset(start)) = header.offset() {
                units.push(Place { start, header, unit: RefCell::default() });
            }
        }
        Ok(Self { sections, units })
    }

    fn unit(&self, place: &Place<'a>) -> Option<Rc<Unit<Slice<'a>>>> {
        let mut unit = place.unit.borrow_mut();
        if unit.is_none() {
            *unit = Some(Rc::new(self.sections.unit(place.header).ok()?));
        }
        unit.clone()
    }

    fn place(&self, id: TypeId) -> Option<&Place<'a>> {
        let behind = self.units.partition_point(|place| place.start <= id.0);
        self.units.get(behind.checked_sub(1)?)
    }
}

impl Types for Dwarf<'_> {
    fn find(&self, name: &str) -> Option<TypeId> {
        self.units.iter().find_map(|place| {
            let unit = self.unit(place)?;
            let found = Reader { dwarf: self, unit: &unit, start: place.start }.find(name);
            if found.is_none() {
                // A kernel has thousands of units.
                place.unit.take();
            }
            found
        })
    }

    fn shape(&self, id: TypeId) -> Option<Shape> {
        let place = self.place(id)?;
        let unit = self.unit(place)?;
        Reader { dwarf: self, unit: &unit, start: place.start }.shape(UnitOffset(id.0 - place.start))
    }
}

/// Reads entries of one unit.
struct Reader<'r, 'a> {
    dwarf: &'r Dwarf<'a>,
    unit: &'r Unit<Slice<'a>>,
    start: usize,
}

type Entry<'r, 'a> = DebuggingInformationEntry<'r, 'r, Slice<'a>, usize>;

impl<'r, 'a> Reader<'r, 'a> {
    fn find(&self, name: &str) -> Option<TypeId> {
        let mut tree = self.unit.entries_tree(None).ok()?;
        let mut children = tree.root().ok()?.children();
        while let Some(child) = children.next().ok()? {
            let entry = child.entry();
            if is_aggregate(entry.tag())
                && entry.attr_value(dw::DW_AT_declaration).ok()?.is_none()
                && self.name(entry).is_some_and(|own| own == name.as_bytes())
            {
                return Some(TypeId(self.start.checked_add(entry.offset().0)?));
            }
        }
        None
    }

    fn shape(&self, at: UnitOffset) -> Option<Shape> {
        let abbreviations: &Abbreviations = &self.unit.abbreviations;
        let mut tree = self.unit.header.entries_tree(abbreviations, Some(at)).ok()?;
        let root = tree.root().ok()?;
        let entry = root.entry().clone();
        Some(match entry.tag() {
            tag if is_aggregate(tag) => {
                let (size, mut members) = (number(&entry, dw::DW_AT_byte_size)?, Vec::new());
                let mut children = root.children();
                while let Some(child) = children.next().ok()? {
                    members.extend(self.member(child.entry()));
                }
                Shape::Aggregate { size, members }
            }
            dw::DW_TAG_array_type => {
                let (element, mut count) = (self.kind(&entry)?, 1_u64);
                let mut children = root.children();
                while let Some(child) = children.next().ok()? {
                    if child.entry().tag() == dw::DW_TAG_subrange_type {
                        count = count.checked_mul(length(child.entry()))?;
                    }
                }
                Shape::Array { element, count }
            }
            dw::DW_TAG_typedef
            | dw::DW_TAG_const_type
            | dw::DW_TAG_volatile_type
            | dw::DW_TAG_restrict_type
            | dw::DW_TAG_atomic_type => match self.kind(&entry) {
                Some(other) => Shape::Alias(other),
                None => Shape::Plain { size: 0 },
            },
            dw::DW_TAG_pointer_type => {
                let word = u64::from(self.unit.encoding().address_size);
                Shape::Plain { size: number(&entry, dw::DW_AT_byte_size).unwrap_or(word) }
            }
            _ => Shape::Plain { size: number(&entry, dw::DW_AT_byte_size).unwrap_or(0) },
        })
    }

    /// A member; `None` for a bit-field, and for what is no member.
    fn member(&self, entry: &Entry<'_, 'a>) -> Option<Member> {
        let bits = [dw::DW_AT_bit_size, dw::DW_AT_data_bit_offset];
        let is_bits = |it| entry.attr_value(it).is_ok_and(|value| value.is_some());
        if entry.tag() != dw::DW_TAG_member || bits.into_iter().any(is_bits) {
            return None;
        }
        let name = self.name(entry).map(|name| String::from_utf8_lossy(name).into_owned());
        Some(Member { name, offset: location(entry)?, kind: self.kind(entry)? })
    }

    fn name(&self, entry: &Entry<'_, 'a>) -> Option<&'a [u8]> {
        let value = entry.attr_value(dw::DW_AT_name).ok()??;
        self.dwarf.sections.attr_string(self.unit, value).ok().map(|name| name.slice())
    }

    fn kind(&self, entry: &Entry<'_, 'a>) -> Option<TypeId> {
        match entry.attr_value(dw::DW_AT_type).ok()?? {
            AttributeValue::UnitRef(UnitOffset(offset)) => self.start.checked_add(offset).map(TypeId),
            AttributeValue::DebugInfoRef(DebugInfoOffset(offset)) => Some(TypeId(offset)),
            _ => None,
        }
    }
}

fn is_aggregate(tag: DwTag) -> bool {
    matches!(tag, dw::DW_TAG_structure_type | dw::DW_TAG_union_type)
}

fn number(entry: &Entry<'_, '_>, attribute: gimli::DwAt) -> Option<u64> {
    entry.attr_value(attribute).ok()??.udata_value()
}

/// How many elements a dimension of an array has; none when the structure ends with it.
fn length(range: &Entry<'_, '_>) -> u64 {
    let last = || number(range, dw::DW_AT_upper_bound).map(|last| last.wrapping_add(1));
    number(range, dw::DW_AT_count).or_else(last).unwrap_or(0)
}

/// Offset of a member: members of unions have no attribute for it, and before DWARF 4 it is an expression of one operation.
fn location(entry: &Entry<'_, '_>) -> Option<u64> {
    match entry.attr_value(dw::DW_AT_data_member_location).ok()? {
        None => Some(0),
        Some(AttributeValue::Exprloc(gimli::Expression(mut program))) => {
            use gimli::Reader;
            (program.read_u8().ok()? == dw::DW_OP_plus_uconst.0).then(|| program.read_uleb128().ok()).flatten()
        }
        Some(value) => value.udata_value(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples;
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn dwarf_layouts_are_read() {
        samples::check(&Dwarf::parse(samples::DWARF5).unwrap());
        samples::check(&Dwarf::parse(samples::DWARF2).unwrap());
    }

    #[test]
    fn unusable_files_are_errors() {
        let message = |bytes: &[u8]| Dwarf::parse(bytes).err().expect("an error").to_string();
        assert!(message(b"no ELF").starts_with("its debug information cannot be read: "));
        assert!(message(samples::OBJECT).ends_with("the file is not linked"));
        assert!(message(samples::COMPRESSED).contains("objcopy --decompress-debug-sections"));
        assert_eq!(message(samples::STRIPPED), "there is no debug information in it");
    }

    proptest! {
        #[test]
        fn damaged_dwarf_never_panics(at in 0_usize..4096, value: u8, second in 0_usize..4096, other: u8) {
            let mut bytes = samples::DWARF5.to_vec();
            let length = bytes.len();
            bytes[at % length] = value;
            bytes[second % length] = other;
            if let Ok(dwarf) = Dwarf::parse(&bytes) {
                super::super::size(&dwarf, "task");
                super::super::field(&dwarf, "task", "inside.b");
            }
        }
    }
}
