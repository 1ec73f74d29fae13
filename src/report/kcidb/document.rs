//! The document of a run.

use super::id::{self, Ids, path_part};
use super::issue::Issues;
use super::object::{self, Build, Checkout, Document, Environment, Resource, Test, Version};
use super::status::{self, Status};
use super::submission::Submission;
use model::{Cell, Plan, RunRecord, TrialRecord, printable, trial_folder};
use serde_json::json;
use std::collections::BTreeMap;

/// The document of a run, indented, ending in a newline: checkouts, builds, a test for each trial and subtest, known issues. Trials of the
/// plan without a record were not run.
pub fn kcidb(run: &RunRecord, plan: &Plan, submission: &Submission) -> String {
    let mut report = Report {
        run,
        submission,
        ids: Ids::new(submission.origin(), run),
        checkouts: BTreeMap::new(),
        builds: BTreeMap::new(),
        tests: Vec::new(),
        issues: Issues::default(),
    };
    for cell in &plan.cells {
        let trials: Vec<&TrialRecord> = run.trials.iter().filter(|trial| trial.cell.id == cell.id).collect();
        for trial in &trials {
            report.add(trial);
        }
        let is_missing = |number: &u32| !trials.iter().any(|trial| trial.trial == *number);
        for number in (1..=cell.repeat).filter(is_missing) {
            report.add_missing(cell, number);
        }
    }
    let Report { checkouts, builds, tests, issues, .. } = report;
    let (issues, incidents) = issues.into_objects();
    let document = Document {
        version: Version::CURRENT,
        checkouts: checkouts.into_values().collect(),
        builds: builds.into_values().collect(),
        tests,
        issues,
        incidents,
    };
    // Plain structs with text keys: there is nothing that JSON cannot hold.
    serde_json::to_string_pretty(&document).unwrap_or_default() + "\n"
}

/// The document in the making.
struct Report<'r> {
    run: &'r RunRecord,
    submission: &'r Submission,
    ids: Ids<'r>,
    /// By id.
    checkouts: BTreeMap<String, Checkout>,
    /// By id.
    builds: BTreeMap<String, Build>,
    tests: Vec<Test>,
    issues: Issues,
}

impl Report<'_> {
    fn add(&mut self, trial: &TrialRecord) {
        let build_id = self.build(&trial.cell, Some(trial));
        let id = self.ids.test(trial);
        self.issues.add(&self.ids, trial, &id);
        let verdict = &trial.verdict;
        let (log, others) = self.files(trial);
        let misc = json!({
            "cell": trial.cell.id,
            "trial": trial.trial,
            "outcome": verdict.outcome(),
            "kind": verdict.kind,
            "title": verdict.title.as_deref().map(printable),
            "rule": verdict.rule,
            "confidence": (f64::from(verdict.confidence) * 1e3).round() / 1e3,
            "expected": trial.as_expected(),
        });
        let path = format!("oomlab.{}", path_part(trial.cell.workload_name()));
        self.tests.push(Test {
            log_url: log,
            log_excerpt: object::excerpt(&verdict.lines),
            start_time: Some(trial.started.clone()),
            duration: Some(trial.duration_s),
            output_files: others,
            misc: Some(misc),
            ..self.test(&trial.cell, trial.trial, &build_id, id.clone(), path.clone(), status::of_trial(trial))
        });
        for (index, subtest) in trial.subtests.iter().enumerate() {
            let path = format!("{path}.{}", path_part(&subtest.name));
            let status = status::of_subtest(subtest.status);
            self.tests.push(Test {
                log_excerpt: object::excerpt(subtest.why.as_slice()),
                duration: subtest.seconds,
                ..self.test(&trial.cell, trial.trial, &build_id, format!("{id}.{}", index + 1), path, status)
            });
        }
    }

    /// A trial that was not run: the run was stopped before it, or goes on.
    fn add_missing(&mut self, cell: &Cell, number: u32) {
        let other =
            self.run.trials.iter().find(|trial| (&trial.cell.kernel, trial.cell.arch) == (&cell.kernel, cell.arch));
        let build_id = self.build(cell, other);
        let id = self.ids.missing(&trial_folder(cell.id.as_str(), number));
        let path = format!("oomlab.{}", path_part(cell.workload_name()));
        let test = self.test(cell, number, &build_id, id, path, Status::Miss);
        self.tests.push(test);
    }

    fn test(&self, cell: &Cell, number: u32, build_id: &str, id: String, path: String, status: Status) -> Test {
        Test {
            build_id: build_id.to_owned(),
            id,
            origin: self.submission.origin().to_owned(),
            environment: Environment::of(cell),
            path,
            comment: format!("{}, trial {number}", printable(cell.id.as_str())),
            status,
            log_url: None,
            log_excerpt: None,
            start_time: None,
            duration: None,
            output_files: Vec::new(),
            misc: None,
        }
    }

    /// The id of the kernel that the trial booted, which is added with its checkout unless it is there.
    fn build(&mut self, cell: &Cell, trial: Option<&TrialRecord>) -> String {
        let (checkout_id, build_id) = (self.ids.checkout(cell, trial), self.ids.build(cell, trial));
        let release = trial.and_then(|trial| trial.kernel_release.as_deref()).map(printable);
        let kernel = printable(cell.kernel.as_str());
        let digest = trial.and_then(|trial| trial.kernel_digest.as_ref());
        // Of a kernel that was not booted it is not known whether it builds.
        let is_there = digest.is_some();
        self.checkouts.entry(checkout_id.clone()).or_insert_with(|| Checkout {
            id: checkout_id.clone(),
            origin: self.submission.origin().to_owned(),
            tree_name: self.submission.tree.clone(),
            git_repository_url: self.submission.repository.clone(),
            git_commit_hash: trial.and_then(id::commit).map(str::to_owned),
            comment: release.iter().fold(kernel.clone(), |kernel, release| format!("{kernel} {release}")),
            start_time: self.run.started.clone(),
            valid: is_there.then_some(true),
        });
        self.builds.entry(build_id.clone()).or_insert_with(|| Build {
            checkout_id,
            id: build_id.clone(),
            origin: self.submission.origin().to_owned(),
            status: is_there.then_some(Status::Pass),
            architecture: cell.arch.kernel.arch,
            config_name: format!("{kernel}.{}", cell.arch),
            comment: release,
            misc: digest.map(|digest| json!({ "sha256": digest })),
        });
        build_id
    }

    /// The URLs of the console and of the other files of a trial, if they are published.
    fn files(&self, trial: &TrialRecord) -> (Option<String>, Vec<Resource>) {
        let Some(base) = &self.submission.logs else { return (None, Vec::new()) };
        let url = |file: &str| format!("{base}/cells/{}/{}", id::url_part(&trial.folder()), id::url_part(file));
        let names = || trial.artifacts.iter().map(|artifact| artifact.file.as_str());
        let log = names().find(|file| *file == CONSOLE).map(url);
        let others = names().filter(|file| *file != CONSOLE && !file.contains('/'));
        (log, others.map(|file| Resource { name: file.to_owned(), url: url(file) }).collect())
    }
}

/// The console in a trial's folder.
const CONSOLE: &str = "console.log";
