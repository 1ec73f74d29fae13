//! A run as one JSON document, and the JSON Schema of it; `docs/report-json.md` explains its keys.

mod quarantine;

use model::{
    Accel, Also, Artifact, Caveat, Culprit, Digest, Evidence, ExpectedVerdict, Failure, Kind, Outcome, Payload, RuleId,
    RunId, RunRecord, Subtest, TrialRecord, Worded,
};
use quarantine::{Entry, Quarantine};
use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde::Serialize;
use std::collections::BTreeMap;

/// Version of the document. It grows when a field goes or changes its meaning, not when one is added.
const SCHEMA: u32 = 2;

/// The JSON Schema of the document, for programs that read it.
pub fn json_schema() -> serde_json::Value {
    let generator = SchemaSettings::draft2020_12().for_serialize().into_generator();
    generator.into_root_schema_for::<Document<'static>>().to_value()
}

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
            quarantined: run.trials.iter().filter(|trial| trial.quarantine().is_some()).count(),
            with_reports: super::tally::with_reports(&run.trials),
            interrupted: run.interrupted,
            resumed: run.resumed,
            not_run: run.not_run.iter().map(NotRun::of).collect(),
            exit_code: run.exit_code(),
        },
        cells: run.trials.iter().map(|trial| Cell::of(run, trial)).collect(),
        regressions: run.regressions.iter().map(Regression::of).collect(),
        quarantine: Entry::all(run),
    };
    // Plain structs with text keys: there is nothing that JSON cannot hold.
    serde_json::to_string_pretty(&document).unwrap_or_default() + "\n"
}

/// A run of oomlab: what `--json` writes.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Report")]
struct Document<'r> {
    /// Version of this format.
    schema: u32,
    /// The run.
    run: Run<'r>,
    /// One entry for each trial that has ended, in the order of the plan.
    cells: Vec<Cell<'r>>,
    /// One entry for each failure that `--bisect-regressions` looked at.
    regressions: Vec<Regression<'r>>,
    /// One entry for each of the quarantine whose cells have a trial.
    quarantine: Vec<Entry<'r>>,
}

/// A failure of the run, and what its bisection found.
#[derive(Serialize, JsonSchema)]
struct Regression<'r> {
    /// The cell.
    cell: &'r str,
    /// How it fails; `null` in records of old versions.
    failure: Option<&'r Failure>,
    /// The commit of the failing kernel.
    bad: Option<&'r str>,
    /// The commit with which the bisection begins: that of an earlier run without the failure.
    good: Option<&'r str>,
    /// That run.
    good_run: Option<&'r str>,
    /// Folder of the bisection's session, within `run.dir`.
    session: Option<&'r str>,
    /// The commit to blame.
    culprit: Option<&'r Culprit>,
    /// Why there is no culprit.
    why: Option<&'r str>,
}

impl<'r> Regression<'r> {
    fn of(regression: &'r model::Regression) -> Self {
        Self {
            cell: regression.cell.as_str(),
            failure: regression.failure.as_ref(),
            bad: regression.bad.as_deref(),
            good: regression.good.as_deref(),
            good_run: regression.good_run.as_ref().map(RunId::as_str),
            session: regression.session.as_deref(),
            culprit: regression.culprit.as_ref(),
            why: regression.why.as_deref(),
        }
    }
}

/// The run.
#[derive(Serialize, JsonSchema)]
struct Run<'r> {
    /// Name of the run.
    id: &'r str,
    /// Name of the matrix.
    name: &'r str,
    /// The run's folder.
    dir: &'r str,
    /// RFC 3339.
    started: &'r str,
    /// Wall time in seconds.
    duration_s: f64,
    /// Number of trials that were planned.
    planned: u32,
    /// Number of trials that have ended.
    finished: usize,
    /// Number of trials that did not end as expected, without those that are quarantined or that the user stopped.
    unexpected: usize,
    /// Number of trials that did not end as expected and are quarantined.
    quarantined: usize,
    /// Number of trials in which the kernel reported something beside the verdict.
    with_reports: usize,
    /// Whether the user stopped the run.
    interrupted: bool,
    /// How often the run was resumed.
    resumed: u32,
    /// Cells with trials that have not ended, in the order of the plan.
    not_run: Vec<NotRun<'r>>,
    /// Exit status of the program.
    exit_code: u8,
}

