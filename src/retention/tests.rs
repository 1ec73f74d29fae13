//! Prunes of generated runs.

use super::{OpenFailure, PrunedRuns, Retention, prune};
use crate::store::{RunDir, ThinningLevel, TrialDir, read_trial};
use jiff::Timestamp;
use model::{Accel, Cell, Failure, Kind, PLAN_SCHEMA, Payload, Plan, Regression, RuleId, RunId, TrialRecord, Verdict};
use std::path::{Path, PathBuf};
use std::time::Duration;

const NOW: &str = "2026-12-31T00:00:00Z";
const BOTH: Retention =
    Retention { thin: Some(Duration::from_secs(30 * 86400)), evidence: Some(Duration::from_secs(90 * 86400)) };

/// A cell whose folders are called `id`, and which the present program gives another id.
fn cell(id: &str) -> Cell {
    Cell {
        kernel: "linux-6.1".into(),
        ram: model::RamMib(32),
        payload: Payload::Initrd(model::Initrd::default()),
        axes: [("name".to_owned(), id.to_owned())].into_iter().collect(),
        repeat: 2,
        ..model::samples::cell(id, arch::find("riscv64-nommu").unwrap(), "idle")
    }
}

struct Lab(tempfile::TempDir);

impl Lab {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn runs(&self) -> &Path {
        self.0.path()
    }

    /// A run of so many days before [`NOW`]; each cell has two trials that end alike.
    fn run(&self, days: i64, cells: &[(&str, Kind)]) -> RunDir {
        let started = NOW.parse::<Timestamp>().unwrap() - jiff::SignedDuration::from_hours(24 * days);
        let plan = Plan {
            schema: PLAN_SCHEMA,
            name: "nightly".to_owned(),
            cells: cells.iter().map(|(id, _)| cell(id)).collect(),
            skipped: Vec::new(),
        };
        let folder = self.runs().join(format!("{days:03}-days"));
        let run = RunDir::create(Some(&folder), self.runs(), "", &plan, &started.to_string()).unwrap();
        for (id, kind) in cells {
            for number in [1, 2] {
                let mut trial = TrialDir::create(&run.trial_folder(id, number)).unwrap();
                trial.console(&[b'x'; 1000]).unwrap();
                trial.file("why.md", b"why").unwrap();
                trial.file("bundle/guest.kdump.gz", &[b'y'; 500]).unwrap();
                let verdict = Verdict::new(*kind, RuleId::WorkloadEnded, "summary");
                let mut record = TrialRecord::new(cell(id), number, Accel::Tcg, started.to_string(), verdict);
                record.artifacts = trial.artifacts().unwrap();
                trial.finish(&record).unwrap();
            }
        }
        run.finish(1.0, false).unwrap();
        drop(run);
        RunDir::open(&folder).unwrap()
    }

    fn prune(&self, retention: &Retention, open: &[OpenFailure], dry_run: bool) -> PrunedRuns {
        prune(self.runs(), retention, open, NOW.parse().unwrap(), dry_run).unwrap()
    }
}

/// Names of the trials that have a console, as `DAYS/CELL~N`.
fn with_evidence(lab: &Lab) -> Vec<String> {
    let below = |folder: PathBuf| {
        let mut found: Vec<PathBuf> =
            std::fs::read_dir(folder).into_iter().flatten().map(|one| one.unwrap().path()).collect();
        found.sort();
        found
    };
    let folders = below(lab.runs().to_owned()).into_iter().flat_map(|run| below(run.join("cells")));
    let kept = folders.filter(|folder| folder.join("console.log").is_file());
    let name = |folder: PathBuf| {
        let part = |path: &Path| path.file_name().unwrap().to_string_lossy().into_owned();
        format!("{}/{}", part(folder.ancestors().nth(2).unwrap()), part(&folder))
    };
    kept.map(name).collect()
}

fn open(cell: &str, kind: Kind, since: Option<&str>) -> OpenFailure {
    let failure = Failure { kind, title: None };
    OpenFailure {
        cell: crate::matrix::cell_id(&self::cell(cell)),
        failure: Some(failure),
        since: since.map(RunId::new),
    }
}

