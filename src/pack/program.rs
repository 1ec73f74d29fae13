//! This program and the libraries that it has loaded.

use super::error::PackError;
use crate::archive::Entry;
use object::read::elf::{Dyn, ElfFile64};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// The file of this process, even if it has been replaced since.
const SELF: &str = "/proc/self/exe";
const MAPS: &str = "/proc/self/maps";
/// The program's place. It looks for libraries in the folder below beside that of the system (`build.rs`).
pub(super) const PROGRAM: &str = "bin/oomlab";
const LIBRARIES: &str = "lib/oomlab";

/// Parts of the C library and of the dynamic linker, which must fit each other: each host with QEMU has its own.
const OF_HOST: &[&str] =
    &["ld-linux", "ld64.so", "libc.so.", "libm.so.", "libdl.so.", "libpthread.so.", "librt.so.", "libresolv.so."];

/// Marks a file in `maps` that is gone from its path (proc_pid_maps(5)).
const DELETED: &str = " (deleted)";

/// This program, and the libraries that a host with QEMU may lack. Open: an upgrade of the host does not change them.
#[derive(Debug)]
pub struct OwnProgram {
    pub(super) entries: Vec<Entry>,
}

impl OwnProgram {
    /// Opens them. To be called before all that takes long: a library that an upgrade has replaced cannot be opened any more.
    ///
    /// # Errors
    /// When one cannot be read, or was replaced.
    pub fn open() -> Result<Self, PackError> {
        let program = Path::new(SELF);
        let mut entries = vec![Entry::executable(PROGRAM, program).map_err(PackError::read(program))?];
        let maps = std::fs::read_to_string(MAPS).map_err(PackError::read(Path::new(MAPS)))?;
        for path in loaded(&maps)? {
            let content = std::fs::read(&path).map_err(PackError::read(&path))?;
            let name = soname(&content).or_else(|| Some(path.file_name()?.to_str()?.to_owned()));
            let Some(name) = name.filter(|name| !OF_HOST.iter().any(|part| name.starts_with(part))) else { continue };
            let entry = Entry::binary(&format!("{LIBRARIES}/{name}"), &path);
            entries.push(entry.map_err(PackError::read(&path))?);
        }
        entries.sort_by(|a, b| a.artifact().file.cmp(&b.artifact().file));
        Ok(Self { entries })
    }
}

/// The libraries that a process has mapped (proc_pid_maps(5)).
fn loaded(maps: &str) -> Result<BTreeSet<PathBuf>, PackError> {
    let paths = maps.lines().filter_map(|line| line.find('/').map(|at| &line[at..]));
    let is_library = |path: &&str| path.rsplit('/').next().is_some_and(|name| name.contains(".so"));
    let there = |path: &str| match path.strip_suffix(DELETED) {
        Some(path) => Err(PackError::Replaced(path.into())),
        None => Ok(PathBuf::from(path)),
    };
    paths.filter(is_library).map(there).collect()
}

/// The name by which programs ask for a library.
fn soname(content: &[u8]) -> Option<String> {
    let elf = ElfFile64::<object::Endianness>::parse(content).ok()?;
    let (endian, sections) = (elf.endian(), elf.elf_section_table());
    let (dynamic, link) = sections.dynamic(endian, content).ok()??;
    let strings = sections.strings(endian, content, link).ok()?;
    let name = dynamic.iter().find(|entry| entry.tag32(endian) == Some(object::elf::DT_SONAME))?;
    let name = std::str::from_utf8(name.string(endian, strings).ok()?).ok()?;
    (!name.contains('/')).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_of_a_process_are_found() {
        let maps = "55d0-55d1 r--p 00000000 fe:00 1   /usr/bin/oomlab\n7f00-7f01 r-xp 0 fe:00 2   /usr/lib/libz.so.1.3\n\
            7f01-7f02 r--p 0 fe:00 2   /usr/lib/libz.so.1.3\n7f03-7f04 rw-p 00000000 00:00 0 \n7ffd-7ffe r-xp 0 00:00 0 [vdso]\n";
        assert_eq!(loaded(maps).unwrap().into_iter().collect::<Vec<_>>(), [Path::new("/usr/lib/libz.so.1.3")]);
        let replaced = format!("{maps}7f04-7f05 r--p 0 fe:00 3   /usr/lib/libssl.so.3 (deleted)\n");
        assert_eq!(
            loaded(&replaced).unwrap_err().to_string(),
            "/usr/lib/libssl.so.3 was replaced since this program started: start `oomlab pack` again"
        );
    }

    #[test]
    fn own_libraries_have_names_and_no_c_library_is_among_them() {
        let OwnProgram { entries } = OwnProgram::open().unwrap();
        let names: Vec<&str> = entries.iter().map(|entry| entry.artifact().file.as_str()).collect();
        assert_eq!(names[0], PROGRAM);
        let c_library = |name: &&str| name.contains("/libc.so") || name.contains("/ld-");
        assert!(!names.iter().any(c_library), "{names:?}");
        if cfg!(feature = "ssh") {
            assert!(names.iter().any(|name| name.starts_with("lib/oomlab/libssl.so.")), "{names:?}");
        }
    }

    #[test]
    fn file_that_is_no_library_has_no_name() {
        assert_eq!(soname(b"text"), None);
        let libc = loaded(&std::fs::read_to_string(MAPS).unwrap())
            .unwrap()
            .into_iter()
            .find(|path| path.ends_with("libc.so.6"));
        assert_eq!(soname(&std::fs::read(libc.unwrap()).unwrap()).as_deref(), Some("libc.so.6"));
    }
}
