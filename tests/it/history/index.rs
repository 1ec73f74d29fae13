//! The index follows the folders of the runs, whatever happens to it.

use crate::support::nights::{self, Night, NightCell, cell, failing, id};
use model::{Kind, RunId, TrialRecord};
use oomlab::history::{INDEX, Index, Keep};
use oomlab::store::read_trial;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use tempfile::TempDir;

fn runs(days: u32, cells: &[NightCell]) -> TempDir {
    let runs = tempfile::tempdir().unwrap();
    for day in 0..days {
        Night { runs: runs.path(), matrix: "nightly", day, cells }.write();
    }
    runs
}

/// Name, trials that passed, and unexpected ones of each run, latest first.
fn summary(runs: &Path) -> Vec<(String, u32, u32)> {
    summary_of(&Index::open(runs, Keep::File).unwrap())
}

fn summary_of(index: &Index) -> Vec<(String, u32, u32)> {
    let overview = index.overview(None, 100).unwrap();
    overview.into_iter().map(|run| (run.run.to_string(), run.passed, run.unexpected)).collect()
}

fn named(rows: &[(&str, u32, u32)]) -> Vec<(String, u32, u32)> {
    rows.iter().map(|(name, passed, unexpected)| ((*name).to_owned(), *passed, *unexpected)).collect()
}

#[test]
fn index_follows_runs_that_come_grow_and_go() {
    let runs = runs(2, &[failing("idle", 0, 3), failing("hog", 1, 3)]);
    let two = named(&[("2026-01-02-0", 5, 1), ("2026-01-01-0", 5, 1)]);
    assert_eq!(summary(runs.path()), two);
    let written = std::fs::metadata(runs.path().join(INDEX)).unwrap().modified().unwrap();
    assert_eq!(summary(runs.path()), two);
    let unchanged = std::fs::metadata(runs.path().join(INDEX)).unwrap().modified().unwrap();
    assert_eq!(written, unchanged, "nothing has changed, so that nothing is written");

    let started = NightCell { repeat: 3, ..failing("idle", 0, 1) };
    let night = Night { runs: runs.path(), matrix: "nightly", day: 2, cells: &[started] };
    let run = night.begin();
    assert_eq!(summary(runs.path())[0], ("2026-01-03-0".to_owned(), 1, 0));
    let record = read_trial(&run.trial_folder(&id("idle"), 1)).unwrap();
    nights::write_trial(&run, &TrialRecord { trial: 2, ..record });
    assert_eq!(summary(runs.path())[0], ("2026-01-03-0".to_owned(), 2, 0), "it goes on");
    run.finish(10.0, true).unwrap();
    assert!(Index::open(runs.path(), Keep::File).unwrap().overview(None, 1).unwrap()[0].interrupted);

    std::fs::remove_dir_all(runs.path().join("2026-01-02-0")).unwrap();
    assert_eq!(summary(runs.path()), named(&[("2026-01-03-0", 2, 0), ("2026-01-01-0", 5, 1)]));
}

#[test]
fn trials_without_a_verdict_count_for_neither_side() {
    let kinds = [Kind::Finished, Kind::HostOverloaded, Kind::Interrupted, Kind::QemuDied, Kind::OomLivelock];
    let runs = runs(1, &[cell("idle", &kinds)]);
    let index = Index::open(runs.path(), Keep::File).unwrap();
    let overview = &index.overview(None, 1).unwrap()[0];
    assert_eq!((overview.passed, overview.without_verdict), (1, 3));
    assert_eq!(overview.unexpected, 3, "a trial that the user stopped is no surprise");
    let trends = index.trends(&RunId::new("2026-01-01-0")).unwrap();
    assert_eq!((trends[0].failures, trends[0].trials), (1, 2));
}

#[test]
fn quarantined_failures_are_counted_apart() {
    let runs = runs(1, &[failing("idle", 2, 3)]);
    let path = runs.path().join("2026-01-01-0/plan.json");
    let mut plan: model::Plan = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    plan.cells[0].quarantine.push(model::Quarantine {
        place: "quarantine.yaml:1".to_owned(),
        verdicts: vec![Kind::OomLivelock.into()],
        title: None,
        reason: "known".to_owned(),
        link: "https://example.org/1".to_owned(),
        until: "linux-9.9".parse().unwrap(),
    });
    std::fs::write(&path, serde_json::to_vec(&plan).unwrap()).unwrap();
    let index = Index::open(runs.path(), Keep::File).unwrap();
    let overview = &index.overview(None, 1).unwrap()[0];
    assert_eq!((overview.passed, overview.unexpected, overview.quarantined), (1, 0, 2));
}

