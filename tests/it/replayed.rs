//! `oomlab replay` on recorded, changed, unfinished and damaged runs. The transcripts are `tests/cmd/replay-*.txt`.

use crate::support::program;
use crate::support::recorded;
use crate::support::transcript;

use model::{Caveat, Evidence, Kind, PLAN_SCHEMA, Plan, RuleId, TrialRecord, Verdict};
use oomlab::report::why;
use program::Program;
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::Path;
use transcript::assert_transcript;

const LIVELOCK: &str = "livelock-riscv64-nommu";
const KILL: &str = "one-kill-riscv64-nommu";

/// A run in `runs/r` without trials.
fn run() -> Program {
    let program = Program::new();
    let head = r#"{"schema": 1, "id": "r", "name": "m", "started": "2026-11-24T10:00:00Z", "duration_s": 9.0,
        "finished": true, "interrupted": false}"#;
    program.write("runs/r/run.json", head);
    program
}

/// Adds a trial whose record is as `change` leaves it; gives its folder below `runs/r/cells`.
fn add(program: &Program, case: &str, number: u32, change: impl FnOnce(&mut TrialRecord)) -> String {
    let mut record = recorded::trial(case);
    record.trial = number;
    change(&mut record);
    let folder = record.folder();
    program.write(&file(&folder, "trial.json"), &serde_json::to_string(&record).unwrap());
    program.write(&file(&folder, "events.jsonl"), &std::fs::read_to_string(recorded::events_path(case)).unwrap());
    folder
}

fn file(folder: &str, name: &str) -> String {
    format!("runs/r/cells/{folder}/{name}")
}

/// A run with a trial for each way in which a record may stand.
fn mixed() -> Program {
    let program = run();
    add(&program, KILL, 1, |_| {});
    add(&program, KILL, 2, |record| {
        record.verdict.kind = Kind::LoadTimeout;
        record.verdict.rule = RuleId::LoadDeadline;
        record.verdict.summary = "the workload did not end within 120 s".to_owned();
        record.verdict.evidence = vec![Evidence::OomInvoked { comm: "\u{1b}[2Jhog".to_owned() }];
        record.verdict.caveats = vec![Caveat::CpuTimeUnknown];
    });
    add(&program, LIVELOCK, 1, |record| record.verdict.confidence = 0.5);
    let unprepared = add(&program, LIVELOCK, 2, |record| {
        record.verdict = Verdict::new(Kind::KernelUnavailable, RuleId::Prepare, "no network");
    });
    std::fs::remove_file(program.dir().join(file(&unprepared, "events.jsonl"))).unwrap();
    let running = add(&program, LIVELOCK, 3, |_| {});
    std::fs::remove_file(program.dir().join(file(&running, "trial.json"))).unwrap();
    let cells = vec![recorded::trial(LIVELOCK).cell];
    let plan = Plan { schema: PLAN_SCHEMA, name: "m".to_owned(), cells, skipped: Vec::new() };
    program.write("runs/r/plan.json", &serde_json::to_string(&plan).unwrap());
    let cut = add(&program, LIVELOCK, 4, |_| {});
    let text = std::fs::read_to_string(recorded::events_path(LIVELOCK)).unwrap();
    program.write(&file(&cut, "events.jsonl"), &text[..text.len() / 2]);
    program
}

/// Adds what cannot be read.
fn damage(program: &Program) {
    let damaged = add(program, KILL, 3, |_| {});
    program.write(&file(&damaged, "events.jsonl"), "{\"us\":1,\"event\":\"tick\"}\n{\"us\":2,\"event\":\"tock\"}\n");
    let gone = add(program, KILL, 4, |_| {});
    std::fs::remove_file(program.dir().join(file(&gone, "events.jsonl"))).unwrap();
    let newer = add(program, KILL, 5, |_| {});
    program.write(&file(&newer, "trial.json"), "{\"schema\": 99}");
    let binary = add(program, KILL, 6, |_| {});
    std::fs::write(program.dir().join(file(&binary, "events.jsonl")), [0xff, 0xfe, b'\n']).unwrap();
}

