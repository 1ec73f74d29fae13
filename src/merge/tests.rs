//! Merges of run folders on disk.

use super::{MergeError, combine, read, write};
use crate::store::{FurtherTrials, Part, Partition, RunDir};
use model::samples::cell;
use model::{Accel, Cell, CellId, Digest, Kind, PLAN_SCHEMA, Plan, RuleId, Skipped, TrialRecord, Verdict};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

fn matrix(cells: usize) -> Plan {
    let cell = |at: usize| {
        // Not in the order of their names.
        let mut cell = cell(&format!("cell-{:02}", (at * 7) % 100), arch::find("arm").unwrap(), "idle");
        cell.repeat = 1 + at as u32 % 2;
        cell
    };
    Plan { schema: PLAN_SCHEMA, name: "m".to_owned(), cells: (0..cells).map(cell).collect(), skipped: Vec::new() }
}

fn record(cell: &Cell, trial: u32, kind: Kind, started: &str) -> TrialRecord {
    let verdict = Verdict::new(kind, RuleId::WorkloadEnded, "x");
    let duration_s = 1.0 + f64::from(trial);
    TrialRecord { duration_s, ..TrialRecord::new(cell.clone(), trial, Accel::Tcg, started.to_owned(), verdict) }
}

fn write_trial(run: &RunDir, record: &TrialRecord) {
    let folder = run.trial_folder(record.cell.id.as_str(), record.trial);
    fs::create_dir_all(folder.join("bundle")).unwrap();
    fs::write(folder.join("console.log"), format!("{} {}\n", record.cell.id, record.trial)).unwrap();
    fs::write(folder.join("bundle/tasks.txt"), "init\n").unwrap();
    fs::write(folder.join("report.html"), "made again").unwrap();
    fs::write(folder.join("trial.json"), serde_json::to_vec_pretty(record).unwrap()).unwrap();
}

/// Writes runs below a folder.
struct Runs {
    dir: TempDir,
}

impl Runs {
    fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// A run of these cells; `ends` says how each trial ends, `None` for one that does not.
    fn run(&self, name: &str, plan: &Plan, part: Option<&Part>, ends: impl Fn(&Cell, u32) -> Option<Kind>) -> PathBuf {
        let dir = self.path(name);
        let hour = name.bytes().map(u32::from).sum::<u32>() % 10;
        let started = format!("2026-11-24T0{hour}:00:00Z");
        let run = RunDir::create(Some(&dir), self.dir.path(), "", plan, &started).unwrap();
        part.map_or(Ok(()), |part| run.store_part(part)).unwrap();
        let mut interrupted = false;
        for cell in &plan.cells {
            for trial in 1..=cell.repeat {
                let Some(kind) = ends(cell, trial) else { continue };
                interrupted |= kind == Kind::Interrupted;
                write_trial(&run, &record(cell, trial, kind, &started));
            }
        }
        run.finish(60.0 * f64::from(hour), interrupted).unwrap();
        dir
    }

    /// All trials of every `of`th cell pass.
    fn shard(&self, whole: &Plan, number: usize, of: usize) -> PathBuf {
        let mut plan = whole.clone();
        let mut at = 0;
        plan.cells.retain(|_| {
            at += 1;
            at % of == number % of
        });
        let mut part = Part::new(whole.clone(), whole.cells.iter().map(|cell| cell.id.clone()).collect());
        part.partition = Some(Partition { of: of as u32, costs: Digest::new("c0575") });
        part.shard = Some(number as u32);
        self.run(&format!("shard-{number}"), &plan, Some(&part), |_, _| Some(Kind::Finished))
    }

    fn merge(&self, runs: &[PathBuf], name: &str) -> Result<PathBuf, MergeError> {
        let sources = read(runs)?;
        let out = self.path(name);
        write(&combine(&sources)?, &out, &CancellationToken::new())?;
        Ok(out)
    }

