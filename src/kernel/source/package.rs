//! Source trees of `linux-source-*` packages.

use super::super::KernelError;
use super::super::cache::Cache;
use super::super::debian::{decompress, open_package, path_of};
use super::super::progress::{Progress, Stage, Update};
use super::Tree;
use model::Digest;
use std::fs;
use std::io::{self, BufReader};
use std::path::{Component, Path, PathBuf};

/// Parts of a kernel's source that the lab's configurations do not use: half of its files and two thirds of its
/// bytes. Their makefiles and Kconfig files stay: the configuration needs them.
const UNUSED: &[&str] = &[
    "Documentation",
    "samples",
    "sound",
    "tools/perf",
    "tools/testing",
    "drivers/gpu/drm",
    "drivers/media",
    "drivers/net/ethernet",
    "drivers/net/wireless",
    "drivers/staging",
    "drivers/infiniband",
    "arch/alpha",
    "arch/arc",
    "arch/csky",
    "arch/hexagon",
    "arch/ia64",
    "arch/loongarch",
    "arch/m68k",
    "arch/microblaze",
    "arch/mips",
    "arch/nds32",
    "arch/nios2",
    "arch/openrisc",
    "arch/parisc",
    "arch/powerpc",
    "arch/s390",
    "arch/sh",
    "arch/sparc",
    "arch/um",
    "arch/xtensa",
    "arch/arm/boot/dts",
    "arch/arm64/boot/dts",
    "arch/riscv/boot/dts",
];

fn is_unused(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let kept = ["Kconfig", "Makefile", "Kbuild", "Platform"].iter().any(|kept| name.starts_with(kept));
    !kept && UNUSED.iter().any(|unused| path.starts_with(unused))
}

/// Unpacks a `linux-source-*` package, unless it is unpacked already.
pub(in super::super) fn unpack(
    cache: &Cache,
    package: &Path,
    digest: Digest,
    progress: &dyn Progress,
) -> Result<Tree, KernelError> {
    let name = format!("sources/{digest}");
    let tree = Tree { path: cache.path(&name), name: digest.short().to_owned(), digest, _lock: None };
    let _lock = cache.lock(&format!("source-{}", tree.digest), progress)?;
    if tree.path.is_dir() {
        return Ok(tree);
    }
    let scratch = cache.scratch(&name)?;
    unpack_files(package, scratch.path(), &|path| !is_unused(path), progress)?;
    scratch.install()?;
    Ok(tree)
}

/// Puts those files of a `linux-source-*` package into the folder `to` that `keep` chooses by their path in the source tree.
pub(in super::super) fn unpack_files(
    package: &Path,
    to: &Path,
    keep: &dyn Fn(&Path) -> bool,
    progress: &dyn Progress,
) -> Result<(), KernelError> {
    let total = fs::metadata(package).map_err(KernelError::io("read", package))?.len();
    let message = package.file_stem().unwrap_or_default().to_string_lossy();
    let report = |done| {
        progress.update(Update { stage: Stage::Unpack, done, total: Some(total), message: &message });
        if progress.cancelled() { Err(io::Error::other("interrupted")) } else { Ok(()) }
    };
    let damaged = |error: io::Error| KernelError::Damaged { path: package.to_owned(), message: error.to_string() };
    let unpacked = open_package(package, report, |files| {
        for entry in files.entries().map_err(damaged)? {
            let entry = entry.map_err(damaged)?;
            let path = path_of(&entry).map_err(damaged)?;
            if let Some(suffix) = source_suffix(&path) {
                let plain = decompress(suffix, BufReader::with_capacity(1 << 20, entry)).map_err(damaged)?;
                return unpack_tree(plain, to, package, keep);
            }
        }
        Err(damaged(io::Error::other("it has no source tree")))
    });
    if progress.cancelled() {
        return Err(KernelError::Cancelled);
    }
    unpacked
}

