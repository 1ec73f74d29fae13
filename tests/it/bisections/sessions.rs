//! Sessions that are stopped and resumed.

use super::{Bench, answer, flaky};
use crate::support::program::{Finished, finish, start, wait};
use oomlab::host::{Clock, pause};
use std::path::Path;
use std::time::Duration;

/// The lines of the journal.
fn journal(bench: &Bench) -> Vec<String> {
    let text = std::fs::read_to_string(bench.program.dir().join("mine/journal.jsonl")).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

fn resume(bench: &Bench) -> Finished {
    bench.program.run(["bisect", "resume", "mine", "--json"])
}

/// Waits until a condition holds, for at most a minute.
fn until(what: &str, mut happened: impl FnMut() -> bool) {
    let clock = Clock::start();
    while !happened() {
        assert!(clock.elapsed() < Duration::from_secs(60), "timed out: {what}");
        pause(Duration::from_millis(10));
    }
}

/// Kills the search at 50 points, each after another number of milliseconds; a search that ends earlier starts again.
/// Results are a function of commit and trial, so that the answer has to be the same.
#[test]
fn answer_is_the_same_after_kills() {
    let exec = format!("sleep 0.01; {}", flaky(300, 5));
    let bench = Bench::new(100, 55);
    let whole = answer(&finish(&mut bench.bisect(&exec, &["--out", "whole"])));
    assert_eq!(bench.culprit(&whole), Some(55));
    let mut kills = 0;
    while kills < 50 {
        let _ = std::fs::remove_dir_all(bench.program.dir().join("mine"));
        let mut command = bench.bisect(&exec, &["--out", "mine"]);
        loop {
            let mut child = start(&mut command);
            pause(Duration::from_millis(60 + 37 * kills % 211));
            let through = child.try_wait().unwrap().is_some();
            child.kill().unwrap();
            wait(child);
            kills += 1;
            if through || kills >= 50 && bench.program.dir().join("mine/session.json").exists() {
                break;
            }
            if bench.program.dir().join("mine/session.json").exists() {
                command = bench.program.command(["bisect", "resume", "mine", "--json"]);
            }
        }
        let before = journal(&bench);
        let again = answer(&resume(&bench));
        assert_eq!(bench.culprit(&again), Some(55), "{again}");
        assert!(journal(&bench).starts_with(&before), "nothing that was written is lost");
    }
}

#[test]
fn processes_of_a_trial_die_with_the_lab() {
    let bench = Bench::new(20, 10);
    let pids = bench.program.dir().join("pids");
    let exec = format!("sleep 600 & echo $! >> {0}; sleep 600 & echo $! >> {0}; wait", pids.display());
    let mut child = start(&mut bench.bisect(&exec, &["--out", "mine"]));
    let started =
        || std::fs::read_to_string(&pids).unwrap_or_default().split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    until("the trial starts", || started().len() == 2);
    child.kill().unwrap();
    wait(child);
    // Gone, or a zombie that is not reaped yet.
    let ended = |pid: &String| {
        let stat = std::fs::read_to_string(Path::new("/proc").join(pid).join("stat")).unwrap_or_default();
        stat.rsplit_once(") ").is_none_or(|(_, rest)| rest.starts_with(['Z', 'X']))
    };
    until("all of it has ended", || started().iter().all(ended));
}

#[test]
fn stopped_search_has_status_report_and_log() {
    let bench = Bench::new(60, 30);
    let finished = finish(&mut bench.bisect(&flaky(500, 2), &["--out", "mine", "--max-trials", "6"]));
    assert_eq!((finished.status, journal(&bench).len()), (Some(1), 6), "{finished:?}");
    for what in ["status", "report", "log"] {
        let told = bench.program.run(["bisect", what, "mine"]);
        assert_eq!((told.status, told.stderr.as_str()), (Some(0), ""), "{told:?}");
    }
    let status = bench.program.run(["bisect", "status", "mine"]).stdout;
    assert!(status.contains(" commits left of 59 · p ≈ 0.") && status.contains("6 trials of "), "{status}");
    let report = bench.program.run(["bisect", "report", "mine"]).stdout;
    assert_eq!(report.lines().filter(|line| line.ends_with(".log |")).count(), 6, "{report}");
}

#[test]
fn session_is_locked_by_one_process() {
    let bench = Bench::new(20, 10);
    let mut child = start(&mut bench.bisect("sleep 600", &["--out", "mine"]));
    until("the search starts", || bench.program.dir().join("mine/trees/0/part0").exists());
    let second = resume(&bench);
    assert!(second.status == Some(2) && second.stderr.contains("another oomlab is running in"), "{second:?}");
    let third = finish(&mut bench.bisect("true", &["--out", "mine"]));
    assert!(third.status == Some(2) && third.stderr.contains("already has a session"), "{third:?}");
    child.kill().unwrap();
    wait(child);
}

#[test]
fn missing_damaged_and_newer_sessions_are_refused() {
    let bench = Bench::new(20, 10);
    let nothing = bench.program.run(["bisect", "status"]);
    assert!(nothing.status == Some(2) && nothing.stderr.contains("no session below bisections"), "{nothing:?}");
    let nothing = bench.program.run(["bisect", "resume", "nowhere"]);
    assert!(nothing.status == Some(2) && nothing.stderr.contains("no session in "), "{nothing:?}");
    finish(&mut bench.bisect("test ! -e bug", &["--out", "mine"]));
    let path = bench.program.dir().join("mine/journal.jsonl");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replacen("\"good\"", "\"goood\"", 1)).unwrap();
    let damaged = bench.program.run(["bisect", "status", "mine"]);
    assert!(damaged.status == Some(3) && damaged.stderr.contains("journal.jsonl:"), "{damaged:?}");
    let head = bench.program.dir().join("mine/session.json");
    let text = std::fs::read_to_string(&head).unwrap().replacen("\"schema\":2", "\"schema\":3", 1);
    std::fs::write(&head, text).unwrap();
    let newer = bench.program.run(["bisect", "status", "mine"]);
    assert!(newer.status == Some(3) && newer.stderr.contains("format 3"), "{newer:?}");
}

#[test]
fn session_of_schema_1_is_resumed() {
    let bench = Bench::new(60, 30);
    finish(&mut bench.bisect("test ! -e bug", &["--out", "mine", "--max-trials", "6"]));
    let rename = |file: &str, names: &[(&str, &str)]| {
        let path = bench.program.dir().join("mine").join(file);
        let mut text = std::fs::read_to_string(&path).unwrap();
        for (new, old) in names {
            assert!(text.contains(new), "{new} is not in {text}");
            text = text.replace(new, old);
        }
        std::fs::write(&path, text).unwrap();
    };
    rename("journal.jsonl", &[("\"result\":", "\"ended\":"), ("\"purpose\":", "\"why\":")]);
    rename(
        "session.json",
        &[
            ("\"schema\":2", "\"schema\":1"),
            ("\"min_p\":", "\"least_p\":"),
            ("\"max_others\":", "\"most_others\":"),
            ("\"max_trials\":6", "\"most_trials\":null"),
        ],
    );
    assert_eq!(bench.culprit(&answer(&resume(&bench))), Some(30));
    let config = std::fs::read_to_string(bench.program.dir().join("mine/session.json")).unwrap();
    assert!(config.contains("\"schema\":2"), "{config}");
    assert!(journal(&bench).len() > 6);
}