#[test]
fn evidence_that_another_run_has_too_frees_nothing() {
    let lab = Lab::new();
    let run = lab.run(100, &[("a", Kind::Finished)]);
    let console = run.trial_folder("a", 1).join("console.log");
    let other = lab.runs().join("console.log");
    std::fs::hard_link(&console, &other).unwrap();
    let bytes = |dry_run| lab.prune(&BOTH, &[], dry_run).runs[0].bytes;
    assert_eq!((bytes(true), bytes(false)), (2000, 2000), "of 3000");
    assert!(!console.exists() && other.metadata().unwrap().len() == 1000);
}

#[test]
fn records_stay_and_evidence_goes() {
    let lab = Lab::new();
    let cells = [("a", Kind::Finished), ("b", Kind::OomLivelock)];
    for days in [100, 40, 5] {
        lab.run(days, &cells);
    }
    let seen = |dry_run| {
        let pruned = lab.prune(&BOTH, &[], dry_run);
        assert!(pruned.failed.is_empty());
        pruned.runs.iter().map(|run| (run.id.to_string(), run.level, run.trials, run.bytes)).collect::<Vec<_>>()
    };
    let expected = [
        ("100-days".to_owned(), ThinningLevel::All, 4, 6000),
        ("040-days".to_owned(), ThinningLevel::Expected, 2, 3000),
    ];
    assert_eq!(seen(true), expected);
    assert_eq!(with_evidence(&lab).len(), 12, "a dry run removes nothing");
    assert_eq!(seen(false), expected);
    assert_eq!(
        with_evidence(&lab),
        ["005-days/a", "005-days/a~2", "005-days/b", "005-days/b~2", "040-days/b", "040-days/b~2"]
    );
    assert_eq!(seen(false), [], "there is nothing left to remove");
    let record = RunDir::open(&lab.runs().join("100-days")).unwrap().record().unwrap();
    assert_eq!(record.trials.len(), 4);
    let trial = &record.trials[0];
    let files = |list: &[model::Artifact]| list.iter().map(|one| one.file.clone()).collect::<Vec<_>>();
    assert_eq!(files(&trial.artifacts), ["why.md"]);
    assert_eq!(files(&trial.removed), ["console.log", "events.jsonl", "bundle/guest.kdump.gz"]);
    assert!(trial.is_removed("console.log") && !trial.is_removed("why.md"));
}

#[test]
fn open_failures_keep_their_first_and_latest_evidence() {
    let lab = Lab::new();
    for days in [200, 190] {
        lab.run(days, &[("a", Kind::OomLivelock)]);
    }
    lab.run(180, &[("a", Kind::Finished)]);
    for days in [170, 160, 150, 140, 130, 120] {
        lab.run(days, &[("a", Kind::OomLivelock)]);
    }
    lab.prune(&BOTH, &[open("a", Kind::OomLivelock, Some("170-days"))], false);
    let kept = ["120-days", "150-days", "160-days", "170-days"];
    assert_eq!(with_evidence(&lab), kept.map(|run| [format!("{run}/a"), format!("{run}/a~2")]).concat());
    // Another failure is open now: this one is fixed.
    let pruned = lab.prune(&BOTH, &[open("a", Kind::Panic, None)], false);
    assert_eq!((pruned.runs.len(), with_evidence(&lab).len()), (4, 0));
}

#[test]
fn open_failures_keep_evidence_behind_a_missing_trial() {
    let lab = Lab::new();
    let run = lab.run(100, &[("a", Kind::OomLivelock)]);
    std::fs::remove_dir_all(run.trial_folder("a", 1)).unwrap();
    lab.prune(&BOTH, &[open("a", Kind::OomLivelock, None)], false);
    assert_eq!(with_evidence(&lab), ["100-days/a~2"]);
}

#[test]
fn open_failures_keep_evidence_under_an_earlier_id() {
    let lab = Lab::new();
    lab.run(100, &[("a", Kind::OomLivelock)]);
    let open = open("a", Kind::OomLivelock, None);
    assert_ne!(open.cell.as_str(), "a");
    lab.prune(&BOTH, &[open], false);
    assert_eq!(with_evidence(&lab), ["100-days/a", "100-days/a~2"]);
}

