//! The description of a workload: `manifest.yaml` in its folder.

use super::needs::NeedsSpec;
use super::option::{self, OptionError, OptionSpec};
use super::script::ScriptSpec;
use super::unfit::Unfit;
use crate::diagnostic::{Diagnostic, Document, Step};
use arch::Arch;
use model::{Expectation, ExpectedVerdict, Kind, Needs, Outcome, RamMib, WorkloadName};
use serde::{Deserialize, Deserializer};
use std::collections::BTreeMap;

/// A workload: what it does, where it fits, and the verdict of a healthy kernel.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Its name, the name of its folder.
    pub name: WorkloadName,
    /// What it does, in one line.
    pub summary: String,
    /// The weakness of kernels that it aims at.
    pub aims_at: String,
    /// Source of the idea or the kernel fact behind it.
    pub source: String,
    /// Whether it needs an MMU.
    pub mmu: MmuNeed,
    /// One unit of its work.
    pub unit: String,
    /// The meaning of its end.
    pub finished: String,
    /// The minimum RAM for its purpose.
    #[serde(deserialize_with = "ram")]
    pub min_ram: RamMib,
    /// What the lab must provide.
    #[serde(default)]
    pub needs: NeedsSpec,
    /// A script that is run in place of a program of the lab's.
    #[serde(default)]
    pub script: Option<ScriptSpec>,
    /// Options by name.
    #[serde(default)]
    pub options: BTreeMap<String, OptionSpec>,
    /// The verdict on a healthy kernel.
    healthy: Healthy,
    /// The verdict on a healthy kernel without an MMU, where it differs.
    #[serde(default)]
    healthy_nommu: Option<Healthy>,
    /// Parts of console lines that a healthy kernel prints under it.
    #[serde(default)]
    pub kernel_lines: Vec<String>,
    /// Architectures that it cannot run on, with the reason.
    #[serde(default)]
    pub excluded: BTreeMap<Arch, String>,
}

/// Whether a workload needs an MMU.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MmuNeed {
    /// It runs with an MMU only.
    Required,
    /// It runs without an MMU only.
    Forbidden,
    /// It runs with and without.
    Any,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Healthy {
    outcome: Outcome,
    #[serde(default)]
    kind: Option<Kind>,
}

impl Manifest {
    /// Reads a manifest; `origin` names the file in errors, and its folder has the name of the workload.
    ///
    /// # Errors
    /// When the text is not a manifest, or contradicts itself: everything that is wrong, with its place.
    pub fn parse(text: &str, origin: &str) -> Result<Self, Vec<Diagnostic>> {
        Self::in_folder(text, origin, origin.rsplit('/').nth(1))
    }

    /// The same with another name of the folder.
    ///
    /// # Errors
    /// See there.
    pub fn in_folder(text: &str, origin: &str, folder: Option<&str>) -> Result<Self, Vec<Diagnostic>> {
        let (manifest, mut document) = Document::read::<Self>(origin, text)?;
        manifest.check(folder, &mut document);
        document.finish().map(|()| manifest)
    }

    /// Checks settings; all errors at once.
    ///
    /// # Errors
    /// When a setting is not in the manifest or its value is not of the setting's type.
    pub fn check_options(&self, values: &BTreeMap<String, String>) -> Result<(), Vec<OptionError>> {
        option::check(self.name.as_str(), &self.options, values)
    }

    /// Whether it can run on a machine of this architecture with this much RAM.
    ///
    /// # Errors
    /// Why not.
    pub fn fits(&self, arch: Arch, ram: RamMib) -> Result<(), Unfit> {
        let workload = || self.name.clone();
        match self.mmu {
            MmuNeed::Required if !arch.mmu => return Err(Unfit::NeedsMmu { workload: workload(), arch }),
            MmuNeed::Forbidden if arch.mmu => return Err(Unfit::NommuOnly { workload: workload(), arch }),
            _ => {}
        }
        if let Some(reason) = self.excluded.get(&arch) {
            return Err(Unfit::Excluded { workload: workload(), arch, reason: reason.clone() });
        }
        if ram < self.min_ram {
            return Err(Unfit::MinRam { workload: workload(), min: self.min_ram });
        }
        Ok(())
    }