#[test]
fn unchanged_run_is_reported_in_one_line() {
    let program = run();
    add(&program, KILL, 1, |_| {});
    add(&program, LIVELOCK, 1, |_| {});
    for name in ["r", "r/", "runs/r", "./runs/r/"] {
        let finished = program.run(["replay", name]);
        assert_eq!((finished.status, finished.stdout.as_str()), (Some(0), "2 trials judged again: 2 the same\n"));
        assert_eq!(finished.stderr, "");
    }
}

#[test]
fn single_trial_is_reported_in_full() {
    let program = run();
    let folder = add(&program, LIVELOCK, 2, |_| {});
    let named = format!("r/{folder}");
    assert_transcript(&program, "replay-trial", &["replay", &named], 0);
    for name in [format!("runs/r/cells/{folder}/"), format!("runs/r/{folder}")] {
        let finished = program.run(["replay", &name]);
        assert_eq!(finished.stdout, program.run(["replay", &named]).stdout, "{name}");
    }
}

#[test]
fn changed_verdicts_show_both_states() {
    assert_transcript(&mixed(), "replay-run", &["replay", "r"], 1);
}

#[test]
fn smallest_confidence_change_is_reported() {
    let program = run();
    add(&program, LIVELOCK, 1, |record| {
        record.verdict.confidence = record.verdict.confidence.next_up();
    });
    let finished = program.run(["replay", "r"]);
    assert_eq!(finished.status, Some(1), "{finished:?}");
    assert!(finished.stdout.contains("confidence: "), "{}", finished.stdout);
}

#[test]
fn unreadable_trials_do_not_stop_the_others() {
    let program = run();
    add(&program, KILL, 1, |_| {});
    damage(&program);
    assert_transcript(&program, "replay-unreadable", &["replay", "r"], 3);
}

#[test]
fn replay_rejects_unknown_and_empty_runs() {
    let program = run();
    assert_transcript(&program, "replay-empty", &["replay", "r"], 2);
    assert_transcript(&program, "replay-unknown", &["replay", "q"], 2);
    program.write("runs/n/run.json", "{\"schema\": 99}");
    program.write("runs/n/cells/a/events.jsonl", "");
    assert_transcript(&program, "replay-newer", &["replay", "n"], 3);
    program.write("runs/d/run.json", "{\"sch");
    assert_eq!(program.run(["replay", "d"]).status, Some(3));
    assert_eq!(program.run(["replay", "r", "--json", "--timeline"]).status, Some(2));
}

#[test]
fn timeline_precedes_the_verdict() {
    let program = run();
    let folder = add(&program, LIVELOCK, 1, |_| {});
    assert_transcript(&program, "replay-timeline", &["replay", &format!("r/{folder}"), "--timeline"], 0);
    let mixed = mixed();
    let finished = mixed.run(["replay", "r", "--timeline"]);
    assert_eq!(finished.stdout.matches("\n  stage ").count(), 5, "all but the one without events: {}", finished.stdout);
    assert!(!finished.stdout.contains('\u{1b}'), "no terminal, no colour, no escape of the guest's");
    let mut ascii = mixed.command(["replay", "r", "--timeline"]);
    let output = ascii.env("LC_ALL", "en_US.ISO-8859-1").output().unwrap();
    assert!(String::from_utf8(output.stdout).unwrap().replace('\u{fffd}', "?").is_ascii());
    let coloured = mixed.run(["replay", "r", "--timeline", "--color", "always"]);
    assert_eq!(console::strip_ansi_codes(&coloured.stdout), finished.stdout);
}

