//! How much the lab can read and judge a second: `make bench`, or `cargo bench -- watchdog` for one of them.
//!
//! The text is what recorded guests printed (`tests/replays/`), repeated.

#![expect(missing_docs, reason = "`criterion_group!` makes a public function")]

use bisect::{Bisection, History, Outcome, Revision, Running, Sample, Settings, Slot, Task};
use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use kmsg::console::{Console, decode, encode_frame, printk};
use kmsg::signature::{self, Log};
use model::Frame;
use model::{Event, Record, Stamp, Timeouts, printable};
use oomlab::host::allow_open_files;
use oomlab::qmp;
use oomlab::store::{TrialDir, read_events};
use std::fs;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::time::Duration;
use watchdog::{Setup, Watchdog};

/// Bytes of console text of one round.
const TEXT: usize = 4 * 1024 * 1024;

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn replay(case: &str) -> Vec<Record> {
    read_events(&folder("crates/watchdog/tests/replays").join(case).join("events.jsonl")).expect("a recorded trial")
}

fn lines(records: &[Record]) -> impl Iterator<Item = &str> {
    records.iter().filter_map(|record| match &record.event {
        Event::Line { text } => Some(text.as_str()),
        _ => None,
    })
}

fn repeated(text: &str) -> String {
    text.repeat(TEXT.div_ceil(text.len()))
}

/// A healthy boot on an architecture with long lines.
fn boot() -> String {
    let records = replay("idle-x86_64");
    repeated(&lines(&records).map(|line| format!("{line}\r\n")).collect::<String>())
}

/// Nothing but reports: every line belongs to one.
fn reports() -> String {
    let mut text = String::new();
    for entry in fs::read_dir(folder("crates/kmsg/tests/logs")).expect("the logs") {
        let path = entry.expect("an entry").path();
        if path.extension().is_some_and(|extension| extension == "log") {
            text += &String::from_utf8_lossy(&fs::read(path).expect("a log"));
        }
    }
    repeated(&text)
}

/// A beat, as the agent prints it.
fn beat() -> String {
    encode_frame("57 beat t=57012 free=100344 rounds=1140 us=812 age=41 kills=0 reclaim=0 units=0")
}

fn group<'a>(criterion: &'a mut Criterion, name: &str) -> BenchmarkGroup<'a, WallTime> {
    let mut group = criterion.benchmark_group(name);
    group.sample_size(20).warm_up_time(Duration::from_secs(1)).measurement_time(Duration::from_secs(3));
    group
}

fn console(criterion: &mut Criterion) {
    let mut group = group(criterion, "console");
    let beats = repeated(&format!("{}\r\n", beat()));
    for (name, text) in [("boot", boot()), ("beats", beats), ("no line end", "x".repeat(TEXT))] {
        group.throughput(Throughput::Bytes(text.len() as u64));
        group.bench_with_input(BenchmarkId::new("items", name), &text, |bencher, text| {
            bencher.iter(|| {
                let mut console = Console::default();
                let mut items = Vec::new();
                for chunk in text.as_bytes().chunks(4096) {
                    console.push(chunk, &mut items);
                    black_box(&items);
                    items.clear();
                }
            });
        });
    }
}

fn classify(criterion: &mut Criterion) {
    let mut group = group(criterion, "classify");
    for (name, text) in [("boot", boot()), ("reports", reports())] {
        group.throughput(Throughput::Bytes(text.len() as u64));
        group.bench_with_input(BenchmarkId::new("log", name), &text, |bencher, text| {
            bencher.iter(|| {
                let mut log = Log::default();
                text.as_bytes().chunks(256 * 1024).for_each(|chunk| log.push(chunk));
                log.finish()
            });
        });
    }
    let text = boot();
    group.throughput(Throughput::Elements(text.lines().count() as u64));
    group.bench_function("lines that say nothing", |bencher| {
        bencher.iter(|| text.lines().filter(|line| signature::read(printk::parse(line).text).is_some()).count());
    });
}

fn frames(criterion: &mut Criterion) {
    let mut group = group(criterion, "frames");
    let beat = beat();
    assert!(matches!(decode(&beat), Some(Ok(found)) if matches!(found.frame, Frame::Beat(_))));
    group.throughput(Throughput::Elements(1));
    group.bench_function("beat", |bencher| bencher.iter(|| decode(black_box(&beat)).is_some()));
}