    /// Its needs on a machine with these options.
    pub fn needs(&self, arch: Arch, ram: RamMib, options: &BTreeMap<String, String>) -> Needs {
        let value = |name, spec: &OptionSpec| spec.values.get(options.get(name).unwrap_or(&spec.default)).cloned();
        let values = self.options.iter().filter_map(|(name, spec)| value(name, spec));
        let needs = values.fold(self.needs.clone(), |needs, value| needs.with(&value));
        let mut needs = needs.on(arch, ram);
        if let Some(script) = &self.script {
            script.add_needs(arch, &mut needs);
            needs.script = Some(script.needs());
        }
        needs
    }

    /// The verdict on a healthy kernel.
    pub fn healthy(&self, arch: Arch) -> Expectation {
        let Healthy { outcome, kind } = self.healthy_nommu.filter(|_| !arch.mmu).unwrap_or(self.healthy);
        Expectation::of(ExpectedVerdict { outcome, kind })
    }

    fn check(&self, folder: Option<&str>, document: &mut Document<'_>) {
        let name = self.name.as_str();
        if !is_folder_name(name) {
            let wrong = document.wrong(&[Step::Key("name")], format!("`{name}` is not a name"));
            wrong.help("use lower-case letters, digits and `-`");
        } else if let Some(folder) = folder.filter(|folder| *folder != name) {
            let message = format!("the workload is named `{name}`, but its folder `{folder}`");
            document.wrong(&[Step::Key("name")], message);
        }
        for (key, healthy) in [("healthy", Some(self.healthy)), ("healthy_nommu", self.healthy_nommu)] {
            let Some(Healthy { outcome, kind: Some(kind) }) = healthy else { continue };
            if kind.outcome() != outcome {
                let message = format!("kind `{kind}` has outcome `{}`, not `{outcome}`", kind.outcome());
                document.wrong(&[Step::Key(key), Step::Key("kind")], message);
            }
        }
        self.needs.check(document);
        if let Some(script) = &self.script {
            script.check(document);
            if self.mmu != MmuNeed::Required {
                let wrong =
                    document.wrong(&[Step::Key("mmu")], "a script needs an MMU: Debian has no packages without");
                wrong.help("write `mmu: required`");
            }
        }
        self.options.iter().for_each(|(name, spec)| spec.check(name, self.needs.disk, document));
    }
}

fn is_folder_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

