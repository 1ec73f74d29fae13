//! One point of a matrix, complete: nothing about it is left to choose when it runs.

use super::words::words;
use super::{AlsoKind, Arch, Axes, CellId, Faults, KernelName, Kind, Needs, Outcome, Quarantine, RamMib, WorkloadName};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// One point of a matrix: which kernel, on which machine, under which load, judged how.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Cell {
    /// Stable name, made of the axes' values.
    pub id: CellId,
    /// Kernel, a catalogue name or the name of a user's own image.
    pub kernel: KernelName,
    /// Architecture.
    pub arch: Arch,
    /// Guest RAM.
    #[serde(rename = "ram_mib", alias = "ram")]
    pub ram: RamMib,
    /// Number of virtual CPUs.
    pub vcpus: u32,
    /// What runs in the guest.
    pub payload: Payload,
    /// What the payload needs of the lab.
    #[serde(default, skip_serializing_if = "Needs::is_empty")]
    pub needs: Needs,
    /// What the lab makes go wrong.
    #[serde(default, skip_serializing_if = "Faults::is_none")]
    pub faults: Faults,
    /// How the canary allocates.
    #[serde(default, skip_serializing_if = "Canary::is_default")]
    pub canary: Canary,
    /// Values of the axes that the user defined, by axis.
    #[serde(default, skip_serializing_if = "Axes::is_empty")]
    pub axes: Axes,
    /// Further words of the kernel command line.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub append: Vec<String>,
    /// Further arguments of QEMU.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub qemu: Vec<String>,
    /// How long its stages may take on an unloaded host.
    pub timeouts: Timeouts,
    /// Number of trials.
    pub repeat: u32,
    /// The verdict that is known beforehand.
    pub expect: Expectation,
    /// Reports of the kernel with which a trial does not pass.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fail_on: Vec<AlsoKind>,
    /// Known failures that do not turn a run red.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub quarantine: Vec<Quarantine>,
}

impl Cell {
    /// The id of a guest that the lab did not plan, and cannot boot again.
    pub const WATCHED: &'static str = "watched";

    /// Whether the lab only looked at this guest.
    pub fn is_watched(&self) -> bool {
        self.id.as_str() == Self::WATCHED
    }

    /// Name of the workload, or `initrd` for a guest without the agent.
    pub fn workload_name(&self) -> &str {
        match &self.payload {
            Payload::Workload { name, .. } => name.as_str(),
            Payload::Initrd(_) => "initrd",
        }
    }
}

words! {
    /// How the agent's canary allocates.
    #[derive(Default)]
    Canary {
        #[default]
        /// As most tasks do: it invokes the OOM killer when memory runs out.
        Kernel = "gfp-kernel",
        /// Without `__GFP_IO` and `__GFP_FS`, by `prctl(PR_SET_IO_FLUSHER)`: it waits until another task frees memory or invokes the
        /// OOM killer (`mm/oom_kill.c`, `out_of_memory()`).
        Noio = "gfp-noio",
    }
}

impl Canary {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// What runs in the guest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "type")]
pub enum Payload {
    /// The lab's agent with one workload.
    Workload {
        /// Its name.
        name: WorkloadName,
        /// Its settings, checked against the manifest; the agent gets them as `oomlab_opt_<option>=<value>`.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        options: BTreeMap<String, String>,
    },
    /// The user's own initramfs (or none): judged from console and host alone.
    Initrd(Initrd),
}

impl Payload {
    /// Whether QEMU loads an initramfs beside the kernel.
    pub fn has_initrd(&self) -> bool {
        match self {
            Self::Workload { .. } => true,
            Self::Initrd(initrd) => initrd.path.is_some(),
        }
    }
}

/// A guest without the agent, and how its test ends.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Initrd {
    /// Path of the initramfs.
    pub path: Option<PathBuf>,
    /// Text on the console that ends the trial as passed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
    /// Whether an empty console is as it should be.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_silent: bool,
}

/// How long a trial's stages may take on an unloaded host, in seconds. The watchdog stretches them by the
/// guest's measured speed and by what the host takes away.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Timeouts {
    /// From the spawn to the agent's hello.
    pub boot_s: f64,
    /// From the start of the workload to its end.
    pub load_s: f64,
    /// How long the canary or the beat may be silent before that counts as stuck.
    pub stuck_s: f64,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self { boot_s: 60.0, load_s: 120.0, stuck_s: 5.0 }
    }
}

