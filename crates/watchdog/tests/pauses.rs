//! A lab that is stopped for any time, anywhere in a healthy trial, never calls the guest hung.
//!
//! The trials are those of `tests/replays/`. The guest runs on while the lab is stopped: what it does meanwhile is read when the lab
//! goes on, after the host sample that is overdue and before any deadline, as the lab's driver does it.

use model::{Event, Kind, Outcome, Record, Stamp, Timeouts};
use proptest::prelude::*;
use std::fs;
use std::path::Path;
use std::time::Duration;
use watchdog::{Setup, Watchdog};

const HEALTHY: [&str; 5] =
    ["idle-arm", "idle-riscv64-nommu", "idle-x86_64", "one-kill-riscv64-nommu", "two-kills-x86_64"];

/// A stage that takes ten times its limit says that the host is overloaded; that of booting is the shortest.
const MAX_STRETCH_S: f64 = 200.0;

const SAMPLE_PERIOD: Duration = Duration::from_secs(1);

/// The recorded events of a trial but for the lab's own ticks.
fn records(case: &str) -> Vec<Record> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/replays").join(case).join("events.jsonl");
    let text = fs::read_to_string(path).unwrap();
    let records = text.lines().map(|line| serde_json::from_str::<Record>(line).unwrap());
    records.filter(|record| record.event != Event::Tick).collect()
}

fn seconds(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds)
}

/// A pause of the lab in host time.
#[derive(Debug, Clone, Copy)]
struct Pause {
    begin: Stamp,
    end: Stamp,
}

impl Pause {
    fn covers(&self, at: Stamp) -> bool {
        self.begin < at && at <= self.end
    }
}

/// The events in the order in which a lab that is stopped meanwhile takes them.
fn with_pause(records: &[Record], pause: Pause) -> Vec<Record> {
    let is_sample = |record: &&Record| matches!(record.event, Event::Host { .. } | Event::Vcpus { .. });
    let missed: Vec<&Record> = records.iter().filter(|record| pause.covers(record.at)).collect();
    let before = records.iter().take_while(|record| record.at <= pause.begin);
    let last_sample = before.clone().filter(is_sample).last().map_or(Stamp::ZERO, |record| record.at);
    let due = last_sample + SAMPLE_PERIOD;
    let mut taken: Vec<Record> = before.cloned().collect();
    let mut give = |event: Event| taken.push(Record { at: pause.end, event });
    if due < pause.end {
        let late_us = pause.end.since(due).as_micros() as u64;
        give(Event::Host { late_us, psi_cpu_avg10: None, stopped: false });
        let vcpus = missed.iter().rev().find(|record| matches!(record.event, Event::Vcpus { .. }));
        vcpus.into_iter().for_each(|record| give(record.event.clone()));
    }
    missed.iter().filter(|record| !is_sample(record)).for_each(|record| give(record.event.clone()));
    taken.extend(records.iter().filter(|record| record.at > pause.end).cloned());
    taken
}

/// The outcome and kind of the events, with the ticks that are due between them. What is due in the pause has to wait for its end, and for
/// what is read then.
fn judge(records: &[Record], pause: Option<Pause>) -> (Outcome, Kind) {
    let mut watchdog = Watchdog::new(Setup::new(true, Timeouts::default()));
    let delayed = |deadline| pause.filter(|pause| pause.covers(deadline)).map_or(deadline, |pause| pause.end);
    for record in records {
        while let Some(due) = watchdog.deadline().map(delayed).filter(|due| *due < record.at) {
            watchdog.observe(due, &Event::Tick);
        }
        watchdog.observe(record.at, &record.event);
    }
    let verdict = watchdog.verdict().expect("a trial that has ended is judged");
    (verdict.outcome(), verdict.kind)
}

#[test]
fn healthy_trials_pass_without_a_pause() {
    for case in HEALTHY {
        assert_eq!(judge(&records(case), None), (Outcome::Pass, Kind::Finished), "{case}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_stopped_lab_calls_no_healthy_guest_hung(
        case in prop::sample::select(&HEALTHY[..]),
        begin in 0.0..1.0_f64,
        length_s in prop_oneof![0.0..3.0_f64, 3.0..70.0_f64, 70.0..100_000.0_f64],
    ) {
        let records = records(case);
        let last = records.last().unwrap().at.as_secs_f64();
        let begin = Stamp::from_secs_f64(begin * last);
        // The guest goes on while the lab is stopped, up to its end.
        let pause = Pause { begin, end: begin + seconds(length_s) };
        let (outcome, kind) = judge(&with_pause(&records, pause), Some(pause));
        if length_s < MAX_STRETCH_S {
            prop_assert_eq!(kind, Kind::Finished, "{} {:?}", case, pause);
        } else {
            let is_right = outcome == Outcome::Pass || kind == Kind::HostOverloaded;
            prop_assert!(is_right, "{} {:?}: {:?}", case, pause, kind);
        }
    }

    /// The guest is stopped together with the lab, as when the whole host is.
    #[test]
    fn a_stopped_host_calls_no_healthy_guest_hung(
        case in prop::sample::select(&HEALTHY[..]),
        begin in 0.0..1.0_f64,
        length_s in prop_oneof![0.0..3.0_f64, 3.0..70.0_f64, 70.0..100_000.0_f64],
    ) {
        let mut records = records(case);
        let last = records.last().unwrap().at.as_secs_f64();
        let pause = Pause { begin: Stamp::from_secs_f64(begin * last), end: Stamp::from_secs_f64(begin * last + length_s) };
        for record in records.iter_mut().filter(|record| record.at > pause.begin) {
            record.at = record.at + seconds(length_s);
        }
        let (outcome, kind) = judge(&with_pause(&records, pause), Some(pause));
        prop_assert_ne!(outcome, Outcome::Hang, "{} {:?}: {:?}", case, pause, kind);
    }
}