#[test]
fn damaged_and_foreign_indexes_are_made_again() {
    let runs = runs(3, &[failing("idle", 0, 3), failing("hog", 1, 3)]);
    let good = summary(runs.path());
    let path = runs.path().join(INDEX);
    let bytes = std::fs::read(&path).unwrap();
    let sql = |statement: &str| {
        let db = rusqlite::Connection::open(&path).unwrap();
        db.execute_batch(statement).unwrap();
    };
    let spoilt: [(&str, &dyn Fn()); 8] = [
        ("empty", &|| std::fs::write(&path, "").unwrap()),
        ("text", &|| std::fs::write(&path, "no database").unwrap()),
        ("truncated", &|| std::fs::write(&path, &bytes[..bytes.len() / 2]).unwrap()),
        ("overwritten", &|| {
            let mut bytes = bytes.clone();
            bytes[4096..12288].fill(0xa5);
            std::fs::write(&path, bytes).unwrap();
        }),
        ("another version", &|| sql("PRAGMA user_version = 99")),
        ("another program's", &|| sql("PRAGMA application_id = 1")),
        ("without a table", &|| sql("DROP TABLE failed")),
        ("with a view", &|| sql("ALTER TABLE run RENAME TO x; CREATE VIEW run AS SELECT * FROM x")),
    ];
    for (what, spoil) in spoilt {
        std::fs::write(&path, &bytes).unwrap();
        spoil();
        assert_eq!(summary(runs.path()), good, "{what}");
        let db = rusqlite::Connection::open(&path).unwrap();
        let runs: u32 = db.query_row("SELECT count(*) FROM run", [], |row| row.get(0)).unwrap();
        assert_eq!(runs, 3, "{what}: the file is good again");
    }
}

#[test]
fn rebuilt_index_forgets_what_is_not_in_the_folders() {
    let runs = runs(1, &[failing("idle", 0, 3)]);
    summary(runs.path());
    let db = rusqlite::Connection::open(runs.path().join(INDEX)).unwrap();
    db.execute_batch("UPDATE run SET passed = 77").unwrap();
    assert_eq!(summary(runs.path())[0].1, 77);
    assert_eq!(summary_of(&Index::open(runs.path(), Keep::Rebuilt).unwrap())[0].1, 3);
    assert_eq!(summary(runs.path())[0].1, 3);
}

#[test]
fn folder_that_cannot_be_written_has_an_index_in_memory() {
    let runs = runs(2, &[failing("idle", 0, 3)]);
    let index = Index::open(runs.path(), Keep::Memory).unwrap();
    assert_eq!((summary_of(&index).len(), runs.path().join(INDEX).exists()), (2, false));
    // Root may write into any folder: a folder in the place of the file is in its way.
    std::fs::create_dir(runs.path().join(INDEX)).unwrap();
    std::fs::set_permissions(runs.path(), Permissions::from_mode(0o500)).unwrap();
    assert_eq!(summary(runs.path()).len(), 2);
    std::fs::set_permissions(runs.path(), Permissions::from_mode(0o700)).unwrap();
    let entries: Vec<_> = runs.path().read_dir().unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(entries.len(), 3, "nothing is left behind: {entries:?}");
}

#[test]
fn runs_that_cannot_be_read_are_left_out_with_a_reason() {
    let runs = runs(4, &[failing("idle", 0, 2)]);
    let write = |name: &str, text: &str| std::fs::write(runs.path().join(name), text).unwrap();
    write("2026-01-01-0/run.json", r#"{"schema": 99}"#);
    write(&format!("2026-01-02-0/cells/{}~2/trial.json", id("idle")), "{");
    let plan = std::fs::read_to_string(runs.path().join("2026-01-03-0/plan.json")).unwrap();
    std::fs::remove_file(runs.path().join("2026-01-03-0/plan.json")).unwrap();
    std::fs::create_dir(runs.path().join("no-run")).unwrap();
    let left_out = || {
        let index = Index::open(runs.path(), Keep::File).unwrap();
        assert_eq!(summary_of(&index).last().unwrap().0, "2026-01-04-0");
        let left_out = index.left_out().unwrap().into_iter();
        left_out.map(|one| (one.run.to_string(), one.reason)).collect::<Vec<_>>()
    };
    let found = left_out();
    assert_eq!(found.len(), 3);
    assert!(found[0].1.contains("format 99") && found[1].1.contains("~2/trial.json is damaged"), "{found:?}");
    assert!(found[2].1.contains("plan.json"), "{found:?}");
    assert_eq!(left_out(), found, "the index knows");
    write("2026-01-03-0/plan.json", &plan);
    std::fs::remove_file(runs.path().join(format!("2026-01-02-0/cells/{}~2/trial.json", id("idle")))).unwrap();
    assert_eq!(summary(runs.path()).len(), 3, "what is repaired is read");
}

#[test]
fn indexers_at_once_leave_a_good_index() {
    let runs = runs(6, &[failing("idle", 0, 3), failing("hog", 2, 3)]);
    let expected = summary_of(&Index::open(runs.path(), Keep::Memory).unwrap());
    for _ in 0..5 {
        std::thread::scope(|scope| {
            for at in 0..8 {
                let keep = if at % 2 == 0 { Keep::File } else { Keep::Rebuilt };
                let (path, expected) = (runs.path(), &expected);
                scope.spawn(move || assert_eq!(summary_of(&Index::open(path, keep).unwrap()), *expected));
            }
        });
        let db = rusqlite::Connection::open(runs.path().join(INDEX)).unwrap();
        let check: String = db.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
        assert_eq!(check, "ok");
    }
    let leftovers = runs.path().read_dir().unwrap().count() - 6;
    assert_eq!(leftovers, 1, "the index alone");
}