/// The verdicts that are known beforehand: one, or one of several where the same kernel may fail in different ways.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Expectation {
    /// The first verdict.
    #[serde(flatten)]
    pub verdict: ExpectedVerdict,
    /// Further verdicts that are as expected.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub alternatives: Vec<ExpectedVerdict>,
    /// Why, in the user's words; shown in reports.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// An outcome, or one kind of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExpectedVerdict {
    /// The outcome.
    pub outcome: Outcome,
    /// The kind, where it matters; without it every kind of that outcome is as expected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<Kind>,
}

impl Expectation {
    /// Expects a pass of any kind.
    pub const fn pass() -> Self {
        Self::of(ExpectedVerdict { outcome: Outcome::Pass, kind: None })
    }

    /// Expects one verdict, without a reason.
    pub const fn of(verdict: ExpectedVerdict) -> Self {
        Self { verdict, alternatives: Vec::new(), reason: None }
    }

    /// Whether a verdict of this outcome and kind is as expected.
    pub fn matches(&self, outcome: Outcome, kind: Kind) -> bool {
        self.verdicts().any(|expected| expected.matches(outcome, kind))
    }

    /// Whether every expected verdict is a failure.
    pub fn is_failure(&self) -> bool {
        self.verdicts().all(|expected| expected.outcome != Outcome::Pass)
    }

    fn verdicts(&self) -> impl Iterator<Item = &ExpectedVerdict> {
        std::iter::once(&self.verdict).chain(&self.alternatives)
    }
}

impl ExpectedVerdict {
    /// A guest that was expected to finish may have been slow: that is how busy the host was, and no news of its kernel.
    pub(crate) fn matches(&self, outcome: Outcome, kind: Kind) -> bool {
        let fits = |expected| expected == kind || (expected == Kind::Finished && kind == Kind::Slow);
        self.outcome == outcome && self.kind.is_none_or(fits)
    }
}

impl From<Kind> for ExpectedVerdict {
    fn from(kind: Kind) -> Self {
        Self { outcome: kind.outcome(), kind: Some(kind) }
    }
}

impl std::fmt::Display for ExpectedVerdict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.kind {
            Some(kind) => write!(f, "{}/{kind}", self.outcome),
            None => write!(f, "{}", self.outcome),
        }
    }
}

/// `hang/oom-livelock or crash`.
impl std::fmt::Display for Expectation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.verdict)?;
        self.alternatives.iter().try_for_each(|alternative| write!(f, " or {alternative}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expectation_finished_matches_slow() {
        let expect = |kind| Expectation::of(ExpectedVerdict { outcome: Outcome::Pass, kind });
        let matches = |expected: Option<Kind>, kind: Kind| expect(expected).matches(kind.outcome(), kind);
        assert!(matches(Some(Kind::Finished), Kind::Slow) && matches(Some(Kind::Finished), Kind::Finished));
        assert!(matches(None, Kind::Thrash) && matches(Some(Kind::Slow), Kind::Slow));
        assert!(!matches(Some(Kind::Finished), Kind::Thrash) && !matches(Some(Kind::Slow), Kind::Finished));
        assert!(!matches(Some(Kind::Finished), Kind::OomLivelock));
    }

    #[test]
    fn any_of_several_verdicts_is_as_expected() {
        let crash = ExpectedVerdict { outcome: Outcome::Crash, kind: None };
        let several = Expectation { alternatives: vec![crash], ..Expectation::of(Kind::OomLivelock.into()) };
        let matches = |kind: Kind| several.matches(kind.outcome(), kind);
        assert!(
            matches(Kind::OomLivelock) && matches(Kind::Panic) && !matches(Kind::SoftLockup) && !matches(Kind::Slow)
        );
        assert_eq!(several.to_string(), "hang/oom-livelock or crash");
        assert!(several.is_failure() && !Expectation::pass().is_failure());
        let json = serde_json::to_string(&several).unwrap();
        assert_eq!(json, r#"{"outcome":"hang","kind":"oom-livelock","alternatives":[{"outcome":"crash"}]}"#);
        assert_eq!(serde_json::from_str::<Expectation>(&json).unwrap(), several);
    }
}
