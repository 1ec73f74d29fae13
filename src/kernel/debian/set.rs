//! Packages with all that they depend on, and the download of several packages by one program.

use super::super::KernelError;
use super::super::cache::digest_of_file;
use super::super::progress::{Stage, Update};
use super::Apt;
use super::closure::{WITHOUT, closure};
use super::index::Package;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

impl Apt<'_> {
    /// The newest packages of these names with all that they depend on, dependencies first, in the cache: their descriptions and
    /// their files. Of dependencies, [`WITHOUT`] and those `without` are left out.
    ///
    /// # Errors
    /// When the archive lacks one, or cannot be reached and the cache does not have them all.
    pub fn packages(&self, names: &[&str], without: &[&str]) -> Result<Vec<(Package, PathBuf)>, KernelError> {
        let without: Vec<&str> = WITHOUT.iter().chain(without).copied().collect();
        self.fetch(&|| {
            let found = closure(&self.index()?, names, &without);
            found.map_err(|missing| self.no_package(&missing.package, missing.dependent))
        })
    }

    /// Puts the files that the cache lacks into it. Those that arrive stay, even if others do not. One apt-helper fetches all
    /// (apt, `cmdline/apt-helper.cc`: triples of address, path and digest), so that a mirror needs one connection.
    pub(super) fn download(&self, packages: &[Package]) -> Result<(), KernelError> {
        let lacking: Vec<&Package> = packages.iter().filter(|package| !self.has(package)).collect();
        let (what, message) = match lacking[..] {
            [] => return Ok(()),
            [package] => (format!("download {}", name_of(&self.place_of(package)).display()), package.name.clone()),
            _ => (
                format!("download {} packages of {}", lacking.len(), self.suite),
                format!("{} packages", lacking.len()),
            ),
        };
        let configuration = self.configure()?;
        let archive = (self.archive)()?;
        let scratch = self.cache.scratch(format!("packages/{}-{}", self.suite, self.arch))?;
        let part = |package: &Package| scratch.path().join(name_of(&self.place_of(package)));
        let bytes = |package: &Package| fs::metadata(part(package)).map_or(0, |metadata| metadata.len());
        let total: u64 = lacking.iter().map(|package| package.size).sum();
        let downloaded = || {
            let done = lacking.iter().map(|package| bytes(package)).sum();
            self.progress.update(Update { stage: Stage::Download, done, total: Some(total), message: &message });
            done
        };
        let mut result = self.attempt(
            &what,
            &mut || {
                let mut command = Command::new(&self.programs.apt_helper);
                command.arg("-c").arg(&configuration).arg("download-file");
                // An earlier attempt has brought some of several.
                for package in lacking.iter().filter(|package| lacking.len() == 1 || bytes(package) != package.size) {
                    command.arg(format!("{}/{}", archive.uri, package.filename)).arg(part(package));
                    command.arg(format!("SHA256:{}", package.digest));
                }
                command
            },
            &downloaded,
        );
        for package in &lacking {
            result = result.and(self.keep_file(package, &part(package)));
        }
        result
    }

    /// Whether the package's file is in the cache, whole.
    fn has(&self, package: &Package) -> bool {
        let file = self.place_of(package);
        fs::metadata(&file).is_ok_and(|metadata| metadata.len() == package.size)
            && digest_of_file(&file).is_ok_and(|digest| digest == package.digest)
    }

    /// Moves a downloaded file to its place in the cache.
    fn keep_file(&self, package: &Package, part: &Path) -> Result<(), KernelError> {
        let digest = digest_of_file(part).map_err(KernelError::io("read", part))?;
        if digest != package.digest {
            return Err(KernelError::Damaged {
                path: part.to_owned(),
                message: "its digest is not that of the archive's index".into(),
            });
        }
        let _lock = self.cache.lock(&format!("package-{digest}"), self.progress)?;
        if self.has(package) {
            // Another suite has the same package, and its process was faster.
            return Ok(());
        }
        let scratch = self.cache.scratch(format!("packages/{digest}"))?;
        let file = scratch.path().join(name_of(part));
        fs::rename(part, &file).map_err(KernelError::io("create", &file))?;
        scratch.install().map(drop)
    }
}

fn name_of(file: &Path) -> &Path {
    file.file_name().map_or(file, Path::new)
}

#[cfg(test)]
mod tests {
    use super::super::apt_tests::Setup;
    use super::*;

