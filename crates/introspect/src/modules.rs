//! The kernel's loaded modules: their names and where their code is (`include/linux/module.h`).

use crate::bytes::le_uint_at;
use crate::debuginfo::{Field, Types, field, size};
use arch::CpuSpec;
use std::ops::Range;

/// Maximum number of modules that are read: an overwritten list may never end.
pub const MAX_MODULES: usize = 256;

/// Maximum bytes of code of one module; the largest of the kernel's have a few MiB.
const MAX_CODE: u64 = 64 << 20;

/// Maximum bytes that are read of a `struct module`.
const MAX_BYTES: u64 = 8 << 10;

/// A module's code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModuleText {
    /// The module's name in brackets, as the kernel prints it behind a function's.
    pub name: String,
    /// Its addresses.
    pub range: Range<u64>,
}

/// Members of `struct module`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModuleLayout {
    list: u64,
    name: Field,
    /// Address and size of each part that has code: that of the module, that of its initialisation.
    parts: [(Field, Field); 2],
}

impl ModuleLayout {
    /// Finds the members in a kernel's types: since 6.4 there is a part of memory for each kind of content, before that there are
    /// two with code at their beginnings.
    pub fn of(types: &dyn Types) -> Option<Self> {
        let member = |path: &str| field(types, "module", path);
        let parts = match member("core_layout.base") {
            Some(core) => {
                let init = (member("init_layout.base")?, member("init_layout.text_size")?);
                [(core, member("core_layout.text_size")?), init]
            }
            None => {
                /// `MOD_TEXT` and `MOD_INIT_TEXT` of `enum mod_mem_type`.
                const TEXTS: [u64; 2] = [0, 4];
                let (all, one) = (member("mem")?, size(types, "module_memory")?);
                let of_part = |name: &str| field(types, "module_memory", name);
                let (base, length) = (of_part("base")?, of_part("size")?);
                let at = |part: u64, field: Field| Field { offset: all.offset + part * one + field.offset, ..field };
                TEXTS.map(|part| (at(part, base), at(part, length)))
            }
        };
        let layout = Self { list: member("list")?.offset, name: member("name")?, parts };
        (layout.bytes() as u64 <= MAX_BYTES).then_some(layout)
    }

    /// Bytes of a `struct module` that are read.
    pub fn bytes(&self) -> usize {
        let end = |field: &Field| field.offset.saturating_add(field.size);
        let parts = self.parts.iter().flat_map(|(base, size)| [end(base), end(size)]);
        usize::try_from(parts.chain([end(&self.name)]).max().unwrap_or(u64::MAX)).unwrap_or(usize::MAX)
    }

    /// Address of the module whose member of the list is at `link`.
    pub fn module(&self, link: u64) -> u64 {
        link.wrapping_sub(self.list)
    }

    /// The next member of the list, by the bytes of a module.
    pub fn next(&self, bytes: &[u8], word_bytes: u8) -> Option<u64> {
        le_uint_at(bytes, usize::try_from(self.list).ok()?, usize::from(word_bytes))
    }

    /// The code of a module, by its bytes: up to two parts. One whose name or place is not plausible has none.
    pub fn texts(&self, bytes: &[u8], cpu: &CpuSpec) -> Vec<ModuleText> {
        let Some(name) = self.name_in(bytes) else { return Vec::new() };
        let number = |field: &Field| {
            let width = usize::try_from(field.size).ok().filter(|width| *width <= 8)?;
            le_uint_at(bytes, usize::try_from(field.offset).ok()?, width)
        };
        let range = |(base, size): &(Field, Field)| {
            let (start, size) = (number(base)?, number(size)?);
            let is_plausible = size > 0 && size <= MAX_CODE && cpu.is_kernel_address(start) != Some(false);
            Some(start..start.checked_add(size)?).filter(|_| is_plausible && start != 0)
        };
        self.parts.iter().filter_map(range).map(|range| ModuleText { name: name.clone(), range }).collect()
    }

    fn name_in(&self, bytes: &[u8]) -> Option<String> {
        let (start, length) = (usize::try_from(self.name.offset).ok()?, usize::try_from(self.name.size).ok()?);
        let name = bytes.get(start..start.checked_add(length)?)?;
        let name = &name[..memchr::memchr(0, name)?];
        let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
        (!name.is_empty() && name.iter().all(is_name)).then(|| format!("[{}]", String::from_utf8_lossy(name)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn layout() -> ModuleLayout {
        let at = |offset, size| Field { offset, size };
        let parts = [(at(80, 8), at(92, 4)), (at(100, 8), at(112, 4))];
        ModuleLayout { list: 8, name: at(24, 56), parts }
    }

    fn cpu() -> CpuSpec {
        arch::find("x86_64").unwrap().spec().cpu
    }

    fn module(name: &[u8], base: u64, size: u32) -> Vec<u8> {
        let mut bytes = vec![0; layout().bytes()];
        bytes[8..16].copy_from_slice(&0x1234_u64.to_le_bytes());
        bytes[24..24 + name.len()].copy_from_slice(name);
        bytes[80..88].copy_from_slice(&base.to_le_bytes());
        bytes[92..96].copy_from_slice(&size.to_le_bytes());
        bytes
    }

    #[test]
    fn module_has_a_name_and_code() {
        let (layout, base) = (layout(), 0xffff_ffff_c000_0000);
        let bytes = module(b"virtio_blk", base, 0x3000);
        let text = ModuleText { name: "[virtio_blk]".to_owned(), range: base..base + 0x3000 };
        assert_eq!(layout.texts(&bytes, &cpu()), [text]);
        assert_eq!((layout.next(&bytes, 8), layout.module(0x1008)), (Some(0x1234), 0x1000));
    }

    #[test]
    fn implausible_modules_have_no_code() {
        let (layout, base) = (layout(), 0xffff_ffff_c000_0000);
        for (name, base, size) in [
            (&b""[..], base, 1),
            (b"a\nb", base, 1),
            (&[b'a'; 56], base, 1),
            (b"a", 0x40_0000, 1),
            (b"a", base, 0),
            (b"a", base, u32::MAX),
            (b"a", u64::MAX, 2),
        ] {
            assert_eq!(layout.texts(&module(name, base, size), &cpu()), [], "{name:?} {base:x} {size}");
        }
        assert_eq!((layout.texts(&[], &cpu()), layout.next(&[], 8)), (vec![], None));
    }

    proptest! {
        #[test]
        fn hostile_modules_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..130), link: u64) {
            layout().texts(&bytes, &cpu());
            layout().next(&bytes, 4);
            layout().module(link);
        }
    }
}
