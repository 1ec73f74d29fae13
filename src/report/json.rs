//! A run as one JSON document; its fields are explained in `docs/report-json.md`.

use model::{Accel, Digest, Evidence, Payload, RunRecord, Task, TrialRecord};
use serde::Serialize;
use std::collections::BTreeMap;

/// Version of the document. It grows when a field goes or changes its meaning, not when one is added.
const SCHEMA: u32 = 1;

/// The document of a run, indented, ending in a newline. Keys are always there and in the same order; what is not
/// known is `null`.
pub fn json(run: &RunRecord) -> String {
    let document = Document {
        schema: SCHEMA,
        run: Run {
            id: run.id.as_str(),
            name: &run.name,
            dir: &run.dir,
            started: &run.started,
            duration_s: milliseconds(run.duration_s),
            planned: run.planned,
            finished: run.trials.len(),
            unexpected: super::tally::unexpected(run).count(),
            interrupted: run.interrupted,
            exit_code: run.exit_code(),
        },
        cells: run.trials.iter().map(|trial| Cell::of(run, trial)).collect(),
    };
    // Plain structs with text keys: there is nothing that JSON cannot hold.
    serde_json::to_string_pretty(&document).unwrap_or_default() + "\n"
}

#[derive(Serialize)]
struct Document<'r> {
    schema: u32,
    run: Run<'r>,
    cells: Vec<Cell<'r>>,
}

#[derive(Serialize)]
struct Run<'r> {
    id: &'r str,
    name: &'r str,
    dir: &'r str,
    started: &'r str,
    duration_s: f64,
    planned: u32,
    finished: usize,
    unexpected: usize,
    interrupted: bool,
    exit_code: u8,
}

#[derive(Serialize)]
struct Cell<'r> {
    id: &'r str,
    trial: u32,
    arch: &'r str,
    kernel: &'r str,
    kernel_release: Option<&'r str>,
    kernel_digest: Option<&'r Digest>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kernel_commit: Option<&'r str>,
    initrd_digest: Option<&'r Digest>,
    ram_mib: u32,
    vcpus: u32,
    workload: &'r str,
    options: BTreeMap<&'r str, &'r str>,
    axes: &'r BTreeMap<String, String>,
    outcome: &'static str,
    kind: &'static str,
    title: Option<&'r str>,
    expected: bool,
    expectation: Expectation<'r>,
    summary: &'r str,
    rule: &'r str,
    confidence: f64,
    started: &'r str,
    duration_s: f64,
    boot_s: Option<f64>,
    onset_s: Option<f64>,
    onset_guest_s: Option<f64>,
    oom_kills: u64,
    victim: Option<&'r Task>,
    task: Option<&'r Task>,
    lines: &'r [String],
    grounds: &'r [String],
    against: &'r [String],
    accel: Accel,
    command: &'r [String],
    folder: String,
    repro: String,
    evidence: &'r [Evidence],
}

#[derive(Serialize)]
struct Expectation<'r> {
    outcome: &'static str,
    kind: Option<&'static str>,
    reason: Option<&'r str>,
}

impl<'r> Cell<'r> {
    fn of(run: &RunRecord, trial: &'r TrialRecord) -> Self {
        let TrialRecord { cell, verdict, .. } = trial;
        let options = match &cell.payload {
            Payload::Workload { options, .. } => {
                options.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect()
            }
            Payload::Initrd { .. } => BTreeMap::new(),
        };
        let expectation = Expectation {
            outcome: cell.expect.outcome.as_str(),
            kind: cell.expect.kind.map(|kind| kind.as_str()),
            reason: cell.expect.reason.as_deref(),
        };
        Self {
            id: cell.id.as_str(),
            trial: trial.trial,
            arch: cell.arch.name,
            kernel: cell.kernel.as_str(),
            kernel_release: trial.kernel_release.as_deref(),
            kernel_digest: trial.kernel_digest.as_ref(),
            kernel_commit: trial.kernel_commit.as_deref(),
            initrd_digest: trial.initrd_digest.as_ref(),
            ram_mib: cell.ram.0,
            vcpus: cell.vcpus,
            workload: cell.workload_name(),
            options,
            axes: &cell.axes,
            outcome: verdict.outcome().as_str(),
            kind: verdict.kind.as_str(),
            title: verdict.title.as_deref(),
            expected: trial.as_expected(),
            expectation,
            summary: &verdict.summary,
            rule: &verdict.rule,
            confidence: milliseconds(f64::from(verdict.confidence)),
            started: &trial.started,
            duration_s: milliseconds(trial.duration_s),
            boot_s: trial.boot_s.map(milliseconds),
            onset_s: verdict.onset.map(|onset| milliseconds(onset.host.as_secs_f64())),
            onset_guest_s: verdict.onset.and_then(|onset| onset.guest_s),
            oom_kills: trial.oom_kills,
            victim: verdict.victim.as_ref(),
            task: verdict.task.as_ref(),
            lines: &verdict.lines,
            grounds: &verdict.grounds,
            against: &verdict.against,
            accel: trial.accel,
            command: &trial.command,
            folder: format!("cells/{}", trial.folder()),
            repro: super::text::repro(run, &trial.folder()),
            evidence: &trial.evidence,
        }
    }
}

/// Rounds to three decimals: finer figures would only pretend.
fn milliseconds(number: f64) -> f64 {
    (number * 1e3).round() / 1e3
}
