//! `classify`, `run`, `watch` and `replay` find the same reports and titles in the same bytes.

use crate::{Setup, Watchdog};
use kmsg::console::{Console, Item};
use kmsg::signature::{Classification, Log, Report};
use model::{Event, Kind, Outcome, Record, RuleId, Stamp, Timeouts, Verdict};
use proptest::prelude::*;
use std::fs;
use std::path::Path;
use std::sync::LazyLock;

/// The logs of `kmsg` and the lines that its signatures read, by file name.
static CORPUS: LazyLock<Vec<(String, Vec<u8>)>> = LazyLock::new(|| {
    let mut corpus = Vec::new();
    for folder in ["logs", "signatures"] {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../kmsg/tests").join(folder);
        for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if path.extension().is_some_and(|extension| extension == "log") {
                let mut bytes = fs::read(&path).unwrap();
                if path.to_string_lossy().ends_with(".hit.log") {
                    let lines = bytes.split_inclusive(|byte| *byte == b'\n');
                    bytes = lines.filter(|line| !line.starts_with(b"=> ")).flatten().copied().collect();
                }
                corpus.push((path.file_name().unwrap().to_string_lossy().into_owned(), bytes));
            }
        }
    }
    corpus.sort();
    corpus
});

/// What one way of reading exposes.
#[derive(Debug, PartialEq)]
struct Reading {
    reports: Vec<(Report, u64)>,
    verdict: Option<Verdict>,
}

/// Reports without their lines' numbers: a file also counts the lines that a console does not show.
fn reports(found: Classification) -> Vec<(Report, u64)> {
    let unnumbered = |report| Report { line: 0, last_line: 0, ..report };
    found.reports.into_iter().map(|known| (unnumbered(known.report), known.count)).collect()
}

fn classify(bytes: &[u8]) -> Vec<(Report, u64)> {
    let mut log = Log::default();
    log.push(bytes);
    reports(log.finish())
}

/// The events of a guest that prints this, a line each millisecond, and ends.
fn record(bytes: &[u8]) -> Vec<Record> {
    let (mut console, mut items) = (Console::default(), Vec::new());
    bytes.chunks(4096).for_each(|chunk| console.push(chunk, &mut items));
    console.finish(&mut items);
    let events = items.into_iter().map(|item| match item {
        Item::Line(text) => Event::Line { text },
        Item::Frame { seq, frame } => Event::Agent { seq, frame },
        Item::Damaged(text) => Event::FrameDamaged { text },
    });
    let exit = Event::Exited { code: Some(0), signal: None, stderr: String::new(), host_oom: false, oom_limit: None };
    let stamps = (1..).map(|ms| Stamp::from_micros(ms * 1000));
    stamps.zip(events.chain([exit])).map(|(at, event)| Record { at, event }).collect()
}

fn judge(agent: bool, records: &[Record]) -> Reading {
    let mut watchdog = Watchdog::new(Setup::new(agent, Timeouts::default()));
    records.iter().for_each(|record| drop(watchdog.observe(record.at, &record.event)));
    Reading { reports: reports(watchdog.classification()), verdict: watchdog.verdict() }
}

fn reread(records: &[Record]) -> Vec<Record> {
    let lines = records.iter().map(|record| serde_json::to_string(record).unwrap());
    lines.map(|line| serde_json::from_str(&line).unwrap()).collect()
}

/// Reads the bytes in every way; gives the verdicts with and without an agent.
fn read_in_every_way(name: &str, bytes: &[u8]) -> [Verdict; 2] {
    let expected = classify(bytes);
    let records = record(bytes);
    [true, false].map(|agent| {
        let reading = judge(agent, &records);
        assert_eq!(reading.reports, expected, "{name}, agent {agent}");
        assert_eq!(judge(agent, &reread(&records)), reading, "{name} replayed, agent {agent}");
        let verdict = reading.verdict.unwrap();
        let failed = matches!(verdict.outcome(), Outcome::Hang | Outcome::Crash);
        if failed && verdict.rule == RuleId::ConsoleReport {
            let title = verdict.title.as_ref().unwrap();
            let reported = expected.iter().any(|(report, _)| report.title == *title);
            assert!(reported || title.starts_with(verdict.kind.as_str()), "{name}: {title}: {expected:?}");
        }
        verdict
    })
}

#[test]
fn every_way_reads_the_corpus_alike() {
    assert!(CORPUS.len() > 80, "{} logs", CORPUS.len());
    for (name, bytes) in CORPUS.iter() {
        read_in_every_way(name, bytes);
    }
}

#[test]
fn run_together_panic_is_one_in_every_way() {
    let line = b"[    1.000000] foo bar[    1.100000] Kernel panic - not syncing: boom\n";
    let [run, watched] = read_in_every_way("joined", line);
    assert_eq!((run.kind, watched.kind), (Kind::BootPanic, Kind::Panic));
    for verdict in [run, watched] {
        assert_eq!(verdict.title.as_deref(), Some("panic: boom"));
    }
}

/// A line that no terminal wrapped. Only `classify` unwraps what collectors made of a console, and a short log with a line break in its
/// longest line is what a terminal of so many columns shows.
fn wide_line() -> Vec<u8> {
    format!("[    0.000000] Command line: console=ttyS0{}\n", " quiet".repeat(60)).into_bytes()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn every_way_reads_torn_logs_alike(
        which in any::<prop::sample::Index>(),
        cuts in prop::collection::vec((any::<prop::sample::Index>(), 0_usize..3), 0..12),
    ) {
        let (name, bytes) = which.get(&CORPUS);
        let mut bytes = bytes.clone();
        for (at, change) in cuts {
            if bytes.is_empty() {
                break;
            }
            let at = at.index(bytes.len());
            match change {
                0 => bytes.truncate(at + 1),
                1 => bytes.insert(at, b'\n'),
                _ => bytes.retain({
                    // The next line break goes: two lines are run together.
                    let mut left = at;
                    move |byte| {
                        let found = *byte == b'\n' && left == 0;
                        left = if found { usize::MAX } else { left.saturating_sub(1) };
                        !found
                    }
                }),
            }
        }
        read_in_every_way(name, &[&wide_line(), &bytes[..]].concat());
    }
}
