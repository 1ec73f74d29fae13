//! The record of a run: what reports are made of.

use super::{Accel, Also, Cell, Digest, Expectation, Kind, Outcome, Quarantine, Regression, RunId, Subtest, Verdict};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Version of the run directory's format.
pub const RUN_SCHEMA: u32 = 3;

/// A run with what is known of its trials so far.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunRecord {
    /// [`RUN_SCHEMA`].
    pub schema: u32,
    /// Name of its folder.
    pub id: RunId,
    /// The matrix's name.
    pub name: String,
    /// The folder, as the user may type it.
    pub dir: String,
    /// When it began, RFC 3339.
    pub started: String,
    /// Wall time so far, in seconds; between a lab's death and the resumption none passes.
    pub duration_s: f64,
    /// How often it was resumed.
    pub resumed: u32,
    /// Number of trials that the plan asks for.
    pub planned: u32,
    /// Whether the user stopped it before all trials were done.
    pub interrupted: bool,
    /// Finished trials, in the order of the plan.
    pub trials: Vec<TrialRecord>,
    /// Cells with trials that have not ended, in the order of the plan.
    pub not_run: Vec<NotRun>,
    /// Failures that were bisected, or why not.
    pub regressions: Vec<Regression>,
}

impl RunRecord {
    /// Exit status of the program for this run: 0 all as expected or quarantined, 1 something unexpected in a guest,
    /// 3 the lab failed, 130 interrupted.
    pub fn exit_code(&self) -> u8 {
        let unexpected = |t: &&TrialRecord| t.is_unexpected();
        if self.interrupted {
            130
        } else if self.trials.iter().filter(unexpected).any(|t| t.verdict.outcome() == Outcome::LabError) {
            3
        } else {
            u8::from(self.trials.iter().any(|t| unexpected(&t)))
        }
    }
}

/// A cell with trials that have not ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NotRun {
    /// The cell.
    pub cell: Cell,
    /// Numbers of these trials, from 1; at least one.
    pub trials: Vec<u32>,
}

/// One boot of a cell, finished.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrialRecord {
    /// [`RUN_SCHEMA`].
    pub schema: u32,
    /// The cell.
    pub cell: Cell,
    /// Counted from 1.
    pub trial: u32,
    /// The judgement.
    pub verdict: Verdict,
    /// When QEMU was spawned, RFC 3339 in milliseconds; in seconds in records of old versions.
    pub started: String,
    /// From the spawn to QEMU's end, in seconds.
    pub duration_s: f64,
    /// From the spawn to the agent's hello, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub boot_s: Option<f64>,
    /// OOM kills that the guest counted or printed.
    pub oom_kills: u64,
    /// Reports of the kernel beside the verdict that the lab did not provoke, the gravest first; at most [`Also::MAX`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub also: Vec<Also>,
    /// What the workload's script reported of its parts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub subtests: Vec<Subtest>,
    /// What executed the guest.
    pub accel: Accel,
    /// Name of the node of a cluster on which it ran; `None` for the lab's own host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    /// QEMU's command line.
    pub command: Vec<String>,
    /// Kernel release, for example `6.1.176`, where known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kernel_release: Option<String>,
    /// Digest of the kernel image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kernel_digest: Option<Digest>,
    /// Full name of the commit that the kernel was built from, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kernel_commit: Option<String>,
    /// Digest of the initramfs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub initrd_digest: Option<Digest>,
    /// Digest of the firmware, if the lab named one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub firmware_digest: Option<Digest>,
    /// Digest of the root disk, in guests that have one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub root_disk_digest: Option<Digest>,
    /// The files that were kept.
    #[serde(alias = "evidence")]
    pub artifacts: Vec<Artifact>,
    /// Files that were kept until the retention of old runs removed them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub removed: Vec<Artifact>,
}

/// The file in a trial's folder with the test that the lab ran over SSH in a guest with a root disk: what `/bin/sh` ran there.
pub const TEST_SCRIPT: &str = "test.sh";