fn ram<'de, D: Deserializer<'de>>(from: D) -> Result<RamMib, D::Error> {
    String::deserialize(from)?.parse().map_err(serde::de::Error::custom)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "
name: fork-hog
summary: a tree of hogs
aims_at: victim selection
source: mm/oom_kill.c
mmu: required
unit: KiB
finished: the tree is dead
min_ram: 32M
healthy: {outcome: pass, kind: finished}
healthy_nommu: {outcome: crash}
excluded: {arm: no room in the address space}
options:
  depth: {type: count, default: '3', help: levels of the tree}
";

    fn parse(text: &str) -> Result<Manifest, Vec<Diagnostic>> {
        Manifest::parse(text, "images/workloads/fork-hog/manifest.yaml")
    }

    #[test]
    fn manifest_fits_some_machines() {
        let manifest = parse(TEXT).unwrap();
        let fits =
            |arch: &str, mib| manifest.fits(arch::find(arch).unwrap(), RamMib(mib)).map_err(|unfit| unfit.to_string());
        assert_eq!(fits("riscv64", 32), Ok(()));
        assert_eq!(fits("riscv64", 16).unwrap_err(), "fork-hog needs at least 32M of RAM");
        assert_eq!(fits("riscv64-nommu", 32).unwrap_err(), "fork-hog needs an MMU, riscv64-nommu has none");
        assert_eq!(fits("arm", 64).unwrap_err(), "fork-hog cannot run on arm: no room in the address space");
    }

    #[test]
    fn healthy_verdict_may_differ_without_an_mmu() {
        let manifest = parse(TEXT).unwrap();
        assert_eq!(manifest.healthy(arch::find("arm").unwrap()).to_string(), "pass/finished");
        assert_eq!(manifest.healthy(arch::find("riscv64-nommu").unwrap()).to_string(), "crash");
    }

    #[test]
    fn wrong_manifests_are_refused_with_place_and_remedy() {
        for (from, to, place, part) in [
            ("unit: KiB", "units: KiB", "7:1", "unknown key `units`"),
            ("min_ram: 32M", "min_ram: lots", "9:10", "`lots` is not a RAM size"),
            ("kind: finished", "kind: panic", "10:32", "kind `panic` has outcome `crash`, not `pass`"),
            ("{arm:", "{armm:", "12:12", "did you mean `arm`?"),
            ("depth:", "De.pth:", "14:3", "`De.pth` is not an option name"),
            ("default: '3'", "default: 'x'", "14:33", "write a whole number"),
            ("name: fork-hog", "name: ../fork", "2:7", "`../fork` is not a name"),
            ("name: fork-hog", "name: forks", "2:7", "is named `forks`, but its folder `fork-hog`"),
            ("summary: a tree of hogs\n", "", "2:1", "`summary` is missing"),
            ("mmu: required", "mmu: required\nneeds: {modules: [a, a-b]}", "7:22", "`a-b` is not a module"),
            ("mmu: required", "mmu: required\nneeds: {disc: {size: 1M}}", "7:9", "unknown key `disc`"),
            ("type: count, default: '3'", "type: count, values: {a: {}}, default: '3'", "14:24", "only a word has"),
            (
                "type: count, default: '3'",
                "type: word, values: {a: {}, b: {}}, default: c",
                "14:56",
                "write `a` or `b`",
            ),
            (
                "type: count, default: '3'",
                "type: word, values: {A: {}, b: {}}, default: b",
                "14:32",
                "`A` is not a value",
            ),
            (
                "type: count, default: '3'",
                "type: word, values: {a: {modules: ['-']}}, default: a",
                "14:46",
                "not a module",
            ),
            ("type: count, default: '3'", "type: word, values: {a: {filesystem: xfs}}, default: a", "14:48", "no disk"),
            ("type: count, default: '3'", "type: word, values: {a: {module: [b]}}, default: a", "14:36", "`module`"),
        ] {
            let found = parse(&TEXT.replace(from, to)).unwrap_err();
            let shown = found.iter().map(ToString::to_string).collect::<String>();
            let place = format!("╭─ images/workloads/fork-hog/manifest.yaml:{place}\n");
            assert!(shown.contains(&place) && shown.contains(part), "{shown}");
        }
    }

    #[test]
    fn value_of_an_option_adds_needs() {
        let options = "
needs: {modules: [zram], disk: {size: 1M}}
options:
  fs: {type: word, default: ext4, help: x, values: {ext4: {filesystem: ext4}, xfs: {filesystem: xfs}}}
  on: {type: word, default: disk, help: x, values: {disk: {}, loop: {modules: [loop]}}}
";
        let (without_options, _) = TEXT.split_once("\noptions:").unwrap();
        let manifest = parse(&(without_options.to_owned() + options)).unwrap();
        let needs = |values: &[(&str, &str)]| {
            let values = values.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
            manifest.check_options(&values).map(|()| manifest.needs(arch::find("x86_64").unwrap(), RamMib(64), &values))
        };
        assert_eq!(needs(&[]).unwrap().modules, ["virtio_pci", "virtio_blk", "ext4", "zram"]);
        let chosen = needs(&[("fs", "xfs"), ("on", "loop")]).unwrap();
        assert_eq!(chosen.modules, ["virtio_pci", "virtio_blk", "xfs", "zram", "loop"]);
        assert_eq!(chosen.disk.unwrap().filesystem, Some(model::Filesystem::Xfs));
        let wrong = needs(&[("on", "lop")]).unwrap_err();
        assert_eq!(wrong[0].to_string(), "option `on` of workload `fork-hog` is `lop`: write `disk` or `loop`");
    }

    #[test]
    fn all_errors_are_reported_at_once() {
        let text = TEXT.replace("kind: finished", "kind: panic").replace("'3'", "x").replace("fork-hog", "X");
        assert_eq!(parse(&text).unwrap_err().len(), 3);
    }
}