    fn refusal(&self, runs: &[PathBuf]) -> String {
        let text = self.merge(runs, "refused").unwrap_err().to_string();
        assert!(!self.path("refused").exists());
        text.replace(&self.dir.path().display().to_string(), "")
    }
}

/// All files below a folder, without the name of the run and the lock that a merge of it takes.
fn content(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![dir.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            if path == dir.join("lock") {
                continue;
            }
            let mut bytes = fs::read(&path).unwrap();
            if path.ends_with("run.json") && path.parent() == Some(dir) {
                let mut head: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
                head.as_object_mut().unwrap().remove("id");
                bytes = head.to_string().into_bytes();
            }
            found.insert(path.strip_prefix(dir).unwrap().to_owned(), bytes);
        }
    }
    found
}

#[test]
fn merged_run_is_that_of_one_machine() {
    let runs = Runs::new();
    let whole = matrix(9);
    let shards: Vec<PathBuf> = (1..=3).map(|number| runs.shard(&whole, number, 3)).collect();
    let merged = runs.merge(&shards, "merged").unwrap();
    let run = RunDir::open(&merged).unwrap();
    assert_eq!(run.plan().unwrap(), whole);
    let (record, head) = (run.record().unwrap(), run.head().unwrap());
    assert_eq!((record.trials.len(), record.not_run.len()), (whole.trials() as usize, 0));
    assert!(run.is_complete().unwrap());
    assert_eq!((head.id.as_str(), head.resumed), ("merged", 0));
    // Hours of the names, and ten times as many minutes.
    let heads: Vec<_> = shards.iter().map(|dir| RunDir::open(dir).unwrap().head().unwrap()).collect();
    assert_eq!(head.started, heads.iter().map(|head| head.started.clone()).min().unwrap());
    assert_eq!(head.duration_s, heads.iter().map(|head| head.duration_s).fold(0.0, f64::max));
    for shard in &shards {
        for (path, bytes) in content(&shard.join("cells")) {
            if path.ends_with("report.html") {
                assert!(!merged.join("cells").join(path).exists());
            } else {
                assert_eq!(fs::read(merged.join("cells").join(&path)).unwrap(), bytes, "{}", path.display());
            }
        }
    }
}

#[test]
fn missing_shards_are_cells_that_have_not_run() {
    let runs = Runs::new();
    let whole = matrix(8);
    let shards: Vec<PathBuf> = (1..=4).map(|number| runs.shard(&whole, number, 4)).collect();
    let incomplete = runs.merge(&[shards[3].clone(), shards[0].clone()], "incomplete").unwrap();
    let run = RunDir::open(&incomplete).unwrap();
    let record = run.record().unwrap();
    let not_run: Vec<&CellId> = record.not_run.iter().map(|cell| &cell.cell.id).collect();
    assert_eq!(not_run, [1, 2, 5, 6].map(|at: usize| &whole.cells[at].id).to_vec());
    assert!(!run.head().unwrap().finished && !run.is_complete().unwrap());
    let rest = runs.merge(&[shards[1].clone(), shards[2].clone()], "rest").unwrap();
    let merged = runs.merge(&[incomplete, rest], "merged").unwrap();
    assert_eq!(content(&merged), content(&runs.merge(&shards, "all").unwrap()));
    assert!(RunDir::open(&merged).unwrap().is_complete().unwrap());
}