impl TrialRecord {
    /// A trial before its guest has started: no durations, no kernel, no artifacts. `trial` counts from 1, `started` is
    /// RFC 3339.
    pub fn new(cell: Cell, trial: u32, accel: Accel, started: String, verdict: Verdict) -> Self {
        Self {
            schema: RUN_SCHEMA,
            cell,
            trial,
            verdict,
            started,
            duration_s: 0.0,
            boot_s: None,
            oom_kills: 0,
            also: Vec::new(),
            subtests: Vec::new(),
            accel,
            node: None,
            command: Vec::new(),
            kernel_release: None,
            kernel_digest: None,
            kernel_commit: None,
            initrd_digest: None,
            firmware_digest: None,
            root_disk_digest: None,
            artifacts: Vec::new(),
            removed: Vec::new(),
        }
    }

    /// Name of the trial's folder below `cells/`: the cell's id, and `~N` behind it from the second trial on.
    pub fn folder(&self) -> String {
        trial_folder(self.cell.id.as_str(), self.trial)
    }

    /// Whether the user or the lab ended the trial before there was a verdict on the guest.
    pub fn is_interrupted(&self) -> bool {
        self.verdict.kind == Kind::Interrupted
    }

    /// Whether the verdict is the one that was known beforehand.
    pub fn as_expected(&self) -> bool {
        self.cell.expect.matches(self.verdict.outcome(), self.verdict.kind)
    }

    /// Whether this file was kept and has been removed since.
    pub fn is_removed(&self, file: &str) -> bool {
        self.removed.iter().any(|removed| removed.file == file)
    }

    /// The first entry of the cell's quarantine that covers the verdict; `None` for a verdict that is as expected.
    pub fn quarantine(&self) -> Option<&Quarantine> {
        let covers = |entry: &&Quarantine| entry.covers(&self.verdict, self.kernel_release.as_deref());
        self.cell.quarantine.iter().find(covers).filter(|_| !self.as_expected())
    }

    /// Whether the verdict turns a run red: it is neither as expected nor quarantined.
    pub fn is_unexpected(&self) -> bool {
        !self.as_expected() && self.quarantine().is_none()
    }

    /// What the kernel reported beside the verdict, on one line: `also: WARNING in foo (3), …`. Titles may have control characters.
    pub fn also_line(&self) -> Option<String> {
        let reports: Vec<String> = self.also.iter().map(ToString::to_string).collect();
        (!reports.is_empty()).then(|| format!("also: {}", reports.join(", ")))
    }

    /// The expectation, when it is a known failure that did not show: something to report, too.
    pub fn missed_failure(&self) -> Option<&Expectation> {
        let expect = &self.cell.expect;
        (expect.is_failure() && self.verdict.outcome() == Outcome::Pass).then_some(expect)
    }
}

/// Name of the folder of a cell's trial, counted from 1.
pub fn trial_folder(cell: &str, trial: u32) -> String {
    if trial <= 1 { cell.to_owned() } else { format!("{cell}~{trial}") }
}

/// The cell's id and the trial's number that [`trial_folder`] made this name of.
pub fn split_trial_folder(folder: &str) -> (&str, u32) {
    let numbered = folder.rsplit_once('~').and_then(|(cell, number)| Some((cell, number.parse().ok()?)));
    numbered.filter(|(_, number)| *number > 1).unwrap_or((folder, 1))
}

/// A stored file of a trial.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Artifact {
    /// File name within the trial's folder.
    pub file: String,
    /// Size in bytes.
    pub bytes: u64,
    /// Digest of its content.
    pub sha256: Digest,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trial_folder_names_cell_and_number() {
        for (cell, trial) in [("a.arm.32M.idle", 1), ("a.arm.32M.idle", 2), ("a~b", 1), ("a~b", 10)] {
            assert_eq!(split_trial_folder(&trial_folder(cell, trial)), (cell, trial));
        }
        assert_eq!(split_trial_folder("a~1"), ("a~1", 1), "no trial has such a folder");
    }
}
