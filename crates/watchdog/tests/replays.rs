//! Trials that were recorded on real kernels are judged as it was right then.
//!
//! Each folder of `tests/replays/` has the `events.jsonl` of a trial and, in `expect.yaml`, what is known of it. A new
//! case is a trial's `events.jsonl` out of a run's folder.

use model::{Kind, Record, RuleId, Timeouts, Verdict};
use serde::Deserialize;
use std::fs;
use std::path::{Path, PathBuf};
use watchdog::{Setup, Watchdog, replay};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Expected {
    /// Whether the lab's agent ran in the guest.
    agent: bool,
    kind: Kind,
    /// The watchdog's rule that must give this verdict.
    rule: RuleId,
    /// Process id of the process whose memory did not come back.
    #[serde(default)]
    victim: Option<u32>,
    oom_kills: u64,
}

struct Case {
    path: PathBuf,
    expected: Expected,
    records: Vec<Record>,
}

impl Case {
    fn setup(&self) -> Setup {
        Setup::new(self.expected.agent, Timeouts::default())
    }
}

fn read_records(path: &Path) -> Vec<Record> {
    let text = fs::read_to_string(path).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn cases() -> Vec<Case> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/replays");
    let mut paths: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let read = |path: PathBuf| {
        let text = fs::read_to_string(path.join("expect.yaml")).unwrap();
        let expected = serde_yaml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        Case { expected, records: read_records(&path.join("events.jsonl")), path }
    };
    paths.into_iter().map(read).collect()
}

#[test]
fn recorded_trials_keep_their_verdicts() {
    let cases = cases();
    assert!(!cases.is_empty());
    for case in cases {
        let (path, expected) = (case.path.display(), &case.expected);
        let verdict = replay(case.setup(), &case.records).unwrap_or_else(|| panic!("{path}: no verdict"));
        assert_eq!(verdict.kind, expected.kind, "{path}: {verdict:?}");
        assert_eq!(verdict.rule, expected.rule, "{path}: {verdict:?}");
        assert_eq!(verdict.victim.as_ref().map(|task| task.pid), expected.victim, "{path}: {verdict:?}");
        let mut watchdog = Watchdog::new(case.setup());
        for record in &case.records {
            watchdog.observe(record.at, &record.event);
        }
        assert_eq!(watchdog.oom_kills(), expected.oom_kills, "{path}");
    }
}

#[test]
fn verdict_is_final() {
    for case in cases() {
        let mut watchdog = Watchdog::new(case.setup());
        let mut first = None;
        for record in &case.records {
            watchdog.observe(record.at, &record.event);
            // Its title may be told better by what follows.
            let verdict = watchdog.verdict().map(|verdict| Verdict { title: None, ..verdict });
            first = first.or_else(|| verdict.clone());
            assert_eq!(verdict, first, "{}", case.path.display());
            assert_eq!(watchdog.deadline().is_none(), first.is_some(), "a trial without a verdict has a deadline");
        }
    }
}

#[test]
fn truncated_record_never_passes() {
    for case in cases() {
        let mut watchdog = Watchdog::new(case.setup());
        let (_, records) = case.records.split_last().unwrap();
        // The verdict so far is what a replay of the events so far gives.
        for (number, record) in records.iter().enumerate() {
            assert!(!passes(&watchdog), "{} cut at event {number}", case.path.display());
            watchdog.observe(record.at, &record.event);
        }
    }
}

fn passes(watchdog: &Watchdog) -> bool {
    watchdog.verdict().is_some_and(|verdict| verdict.kind == Kind::Finished)
}
