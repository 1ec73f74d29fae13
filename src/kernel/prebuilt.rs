//! Kernels from Debian's `linux-image-*` and, since 7.0, `linux-binary-*` packages: the image, its configuration and its
//! symbols, which are taken out of the image where the package has none.
//!
//! Modules are unpacked when a workload needs one: no kernel of the catalogue needs any to boot an initramfs.

use super::artifact::{CONFIG, IMAGE, SYSTEM_MAP};
use super::debian::{Files, open_package, path_of};
use super::progress::{Progress, Stage, Update};
use super::{KernelError, image, symbols_of};
use arch::Arch;
use std::fs;
use std::io::{self, Read};
use std::path::{Component, Path};

/// Part of every recipe; another version reads the symbols of all cached kernels again.
pub(super) const VERSION: &str = "2";

/// Puts the kernel of `package` into `folder`; returns its release.
///
/// # Errors
/// When the package is damaged or has no kernel, or the folder cannot be written.
pub(super) fn extract(
    package: &Path,
    folder: &Path,
    arch: Arch,
    progress: &dyn Progress,
) -> Result<String, KernelError> {
    let damaged = |error: io::Error| KernelError::Damaged { path: package.to_owned(), message: error.to_string() };
    let release = unpack(package, progress, |files| {
        let mut release = None;
        for entry in files.entries().map_err(damaged)? {
            let mut entry = entry.map_err(damaged)?;
            let path = path_of(&entry).map_err(damaged)?;
            let Some((kind, version)) = kind_and_version(&path) else {
                if release.is_some() && path.starts_with("lib") {
                    // All of /boot comes before the modules, which are most of the package.
                    break;
                }
                continue;
            };
            let mut content = Vec::new();
            entry.read_to_end(&mut content).map_err(damaged)?;
            let target = match kind.as_str() {
                "vmlinuz" | "vmlinux" => {
                    content = image::unwrap(content).map_err(damaged)?;
                    release = Some(version);
                    IMAGE
                }
                "config" => CONFIG,
                // Since Debian 10 the package has only a note that the symbols are elsewhere.
                "System.map" if content.len() > 4096 => SYSTEM_MAP,
                _ => continue,
            };
            write(&folder.join(target), &content)?;
            let map = folder.join(SYSTEM_MAP);
            if target == IMAGE
                && !map.exists()
                && let Some(symbols) = symbols_of(&content, arch)
            {
                write(&map, symbols.as_bytes())?;
            }
        }
        Ok(release)
    })?;
    release.ok_or_else(|| damaged(io::Error::other("it has no kernel")))
}

/// Puts the modules of `package` into `folder`, below `lib/modules`.
///
/// # Errors
/// When the package is damaged or has no modules, or the folder cannot be written.
pub(super) fn extract_modules(package: &Path, folder: &Path, progress: &dyn Progress) -> Result<(), KernelError> {
    let damaged = |error: io::Error| KernelError::Damaged { path: package.to_owned(), message: error.to_string() };
    let found = unpack(package, progress, |files| {
        let mut found = false;
        for entry in files.entries().map_err(damaged)? {
            let mut entry = entry.map_err(damaged)?;
            let path = path_of(&entry).map_err(damaged)?;
            if entry.header().entry_type().is_file()
                && let Some(inside) = module_path(&path)
            {
                let target = folder.join("lib/modules").join(inside);
                let parent = target.parent().unwrap_or(folder);
                fs::create_dir_all(parent).map_err(KernelError::io("create", parent))?;
                entry.unpack(&target).map_err(KernelError::io("unpack", &target))?;
                found = true;
            }
        }
        Ok(found)
    })?;
    if found { Ok(()) } else { Err(damaged(io::Error::other("it has no modules"))) }
}

/// The path below `lib/modules` (`usr/lib/modules` since 7.0) of a module or of the list of those that are built in.
fn module_path(path: &Path) -> Option<&Path> {
    let path = path.strip_prefix("usr").unwrap_or(path).strip_prefix("lib/modules").ok()?;
    let name = path.file_name()?.to_str()?;
    let wanted = name.contains(".ko") || name == "modules.builtin";
    (wanted && path.components().all(|part| matches!(part, Component::Normal(_)))).then_some(path)
}

