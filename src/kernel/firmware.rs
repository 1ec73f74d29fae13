//! Firmware of guests: OpenSBI of a newer Debian than the host may be, because older versions start harts at the wrong address.

use super::KernelError;
use super::cache::{Cache, MAKING, digest_of_file};
use super::debian::{STABLE, read_member};
use super::kernels::Kernels;
use super::progress::Progress;
use crate::host::{cached_opensbi, opensbi_note, opensbi_path, opensbi_version};
use arch::{Arch, OpensbiVersion};
use model::Digest;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

const PACKAGE: &str = "opensbi";
/// After a failure the archive is left alone for so long: without a network, apt takes minutes to give up.
const RETRY_AFTER: Duration = Duration::from_secs(3600);

/// The firmware of an architecture's guests; by default what QEMU brings.
#[derive(Debug, Default)]
pub struct Firmware {
    /// The file and its digest; `None` for what QEMU brings.
    pub file: Option<(PathBuf, Digest)>,
    /// The version that QEMU brings, and why there is no newer one: guests with several vCPUs may start a hart at the wrong
    /// address.
    pub unsound: Option<(OpensbiVersion, KernelError)>,
}

impl Kernels {
    /// The firmware of an architecture's guests: QEMU's own if it is sound, else that of the cache, which is fetched first.
    ///
    /// # Errors
    /// When the caller cancels. A firmware that cannot be fetched is no error: QEMU has one.
    pub fn firmware(&self, arch: Arch, progress: &dyn Progress) -> Result<Firmware, KernelError> {
        let Some(version) = unsound_version(arch) else { return Ok(Firmware::default()) };
        match self.opensbi(arch, progress) {
            Ok(file) => Ok(Firmware { file: Some(file), unsound: None }),
            Err(error @ KernelError::Cancelled) => Err(error),
            Err(error) => Ok(Firmware { file: None, unsound: Some((version, error)) }),
        }
    }

    /// Where the firmware of an architecture's guests is, or will be after it was fetched; `None` for what QEMU brings.
    pub fn firmware_path(&self, arch: Arch) -> Option<PathBuf> {
        unsound_version(arch).map(|_| opensbi_path(&self.cache().path(""), arch))
    }

    fn opensbi(&self, arch: Arch, progress: &dyn Progress) -> Result<(PathBuf, Digest), KernelError> {
        let root = self.cache().path("");
        let path = opensbi_path(&root, arch);
        self.cache().keep("firmware");
        if cached_opensbi(&root, arch).is_none() {
            self.fetch_opensbi(arch, progress)?;
        }
        let digest = digest_of_file(&path).map_err(KernelError::io("read", &path))?;
        Ok((path, digest))
    }

    fn fetch_opensbi(&self, arch: Arch, progress: &dyn Progress) -> Result<(), KernelError> {
        let cache = self.cache();
        let _making = cache.share(MAKING, progress)?;
        let _lock = cache.lock(&format!("opensbi-{}", arch.name), progress)?;
        if cached_opensbi(&cache.path(""), arch).is_some() {
            return Ok(());
        }
        let failure = cache.log("opensbi")?;
        recent(&failure)?;
        // A package for all architectures is in every index, and amd64 always exists.
        let fetched = self.apt_package(STABLE, "amd64", PACKAGE, progress);
        let (_, package) = fetched.inspect_err(|error| {
            if !matches!(error, KernelError::Cancelled) {
                let _ = fs::write(&failure, error.to_string());
            }
        })?;
        install(cache, &package, arch)
    }
}

/// The version of QEMU's OpenSBI, if it is not sound. Of a firmware that does not tell nothing is assumed.
fn unsound_version(arch: Arch) -> Option<OpensbiVersion> {
    arch.qemu.opensbi?;
    opensbi_version(arch.qemu.program, arch.qemu.machine).filter(|version| version.is_unsound())
}

/// The failure that was noted a short time ago.
fn recent(failure: &Path) -> Result<(), KernelError> {
    let age = fs::metadata(failure).and_then(|metadata| metadata.modified()).ok().and_then(|then| then.elapsed().ok());
    match fs::read_to_string(failure) {
        Ok(message) if age.is_some_and(|age| age < RETRY_AFTER) => {
            let what = format!("fetch the package {PACKAGE} (tried less than an hour ago)");
            Err(KernelError::Fetch { what, message })
        }
        _ => Ok(()),
    }
}

