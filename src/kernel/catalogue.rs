//! The kernels of the lab: one YAML file each, the file's name is the kernel's.

use super::config::{Fragment, fragment_names};
use super::entry::KernelEntry;
use super::patch::{Patch, patch_names};
use super::{KernelError, zoo};
use crate::assets::Assets;
use crate::diagnostic::{BrokenFile, Diagnostic, closest};
use arch::Arch;
use model::KernelName;
use std::borrow::Cow;
use std::collections::BTreeSet;

/// All kernels, in the order of their names. `NAME+PART` is one of them that is built with one more configuration fragment, or
/// with one more patch; there may be several parts.
#[derive(Debug, Clone)]
pub struct Catalogue {
    entries: Vec<KernelEntry>,
    broken: Vec<BrokenFile>,
    /// Where fragments and patches are.
    assets: Assets,
}

/// Names of what can be added to a kernel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parts {
    /// Configuration fragments.
    pub fragments: Vec<String>,
    /// Patches.
    pub patches: Vec<String>,
}

fn broken_file(names: Vec<String>, error: KernelError) -> BrokenFile {
    let problems = match error {
        KernelError::Description(found) => found,
        other => vec![Diagnostic::error(other.to_string(), None)],
    };
    BrokenFile { names, problems }
}

impl Catalogue {
    /// Reads every `kernels/*.yaml`, and the pairs of `kernels/zoo/`.
    ///
    /// # Errors
    /// When the folders cannot be listed. A wrong file is one of [`Catalogue::broken`].
    pub fn read(assets: &Assets) -> Result<Self, KernelError> {
        let failed = |folder: &'static str| KernelError::io("list", folder.as_ref());
        let (mut entries, mut broken) = (Vec::new(), Vec::new());
        for name in assets.stems("kernels", ".yaml").map_err(failed("kernels"))? {
            match KernelEntry::read(assets, &format!("kernels/{name}.yaml"), &name) {
                Ok(entry) => entries.push(entry),
                Err(error) => broken.push(broken_file(vec![name], error)),
            }
        }
        for path in &assets.list(zoo::FOLDER).map_err(failed(zoo::FOLDER))? {
            match zoo::read(assets, path, &entries) {
                Ok(pair) => entries.extend(pair),
                Err(error) => broken.push(broken_file(zoo::names(path).to_vec(), error)),
            }
        }
        entries.sort_by(|a, b| a.name.as_str().cmp(b.name.as_str()));
        Ok(Self { entries, broken, assets: assets.clone() })
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
    pub fn find(&self, name: &str) -> Result<Cow<'_, KernelEntry>, KernelError> {
        if let Some(entry) = self.entries.iter().find(|entry| entry.name.as_str() == name) {
            return Ok(Cow::Borrowed(entry));
        }
        if let Some((base, parts)) = name.split_once('+') {
            return self.with_parts(name, base, parts).map(Cow::Owned);
        }
        if let Some(broken) = self.broken.iter().find(|broken| broken.names.iter().any(|other| other == name)) {
            return Err(broken.problems.clone().into());
        }
        let similar = closest(name, self.entries.iter().map(|entry| entry.name.as_str())).map(str::to_owned);
        Err(KernelError::Unknown { name: name.to_owned(), similar })
    }

    fn with_parts(&self, name: &str, base: &str, parts: &str) -> Result<KernelEntry, KernelError> {
        let base = self.find(base)?;
        if base.build.is_empty() {
            return Err(base.not_built());
        }
        let mut entry = KernelEntry { name: KernelName::new(name), ..base.into_owned() };
        for part in parts.split('+') {
            match Fragment::named(&self.assets, part) {
                Ok(fragment) => entry.build.values_mut().for_each(|build| build.push(fragment.clone())),
                Err(KernelError::NoFragment(_)) => entry.patches.push(Patch::named(&self.assets, part)?),
                Err(error) => return Err(error),
            }
        }
        Ok(entry)
    }

