//! The zoo: pairs of kernels with and without a historic bug, `kernels/zoo/<name>.yaml`.

use super::KernelError;
use super::description::{parse, read_fragments, read_patches};
use super::entry::KernelEntry;
use crate::assets::Assets;
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
pub(super) fn read<'a>(
    assets: &Assets,
    path: &str,
    base: impl FnOnce(&str) -> Option<&'a KernelEntry>,
) -> Result<[KernelEntry; 2], KernelError> {
    let origin = assets.origin(path);
    let wrong = |message: String| KernelError::Catalogue { origin: origin.clone(), message };
    let file: File = parse(assets, path)?;
    let [bad, good] = names(path);
    let base = base(&file.base).ok_or_else(|| wrong(format!("no kernel kernels/{}.yaml", file.base)))?;
    if file.bad == file.good {
        return Err(wrong("`bad` and `good` are the same kernel".to_owned()));
    }
    let extra = read_fragments(assets, &file.config, &origin, "config")?;
    let mut build = BTreeMap::new();
    for arch in &file.arches {
        let fragments = base.build.get(arch).ok_or_else(|| wrong(format!("{} is not built for {arch}", file.base)))?;
        build.insert(*arch, fragments.iter().chain(&extra).cloned().collect());
    }
    let side = |name: String, patches: &[String]| {
        let patches = read_patches(assets, patches, &origin)?;
        Ok::<_, KernelError>(KernelEntry {
            name: KernelName::new(name),
            source: base.source.clone(),
            build: build.clone(),
            patches: base.patches.iter().cloned().chain(patches).collect(),
        })
    };
    Ok([side(bad, &file.bad)?, side(good, &file.good)?])
}

#[cfg(test)]
mod tests {
    use super::super::{Catalogue, Patch};
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
        for (from, to, message) in [
            ("linux-6.1", "linux-6.l", "kernels/zoo/mine.yaml: no kernel kernels/linux-6.l.yaml"),
            ("[riscv64-nommu]", "[riscv32-nommu]", "kernels/zoo/mine.yaml: linux-6.1 is not built for riscv32-nommu"),
            ("[fix]", "[fxi]", "kernels/zoo/mine.yaml: no patch kernels/patches/fxi.yaml"),
            ("good: [fix]", "", "kernels/zoo/mine.yaml: `bad` and `good` are the same kernel"),
            (
                "good: [fix]",
                "config: [x]\ngood: [fix]",
                "kernels/zoo/mine.yaml: config: no fragment kernels/config/x.config",
            ),
        ] {
            let error = |assets: &Assets, dir: &str| {
                let catalogue = Catalogue::read(assets).unwrap();
                catalogue.find("zoo-mine-bad").unwrap_err().to_string().replace(dir, "")
            };
            assert_eq!(with_pair(&TEXT.replace(from, to), error), message);
        }
    }
}