#[test]
fn further_trials_of_a_run_are_those_of_the_merged_one() {
    let runs = Runs::new();
    let whole = matrix(2);
    let further = BTreeMap::from([(whole.cells[1].id.clone(), 2)]);
    let night = runs.run("night", &whole, None, |_, _| Some(Kind::Finished));
    let run = RunDir::open(&night).unwrap();
    run.add_trials(&further).unwrap();
    write_trial(&run, &record(&run.plan().unwrap().cells[1], 3, Kind::Panic, "2026-11-24T05:00:00Z"));
    let same = runs.run("same", &whole, None, |_, _| None);
    let merged = runs.merge(&[same.clone(), night.clone()], "merged").unwrap();
    let run = RunDir::open(&merged).unwrap();
    assert_eq!((run.initial_plan().unwrap(), run.further_trials().unwrap()), (whole, FurtherTrials::new(further)));
    let record = run.record().unwrap();
    assert_eq!((record.trials.len(), record.not_run.len(), record.not_run[0].trials.clone()), (4, 1, vec![4]));
    assert!(!run.is_complete().unwrap());
    assert_eq!(content(&merged), content(&runs.merge(&[merged.clone(), same, night], "again").unwrap()));
}

#[test]
fn runs_of_one_filter_each_are_one_run() {
    let runs = Runs::new();
    let whole = matrix(6);
    let filtered = |name: &str, at: &[usize]| {
        let plan = Plan { cells: at.iter().map(|at| whole.cells[*at].clone()).collect(), ..whole.clone() };
        let part = Part::new(whole.clone(), plan.cells.iter().map(|cell| cell.id.clone()).collect());
        runs.run(name, &plan, Some(&part), |_, _| Some(Kind::Finished))
    };
    let merged = runs.merge(&[filtered("a", &[4, 5]), filtered("b", &[0, 2])], "merged").unwrap();
    let plan = RunDir::open(&merged).unwrap().plan().unwrap();
    assert_eq!(plan.cells, [0, 2, 4, 5].map(|at: usize| whole.cells[at].clone()), "the order of the matrix");
    assert!(RunDir::open(&merged).unwrap().is_complete().unwrap());
}

#[test]
fn interrupted_trial_gives_way_to_one_that_ended() {
    let runs = Runs::new();
    let whole = matrix(3);
    let stopped = runs.run("stopped", &whole, None, |cell, _| {
        Some(if cell.id == whole.cells[1].id { Kind::Interrupted } else { Kind::Finished })
    });
    let alone = runs.merge(std::slice::from_ref(&stopped), "alone").unwrap();
    let head = RunDir::open(&alone).unwrap().head().unwrap();
    assert!(head.interrupted && !head.finished);
    let only = Plan { cells: vec![whole.cells[1].clone()], ..whole.clone() };
    let part = Part::new(whole.clone(), only.cells.iter().map(|cell| cell.id.clone()).collect());
    let again = runs.run("again", &only, Some(&part), |_, _| Some(Kind::Finished));
    let merged = runs.merge(&[again.clone(), stopped.clone()], "merged").unwrap();
    assert_eq!(content(&merged), content(&runs.merge(&[alone, again, stopped], "other").unwrap()));
    let run = RunDir::open(&merged).unwrap();
    assert!(run.head().unwrap().finished && !run.head().unwrap().interrupted);
    assert!(run.record().unwrap().trials.iter().all(|trial| !trial.is_interrupted()));
}

#[test]
fn cell_that_a_machine_knows_to_be_impossible_is_left_out() {
    let runs = Runs::new();
    let whole = matrix(2);
    let ids = whole.cells.iter().map(|cell| cell.id.clone()).collect();
    let part = Part::new(whole.clone(), ids);
    let first = Plan {
        cells: Vec::new(),
        skipped: vec![Skipped { id: whole.cells[0].id.clone(), reason: "no module".to_owned() }],
        ..whole.clone()
    };
    let second = Plan { cells: vec![whole.cells[1].clone()], ..whole.clone() };
    let first = runs.run("first", &first, Some(&part), |_, _| None);
    let second = runs.run("second", &second, Some(&part), |_, _| Some(Kind::Finished));
    let plan = RunDir::open(&runs.merge(&[first, second], "merged").unwrap()).unwrap().plan().unwrap();
    assert_eq!((plan.cells.len(), plan.skipped.len()), (1, 1));
}

