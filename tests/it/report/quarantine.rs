//! Reports of a run with quarantined cells: `tests/reports/quarantine.*`.

use super::{assert_golden, finished, livelock, run, trial};
use model::{Kind, Quarantine, RuleId, RunRecord, TrialRecord, Verdict};
use oomlab::report::{Style, json, json_schema, junit, text, why};

use crate::support::json_schema::violations;

fn entry(line: u32, until: &str) -> Quarantine {
    Quarantine {
        place: format!("matrices/quarantine.yaml:{line}"),
        verdicts: vec![Kind::OomLivelock.into()],
        title: None,
        reason: "the OOM killer does not see that the victim is a zombie, so that it waits for it".to_owned(),
        link: format!("https://bugzilla.kernel.org/show_bug.cgi?id={line}"),
        until: until.parse().unwrap(),
    }
}

/// A cell that is quarantined and fails so, one that fails in another way, one whose kernel is the fixed one, and one that passes.
pub(super) fn quarantined() -> RunRecord {
    let panic = Verdict::new(Kind::Panic, RuleId::ConsoleReport, "the kernel panicked: Fatal exception");
    let with = |mut trial: TrialRecord, entry: Quarantine| {
        trial.cell.quarantine = vec![entry];
        trial
    };
    let known = || entry(3, "2026-12-31");
    let mut trials = vec![
        with(trial("linux-6.1", "riscv64-nommu", 32, "zombie-victim", livelock()), known()),
        with(trial("linux-6.1", "riscv64-nommu", 64, "zombie-victim", panic), known()),
        with(trial("linux-6.1", "riscv64-nommu", 64, "pipe-fill", livelock()), entry(9, "linux-6.1")),
    ];
    for number in 1..=20 {
        let mut trial = with(trial("linux-6.1", "arm", 64, "tmpfs-fill", finished()), entry(15, "linux-7.4"));
        (trial.trial, trial.cell.repeat) = (number, 20);
        trials.push(trial);
    }
    let planned = u32::try_from(trials.len()).unwrap();
    RunRecord { planned, interrupted: false, trials, regressions: Vec::new(), ..run() }
}

#[test]
fn quarantined_trials_stand_apart() {
    let run = quarantined();
    assert_golden("quarantine.txt", &text(&run, Style::default()));
    assert!(text(&run, Style::default()).lines().all(|line| line.contains("cells/") || line.chars().count() <= 80));
    let xml = junit(&run).unwrap();
    assert_golden("quarantine.xml", &xml);
    let report = quick_junit::Report::deserialize_from_str(&xml).unwrap();
    assert_eq!((report.tests, report.failures, report.errors), (28, 2, 0));
    let skipped = xml.matches("<skipped ").count() - xml.matches("<skipped message=\"not run\"").count();
    assert_eq!(skipped, 1, "{xml}");
}

#[test]
fn quarantined_trial_does_not_turn_a_run_red() {
    let mut run = quarantined();
    assert_eq!(run.exit_code(), 1);
    run.trials.retain(|trial| !trial.is_unexpected());
    assert_eq!((run.trials.len(), run.exit_code()), (21, 0));
}

#[test]
fn document_has_entries_and_what_they_cover() {
    let run = quarantined();
    let document: serde_json::Value = serde_json::from_str(&json(&run)).unwrap();
    assert_eq!(violations(&json_schema(), &document), [""; 0]);
    assert_eq!((&document["run"]["unexpected"], &document["run"]["quarantined"]), (&2.into(), &1.into()));
    let covers: Vec<bool> =
        (0..4).map(|cell| document["cells"][cell]["quarantine"][0]["covers"].as_bool().unwrap()).collect();
    assert_eq!(covers, [true, false, false, false]);
    let entries = document["quarantine"].as_array().unwrap();
    let counts: Vec<_> = entries.iter().map(|entry| (entry["failures"].as_u64(), entry["trials"].as_u64())).collect();
    // The panic tells nothing of the livelock; an expired entry is counted, too.
    assert_eq!(counts, [(Some(1), Some(1)), (Some(1), Some(1)), (Some(0), Some(20))]);
    assert_eq!((&entries[0]["cells"], &entries[0]["failing_cells"]), (&2.into(), &1.into()));
    assert_eq!((&entries[2]["max_rate"], &entries[0]["max_rate"]), (&0.139.into(), &serde_json::Value::Null));
}

#[test]
fn explanation_names_the_entry() {
    let run = quarantined();
    let page = why(&run.dir, &run.trials[0]);
    let line = page.lines().find(|line| line.starts_with("**Quarantine**: ")).unwrap_or_default();
    assert!(line.contains("quarantine.yaml:3: quarantined until 2026-12-31: the OOM killer"), "{page}");
    let expired = why(&run.dir, &run.trials[2]);
    assert!(expired.contains("has expired: until linux-6.1, and the kernel is 6.1.192"), "{expired}");
    assert!(!why(&run.dir, &run.trials[5]).contains("Quarantine"), "a pass is not quarantined");
}