    /// Names to suggest for one that is wrong: kernels, or, behind a `+`, parts of the kernel before it.
    ///
    /// # Errors
    /// When a folder cannot be listed.
    pub fn suggestions(&self, wrong: &str) -> Result<Vec<String>, KernelError> {
        let is_built = |name: &str| self.find(name).is_ok_and(|entry| !entry.build.is_empty());
        let Some((base, _)) = wrong.rsplit_once('+').filter(|(base, _)| is_built(base)) else {
            return Ok(self.entries.iter().map(|entry| entry.name.to_string()).collect());
        };
        let parts = [fragment_names(&self.assets)?, patch_names(&self.assets)?].concat();
        Ok(parts.into_iter().map(|part| format!("{base}+{part}")).collect())
    }

    /// Names of the fragments that no kernel of the catalogue has by itself, and those of the patches, in alphabetical order.
    ///
    /// # Errors
    /// When a folder cannot be listed.
    pub fn parts(&self) -> Result<Parts, KernelError> {
        let used: BTreeSet<&str> = self
            .entries
            .iter()
            .flat_map(|entry| entry.build.values().flatten())
            .map(|fragment| fragment.name.as_str())
            .collect();
        let fragments = fragment_names(&self.assets)?;
        Ok(Parts {
            fragments: fragments.into_iter().filter(|name| !used.contains(name.as_str())).collect(),
            patches: patch_names(&self.assets)?,
        })
    }

    /// The smallest fragment that builds in an option, whose name is without `CONFIG_`; those of architectures are no choice.
    ///
    /// # Errors
    /// When a fragment cannot be read.
    pub fn fragment_with(&self, option: &str) -> Result<Option<Fragment>, KernelError> {
        let names = fragment_names(&self.assets)?.into_iter().filter(|name| arch::find(name).is_none());
        let fragments = names.map(|name| Fragment::read(&self.assets, &name)).collect::<Result<Vec<_>, _>>()?;
        let having = fragments.into_iter().filter(|fragment| fragment.builds_in(option));
        Ok(having.min_by_key(|fragment| fragment.options.len()))
    }

