//! Records whose figures no guest and no lab could have: the readers of a run's folder survive them.

use crate::support::recorded;

use model::{NotRun, Record, RunRecord, TrialRecord};
use oomlab::report::replay::{self, Comparison, Trial};
use oomlab::report::{self, Style};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use watchdog::{Setup, retrace};

const CASES: [&str; 4] =
    ["idle-riscv64-nommu", "livelock-riscv64-nommu", "no-killable-riscv64-nommu", "boot-panic-without-agent-x86_64"];

/// What stands in place of a figure.
fn absurd() -> [Value; 9] {
    [
        json!(0),
        json!(-1),
        json!(u32::MAX),
        json!(u64::MAX),
        json!(i64::MIN),
        json!(f64::MAX),
        json!(-f64::MAX),
        json!("NaN"),
        json!([]),
    ]
}

/// The JSON pointers of all figures and texts of a value.
fn leaves(value: &Value, at: &str, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => fields.iter().for_each(|(key, value)| leaves(value, &format!("{at}/{key}"), found)),
        // The first element stands for the others.
        Value::Array(values) => values.iter().take(1).for_each(|value| leaves(value, &format!("{at}/0"), found)),
        Value::Number(_) | Value::String(_) => drop(found.insert(at.to_owned())),
        Value::Bool(_) | Value::Null => {}
    }
}

fn survives(what: &str, read: impl FnOnce()) {
    assert!(catch_unwind(AssertUnwindSafe(read)).is_ok(), "{what}");
}

fn judge(trial: &TrialRecord, events: &[Record]) {
    let course = retrace(Setup::of(&trial.cell), events);
    let was = replay::Recorded { verdict: trial.verdict.clone(), comparison: Comparison::Exact };
    let judged = Trial::compare("t".into(), "t".into(), events.len(), Some(was), course.verdict.clone());
    replay::text(&judged, true, Style::default());
    replay::json(&[judged]);
    report::timeline("t", events, &course, Style::default());
}

fn show(trial: TrialRecord) {
    report::why("runs/r", &trial);
    let run = RunRecord {
        schema: 2,
        id: "r".into(),
        name: "r".into(),
        dir: "runs/r".into(),
        started: trial.started.clone(),
        duration_s: trial.duration_s,
        resumed: 0,
        planned: trial.cell.repeat,
        interrupted: false,
        not_run: vec![NotRun { cell: trial.cell.clone(), trials: vec![2] }],
        trials: vec![trial],
        regressions: Vec::new(),
    };
    report::text(&run, Style::default());
    report::json(&run);
    report::junit(&run).unwrap();
}

#[test]
fn events_with_absurd_figures_are_judged() {
    let mut seen = BTreeSet::new();
    let mut read = 0;
    for case in CASES {
        let text = std::fs::read_to_string(recorded::events_path(case)).unwrap();
        let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let trial = recorded::trial(case);
        for kind in lines.iter().map(|line| line["event"].clone()).collect::<Vec<_>>() {
            let mut pointers = BTreeSet::new();
            lines.iter().filter(|line| line["event"] == kind).for_each(|line| leaves(line, "", &mut pointers));
            for pointer in pointers.into_iter().filter(|pointer| seen.insert(format!("{kind} {pointer}"))) {
                for value in absurd() {
                    let events = lines.iter().filter_map(|line| {
                        let mut line = line.clone();
                        if line["event"] == kind {
                            line.pointer_mut(&pointer).into_iter().for_each(|at| *at = value.clone());
                        }
                        serde_json::from_value::<Record>(line).ok()
                    });
                    let events: Vec<Record> = events.collect();
                    read += usize::from(events.len() == lines.len());
                    survives(&format!("{case}: {kind}{pointer} = {value}"), || judge(&trial, &events));
                }
            }
        }
    }
    assert!(read > 50, "many absurd figures can be read: {read}");
}

#[test]
fn trials_with_absurd_figures_are_judged_and_reported() {
    let mut read = 0;
    for case in CASES {
        let (trial, events) = (recorded::trial(case), recorded::events(case));
        let whole = serde_json::to_value(&trial).unwrap();
        let mut pointers = BTreeSet::new();
        leaves(&whole, "", &mut pointers);
        for pointer in pointers {
            for value in absurd() {
                let mut changed = whole.clone();
                *changed.pointer_mut(&pointer).unwrap() = value.clone();
                let Ok(trial) = serde_json::from_value::<TrialRecord>(changed) else { continue };
                read += 1;
                survives(&format!("{case}: {pointer} = {value}"), || {
                    judge(&trial, &events);
                    show(trial);
                });
            }
        }
    }
    assert!(read > 100, "many absurd figures can be read: {read}");
}
