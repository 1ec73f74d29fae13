//! Recorded trials that were judged again, as one JSON document; its fields are explained in `docs/replay.md`.

use super::trial::{Standing, Trial};
use model::{Onset, Task, Verdict};
use serde::Serialize;
use std::collections::BTreeMap;

/// Version of the document. It grows when a field goes or changes its meaning, not when one is added.
const SCHEMA: u32 = 1;

#[derive(Serialize)]
struct Document<'t> {
    schema: u32,
    exit_code: u8,
    counts: BTreeMap<&'static str, usize>,
    trials: Vec<Entry<'t>>,
}

#[derive(Serialize)]
struct Entry<'t> {
    trial: &'t str,
    dir: &'t str,
    standing: &'static str,
    why: Option<&'t str>,
    events: usize,
    was: Option<Judgement<'t>>,
    now: Option<Judgement<'t>>,
}

/// A verdict; its figures are those of the record, not rounded.
#[derive(Serialize)]
struct Judgement<'t> {
    outcome: &'static str,
    kind: &'static str,
    rule: &'t str,
    confidence: f32,
    summary: &'t str,
    title: Option<&'t str>,
    onset_s: Option<f64>,
    onset_guest_s: Option<f64>,
    victim: Option<&'t Task>,
    task: Option<&'t Task>,
    lines: &'t [String],
    grounds: &'t [String],
    against: &'t [String],
}

impl<'t> Judgement<'t> {
    fn of(verdict: &'t Verdict) -> Self {
        Self {
            outcome: verdict.outcome().as_str(),
            kind: verdict.kind.as_str(),
            rule: &verdict.rule,
            confidence: verdict.confidence,
            summary: &verdict.summary,
            title: verdict.title.as_deref(),
            onset_s: verdict.onset.map(|onset| onset.host.as_secs_f64()),
            onset_guest_s: verdict.onset.and_then(|Onset { guest_s, .. }| guest_s),
            victim: verdict.victim.as_ref(),
            task: verdict.task.as_ref(),
            lines: &verdict.lines,
            grounds: &verdict.grounds,
            against: &verdict.against,
        }
    }
}

/// The document, indented, ending in a newline. Keys are always there and in the same order; what is not known is `null`.
pub fn json(trials: &[Trial]) -> String {
    let count = |standing| trials.iter().filter(|trial| trial.standing == standing).count();
    let entries = trials.iter().map(|trial| Entry {
        trial: &trial.name,
        dir: &trial.dir,
        standing: trial.standing.as_str(),
        why: trial.why.as_deref(),
        events: trial.events,
        was: trial.was.as_ref().map(Judgement::of),
        now: trial.now.as_ref().map(Judgement::of),
    });
    let document = Document {
        schema: SCHEMA,
        exit_code: Trial::exit_code(trials),
        counts: Standing::ALL.iter().map(|standing| (standing.as_str(), count(*standing))).collect(),
        trials: entries.collect(),
    };
    // Plain structs with text keys: there is nothing that JSON cannot hold.
    serde_json::to_string_pretty(&document).unwrap_or_default() + "\n"
}
