//! The kernels of the lab: one YAML file each, the file's name is the kernel's.

use super::entry::KernelEntry;
use super::{KernelError, zoo};
use crate::assets::Assets;
use arch::Arch;

/// All kernels, in the order of their names.
#[derive(Debug, Clone)]
pub struct Catalogue {
    entries: Vec<KernelEntry>,
    broken: Vec<BrokenFile>,
}

/// A description that cannot be used. The other kernels can.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrokenFile {
    /// Names of its kernels.
    names: Vec<String>,
    origin: String,
    message: String,
}

impl BrokenFile {
    /// Why it cannot be used, with file, line and column.
    pub fn error(&self) -> KernelError {
        KernelError::Catalogue { origin: self.origin.clone(), message: self.message.clone() }
    }

    fn new(assets: &Assets, path: &str, names: Vec<String>, error: KernelError) -> Self {
        match error {
            KernelError::Catalogue { origin, message } => Self { names, origin, message },
            other => Self { names, origin: assets.origin(path), message: other.to_string() },
        }
    }
}

impl Catalogue {
    /// Reads every `kernels/*.yaml`, and the pairs of `kernels/zoo/`.
    ///
    /// # Errors
    /// When the folders cannot be listed. A wrong file is one of [`Catalogue::broken`].
    pub fn read(assets: &Assets) -> Result<Self, KernelError> {
        let list = |folder: &str| assets.list(folder).map_err(KernelError::io("list", folder.as_ref()));
        let (mut entries, mut broken) = (Vec::new(), Vec::new());
        for path in &list("kernels")? {
            let name = path.strip_prefix("kernels/").and_then(|file| file.strip_suffix(".yaml"));
            let Some(name) = name.filter(|name| !name.contains('/')) else { continue };
            match KernelEntry::read(assets, path, name) {
                Ok(entry) => entries.push(entry),
                Err(error) => broken.push(BrokenFile::new(assets, path, vec![name.to_owned()], error)),
            }
        }
        for path in &list(zoo::FOLDER)? {
            match zoo::read(assets, path, |base| entries.iter().find(|entry| entry.name.as_str() == base)) {
                Ok(pair) => entries.extend(pair),
                Err(error) => broken.push(BrokenFile::new(assets, path, zoo::names(path).to_vec(), error)),
            }
        }
        entries.sort_by(|a, b| a.name.as_str().cmp(b.name.as_str()));
        Ok(Self { entries, broken })
    }

    /// Adds a kernel, in place of one of the same name.
    pub(super) fn add(&mut self, entry: KernelEntry) {
        let at = self.entries.binary_search_by(|other| other.name.as_str().cmp(entry.name.as_str()));
        match at {
            Ok(at) => self.entries[at] = entry,
            Err(at) => self.entries.insert(at, entry),
        }
    }

    /// Files that cannot be used.
    pub fn broken(&self) -> &[BrokenFile] {
        &self.broken
    }

    /// All kernels, in the order of their names.
    pub fn entries(&self) -> &[KernelEntry] {
        &self.entries
    }

    /// The kernel of this name.
    ///
    /// # Errors
    /// When there is none; the message names the nearest one. When its description is wrong.
    pub fn find(&self, name: &str) -> Result<&KernelEntry, KernelError> {
        if let Some(broken) = self.broken.iter().find(|broken| broken.names.iter().any(|other| other == name)) {
            return Err(broken.error());
        }
        self.entries.iter().find(|entry| entry.name.as_str() == name).ok_or_else(|| {
            let nearest = self
                .entries
                .iter()
                .map(|entry| (strsim::damerau_levenshtein(name, entry.name.as_str()), entry))
                .filter(|(distance, _)| *distance <= 3)
                .min_by_key(|(distance, _)| *distance);
            KernelError::Unknown { name: name.to_owned(), similar: nearest.map(|(_, entry)| entry.name.to_string()) }
        })
    }