/// A cell with trials that have not ended.
#[derive(Serialize, JsonSchema)]
struct NotRun<'r> {
    /// The cell.
    id: &'r str,
    /// Number of these trials.
    trials: usize,
}

impl<'r> NotRun<'r> {
    fn of(not_run: &'r model::NotRun) -> Self {
        Self { id: not_run.cell.id.as_str(), trials: not_run.trials.len() }
    }
}

/// One trial.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Trial")]
struct Cell<'r> {
    /// The cell; several trials of one cell have the same.
    id: &'r str,
    /// Number of the trial, from 1.
    trial: u32,
    /// Architecture.
    arch: &'r str,
    /// Kernel.
    kernel: &'r str,
    /// Kernel release, for example `6.1.192`.
    kernel_release: Option<&'r str>,
    /// SHA-256 of the kernel image.
    kernel_digest: Option<&'r Digest>,
    /// The commit that the kernel was built from.
    kernel_commit: Option<&'r str>,
    /// SHA-256 of the initramfs.
    initrd_digest: Option<&'r Digest>,
    /// SHA-256 of the firmware; `null` for what QEMU brings.
    firmware_digest: Option<&'r Digest>,
    /// SHA-256 of the root disk; `null` for a guest without one.
    root_disk_digest: Option<&'r Digest>,
    /// RAM of the guest in MiB.
    ram_mib: u32,
    /// Number of vCPUs.
    vcpus: u32,
    /// Workload; `initrd` for a guest without the lab's agent.
    workload: &'r str,
    /// Options of the workload that the matrix gives.
    options: BTreeMap<&'r str, &'r str>,
    /// Values of the user's own axes.
    axes: BTreeMap<&'r str, &'r str>,
    /// How the trial ended.
    outcome: Outcome,
    /// What exactly happened.
    kind: Kind,
    /// Stable name of what went wrong with the guest's kernel, the same from boot to boot; `null` where nothing did.
    title: Option<&'r str>,
    /// Whether that is a verdict known beforehand.
    expected: bool,
    /// The verdict known beforehand.
    expectation: Expectation<'r>,
    /// The entries of the cell's quarantine.
    quarantine: Vec<Quarantine<'r>>,
    /// One sentence for a person.
    summary: &'r str,
    /// The rule that gave the verdict.
    rule: RuleId,
    /// How sure the rule is, from 0 to 1.
    confidence: f64,
    /// When QEMU was started, RFC 3339.
    started: &'r str,
    /// Seconds from QEMU's start to its end.
    duration_s: f64,
    /// Seconds from QEMU's start to the agent's first frame.
    boot_s: Option<f64>,
    /// Seconds from QEMU's start to the last sign of progress before the trouble.
    onset_s: Option<f64>,
    /// The same by the guest's clock.
    onset_guest_s: Option<f64>,
    /// Number of OOM kills.
    oom_kills: u64,
    /// Reports of the kernel beside the verdict, the gravest first.
    also: &'r [Also],
    /// Results that the workload's script printed, in its order.
    subtests: &'r [Subtest],
    /// The task that the OOM killer chose and that did not exit.
    victim: Option<Task<'r>>,
    /// The task that is stuck or crashed.
    task: Option<Task<'r>>,
    /// At most three console lines that matter, as the guest printed them.
    lines: &'r [String],
    /// What the verdict rests on, most telling first.
    evidence: Vec<Worded<'r, Evidence>>,
    /// What weakens the verdict.
    caveats: Vec<Worded<'r, Caveat>>,
    /// What executed the guest.
    accel: Accel,
    /// QEMU's command line.
    command: &'r [String],
    /// The trial's folder, within `run.dir`.
    folder: String,
    /// The command that runs the trial again.
    repro: String,
    /// Files in that folder.
    artifacts: &'r [Artifact],
    /// Files that were there until the retention of old runs removed them.
    removed: &'r [Artifact],
}

