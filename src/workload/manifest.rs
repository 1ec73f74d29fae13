//! The description of a workload: `manifest.yaml` in its folder.

use super::needs::NeedsSpec;
use super::option::{self, OptionError, OptionSpec};
use super::unfit::Unfit;
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

/// A manifest that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{origin}: {problem}")]
pub struct ManifestError {
    /// The file.
    pub origin: String,
    /// What is wrong with it.
    pub problem: String,
}

impl Manifest {
    /// Reads a manifest; `origin` names the file in errors.
    ///
    /// # Errors
    /// When the text is not a manifest, or contradicts itself.
    pub fn parse(text: &str, origin: &str) -> Result<Self, ManifestError> {
        let error = |problem: String| ManifestError { origin: origin.to_owned(), problem };
        let manifest: Self = serde_yaml::from_str(text).map_err(|wrong| error(wrong.to_string()))?;
        match manifest.problem() {
            Some(problem) => Err(error(problem)),
            None => Ok(manifest),
        }
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

    /// Its needs on a machine.
    pub fn needs(&self, arch: Arch, ram: RamMib) -> Needs {
        self.needs.on(arch, ram)
    }

    /// The verdict on a healthy kernel.
    pub fn healthy(&self, arch: Arch) -> Expectation {
        let Healthy { outcome, kind } = self.healthy_nommu.filter(|_| !arch.mmu).unwrap_or(self.healthy);
        Expectation::of(ExpectedVerdict { outcome, kind })
    }

    fn problem(&self) -> Option<String> {
        if !is_folder_name(self.name.as_str()) {
            return Some(format!("`{}` is not a name: use lower-case letters, digits and `-`", self.name));
        }
        for healthy in [Some(self.healthy), self.healthy_nommu].into_iter().flatten() {
            if let Some(kind) = healthy.kind.filter(|kind| kind.outcome() != healthy.outcome) {
                return Some(format!("kind `{kind}` has outcome `{}`, not `{}`", kind.outcome(), healthy.outcome));
            }
        }
        self.needs.problem().or_else(|| self.options.iter().find_map(|(name, spec)| option_problem(name, spec)))
    }
}

/// Options travel as words of the kernel command line and become names of the C preprocessor.
fn option_problem(name: &str, spec: &OptionSpec) -> Option<String> {
    let is_name = name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
    if !is_name {
        return Some(format!("`{name}` is not an option name: use lower-case letters, digits and `_`"));
    }
    (!spec.kind.accepts(&spec.default))
        .then(|| format!("the default of option `{name}` is `{}`: write {}", spec.default, spec.kind.notation()))
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

    fn parse(text: &str) -> Result<Manifest, ManifestError> {
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
        for (from, to, part) in [
            ("unit: KiB", "units: KiB", "units"),
            ("min_ram: 32M", "min_ram: lots", "`lots` is not a RAM size"),
            ("kind: finished", "kind: panic", "kind `panic` has outcome `crash`, not `pass`"),
            ("{arm:", "{armm:", "unknown architecture `armm`"),
            ("depth:", "De.pth:", "`De.pth` is not an option name"),
            ("default: '3'", "default: 'x'", "the default of option `depth` is `x`: write a whole number"),
            ("name: fork-hog", "name: ../fork", "`../fork` is not a name"),
            ("summary: a tree of hogs", "", "summary"),
            ("mmu: required", "mmu: required\nneeds: {modules: [a-b]}", "`a-b` is not a module"),
            ("mmu: required", "mmu: required\nneeds: {disc: {size: 1M}}", "disc"),
        ] {
            let error = parse(&TEXT.replace(from, to)).unwrap_err().to_string();
            assert!(error.starts_with("images/workloads/fork-hog/manifest.yaml: "), "{error}");
            assert!(error.contains(part), "{error}");
        }
    }
}
