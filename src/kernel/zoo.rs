//! The zoo: pairs of kernels with and without a historic bug, `kernels/zoo/<name>.yaml`.

use super::KernelError;
use super::description::{self, fragments, patches};
use super::entry::KernelEntry;
use super::patch::Patch;
use crate::assets::Assets;
use crate::diagnostic::{Step, did_you_mean};
use arch::Arch;
use model::KernelName;
use serde::Deserialize;
use std::collections::BTreeMap;

/// Where the pairs are described.
pub(super) const FOLDER: &str = "kernels/zoo";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    /// What is wrong.
    #[serde(rename = "bug")]
    _bug: String,
    /// The commit, with its release.
    #[serde(rename = "brought_in")]
    _brought_in: String,
    /// The commit, with its release; or `none`.
    #[serde(rename = "fixed")]
    _fixed: String,
    /// The kernel of the catalogue whose source and configuration both are built from.
    base: String,
    /// Architectures, of those that the base is built for.
    arches: Vec<Arch>,
    /// Further configuration fragments.
    #[serde(default)]
    config: Vec<String>,
    /// Patches that introduce the bug, where the source does not have it.
    #[serde(default)]
    bad: Vec<String>,
    /// Patches that fix it, where the source has it.
    #[serde(default)]
    good: Vec<String>,
}

/// Names of the kernels that a file describes.
pub(super) fn names(path: &str) -> [String; 2] {
    let name = path.rsplit('/').next().and_then(|file| file.strip_suffix(".yaml")).unwrap_or(path);
    ["bad", "good"].map(|side| format!("zoo-{name}-{side}"))
}

/// Both kernels of a pair: `zoo-<name>-bad` and `zoo-<name>-good`.
///
/// # Errors
/// When the description is wrong, or names a kernel, a fragment or a patch that does not exist.
pub(super) fn read(assets: &Assets, path: &str, catalogue: &[KernelEntry]) -> Result<[KernelEntry; 2], KernelError> {
    description::read(assets, path, |file: File, document| {
        let extra = fragments(assets, &file.config, &[Step::Key("config")], document);
        let [bad, good] = [("bad", &file.bad), ("good", &file.good)]
            .map(|(key, names)| patches(assets, names, &[Step::Key(key)], document));
        if file.bad == file.good {
            document.wrong(&[Step::Key("good")], "`bad` and `good` are the same kernel");
        }
        let Some(base) = catalogue.iter().find(|entry| entry.name.as_str() == file.base) else {
            let wrong = document.wrong(&[Step::Key("base")], format!("unknown kernel `{}`", file.base));
            wrong.label = did_you_mean(&file.base, catalogue.iter().map(|entry| entry.name.as_str()));
            wrong.help(format!("there is no file kernels/{}.yaml that can be used", file.base));
            return None;
        };
        let mut build = BTreeMap::new();
        for (index, arch) in file.arches.iter().enumerate() {
            let Some(fragments) = base.build.get(arch) else {
                let at = [Step::Key("arches"), Step::Item(index)];
                document.wrong(&at, format!("{} is not built for {arch}", file.base));
                continue;
            };
            build.insert(*arch, fragments.iter().chain(&extra).cloned().collect());
        }
        let side = |name: String, patches: Vec<Patch>| KernelEntry {
            name: KernelName::new(name),
            source: base.source.clone(),
            build: build.clone(),
            patches: base.patches.iter().cloned().chain(patches).collect(),
            is_variant: false,
        };
        let [bad_name, good_name] = names(path);
        Some([side(bad_name, bad), side(good_name, good)])
    })
}

#[cfg(test)]
mod tests {
    use super::super::Catalogue;
    use super::*;
    use std::fs;

    const TEXT: &str = "bug: b\nbrought_in: x\nfixed: none\nbase: linux-6.1\narches: [riscv64-nommu]\ngood: [fix]\n";

    fn with_pair<T>(text: &str, read: impl FnOnce(&Assets, &str) -> T) -> T {
        let dir = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            fs::create_dir_all(dir.path().join(path).parent().unwrap()).unwrap();
            fs::write(dir.path().join(path), text).unwrap();
        };
        write("kernels/zoo/mine.yaml", text);
        let patch = "summary: x\nsource: x\nreplacements: [{file: mm/a.c, find: a, with: b}]\n";
        write("kernels/patches/fix.yaml", patch);
        read(&Assets::with_overlay(dir.path()), &format!("{}/", dir.path().display()))
    }

    #[test]
    fn pair_is_two_kernels_of_one_source() {
        let catalogue = with_pair(TEXT, |assets, _| Catalogue::read(assets).unwrap());
        let nommu = arch::find("riscv64-nommu").unwrap();
        let names = |name: &str| -> Vec<String> {
            let entry = catalogue.supports(name, nommu).unwrap();
            assert_eq!(entry.source, catalogue.find("linux-6.1").unwrap().source);
            entry.patches.iter().map(|patch: &Patch| patch.name.clone()).collect()
        };
        assert_eq!((names("zoo-mine-bad"), names("zoo-mine-good")), (vec![], vec!["fix".to_owned()]));
        assert!(catalogue.supports("zoo-mine-bad", arch::find("arm").unwrap()).is_err());
    }

    #[test]
    fn errors_have_their_place() {
        for (from, to, message, place, label) in [
            ("linux-6.1", "linux-6.l", "unknown kernel `linux-6.l`", "4:7", "did you mean `linux-6.1`?"),
            ("[riscv64-nommu]", "[riscv32-nommu]", "linux-6.1 is not built for riscv32-nommu", "5:10", ""),
            ("[fix]", "[fxi]", "unknown patch `fxi`", "6:8", "did you mean `fix`?"),
            ("good: [fix]", "good: []", "`bad` and `good` are the same kernel", "6:1", ""),
            ("good: [fix]", "config: [bas]\ngood: [fix]", "unknown fragment `bas`", "6:10", "did you mean `base`?"),
        ] {
            let error = |assets: &Assets, dir: &str| {
                let catalogue = Catalogue::read(assets).unwrap();
                catalogue.find("zoo-mine-bad").unwrap_err().to_string().replace(dir, "")
            };
            let shown = with_pair(&TEXT.replace(from, to), error);
            assert!(shown.starts_with(&format!("error: {message}\n  ╭─ kernels/zoo/mine.yaml:{place}\n")), "{shown}");
            assert!(shown.contains(label), "{shown}");
        }
    }
}