/// The verdict known beforehand.
#[derive(Serialize, JsonSchema)]
struct Expectation<'r> {
    /// Its outcome.
    outcome: Outcome,
    /// Its kind; `null`: any kind of that outcome.
    kind: Option<Kind>,
    /// Further verdicts that are as expected.
    alternatives: Vec<Alternative>,
    /// Why, in the user's words.
    reason: Option<&'r str>,
}

/// A further verdict that is as expected.
#[derive(Serialize, JsonSchema)]
struct Alternative {
    /// Its outcome.
    outcome: Outcome,
    /// Its kind; `null`: any kind of that outcome.
    kind: Option<Kind>,
}

impl<'r> Expectation<'r> {
    fn of(expect: &'r model::Expectation) -> Self {
        let ExpectedVerdict { outcome, kind } = expect.verdict;
        let alternatives =
            expect.alternatives.iter().map(|&ExpectedVerdict { outcome, kind }| Alternative { outcome, kind });
        Self { outcome, kind, alternatives: alternatives.collect(), reason: expect.reason.as_deref() }
    }
}

/// A task of the guest.
#[derive(Serialize, JsonSchema)]
struct Task<'r> {
    /// Process id.
    pid: u32,
    /// Name of the process, as the guest printed it.
    comm: &'r str,
}

impl<'r> Task<'r> {
    fn of(task: &'r model::Task) -> Self {
        Self { pid: task.pid, comm: &task.comm }
    }
}

impl<'r> Cell<'r> {
    fn of(run: &RunRecord, trial: &'r TrialRecord) -> Self {
        let TrialRecord { cell, verdict, .. } = trial;
        let options = match &cell.payload {
            Payload::Workload { options, .. } => {
                options.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect()
            }
            Payload::Initrd(_) => BTreeMap::new(),
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
            firmware_digest: trial.firmware_digest.as_ref(),
            root_disk_digest: trial.root_disk_digest.as_ref(),
            ram_mib: cell.ram.0,
            vcpus: cell.vcpus,
            workload: cell.workload_name(),
            options,
            axes: cell.axes.iter().collect(),
            outcome: verdict.outcome(),
            kind: verdict.kind,
            title: verdict.title.as_deref(),
            expected: trial.as_expected(),
            expectation: Expectation::of(&cell.expect),
            quarantine: Quarantine::all(trial),
            summary: &verdict.summary,
            rule: verdict.rule,
            confidence: milliseconds(f64::from(verdict.confidence)),
            started: &trial.started,
            duration_s: milliseconds(trial.duration_s),
            boot_s: trial.boot_s.map(milliseconds),
            onset_s: verdict.onset.map(|onset| milliseconds(onset.host.as_secs_f64())),
            onset_guest_s: verdict.onset.and_then(|onset| onset.guest_s),
            oom_kills: trial.oom_kills,
            also: &trial.also,
            subtests: &trial.subtests,
            victim: verdict.victim.as_ref().map(Task::of),
            task: verdict.task.as_ref().map(Task::of),
            lines: &verdict.lines,
            evidence: Worded::all(&verdict.evidence),
            caveats: Worded::all(&verdict.caveats),
            accel: trial.accel,
            command: &trial.command,
            folder: format!("cells/{}", trial.folder()),
            repro: super::text::repro(run, &trial.folder()),
            artifacts: &trial.artifacts,
            removed: &trial.removed,
        }
    }
}

/// Rounds to three decimals: finer figures would only pretend.
fn milliseconds(number: f64) -> f64 {
    (number * 1e3).round() / 1e3
}
