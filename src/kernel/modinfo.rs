//! The section `.modinfo` of kernel modules.

use object::elf::{FileHeader32, FileHeader64};
use object::read::elf::{ElfFile, FileHeader};
use object::{Endianness, Object, ObjectSection};

/// The fields of `.modinfo` that matter for loading (scripts/mod/modpost.c, include/linux/module.h).
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Modinfo {
    /// Modules that this one cannot be loaded without.
    pub depends: Vec<String>,
    /// Modules or aliases to load before it where they exist (`softdep=pre: …`).
    pub softdeps: Vec<String>,
    /// Other names under which it is requested.
    pub aliases: Vec<String>,
}

/// Why a file is not a kernel module.
#[derive(Debug, thiserror::Error)]
pub(super) enum ModinfoError {
    #[error(transparent)]
    Elf(#[from] object::Error),
    #[error("not an ELF file")]
    NotElf,
    #[error("no section .modinfo")]
    NoModinfo,
}

/// Reads a module's `.modinfo`.
///
/// # Errors
/// When the bytes are not a module.
pub(super) fn modinfo(module: &[u8]) -> Result<Modinfo, ModinfoError> {
    let info = match object::FileKind::parse(module)? {
        object::FileKind::Elf32 => section::<FileHeader32<Endianness>>(module),
        object::FileKind::Elf64 => section::<FileHeader64<Endianness>>(module),
        _ => return Err(ModinfoError::NotElf),
    }?;
    let mut found = Modinfo::default();
    for entry in info.split(|&byte| byte == 0) {
        let entry = String::from_utf8_lossy(entry);
        match entry.split_once('=') {
            Some(("depends", names)) => {
                found.depends.extend(names.split(',').filter(|name| !name.is_empty()).map(canonical));
            }
            Some(("softdep", names)) => {
                let before = names.split_whitespace().skip_while(|word| *word != "pre:").skip(1);
                found.softdeps.extend(before.take_while(|word| !word.ends_with(':')).map(canonical));
            }
            Some(("alias", name)) => found.aliases.push(canonical(name)),
            _ => {}
        }
    }
    Ok(found)
}

fn section<'a, H: FileHeader<Endian = Endianness>>(module: &'a [u8]) -> Result<&'a [u8], ModinfoError> {
    let file = ElfFile::<'a, H>::parse(module)?;
    let section = file.section_by_name(".modinfo").ok_or(ModinfoError::NoModinfo)?;
    Ok(section.data()?)
}

/// The name as the kernel has it: a file's name may have `-` where the module's has `_` (scripts/Makefile.lib).
pub(super) fn canonical(name: &str) -> String {
    name.replace('-', "_")
}

#[cfg(test)]
pub(super) mod samples {
    /// A module of 64-bit RISC-V with this content in `.modinfo` and nothing else.
    pub(crate) fn module(info: &[u8]) -> Vec<u8> {
        const NAMES: &[u8] = b"\0.modinfo\0.shstrtab\0";
        const HEADER: usize = 64;
        let (info_at, names_at) = (HEADER, HEADER + info.len());
        let sections_at = (names_at + NAMES.len()).next_multiple_of(8);
        let mut file = b"\x7fELF\x02\x01\x01".to_vec();
        file.resize(16, 0);
        for half in [1_u16, 243] {
            file.extend(half.to_le_bytes());
        }
        file.extend(1_u32.to_le_bytes());
        for word in [0, 0, sections_at as u64] {
            file.extend(word.to_le_bytes());
        }
        file.extend(0_u32.to_le_bytes());
        for half in [HEADER as u16, 0, 0, 64, 3, 2] {
            file.extend(half.to_le_bytes());
        }
        file.extend(info);
        file.extend(NAMES);
        file.resize(sections_at, 0);
        let strings = (11_u32, 3_u32, names_at, NAMES.len());
        for (name, kind, at, size) in [(0, 0, 0, 0), (1, 1, info_at, info.len()), strings] {
            file.extend(name.to_le_bytes());
            file.extend(kind.to_le_bytes());
            for word in [0, 0, at as u64, size as u64, 0, 1, 0] {
                file.extend(word.to_le_bytes());
            }
        }
        file
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn dependencies_are_read() {
        let read = |info: &str| modinfo(&samples::module(info.as_bytes())).unwrap().depends;
        assert_eq!(read("license=GPL\0depends=virtio,virtio-ring\0vermagic=6.1.0 SMP\0"), ["virtio", "virtio_ring"]);
        assert!(read("depends=\0").is_empty());
        assert!(read("license=GPL\0softdepends=x\0").is_empty());
        let info = b"alias=crypto-crc32c\0softdep=pre: crypto-crc32c a post: b\0softdep=post: c\0alias=x\0";
        let found = modinfo(&samples::module(info)).unwrap();
        assert_eq!(
            (found.softdeps, found.aliases),
            (["crypto_crc32c", "a"].map(str::to_owned).to_vec(), ["crypto_crc32c", "x"].map(str::to_owned).to_vec(),)
        );
    }

    #[test]
    fn other_files_are_refused() {
        assert!(modinfo(b"no module").is_err());
        let mut module = samples::module(b"depends=a\0");
        let at = module.windows(8).position(|bytes| bytes == b".modinfo").unwrap();
        module[at] = b'x';
        assert!(matches!(modinfo(&module), Err(ModinfoError::NoModinfo)));
    }

    proptest! {
        #[test]
        fn damaged_modules_never_panic(at in 0_usize..300, byte: u8, length in 0_usize..400) {
            let mut module = samples::module(b"license=GPL\0depends=a,b\0");
            let at = at % module.len();
            module[at] = byte;
            module.truncate(length);
            let _ = modinfo(&module);
        }
    }
}