    /// Whether a kernel exists for an architecture; if not, the error says why.
    ///
    /// # Errors
    /// When the kernel is unknown or does not exist for the architecture.
    pub fn supports(&self, name: &str, arch: Arch) -> Result<Cow<'_, KernelEntry>, KernelError> {
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
    use std::path::Path;

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
            let [broken] = catalogue.broken() else { panic!("{:?}", catalogue.broken()) };
            assert_eq!((broken.names.join(" "), broken.problems.is_empty()), ("mine".to_owned(), false));
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
    fn kernel_is_built_with_more_fragments() {
        let catalogue = Catalogue::read(&Assets::builtin()).unwrap();
        let arch = arch::find("x86_64").unwrap();
        let names = |name: &str| -> Vec<String> {
            let entry = catalogue.supports(name, arch).unwrap();
            assert_eq!(entry.name.as_str(), name);
            entry.build[&arch].iter().map(|fragment| fragment.name.clone()).collect()
        };
        let base = names("linux-7.3");
        assert_eq!(names("linux-7.3+xfs+unix"), [base, vec!["xfs".into(), "unix".into()]].concat());
        let message = |name: &str| catalogue.find(name).unwrap_err().to_string();
        for wrong in ["linux-7.3+exxt4", "linux-7.3+../config/ext4", "linux-7.3+", "linux-7.3+xfs+"] {
            assert!(message(wrong).starts_with("neither a fragment nor a patch has the name `"), "{}", message(wrong));
        }
        assert!(message("debian-6.1+xfs").starts_with("debian-6.1 "), "{}", message("debian-6.1+xfs"));
        assert!(message("linux-7.33+xfs").starts_with("unknown kernel `linux-7.33`"));
        let closest = |wrong: &str| {
            closest(wrong, catalogue.suggestions(wrong).unwrap().iter().map(String::as_str)).map(str::to_owned)
        };
        assert_eq!(closest("linux-7.3+exxt4").as_deref(), Some("linux-7.3+ext4"));
        assert_eq!(closest("linux-7.4+ext4").as_deref(), None);
        assert_eq!(closest("linux-7.33").as_deref(), Some("linux-7.3"));
        let patched = catalogue.find("linux-6.1+nommu-sets-oom-skip+faults").unwrap();
        assert_eq!(patched.patches[0].name, "nommu-sets-oom-skip");
        assert!(patched.build[&arch].iter().any(|fragment| fragment.name == "faults"));
        let Parts { fragments, patches } = catalogue.parts().unwrap();
        let has = |names: &[String], name: &str| names.iter().any(|other| other == name);
        assert!(has(&fragments, "ext4") && !has(&fragments, "base") && has(&patches, "nommu-sets-oom-skip"));
        assert!(fragments.iter().all(|name| !has(&patches, name)), "a part has one meaning");
        let smallest = |option: &str| catalogue.fragment_with(option).unwrap().map(|fragment| fragment.name);
        assert_eq!(smallest("EXT4_FS").as_deref(), Some("ext4"));
        assert_eq!(smallest("NO_SUCH_THING"), None);
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
    fn errors_have_file_line_and_caret() {
        assert_eq!(
            error("source:\n  debian:\n    suit: sid\n    packages: {}\n"),
            "error: unknown key `suit`\n  ╭─ kernels/mine.yaml:3:5\n3 │     suit: sid\n  ╰     ──── did you mean `suite`?"
        );
        let source = "source:\n  debian-source: {suite: sid, package: linux-source-7.2}\n";
        for (text, message, place, line) in [
            ("source:\n  debain:\n    suite: sid\n", "unknown word `debain`", "2:3", "  debain:"),
            ("source:\n  debian: {suite: sid, packages: {}}\n", "no architecture is named", "2:24", ""),
            (source, "no architecture is named", "2:3", ""),
            (&format!("{source}build: {{arm: [base, bsae]}}\n"), "unknown fragment `bsae`", "3:21", ""),
            (&format!("{source}build: {{arm: [base]}}\npatches: [x-y]\n"), "unknown patch `x-y`", "4:11", ""),
            ("source: {debian: {suite: sid, packages: {sparc: x}}}\n", "unknown architecture `sparc`", "1:42", ""),
        ] {
            let shown = error(text);
            let start = format!("error: {message}\n  ╭─ kernels/mine.yaml:{place}\n");
            assert!(shown.starts_with(&start) && shown.contains(line), "{shown}");
        }
    }

    #[test]
    fn all_contradictions_are_reported_at_once() {
        let text = "source:\n  debian: {suite: sid, packages: {arm: x}}\nbuild:\n  arm: [bsae, base]\n";
        let shown = error(text);
        let messages: Vec<&str> = shown.lines().filter_map(|line| line.strip_prefix("error: ")).collect();
        assert_eq!(messages, ["`build` has no meaning for source `debian`", "unknown fragment `bsae`"]);
        assert!(shown.contains("did you mean `base`?"), "{shown}");
    }

    #[test]
    fn errors_of_fragments_are_in_their_own_text() {
        let text = "source:\n  git: {repository: /src/linux, revision: v6.12}\nbuild:\n  arm: [mine]\n";
        let shown = with_kernel(text, |assets, dir| {
            fs::create_dir_all(Path::new(dir).join("kernels/config")).unwrap();
            fs::write(Path::new(dir).join("kernels/config/mine.config"), "CONFIG_A=y\n  CONFIG_B\nSMP=y\n").unwrap();
            Catalogue::read(assets).unwrap().find("mine").unwrap_err().to_string().replace(dir, "")
        });
        assert!(shown.contains("╭─ kernels/config/mine.config:2:3\n2 │   CONFIG_B\n"), "{shown}");
        assert!(shown.contains("╭─ kernels/config/mine.config:3:1\n3 │ SMP=y\n"), "{shown}");
    }
}