#[test]
fn runs_that_do_not_belong_together_are_refused() {
    let runs = Runs::new();
    let whole = matrix(4);
    let pass = |_: &Cell, _: u32| Some(Kind::Finished);
    let one = runs.run("one", &whole, None, pass);
    let renamed = runs.run("renamed", &Plan { name: "n".to_owned(), ..whole.clone() }, None, pass);
    assert_eq!(
        runs.refusal(&[one.clone(), renamed]),
        "/one is of the matrix `m`, /renamed of `n`: merge runs of one matrix"
    );
    let mut other = whole.clone();
    other.cells[2].ram = model::RamMib(32);
    other.cells[3].id = CellId::new("new");
    let other = runs.run("other", &other, None, pass);
    let refusal = runs.refusal(&[other, one.clone()]);
    assert!(refusal.contains("not of one plan:\n  changed  cell-14: ram_mib"), "{refusal}");
    assert!(refusal.contains("added    cell-21") && refusal.contains("removed  new"), "{refusal}");
    let again = runs.run("again", &whole, None, |_, _| Some(Kind::OomLivelock));
    let refusal = runs.refusal(&[one, again]);
    assert!(refusal.starts_with("/") && refusal.contains("are two records of one trial: "), "{refusal}");
    let (third, fourth) = (runs.shard(&whole, 3, 4), runs.shard(&whole, 2, 3));
    let refusal = runs.refusal(&[third, fourth]);
    assert!(refusal.contains("/shard-3 is a shard of 4 (costs c0575), /shard-2 of 3 (costs c0575)"), "{refusal}");
    assert_eq!(combine(&[]).unwrap_err().to_string(), "nothing to merge: name at least one run");
}

#[test]
fn runs_of_other_versions_are_refused() {
    let runs = Runs::new();
    let whole = matrix(2);
    let (one, old) = (runs.shard(&whole, 1, 2), runs.shard(&whole, 2, 2));
    let with_schema = |schema: u32| {
        let path = old.join("run.json");
        let mut head: serde_json::Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        head["schema"] = schema.into();
        fs::write(path, head.to_string()).unwrap();
    };
    with_schema(2);
    assert!(runs.refusal(&[one.clone(), old.clone()]).contains("merge runs of one version"));
    with_schema(99);
    assert!(runs.refusal(&[one, old]).contains("has format 99"));
}

#[test]
fn merged_run_has_the_format_of_its_runs() {
    let runs = Runs::new();
    let whole = matrix(6);
    let shards: Vec<PathBuf> = (1..=3).map(|number| runs.shard(&whole, number, 3)).collect();
    for shard in &shards {
        let path = shard.join("run.json");
        let mut head: serde_json::Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        head["schema"] = (model::RUN_SCHEMA - 1).into();
        fs::write(path, head.to_string()).unwrap();
    }
    let half = runs.merge(&shards[..2], "half").unwrap();
    let merged = runs.merge(&[half, shards[2].clone()], "merged").unwrap();
    assert_eq!(content(&merged), content(&runs.merge(&shards, "all").unwrap()));
}

#[test]
fn plans_that_no_matrix_makes_are_refused() {
    let runs = Runs::new();
    let one = runs.shard(&matrix(2), 1, 1);
    let refusal = |file: &str, change: fn(&mut serde_json::Value)| {
        let path = one.join(file);
        let before = fs::read(&path).unwrap();
        let mut plan = serde_json::from_slice(&before).unwrap();
        change(&mut plan);
        fs::write(&path, plan.to_string()).unwrap();
        let refusal = runs.refusal(std::slice::from_ref(&one));
        fs::write(path, before).unwrap();
        refusal
    };
    // The second cell has two trials.
    let many = refusal("plan.json", |plan| plan["cells"][0]["repeat"] = u32::MAX.into());
    assert_eq!(many, "/shard-1/plan.json is damaged: it has 4294967297 trials, more than 10000000");
    let twice = refusal("part.json", |part| part["whole"]["cells"][1] = part["whole"]["cells"][0].clone());
    assert_eq!(twice, "/shard-1/part.json is damaged: it has the cell `cell-00` twice");
}