#[test]
fn bisections_keep_the_evidence_of_their_ends() {
    let lab = Lab::new();
    lab.run(120, &[("a", Kind::Finished), ("b", Kind::Finished)]);
    let bad = lab.run(110, &[("a", Kind::Panic), ("b", Kind::Panic)]);
    let session = Regression {
        good_run: Some(RunId::new("120-days")),
        session: Some("bisections/a".to_owned()),
        ..Regression::skipped("a".into(), model::Failure { kind: Kind::Panic, title: None }, "stopped".to_owned())
    };
    bad.store_regressions(vec![session]).unwrap();
    lab.prune(&BOTH, &[], false);
    assert_eq!(with_evidence(&lab), ["110-days/a", "110-days/a~2", "120-days/a", "120-days/a~2"]);
}

#[test]
fn page_of_a_trial_goes_with_its_evidence() {
    let lab = Lab::new();
    let run = lab.run(100, &[("a", Kind::Finished)]);
    let page = run.trial_folder("a", 1).join("report.html");
    std::fs::write(&page, "console").unwrap();
    let pruned = lab.prune(&BOTH, &[], false);
    assert_eq!((page.exists(), pruned.bytes()), (false, 3007));
}

#[test]
fn killed_prune_leaves_records_that_are_true_and_is_completed() {
    let lab = Lab::new();
    let run = lab.run(100, &[("a", Kind::Finished)]);
    let folder = run.trial_folder("a", 1);
    // The record is written, and the program is killed before the first file goes.
    let mut record = read_trial(&folder).unwrap();
    record.removed = std::mem::take(&mut record.artifacts);
    std::fs::write(folder.join("trial.json"), serde_json::to_vec(&record).unwrap()).unwrap();
    let pruned = lab.prune(&BOTH, &[], false);
    assert_eq!((pruned.runs[0].trials, with_evidence(&lab)), (2, Vec::new()));
}

#[test]
fn resumed_run_is_pruned_again() {
    let lab = Lab::new();
    let run = lab.run(100, &[("a", Kind::Finished)]);
    lab.prune(&BOTH, &[], false);
    let (resumed, _) = RunDir::resume(run.path()).unwrap();
    resumed.begin_again().unwrap();
    // A further trial.
    let (folder, record) = (resumed.trial_folder("a", 3), read_trial(&run.trial_folder("a", 1)).unwrap());
    let mut trial = TrialDir::create(&folder).unwrap();
    trial.console(&[b'x'; 1000]).unwrap();
    let artifacts = trial.artifacts().unwrap();
    trial.finish(&TrialRecord { trial: 3, artifacts, removed: Vec::new(), ..record }).unwrap();
    resumed.finish(1.0, false).unwrap();
    drop(resumed);
    assert_eq!(with_evidence(&lab), ["100-days/a~3"]);
    let pruned = lab.prune(&BOTH, &[], false);
    assert_eq!((pruned.runs.len(), with_evidence(&lab).len()), (1, 0));
}

#[test]
fn run_in_which_a_lab_works_is_left_alone() {
    let lab = Lab::new();
    let lock = lab.run(100, &[("a", Kind::Finished)]).lock().unwrap();
    let pruned = lab.prune(&BOTH, &[], false);
    assert_eq!((pruned.failed.len(), with_evidence(&lab).len()), (1, 2));
    drop(lock);
    assert_eq!((lab.prune(&BOTH, &[], false).runs.len(), with_evidence(&lab).len()), (1, 0));
}

#[test]
fn damaged_runs_are_listed_and_left_alone() {
    let lab = Lab::new();
    let (young, old) = (lab.run(95, &[("a", Kind::Finished)]), lab.run(100, &[("b", Kind::Finished)]));
    let folder = old.trial_folder("b", 1);
    let mut record = read_trial(&folder).unwrap();
    record.artifacts[0].file = "../../../secret".to_owned();
    std::fs::write(lab.runs().join("secret"), "x").unwrap();
    std::fs::write(folder.join("trial.json"), serde_json::to_vec(&record).unwrap()).unwrap();
    std::fs::write(young.path().join("run.json"), "{\"schema\": 99}").unwrap();
    let pruned = lab.prune(&BOTH, &[], false);
    let named: Vec<&str> = pruned.failed.iter().map(|(run, _)| run.as_str()).collect();
    assert_eq!((named, pruned.runs.len()), (vec!["095-days", "100-days"], 0));
    assert!(lab.runs().join("secret").is_file() && with_evidence(&lab).len() == 4);
    assert!(pruned.failed[1].1.contains("`../../../secret` is not in the trial's folder"), "{:?}", pruned.failed);
}