fn qmp_messages(criterion: &mut Criterion) {
    let mut group = group(criterion, "qmp");
    let registers = "RIP=ffffffff81c0b3e5 RFL=00000246\\r\\n".repeat(100);
    for (name, line) in [
        ("event", r#"{"timestamp":{"seconds":1,"microseconds":2},"event":"STOP"}"#.to_owned()),
        ("reply", format!(r#"{{"return":"{registers}","id":7}}"#)),
    ] {
        group.throughput(Throughput::Bytes(line.len() as u64));
        group.bench_with_input(BenchmarkId::new("parse", name), &line, |bencher, line| {
            bencher.iter(|| qmp::parse(black_box(line)));
        });
    }
}

/// The events of a trial before its verdict, again and again with the time going on, as of a guest that is watched for hours.
fn long_trial(case: &str, events: usize) -> Vec<Record> {
    let recorded = replay(case);
    let judged =
        recorded.iter().position(|record| matches!(&record.event, Event::Agent { frame: Frame::Finished { .. }, .. }));
    let recorded = &recorded[..judged.unwrap_or(recorded.len())];
    // Another hello or start would be another boot.
    let settled = |record: &&Record| {
        !matches!(
            record.event,
            Event::Spawned { .. }
                | Event::Exited { .. }
                | Event::Agent { frame: Frame::Hello { .. } | Frame::Speed { .. } | Frame::Started { .. }, .. }
        )
    };
    let mut stream = recorded.to_vec();
    let mut shift = 0;
    while stream.len() < events {
        shift += recorded.last().expect("it has events").at.as_micros();
        stream.extend(recorded.iter().filter(settled).map(|record| Record {
            at: Stamp::from_micros(record.at.as_micros() + shift),
            event: record.event.clone(),
        }));
    }
    stream
}

fn watchdog(criterion: &mut Criterion) {
    let mut group = group(criterion, "watchdog");
    for case in ["idle-x86_64", "two-kills-x86_64", "one-kill-riscv64-nommu"] {
        let records = long_trial(case, 100_000);
        let setup = Setup::new(true, Timeouts { load_s: 1e9, ..Timeouts::default() });
        let observe = || {
            let mut watchdog = Watchdog::new(setup.clone());
            let judged = records.iter().position(|record| {
                black_box(watchdog.observe(record.at, &record.event));
                watchdog.verdict().is_some()
            });
            judged.unwrap_or(records.len())
        };
        // Behind a verdict, events cost nothing.
        assert_eq!(observe(), records.len(), "{case}: there is a verdict");
        group.throughput(Throughput::Elements(records.len() as u64));
        group.bench_function(case, |bencher| bencher.iter(observe));
    }
}

fn printing(criterion: &mut Criterion) {
    let mut group = group(criterion, "printing");
    let text = boot();
    group.throughput(Throughput::Bytes(text.len() as u64));
    group.bench_function("printable", |bencher| {
        bencher.iter(|| text.lines().map(|line| printable(line).len()).sum::<usize>())
    });
    let records = replay("idle-x86_64");
    group.throughput(Throughput::Elements(records.len() as u64));
    group.bench_function("records as JSON", |bencher| {
        bencher.iter(|| {
            records.iter().map(|record| serde_json::to_string(record).map_or(0, |line| line.len())).sum::<usize>()
        });
    });
}

/// Events of a thousand guests that all print, each in its own file, as the lab appends them.
fn store(criterion: &mut Criterion) {
    let mut group = group(criterion, "store");
    allow_open_files();
    let records = long_trial("idle-x86_64", 100);
    let folder = tempfile::tempdir().expect("a folder");
    for guests in [1, 1000] {
        let create =
            |guest: usize| TrialDir::create(&folder.path().join(format!("{guests}/{guest}"))).expect("a folder");
        let mut trials: Vec<TrialDir> = (0..guests).map(create).collect();
        group.throughput(Throughput::Elements(guests as u64));
        let mut at = 0;
        group.bench_with_input(BenchmarkId::new("events", guests), &records, |bencher, records| {
            bencher.iter(|| {
                at = (at + 1) % records.len();
                for (guest, trial) in trials.iter_mut().enumerate() {
                    if trial.is_full() {
                        *trial = create(guest);
                    }
                    trial.events(&records[at..=at]).expect("room");
                }
            });
        });
    }
}

/// Parents of `commits` commits and the good end before them: every sixth is the merge of a topic branch of three.
fn merge_window(commits: Revision) -> Vec<Vec<Revision>> {
    let parents = |at: Revision| match at % 6 {
        _ if at < 6 => at.checked_sub(1).into_iter().collect(),
        0 => vec![at - 4, at - 1],
        3 => vec![at - 3],
        _ => vec![at - 1],
    };
    (0..=commits).map(parents).collect()
}

/// A decision in the middle of a search through as many commits as a merge window brings.
fn bisection(criterion: &mut Criterion) {
    let mut group = group(criterion, "bisect");
    let (good, bad) = (0, 16_386);
    let history = || History::new(&merge_window(bad), &[good], bad).expect("a history");
    let settings = Settings { trial_s: 20.0, build_s: 600.0, ..Settings::default() };
    let mut search = Bisection::new(history(), settings).expect("sound settings");
    let samples = [(bad, Outcome::Hang), (good, Outcome::Pass), (bad / 2, Outcome::Pass), (bad / 4 * 3, Outcome::Hang)];
    for (revision, outcome) in samples.repeat(5) {
        search.record(Sample { revision, outcome, seconds: 20.0 }).expect("a known revision");
    }
    let building = [Running { revision: bad / 8 * 5, task: Task::Build, elapsed_s: 60.0 }];
    group.throughput(Throughput::Elements(1));
    for (name, slot, running) in [
        ("next trial", Slot::Trial, &building[..]),
        ("next build", Slot::Build, &[]),
        ("either", Slot::Any, &building[..]),
    ] {
        group.bench_function(name, |bencher| bencher.iter(|| search.decide(slot, black_box(running))));
    }
    group.bench_function("abandon", |bencher| bencher.iter(|| search.abandon(black_box(&building))));
    group.bench_function("progress", |bencher| bencher.iter(|| search.progress()));
    group.bench_function("start", |bencher| bencher.iter(|| Bisection::new(history(), Settings::default()).is_ok()));
}

criterion_group!(benches, bisection, console, classify, frames, qmp_messages, watchdog, printing, store);
criterion_main!(benches);