#[test]
fn run_in_which_a_lab_works_is_refused() {
    let runs = Runs::new();
    let one = runs.shard(&matrix(2), 1, 1);
    let lab = RunDir::open(&one).unwrap().lock().unwrap();
    assert!(runs.refusal(std::slice::from_ref(&one)).starts_with("/shard-1 is in use by process "));
    drop(lab);
    runs.merge(&[one.clone(), one], "merged").unwrap();
}

#[test]
fn cancelled_merge_leaves_nothing() {
    let runs = Runs::new();
    let one = runs.shard(&matrix(2), 1, 1);
    let cancel = CancellationToken::new();
    cancel.cancel();
    let merged = combine(&read(&[one]).unwrap()).unwrap();
    assert!(write(&merged, &runs.path("merged"), &cancel).is_err());
    assert_eq!(fs::read_dir(runs.dir.path()).unwrap().count(), 1);
}

#[test]
fn folder_that_is_not_empty_is_kept() {
    let runs = Runs::new();
    let one = runs.shard(&matrix(2), 1, 1);
    fs::create_dir(runs.path("empty")).unwrap();
    runs.merge(std::slice::from_ref(&one), "empty").unwrap();
    let refused = runs.merge(std::slice::from_ref(&one), "empty").unwrap_err().to_string();
    assert!(refused.ends_with("empty exists: name another folder with `--out`"), "{refused}");
    assert!(matches!(runs.merge(std::slice::from_ref(&one), "shard-1/run.json"), Err(MergeError::Exists(_))));
    assert_eq!(fs::read_dir(runs.dir.path()).unwrap().count(), 2, "nothing else stays");
}

#[test]
fn links_of_a_run_are_not_followed() {
    let runs = Runs::new();
    let one = runs.shard(&matrix(2), 1, 1);
    let secret = runs.path("secret");
    fs::write(&secret, "secret").unwrap();
    let folder = one.join("cells/cell-00");
    std::os::unix::fs::symlink(&secret, folder.join("why.md")).unwrap();
    std::os::unix::fs::symlink(runs.dir.path(), folder.join("elsewhere")).unwrap();
    let merged = runs.merge(&[one], "merged").unwrap();
    let files: Vec<PathBuf> = content(&merged.join("cells/cell-00")).into_keys().collect();
    assert_eq!(files, ["bundle/tasks.txt", "console.log", "trial.json"].map(PathBuf::from));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 10, failure_persistence: None, ..ProptestConfig::default() })]

    /// Any tree of merges over any shards, some of them twice, is the merge of all at once.
    #[test]
    fn merging_is_associative_commutative_and_idempotent(
        of in 1_usize..5,
        picks in prop::collection::vec(0_usize..8, 1..7),
        pairs in prop::collection::vec((0_usize..8, 0_usize..8), 0..5),
    ) {
        let runs = Runs::new();
        let whole = matrix(7);
        let shards: Vec<PathBuf> = (1..=of).map(|number| runs.shard(&whole, number, of)).collect();
        let picked: Vec<PathBuf> = picks.iter().map(|at| shards[at % of].clone()).collect();
        let all = runs.merge(&picked, "all").unwrap();
        let mut rest = picked;
        for (step, (one, other)) in pairs.into_iter().enumerate() {
            let (one, other) = (one % rest.len(), other % rest.len());
            let merged = runs.merge(&[rest[one].clone(), rest[other].clone()], &format!("step-{step}")).unwrap();
            rest.remove(one.max(other));
            if one != other {
                rest.remove(one.min(other));
            }
            rest.push(merged);
        }
        rest.reverse();
        prop_assert_eq!(content(&runs.merge(&rest, "tree").unwrap()), content(&all));
        prop_assert_eq!(content(&runs.merge(&[all.clone(), all.clone()], "twice").unwrap()), content(&all));
    }
}
