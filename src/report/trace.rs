//! A run as a trace for Perfetto and `chrome://tracing`: which trial ran when, and how many at a time.
//!
//! The format is the JSON one of the Trace Event Format: complete events (`X`), counters (`C`) and names (`M`), times in microseconds.

use jiff::Timestamp;
use model::{RunRecord, TrialRecord};
use serde::Serialize;
use std::collections::BTreeMap;

/// The one process of the trace.
const PID: u32 = 1;

/// The trace of a run, as JSON. Trials without a guest are left out. A track is a slot for one trial at a time: there are as many as
/// trials ran at once.
pub fn trace(run: &RunRecord) -> String {
    let mut spans: Vec<Span<'_>> = run.trials.iter().filter_map(Span::of).collect();
    spans.sort_by_key(|span| (span.start_us, span.trial.cell.id.clone(), span.trial.trial));
    let begin_us = spans.first().map_or(0, |first| first.start_us);
    let mut slots: Vec<i64> = Vec::new();
    let mut events = vec![Event::name("process_name", None, &run.name)];
    for span in &spans {
        let free = slots.iter().position(|end| *end <= span.start_us);
        let slot = free.unwrap_or_else(|| {
            slots.push(0);
            slots.len() - 1
        });
        slots[slot] = span.end_us;
        events.extend(span.events(slot + 1, begin_us));
    }
    for slot in 1..=slots.len() {
        events.push(Event::name("thread_name", Some(slot), &format!("slot {slot}")));
    }
    events.extend(guests(&spans, begin_us));
    let document = Document { display_time_unit: "ms", trace_events: events };
    // Plain structs with text keys: there is nothing that JSON cannot hold.
    serde_json::to_string(&document).unwrap_or_default() + "\n"
}

/// When a trial ran.
struct Span<'r> {
    trial: &'r TrialRecord,
    start_us: i64,
    end_us: i64,
}

impl<'r> Span<'r> {
    fn of(trial: &'r TrialRecord) -> Option<Self> {
        let start_us = trial.started.parse::<Timestamp>().ok()?.as_microsecond();
        let end_us = start_us + microseconds(trial.duration_s);
        (end_us > start_us).then_some(Self { trial, start_us, end_us })
    }

    /// The trial, its boot, and what the workload and the lab did then.
    fn events(&self, slot: usize, begin_us: i64) -> Vec<Event> {
        let trial = self.trial;
        let verdict = format!("{}/{}", trial.verdict.outcome(), trial.verdict.kind);
        let at = self.start_us - begin_us;
        let span = |name: &str, from_us: i64, to_us: i64, args| Event {
            name: name.to_owned(),
            category: Some(trial.verdict.outcome().to_string()),
            phase: "X",
            timestamp: from_us,
            duration: Some(to_us - from_us),
            process: PID,
            thread: Some(slot),
            args,
        };
        let end = at + (self.end_us - self.start_us);
        let args = BTreeMap::from([
            ("verdict", verdict),
            ("kernel", trial.cell.kernel.to_string()),
            ("arch", trial.cell.arch.to_string()),
            ("accel", trial.accel.qemu_name().to_owned()),
        ]);
        let mut events = vec![span(&trial.folder(), at, end, Args::Facts(args))];
        if let Some(boot_s) = trial.boot_s {
            let booted = (at + microseconds(boot_s)).min(end);
            events.push(span("boot", at, booted, Args::Facts(BTreeMap::new())));
            events.push(span("workload", booted, end, Args::Facts(BTreeMap::new())));
        }
        events
    }
}