/// Puts the firmware of a package into the cache.
fn install(cache: &Cache, package: &Path, arch: Arch) -> Result<(), KernelError> {
    let root = cache.path("");
    let (file, note) = (opensbi_path(&root, arch), opensbi_note(&root, arch));
    let scratch = cache.scratch(file.parent().unwrap_or(&root))?;
    let inside = |path: &Path| scratch.path().join(path.file_name().unwrap_or_default());
    let firmware = read_member(package, Path::new(arch.qemu.opensbi.unwrap_or_default()))?;
    for (path, content) in [(inside(&file), firmware), (inside(&note), version(package).into())] {
        fs::write(&path, content).map_err(KernelError::io("write", &path))?;
    }
    scratch.install().map(drop)
}

/// `1.6-1` of `opensbi_1.6-1_all.deb`.
fn version(package: &Path) -> String {
    let name = package.file_name().unwrap_or_default().to_string_lossy();
    name.split('_').nth(1).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::super::NullProgress;
    use super::super::debian::samples;
    use super::super::kernels::Options;
    use super::*;
    use crate::assets::Assets;

    const FILE: &str = "usr/lib/riscv64-linux-gnu/opensbi/generic/fw_dynamic.bin";

    fn riscv64() -> Arch {
        arch::find("riscv64").unwrap()
    }

    fn kernels(dir: &Path) -> Kernels {
        Kernels::new(&Assets::builtin(), dir.join("cache"), Options::default()).unwrap()
    }

    #[test]
    fn firmware_of_a_package_is_kept_with_its_version() {
        let dir = tempfile::tempdir().unwrap();
        let made = samples::package(dir.path(), ".xz", &[("usr/lib/other", b"x"), (FILE, b"firmware")]);
        let package = dir.path().join("opensbi_1.6-1_all.deb");
        fs::rename(made, &package).unwrap();
        let kernels = kernels(dir.path());
        install(kernels.cache(), &package, riscv64()).unwrap();
        assert_eq!(cached_opensbi(&kernels.cache().path(""), riscv64()).as_deref(), Some("1.6-1"));
        // Neither apt nor a network is needed any more.
        let (path, digest) = kernels.opensbi(riscv64(), &NullProgress).unwrap();
        assert_eq!((fs::read(&path).unwrap(), digest), (b"firmware".to_vec(), digest_of_file(&path).unwrap()));
        let other = Cache::new(dir.path().join("cache"));
        assert!(other.try_lock("firmware").unwrap().is_none(), "it is not pruned while it is used");
        let empty = samples::package(dir.path(), ".xz", &[("usr/lib/other", b"x")]);
        let message = install(kernels.cache(), &empty, riscv64()).unwrap_err().to_string();
        assert!(message.ends_with(&format!("it has no {FILE}")), "{message}");
    }

    #[test]
    fn archive_is_left_alone_after_a_failure() {
        let dir = tempfile::tempdir().unwrap();
        let kernels = kernels(dir.path());
        let failure = kernels.cache().log("opensbi").unwrap();
        fs::write(&failure, "no route to host").unwrap();
        let message = kernels.opensbi(riscv64(), &NullProgress).unwrap_err().to_string();
        assert!(message.ends_with("(tried less than an hour ago): no route to host"), "{message}");
        let then = crate::host::file_time() - 2 * RETRY_AFTER;
        fs::File::open(&failure).unwrap().set_modified(then).unwrap();
        assert!(recent(&failure).is_ok());
    }

    #[test]
    fn machines_without_opensbi_need_no_firmware() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["x86_64", "riscv64-nommu"] {
            let arch = arch::find(name).unwrap();
            let firmware = kernels(dir.path()).firmware(arch, &NullProgress).unwrap();
            assert!(firmware.file.is_none() && firmware.unsound.is_none());
            assert_eq!(kernels(dir.path()).firmware_path(arch), None);
        }
        assert!(!dir.path().join("cache").exists());
    }
}