    /// `apt-helper cat-file FILE` and `apt-helper -c FILE download-file URI TARGET DIGEST…`, which counts its files.
    const HELPER: &str = "if [ $1 = cat-file ]; then cat $2; exit; fi; shift 3
        while [ $# -gt 0 ]; do
            echo $2 >> $here/files
            cp $here/pool/$(basename $1) $2 || { echo \"E: Failed to fetch $1 404 Not Found\" >&2; exit 100; }
            shift 3
        done";

    /// An archive with packages of these names and dependencies.
    fn publish(setup: &Setup, version: &str, packages: &[(&str, &str)]) {
        let mut index = String::new();
        fs::create_dir_all(setup.path("pool")).unwrap();
        for (name, depends) in packages {
            let file = format!("{name}_{version}_amd64.deb");
            let path = setup.path("pool").join(&file);
            fs::write(&path, format!("{name} {version}")).unwrap();
            let (size, digest) = (fs::metadata(&path).unwrap().len(), digest_of_file(&path).unwrap());
            index += &format!(
                "Package: {name}\nVersion: {version}\nDepends: {depends}\nFilename: main/{file}\nSize: {size}\n\
                 SHA256: {digest}\n\n"
            );
        }
        fs::write(setup.path("index"), index).unwrap();
        setup.script("apt-helper", HELPER);
    }

    fn fetch(setup: &Setup, names: &[&str]) -> Result<Vec<String>, KernelError> {
        let found = setup.with_apt(|apt| apt.packages(names, &[]))?;
        Ok(found.iter().map(|(_, file)| fs::read_to_string(file).unwrap()).collect())
    }

    fn downloads(setup: &Setup) -> usize {
        fs::read_to_string(setup.path("files")).unwrap_or_default().lines().count()
    }

    #[test]
    fn packages_come_with_their_dependencies_by_one_program() {
        let setup = Setup::new();
        publish(
            &setup,
            "1",
            &[("app", "lib, debconf"), ("lib", "libc"), ("libc", ""), ("debconf", "perl"), ("perl", "")],
        );
        assert_eq!(fetch(&setup, &["app"]).unwrap(), ["libc 1", "lib 1", "app 1"]);
        // One to read the index, one to download.
        assert_eq!((setup.runs("apt-helper"), downloads(&setup)), (2, 3));
        assert_eq!(fetch(&setup, &["perl", "app"]).unwrap(), ["perl 1", "libc 1", "lib 1", "app 1"]);
        assert_eq!((setup.runs("apt-helper"), downloads(&setup)), (4, 4), "the others are there");
        let names: Vec<String> = fs::read_dir(setup.path("cache/packages"))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        assert!(names.len() == 4 && names.iter().all(|name| name.len() == 64), "{names:?}");
    }

    #[test]
    fn dropped_package_of_a_set_is_looked_up_again() {
        let setup = Setup::new();
        publish(&setup, "1", &[("app", "lib"), ("lib", "")]);
        fetch(&setup, &["lib"]).unwrap();
        publish(&setup, "2", &[("app", "lib"), ("lib", "")]);
        fs::remove_file(setup.path("pool/app_1_amd64.deb")).unwrap();
        assert_eq!(fetch(&setup, &["app"]).unwrap(), ["lib 2", "app 2"]);
        assert_eq!(setup.runs("apt-get"), 2);
    }

    #[test]
    fn second_fetch_asks_for_missing_packages_alone() {
        let setup = Setup::new();
        publish(&setup, "1", &[("app", "lib"), ("lib", "")]);
        let app = setup.path("pool/app_1_amd64.deb");
        let content = fs::read(&app).unwrap();
        fs::remove_file(&app).unwrap();
        let message = fetch(&setup, &["app"]).unwrap_err().to_string();
        assert!(message.starts_with("failed to download 2 packages of sid: Failed to fetch "), "{message}");
        // The library once, the program in each of four attempts.
        assert_eq!(downloads(&setup), 5);
        fs::write(&app, content).unwrap();
        assert_eq!(fetch(&setup, &["app"]).unwrap(), ["lib 1", "app 1"]);
        assert_eq!(downloads(&setup), 6);
    }

    #[test]
    fn missing_dependency_is_named() {
        let setup = Setup::new();
        publish(&setup, "1", &[("app", "lib (>= 2)")]);
        let message = fetch(&setup, &["app"]).unwrap_err().to_string();
        assert!(
            message.starts_with("no package matches `lib (>= 2)` (app depends on it) in sid for amd64: "),
            "{message}"
        );
        let message = fetch(&setup, &["other"]).unwrap_err().to_string();
        assert!(message.starts_with("no package matches `other` in sid for amd64: "), "{message}");
    }
}
