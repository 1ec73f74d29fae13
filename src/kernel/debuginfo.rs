//! The types of a kernel: from the debug information beside its image, or in it.

use super::image::unpacked;
use arch::Arch;
use introspect::debuginfo::{Btf, DebugInfoError, Dwarf, Types};
use model::KernelArtifact;
use std::borrow::Cow;
use std::io;
use std::path::{Path, PathBuf};

/// Why the types of a kernel are not known.
#[derive(Debug, thiserror::Error)]
pub enum TypesError {
    /// A file cannot be read.
    #[error("cannot read {}: {source}", .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The `vmlinux` has no usable debug information.
    #[error("{}: {source}", .path.display())]
    Vmlinux {
        /// The file.
        path: PathBuf,
        /// Why.
        source: DebugInfoError,
    },
    /// There is no `vmlinux`, and the image has no usable debug information.
    #[error(
        "{}: {source}; the kernel needs CONFIG_DEBUG_INFO_BTF, or a `vmlinux` with debug information beside its `image` in a \
         `local` kernel's description", .path.display()
    )]
    Image {
        /// The file.
        path: PathBuf,
        /// Why.
        source: DebugInfoError,
    },
}

/// Hands a kernel's types to `read`; the second value is where they come from.
///
/// # Errors
/// When the kernel has no debug information, or none that can be read; the message names the remedy.
pub fn read_types<T>(
    kernel: &KernelArtifact,
    arch: Arch,
    read: impl FnOnce(&dyn Types) -> T,
) -> Result<(T, String), TypesError> {
    let word = arch.cpu.word_bytes;
    if let Some(path) = &kernel.vmlinux {
        let bytes = file(path)?;
        if let Ok(btf) = Btf::find(&bytes, word) {
            return Ok((read(&btf), format!("BTF of {}", path.display())));
        }
        let dwarf = Dwarf::parse(&bytes).map_err(|source| TypesError::Vmlinux { path: path.clone(), source })?;
        return Ok((read(&dwarf), format!("DWARF of {}", path.display())));
    }
    let image = file(&kernel.image)?;
    let origin = format!("BTF of {}", kernel.image.display());
    let mut source = DebugInfoError::Absent;
    let plain = std::iter::once(Cow::Borrowed(image.as_slice()));
    for bytes in plain.chain(unpacked(&image).map(Cow::Owned)) {
        match Btf::find(&bytes, word) {
            Ok(btf) => return Ok((read(&btf), origin)),
            Err(DebugInfoError::Absent) => {}
            Err(unreadable) => source = unreadable,
        }
    }
    Err(TypesError::Image { path: kernel.image.clone(), source })
}

fn file(path: &Path) -> Result<Vec<u8>, TypesError> {
    std::fs::read(path).map_err(|source| TypesError::Unreadable { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use super::*;
    use introspect::debuginfo::size;
    use model::Digest;

    fn kernel(image: &Path, vmlinux: Option<&str>) -> KernelArtifact {
        let vmlinux = vmlinux
            .map(|name| Path::new(env!("CARGO_MANIFEST_DIR")).join("crates/introspect/tests/debuginfo").join(name));
        KernelArtifact {
            name: "mine".into(),
            arch: arch::find("riscv64").unwrap(),
            release: "6.1".to_owned(),
            image: image.to_owned(),
            digest: Digest::new("0"),
            system_map: None,
            config: None,
            vmlinux,
            modules: None,
            commit: None,
        }
    }

    #[test]
    fn missing_debug_information_names_the_remedy() {
        let dir = tempfile::tempdir().unwrap();
        let image = dir.path().join("Image");
        std::fs::write(&image, "no kernel").unwrap();
        let riscv = arch::find("riscv64").unwrap();
        let read = |vmlinux| read_types(&kernel(&image, vmlinux), riscv, |types| size(types, "task"));
        let message = read(None).unwrap_err().to_string();
        assert!(
            message.contains("there is no debug information in it; the kernel needs CONFIG_DEBUG_INFO_BTF"),
            "{message}"
        );
        let (found, origin) = read(Some("dwarf5.elf")).unwrap();
        assert!(found == Some(32) && origin.starts_with("DWARF of "), "{origin}");
        assert!(read(Some("stripped.elf")).unwrap_err().to_string().ends_with("there is no debug information in it"));
        assert!(read(Some("absent")).unwrap_err().to_string().starts_with("cannot read "));
    }
}
