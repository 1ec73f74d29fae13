//! What a run was: kernels, counts, duration, and whether it came to its end.

use super::cell::CellView;
use super::{Outcome, RunPage};
use crate::report::html::text::phrase;
use crate::report::layout::{counted, duration};
use std::collections::{BTreeMap, BTreeSet};

/// Digits of a commit that distinguish it.
pub(super) const SHORT_COMMIT: usize = 12;

/// The head of the page.
pub(super) struct Summary {
    pub matrix: String,
    pub id: String,
    pub started: String,
    pub facts: Vec<String>,
    /// Why the run is not what was planned.
    pub incomplete: Option<String>,
    pub kernels: Vec<KernelLine>,
}

/// A kernel of the run.
pub(super) struct KernelLine {
    pub name: String,
    pub releases: String,
    pub commits: String,
    pub arches: String,
}

impl Summary {
    pub fn has_commits(&self) -> bool {
        self.kernels.iter().any(|kernel| !kernel.commits.is_empty())
    }

    pub fn of(input: &RunPage<'_>, cells: &[CellView<'_>]) -> Self {
        let run = input.run;
        let done = run.trials.len();
        let mut facts =
            vec![counted(cells.len() as u64, "cell"), counted(done as u64, "trial"), duration(run.duration_s)];
        let lab_errors = run.trials.iter().filter(|trial| trial.verdict.outcome() == Outcome::LabError).count();
        if lab_errors > 0 {
            facts.push(counted(lab_errors as u64, "lab error"));
        }
        let planned = counted(run.planned.into(), "trial");
        let incomplete = match (run.interrupted, done < run.planned as usize) {
            (true, _) => Some(format!("Interrupted after {done} of {planned}.")),
            (false, true) => Some(format!("{done} of {planned} have ended.")),
            (false, false) => None,
        };
        Self {
            matrix: phrase(&run.name),
            id: phrase(run.id.as_str()),
            started: phrase(&run.started),
            facts,
            incomplete,
            kernels: kernels(input),
        }
    }
}

fn kernels(input: &RunPage<'_>) -> Vec<KernelLine> {
    #[derive(Default)]
    struct Found<'r> {
        releases: BTreeSet<&'r str>,
        commits: BTreeSet<String>,
        arches: BTreeSet<&'r str>,
    }
    let mut found: BTreeMap<&str, Found<'_>> = BTreeMap::new();
    for cell in &input.plan.cells {
        found.entry(cell.kernel.as_str()).or_default().arches.insert(cell.arch.name);
    }
    for trial in &input.run.trials {
        let kernel = found.entry(trial.cell.kernel.as_str()).or_default();
        kernel.arches.insert(trial.cell.arch.name);
        kernel.releases.extend(trial.kernel_release.as_deref());
        kernel.commits.extend(trial.kernel_commit.as_ref().map(|commit| commit.chars().take(SHORT_COMMIT).collect()));
    }
    let join = |set: BTreeSet<&str>| phrase(&set.into_iter().collect::<Vec<_>>().join(", "));
    let line = |(name, found): (&str, Found<'_>)| KernelLine {
        name: phrase(name),
        releases: join(found.releases),
        commits: join(found.commits.iter().map(String::as_str).collect()),
        arches: join(found.arches),
    };
    found.into_iter().map(line).collect()
}