/// The number of guests, and their vCPUs and RAM, whenever they change.
fn guests(spans: &[Span<'_>], begin_us: i64) -> Vec<Event> {
    let mut changes: BTreeMap<i64, [i64; 3]> = BTreeMap::new();
    for Span { trial, start_us, end_us } in spans {
        let of = [1, i64::from(trial.cell.vcpus), i64::from(trial.cell.ram.0)];
        for (at, sign) in [(start_us, 1), (end_us, -1)] {
            let sum = changes.entry(*at).or_default();
            sum.iter_mut().zip(of).for_each(|(sum, one)| *sum += sign * one);
        }
    }
    let mut now = [0; 3];
    let mut events = Vec::new();
    for (at, change) in changes {
        now.iter_mut().zip(change).for_each(|(sum, one)| *sum += one);
        for (name, value) in ["guests", "vCPUs", "RAM in MiB"].into_iter().zip(now) {
            events.push(Event {
                name: name.to_owned(),
                category: None,
                phase: "C",
                timestamp: at - begin_us,
                duration: None,
                process: PID,
                thread: None,
                args: Args::Count { value },
            });
        }
    }
    events
}

fn microseconds(seconds: f64) -> i64 {
    i64::try_from(model::duration(seconds).as_micros()).unwrap_or(i64::MAX / 2)
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    display_time_unit: &'static str,
    trace_events: Vec<Event>,
}

#[derive(Serialize)]
struct Event {
    name: String,
    #[serde(rename = "cat", skip_serializing_if = "Option::is_none")]
    category: Option<String>,
    #[serde(rename = "ph")]
    phase: &'static str,
    #[serde(rename = "ts")]
    timestamp: i64,
    #[serde(rename = "dur", skip_serializing_if = "Option::is_none")]
    duration: Option<i64>,
    #[serde(rename = "pid")]
    process: u32,
    #[serde(rename = "tid", skip_serializing_if = "Option::is_none")]
    thread: Option<usize>,
    args: Args,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Args {
    Facts(BTreeMap<&'static str, String>),
    Count { value: i64 },
    Name { name: String },
}

impl Event {
    /// The name of the process, or of a slot.
    fn name(what: &str, thread: Option<usize>, name: &str) -> Self {
        Self {
            name: what.to_owned(),
            category: None,
            phase: "M",
            timestamp: 0,
            duration: None,
            process: PID,
            thread,
            args: Args::Name { name: name.to_owned() },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::samples::cell;
    use model::{Accel, Kind, RUN_SCHEMA, RuleId, RunId, Verdict};
    use serde_json::Value;

    fn trial(id: &str, started: &str, duration_s: f64, boot_s: Option<f64>) -> TrialRecord {
        let verdict = Verdict::new(Kind::Finished, RuleId::WorkloadEnded, "");
        let cell = cell(id, arch::find("arm").unwrap(), "idle");
        TrialRecord { duration_s, boot_s, ..TrialRecord::new(cell, 1, Accel::Tcg, started.to_owned(), verdict) }
    }

    fn events(trials: Vec<TrialRecord>) -> Vec<Value> {
        let run = RunRecord {
            schema: RUN_SCHEMA,
            id: RunId::new("r"),
            name: "m".to_owned(),
            dir: "runs/r".to_owned(),
            started: "2026-11-30T10:00:00Z".to_owned(),
            duration_s: 9.0,
            resumed: 0,
            planned: 3,
            interrupted: false,
            trials,
            not_run: Vec::new(),
            regressions: Vec::new(),
        };
        let document: Value = serde_json::from_str(&trace(&run)).unwrap();
        document["traceEvents"].as_array().unwrap().clone()
    }

    #[test]
    fn slots_are_reused() {
        let events = events(vec![
            trial("c", "2026-11-30T10:00:02.500Z", 2.0, None),
            trial("a", "2026-11-30T10:00:00.250Z", 2.0, Some(0.5)),
            trial("b", "2026-11-30T10:00:01Z", 5.0, None),
            trial("d", "2026-11-30T10:00:01Z", 0.0, None),
        ]);
        let spans = events.iter().filter(|event| event["ph"] == "X");
        let spans: Vec<_> = spans
            .map(|event| {
                let number = |key: &str| event[key].as_i64().unwrap();
                (event["name"].as_str().unwrap(), number("tid"), number("ts"), number("dur"))
            })
            .collect();
        let expected = [
            ("a", 1, 0, 2_000_000),
            ("boot", 1, 0, 500_000),
            ("workload", 1, 500_000, 1_500_000),
            ("b", 2, 750_000, 5_000_000),
            ("c", 1, 2_250_000, 2_000_000),
        ];
        assert_eq!(spans, expected);
        let guests = events.iter().filter(|event| event["name"] == "guests");
        let guests: Vec<i64> = guests.map(|event| event["args"]["value"].as_i64().unwrap()).collect();
        assert_eq!(guests, [1, 2, 1, 2, 1, 0]);
    }

    #[test]
    fn empty_run_has_a_trace() {
        assert_eq!(events(Vec::new()).len(), 1, "its name");
    }
}