#[test]
fn replay_json_has_every_trial_and_key() {
    let program = mixed();
    damage(&program);
    let finished = program.run(["replay", "r", "--json"]);
    assert_eq!((finished.status, finished.stderr.as_str()), (Some(3), ""));
    let document: Value = serde_json::from_str(&finished.stdout).unwrap();
    assert_eq!((&document["schema"], &document["exit_code"]), (&2.into(), &3.into()));
    let trials = document["trials"].as_array().unwrap();
    for standing in oomlab::report::replay::Standing::ALL {
        let count = trials.iter().filter(|trial| trial["standing"] == standing.as_str()).count();
        assert_eq!(document["counts"][standing.as_str()], count, "{standing:?}");
        assert!(count > 0, "{standing:?}");
    }
    let changed = trials.iter().find(|trial| trial["was"]["kind"] == "load-timeout").unwrap();
    assert_eq!((&changed["now"]["kind"], &changed["now"]["rule"]), (&"finished".into(), &"workload-ended".into()));
    assert_eq!(changed["was"]["evidence"][0]["comm"], "\u{1b}[2Jhog", "JSON has what there is");
    assert!(finished.stdout.chars().all(|c| c == '\n' || !c.is_ascii_control()));
    let page = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/replay.md")).unwrap();
    let mut keys = BTreeSet::new();
    for object in [&document, &document["counts"], changed, &changed["now"]] {
        keys.extend(object.as_object().unwrap().keys().cloned());
    }
    let unexplained: Vec<_> = keys.iter().filter(|key| !page.contains(&format!("`{key}`"))).collect();
    assert!(unexplained.is_empty(), "docs/replay.md does not explain {unexplained:?}");
    let same_keys = |trial: &Value| trial.as_object().unwrap().keys().eq(trials[0].as_object().unwrap().keys());
    assert!(trials.iter().all(same_keys), "every trial has every key");
}

#[test]
fn trials_are_sorted_by_cell_and_number() {
    let program = run();
    for number in [10, 2, 1, 9] {
        add(&program, KILL, number, |_| {});
    }
    let document: Value = serde_json::from_str(&program.run(["replay", "r", "--json"]).stdout).unwrap();
    let names = document["trials"].as_array().unwrap().iter().map(|trial| trial["trial"].as_str().unwrap());
    let numbers: Vec<_> = names.map(|name| name.rsplit_once('~').map_or("1", |(_, number)| number)).collect();
    assert_eq!(numbers, ["1", "2", "9", "10"]);
}

#[test]
fn explanation_names_a_working_replay_command() {
    let program = run();
    let folder = add(&program, LIVELOCK, 1, |_| {});
    let text = why("runs/r", &recorded::trial(LIVELOCK));
    let command = text.split('`').find(|code| code.starts_with("oomlab replay ")).unwrap();
    let words = shlex::split(command).unwrap();
    assert!(words.contains(&format!("r/{folder}")), "{words:?}");
    assert_eq!(program.run(&words[1..]).status, Some(0));
}

/// A recorded summary is a paragraph: what it has behind a line feed is no line of the report.
#[test]
fn line_feeds_of_a_recorded_verdict_start_no_line() {
    let program = run();
    let forged = "one\nnow  pass/finished by finished\nUNEXPECTED";
    add(&program, KILL, 1, |record| {
        record.verdict.kind = Kind::LoadTimeout;
        record.verdict.summary = forged.to_owned();
        record.verdict.evidence = vec![Evidence::from(forged.to_owned())];
    });
    let unprepared = add(&program, LIVELOCK, 2, |record| {
        record.verdict = Verdict::new(Kind::KernelUnavailable, RuleId::Prepare, forged);
    });
    std::fs::remove_file(program.dir().join(file(&unprepared, "events.jsonl"))).unwrap();
    for target in ["r".to_owned(), format!("r/{unprepared}")] {
        let shown = program.run(["replay", &target]).stdout;
        assert!(shown.contains("one now  pass") || shown.contains("one now pass"), "{shown}");
        for line in shown.lines().map(str::trim_start) {
            assert!(!line.starts_with("now  pass/finished by finished") && !line.starts_with("UNEXPECTED"), "{shown}");
        }
    }
}