/// Reads the files of a package and reports progress.
fn unpack<T>(
    package: &Path,
    progress: &dyn Progress,
    consume: impl FnOnce(&mut Files<'_>) -> Result<T, KernelError>,
) -> Result<T, KernelError> {
    let total = fs::metadata(package).map_err(KernelError::io("read", package))?.len();
    let message = package.file_stem().unwrap_or_default().to_string_lossy();
    let report = |done| {
        progress.update(Update { stage: Stage::Unpack, done, total: Some(total), message: &message });
        if progress.cancelled() { Err(io::Error::other("interrupted")) } else { Ok(()) }
    };
    let result = open_package(package, report, consume);
    if progress.cancelled() { Err(KernelError::Cancelled) } else { result }
}

fn write(path: &Path, content: &[u8]) -> Result<(), KernelError> {
    fs::write(path, content).map_err(KernelError::io("write", path))
}

/// What a file of the package is: `boot/vmlinuz-<version>`, or since 7.0 `usr/lib/modules/<version>/vmlinuz`.
fn kind_and_version(path: &Path) -> Option<(String, String)> {
    let parts: Vec<&str> = path.iter().map(|part| part.to_str()).collect::<Option<_>>()?;
    match parts[..] {
        ["boot", name] => name.split_once('-').map(|(kind, version)| (kind.to_owned(), version.to_owned())),
        ["usr", "lib", "modules", version, name] => Some((name.to_owned(), version.to_owned())),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::NullProgress;
    use crate::kernel::debian::samples::package;

    fn arm() -> Arch {
        arch::find("arm").unwrap()
    }

    const FILES: &[(&str, &[u8])] = &[
        ("boot/System.map-6.1.0-50", b"ffffffffffffffff B The real System.map is in the -dbg package\n"),
        ("boot/config-6.1.0-50", b"CONFIG_A=y\n"),
        ("boot/vmlinuz-6.1.0-50", b"the kernel"),
        ("lib/modules/6.1.0-50/a.ko", b"module"),
    ];

    #[test]
    fn kernel_is_extracted_from_every_compression() {
        for suffix in ["", ".gz", ".xz", ".zst"] {
            let dir = tempfile::tempdir().unwrap();
            let package = package(dir.path(), suffix, FILES);
            assert_eq!(extract(&package, dir.path(), arm(), &NullProgress).unwrap(), "6.1.0-50", "{suffix}");
            assert_eq!(fs::read(dir.path().join(IMAGE)).unwrap(), b"the kernel");
            assert_eq!(fs::read(dir.path().join(CONFIG)).unwrap(), b"CONFIG_A=y\n");
            assert!(!dir.path().join(SYSTEM_MAP).exists());
        }
    }

    #[test]
    fn kernel_is_found_beside_its_modules() {
        let dir = tempfile::tempdir().unwrap();
        let package = package(dir.path(), ".xz", &[("usr/lib/modules/7.2.13/vmlinuz", b"newer")]);
        assert_eq!(extract(&package, dir.path(), arm(), &NullProgress).unwrap(), "7.2.13");
        assert_eq!(fs::read(dir.path().join(IMAGE)).unwrap(), b"newer");
    }

    #[test]
    fn modules_are_extracted_from_lib_and_usr_lib() {
        for root in ["", "usr/"] {
            let dir = tempfile::tempdir().unwrap();
            let path = |name: &str| format!("{root}lib/modules/6.1.0-50/{name}");
            let (a, b, list, order) = (path("kernel/a.ko.xz"), path("kernel/b.ko"), path("modules.builtin"), path("x"));
            let files = [(a.as_str(), &b"A"[..]), (&b, b"B"), (&list, b"kernel/c.ko\n"), (&order, b"no module")];
            let package = package(dir.path(), ".xz", &files);
            let folder = dir.path().join("modules");
            extract_modules(&package, &folder, &NullProgress).unwrap();
            let read = |name: &str| fs::read(folder.join("lib/modules/6.1.0-50").join(name)).ok();
            assert_eq!(read("kernel/a.ko.xz").as_deref(), Some(&b"A"[..]));
            assert_eq!(read("kernel/b.ko").as_deref(), Some(&b"B"[..]));
            assert_eq!(read("modules.builtin").as_deref(), Some(&b"kernel/c.ko\n"[..]));
            assert_eq!(read("x"), None);
        }
        let dir = tempfile::tempdir().unwrap();
        let package = package(dir.path(), ".xz", &FILES[..3]);
        let message = extract_modules(&package, dir.path(), &NullProgress).unwrap_err().to_string();
        assert!(message.ends_with("it has no modules"), "{message}");
    }

    #[test]
    fn damaged_package_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let path = package(dir.path(), ".xz", FILES);
        let whole = fs::read(&path).unwrap();
        for length in [0, 4, 80, whole.len() - 60] {
            fs::write(&path, &whole[..length]).unwrap();
            let message = extract(&path, dir.path(), arm(), &NullProgress).unwrap_err().to_string();
            assert!(message.contains("linux-image.deb: "), "{length}: {message}");
        }
        package(dir.path(), "", &FILES[3..]);
        let message = extract(&path, dir.path(), arm(), &NullProgress).unwrap_err().to_string();
        assert!(message.ends_with("it has no kernel"), "{message}");
        package(dir.path(), ".lz4", FILES);
        let message = extract(&path, dir.path(), arm(), &NullProgress).unwrap_err().to_string();
        assert!(message.ends_with("unknown compression `.lz4`"), "{message}");
    }
}
