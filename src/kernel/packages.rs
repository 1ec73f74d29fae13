//! User spaces of guests: Debian's packages, fetched with all that they depend on.

use super::cache::{Lock, MAKING, digest_of};
use super::debian::STABLE;
use super::kernels::Kernels;
use super::{KernelError, Progress};
use arch::Arch;
use model::Digest;
use std::path::PathBuf;

/// Packages in the cache; while it lives, no process removes them.
#[derive(Debug)]
pub struct PackageSet {
    /// The packages (deb(5)), each behind those that it depends on.
    pub files: Vec<PathBuf>,
    /// Differs when other names were requested, or a package has changed: for caches of what is made of them.
    pub key: Digest,
    _in_use: Lock,
}

impl Kernels {
    /// The packages of these names in Debian's stable suite, with all that they depend on but `without`; `unpack` makes a folder of
    /// them.
    ///
    /// What a package's maintainer scripts would do is left to the caller, and so are Debian's essential packages, on which
    /// others depend without a word: base-files, a shell, coreutils.
    ///
    /// # Errors
    /// When Debian has no such architecture or package, the archive cannot be reached and the cache does not have all, or the
    /// caller cancels.
    pub fn packages(
        &self,
        arch: Arch,
        names: &[&str],
        without: &[&str],
        progress: &dyn Progress,
    ) -> Result<PackageSet, KernelError> {
        let debian = arch.kernel.debian.ok_or(KernelError::NotInDebian(arch))?;
        let in_use = self.cache.share(MAKING, progress)?;
        let found = self.with_apt(STABLE, debian.arch, progress, |apt| apt.packages(names, without))?;
        let digests = found.iter().map(|(package, _)| package.digest.as_str());
        let key = digest_of(names.iter().copied().chain(["without"]).chain(without.iter().copied()).chain(digests));
        Ok(PackageSet { key, files: found.into_iter().map(|(_, file)| file).collect(), _in_use: in_use })
    }
}

#[cfg(test)]
mod tests {
    use super::super::NullProgress;
    use super::super::cache::{Cache, digest_of_file};
    use super::super::kernels::Options;
    use super::*;
    use crate::assets::Assets;
    use std::fs;
    use std::path::Path;
    use std::process::Command;

    /// A cache with these packages (name, dependencies, content) for arm64, and a fresh index of them.
    fn kernels(dir: &Path, packages: &[(&str, &str, &str)]) -> Kernels {
        let mut kernels = Kernels::new(&Assets::builtin(), dir.join("cache"), Options::default()).unwrap();
        let mut index = String::new();
        for (name, depends, content) in packages {
            let new = dir.join("new");
            fs::write(&new, content).unwrap();
            let digest = digest_of_file(&new).unwrap();
            let folder = kernels.cache.folder(format!("packages/{digest}")).unwrap();
            fs::rename(new, folder.join(format!("{name}.deb"))).unwrap();
            let size = content.len();
            index += &format!(
                "Package: {name}\nVersion: 1\nDepends: {depends}\nFilename: pool/{name}.deb\nSize: {size}\nSHA256: {digest}\n\n"
            );
        }
        let lists = kernels.cache.folder("apt/trixie-arm64/lists").unwrap();
        fs::write(lists.join("mirror_dists_trixie_main_binary-arm64_Packages"), index).unwrap();
        fs::write(kernels.cache.path("apt/trixie-arm64/refreshed"), "").unwrap();
        // `apt-helper cat-file FILE`. Written by another process, because a file that is open for writing cannot run.
        let (plain, helper) = (dir.join("plain"), dir.join("apt-helper"));
        fs::write(&plain, "#!/bin/sh\ncat $2\n").unwrap();
        assert!(Command::new("install").arg("-m755").arg(plain).arg(&helper).status().unwrap().success());
        kernels.programs.apt_helper = helper;
        kernels
    }

    fn fetch(kernels: &Kernels, names: &[&str]) -> PackageSet {
        kernels.packages(arch::find("aarch64").unwrap(), names, &[], &NullProgress).unwrap()
    }

    #[test]
    fn key_follows_names_and_packages() {
        let dir = tempfile::tempdir().unwrap();
        let packages = [("app", "lib, dpkg", "the program"), ("lib", "", "the library")];
        let cached = kernels(dir.path(), &packages);
        let set = fetch(&cached, &["app"]);
        let names: Vec<_> = set.files.iter().map(|file| file.file_name().unwrap().to_str().unwrap()).collect();
        assert_eq!(names, ["lib.deb", "app.deb"]);
        assert_eq!(fs::read(&set.files[1]).unwrap(), b"the program");
        assert_eq!(fetch(&cached, &["app"]).key, set.key);
        assert_ne!(fetch(&cached, &["app", "lib"]).key, set.key);
        let newer = kernels(dir.path(), &[packages[0], ("lib", "", "another library")]);
        assert_ne!(fetch(&newer, &["app"]).key, set.key);
    }

    #[test]
    fn packages_stay_while_they_are_in_use() {
        let dir = tempfile::tempdir().unwrap();
        let set = fetch(&kernels(dir.path(), &[("app", "", "x")]), &["app"]);
        let other = Cache::new(dir.path().join("cache"));
        assert!(other.try_lock(MAKING).unwrap().is_none());
        drop(set);
        assert!(other.try_lock(MAKING).unwrap().is_some());
    }

    #[test]
    fn architecture_without_an_mmu_has_no_packages() {
        let dir = tempfile::tempdir().unwrap();
        let kernels = Kernels::new(&Assets::builtin(), dir.path().join("cache"), Options::default()).unwrap();
        let arch = arch::find("riscv64-nommu").unwrap();
        let message = kernels.packages(arch, &["app"], &[], &NullProgress).unwrap_err().to_string();
        assert_eq!(message, "Debian builds nothing for riscv64-nommu: choose an architecture with an MMU");
        assert!(!dir.path().join("cache").exists());
    }
}