/// `.xz` of `usr/src/linux-source-6.1.tar.xz`; the package also has patches beside it.
fn source_suffix(path: &Path) -> Option<&str> {
    let name = path.strip_prefix("usr/src").ok()?.to_str()?;
    name.strip_prefix("linux-source-")?.split_once(".tar").map(|(_, suffix)| suffix)
}

fn unpack_tree(
    plain: impl io::Read,
    to: &Path,
    package: &Path,
    keep: &dyn Fn(&Path) -> bool,
) -> Result<(), KernelError> {
    let damaged = |error: io::Error| KernelError::Damaged { path: package.to_owned(), message: error.to_string() };
    let mut archive = tar::Archive::new(BufReader::with_capacity(1 << 20, plain));
    let mut parent = PathBuf::new();
    for entry in archive.entries().map_err(damaged)? {
        let mut entry = entry.map_err(damaged)?;
        let path: PathBuf = path_of(&entry).map_err(damaged)?.components().skip(1).collect();
        let inside = path.components().all(|part| matches!(part, Component::Normal(_)));
        if !inside || !keep(&path) || entry.header().entry_type().is_dir() {
            continue;
        }
        let target = to.join(&path);
        if target.parent() != Some(&parent) {
            parent = target.parent().map(Path::to_owned).unwrap_or_default();
            fs::create_dir_all(&parent).map_err(KernelError::io("create", &parent))?;
        }
        entry.unpack(&target).map_err(KernelError::io("unpack", &target))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::super::NullProgress;
    use super::super::super::cache::digest_of;
    use super::super::super::debian::samples::{compress, package, tar};
    use super::*;

    fn setup() -> (tempfile::TempDir, Cache) {
        let dir = tempfile::tempdir().unwrap();
        let cache = Cache::new(dir.path().join("cache"));
        (dir, cache)
    }

    #[test]
    fn source_package_is_unpacked_once_without_unused_parts() {
        let (dir, cache) = setup();
        let source = tar(&[
            ("linux-source-6.1/mm/nommu.c", b"exit_mmap"),
            ("linux-source-6.1/sound/core/init.c", b"noise"),
            ("linux-source-6.1/sound/Kconfig", b"menu"),
            ("linux-source-6.1/arch/riscv/boot/dts/x.dts", b"tree"),
        ]);
        let source = compress(".xz", &source);
        let files =
            [("usr/src/linux-patch-6.1-rt.patch.xz", &b"patch"[..]), ("usr/src/linux-source-6.1.tar.xz", &source)];
        let deb = package(dir.path(), ".xz", &files);
        let digest = digest_of(["deb"]);
        let tree = unpack(&cache, &deb, digest.clone(), &NullProgress).unwrap();
        assert_eq!(fs::read(tree.path.join("mm/nommu.c")).unwrap(), b"exit_mmap");
        assert!(tree.path.join("sound/Kconfig").is_file());
        assert!(!tree.path.join("sound/core").exists() && !tree.path.join("arch").exists());
        fs::remove_file(&deb).unwrap();
        assert_eq!(unpack(&cache, &deb, digest, &NullProgress).unwrap().path, tree.path);
    }

    #[test]
    fn truncated_source_leaves_no_tree() {
        let (dir, cache) = setup();
        let noise: Vec<u8> = (0..200_000u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
        let source = compress(".xz", &tar(&[("linux-source-6.1/mm/nommu.c", &noise), ("linux-source-6.1/z", b"z")]));
        let half = &source[..source.len() / 2];
        let deb = package(dir.path(), "", &[("usr/src/linux-source-6.1.tar.xz", half)]);
        assert!(unpack(&cache, &deb, digest_of(["deb"]), &NullProgress).is_err());
        assert_eq!(fs::read_dir(cache.path("sources")).unwrap().count(), 0);
        let deb = package(dir.path(), ".xz", &[("usr/share/doc/x", b"x")]);
        let message = unpack(&cache, &deb, digest_of(["deb"]), &NullProgress).unwrap_err().to_string();
        assert!(message.ends_with("it has no source tree"), "{message}");
    }
}