    /// Whether a kernel exists for an architecture; if not, the error says why.
    ///
    /// # Errors
    /// When the kernel is unknown or does not exist for the architecture.
    pub fn supports(&self, name: &str, arch: Arch) -> Result<&KernelEntry, KernelError> {
        let entry = self.find(name)?;
        let arches = entry.arches();
        if arches.contains(&arch) {
            return Ok(entry);
        }
        Err(KernelError::NotForArch { kernel: name.to_owned(), arch, arches })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn with_kernel<T>(text: &str, read: impl FnOnce(&Assets, &str) -> T) -> T {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("kernels")).unwrap();
        fs::write(dir.path().join("kernels/mine.yaml"), text).unwrap();
        read(&Assets::with_overlay(dir.path()), &format!("{}/", dir.path().display()))
    }

    fn read(text: &str) -> Catalogue {
        with_kernel(text, |assets, _| Catalogue::read(assets).unwrap())
    }

    fn error(text: &str) -> String {
        with_kernel(text, |assets, dir| {
            let catalogue = Catalogue::read(assets).unwrap();
            assert!(catalogue.find("linux-7.3").is_ok(), "the other kernels can be used");
            let error = catalogue.find("mine").unwrap_err().to_string();
            let broken: Vec<String> = catalogue.broken().iter().map(|broken| broken.error().to_string()).collect();
            assert_eq!(broken, std::slice::from_ref(&error));
            error.replace(dir, "")
        })
    }

    #[test]
    fn builtin_catalogue_is_complete() {
        let catalogue = Catalogue::read(&Assets::builtin()).unwrap();
        for line in ["5.10", "6.1", "6.12", "7.2", "7.3"] {
            assert!(catalogue.find(&format!("debian-{line}")).is_ok());
            let nommu = arch::find("riscv64-nommu").unwrap();
            assert!(catalogue.supports(&format!("linux-{line}"), nommu).is_ok());
        }
    }

    #[test]
    fn unsupported_architecture_is_reported() {
        let catalogue = Catalogue::read(&Assets::builtin()).unwrap();
        let error = catalogue.supports("debian-6.1", arch::find("riscv64-nommu").unwrap()).unwrap_err();
        assert!(error.to_string().starts_with("debian-6.1 does not exist for riscv64-nommu, only for x86_64"));
        let error = catalogue.find("linux-6.l").unwrap_err().to_string();
        assert!(error.contains("did you mean `linux-6.1`?"), "{error}");
    }

    #[test]
    fn user_kernel_is_read() {
        let text = "source:\n  local:\n    x86_64:\n      image: /tmp/bzImage\n      system-map: /tmp/System.map\n";
        let catalogue = read(text);
        assert_eq!(catalogue.find("mine").unwrap().arches(), [arch::find("x86_64").unwrap()]);
        let text = "source:\n  git: {repository: /src/linux, revision: v6.12}\nbuild:\n  riscv64-nommu: [base]\n";
        assert_eq!(read(text).find("mine").unwrap().source.kind(), "git");
    }

    #[test]
    fn errors_have_file_line_and_column() {
        let message = error("source:\n  debian:\n    suit: sid\n    packages: {}\n");
        assert!(message.starts_with("kernels/mine.yaml:3:5: "), "{message}");
        assert!(message.contains("`suit`") && message.ends_with("did you mean `suite`?"), "{message}");
        let message = error("source:\n  debain:\n    suite: sid\n");
        assert!(message.starts_with("kernels/mine.yaml:2:3: ") && message.contains("debain"), "{message}");
        let message = error("source:\n  debian: {suite: sid, packages: {sparc: linux-image}}\n");
        assert!(message.starts_with("kernels/mine.yaml:2:"), "{message}");
        assert!(message.contains("unknown architecture `sparc`; known: x86_64, arm"), "{message}");
        let text = "source:\n  debian-source: {suite: sid, package: linux-source-7.2}\nbuild: {arm: [bsae]}\n";
        let message = error(text);
        assert_eq!(message, "kernels/mine.yaml: build: arm: no fragment kernels/config/bsae.config");
        let message = error("source:\n  debian: {suite: sid, packages: {}}\n");
        assert_eq!(message, "kernels/mine.yaml: no architecture is named");
        let text = "source:\n  debian: {suite: sid, packages: {arm: x}}\nbuild: {arm: [base]}\n";
        assert!(error(text).contains("`build` has no meaning for source `debian`"));
    }
}
