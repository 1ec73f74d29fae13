//! The page of a trial: its verdict with the reasons, its course on a timeline, and what was recorded of the guest.

mod chart;
mod commands;
mod console;
mod files;
mod observed;
mod profile;
mod subtests;
mod tasks;

pub(super) use commands::{Commands, commands, task};
pub use observed::Observed;
pub(super) use subtests::Subtests;

use super::link::{Base, anchor};
use super::page::{Page, render};
use super::text::{line, phrase, phrases};
use crate::report::alternatives::clauses;
use crate::report::layout::{counted, duration};
use crate::report::quarantine::sentence;
use crate::report::tally::Standing;
use askama::Template;
use chart::{Chart, Element};
use console::ConsoleView;
use files::{Fact, FileLine};
use model::{Stage, Stamp, TrialRecord};
use profile::ProfileView;
use tasks::TaskView;

/// Subtests that the page lists.
const MAX_SUBTESTS: usize = 5100;

/// What a trial's page shows.
#[derive(Debug, Clone, Copy)]
pub struct TrialPage<'t> {
    /// The run's folder, as the user may type it.
    pub run_dir: &'t str,
    /// Its name.
    pub run: &'t str,
    /// The record.
    pub trial: &'t TrialRecord,
    /// When each of its stages began, by the watchdog.
    pub stages: &'t [(Stamp, Stage)],
    /// When OOM kills were observed, and their number by then.
    pub kills: &'t [(Stamp, u64)],
    /// What its events say; empty where there is no record of them.
    pub observed: &'t Observed,
    /// The content of `console.log`.
    pub console: &'t [u8],
    /// Where the links go: the run's folder.
    pub base: &'t Base,
}

/// The page of a trial.
pub fn trial_page(input: &TrialPage<'_>) -> String {
    let TrialPage { trial, observed, base, .. } = *input;
    let verdict = &trial.verdict;
    let cell = &trial.cell;
    let folder = trial.folder();
    let expect = &cell.expect;
    let reason = expect.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
    let plain = !expect.is_failure() && expect.reason.is_none();
    let run_page = base.url(super::PAGE).map(|url| format!("{url}#{}", anchor(cell.id.as_str())));
    render(&Document {
        page: Page::new(format!("{}/{} {folder}", verdict.outcome(), verdict.kind)),
        run: phrase(input.run),
        run_page: run_page.unwrap_or_default(),
        folder: phrase(&folder),
        state: match Standing::of(trial) {
            Standing::Pass => "pass",
            Standing::KnownFailure => "expected-failure",
            Standing::Quarantined => "quarantined",
            Standing::Stopped => "stopped",
            Standing::Unexpected => "unexpected",
        },
        verdict: format!("{}/{}", verdict.outcome(), verdict.kind),
        title: verdict.title.as_deref().map(phrase).unwrap_or_default(),
        summary: phrase(&verdict.summary),
        expectation: if plain { String::new() } else { phrase(&format!("{expect}{reason}")) },
        facts: facts(trial),
        lines: verdict.lines.iter().map(|text| line(text)).collect(),
        evidence: phrases(&verdict.evidence),
        caveats: phrases(&verdict.caveats),
        alternatives: clauses(trial).into_iter().map(|(kind, why)| (kind, phrase(&why))).collect(),
        also: phrases(&trial.also),
        commands: commands(input.run_dir, trial),
        chart: chart::chart(input),
        profile: observed.profile.as_ref().map(ProfileView::of),
        tasks: observed.tasks.as_ref().map(|(at, tasks)| TaskView::of(*at, tasks)),
        subtests: Subtests::of(trial, MAX_SUBTESTS),
        console: ConsoleView::of(input.console, &verdict.lines),
        removed: removed(trial),
        quarantine: quarantine(trial),
        console_url: console_url(base, trial),
        qemu: files::command(trial),
        digests: files::digests(trial),
        files: files::files(base, trial),
    })
}

/// What the page lacks since files were removed; empty where none was.
fn removed(trial: &TrialRecord) -> String {
    if trial.removed.is_empty() {
        return String::new();
    }
    let files: Vec<&str> = trial.removed.iter().map(|artifact| artifact.file.as_str()).collect();
    phrase(&format!("{} removed by `oomlab prune`", files.join(", ")))
}

/// The entry that covers the verdict, on a line; empty without one.
pub(super) fn quarantine(trial: &TrialRecord) -> String {
    trial.quarantine().map(|known| phrase(&sentence(known))).unwrap_or_default()
}

fn console_url(base: &Base, trial: &TrialRecord) -> String {
    if trial.is_removed("console.log") {
        return String::new();
    }
    base.url(&format!("cells/{}/console.log", trial.folder())).unwrap_or_default()
}

/// The machine, when what happened, and how sure the verdict is.
fn facts(trial: &TrialRecord) -> Vec<Fact> {
    let (cell, verdict) = (&trial.cell, &trial.verdict);
    let fact = |name: &'static str, value: String| Fact { name, value: phrase(&value) };
    let release = trial.kernel_release.as_ref().map(|release| format!(" ({release})")).unwrap_or_default();
    let mut facts = vec![
        fact("kernel", format!("{}{release}", cell.kernel)),
        fact("machine", format!("{}, {} of RAM, {}", cell.arch, cell.ram, counted(cell.vcpus.into(), "vCPU"))),
        fact("workload", cell.workload_name().to_owned()),
        fact("rule", format!("{}, confidence {:.2}", verdict.rule, verdict.confidence)),
    ];
    facts.extend(verdict.onset.map(|onset| {
        let guest = onset.guest_s.map(|seconds| format!(", {seconds:.3} s by the guest's clock")).unwrap_or_default();
        fact("onset", format!("{:.2} s{guest}", onset.host.as_secs_f64()))
    }));
    facts.extend(verdict.victim.as_ref().map(|task| fact("victim", format!("pid {} ({})", task.pid, task.comm))));
    facts.extend(verdict.task.as_ref().map(|task| fact("task", format!("pid {} ({})", task.pid, task.comm))));
    if trial.oom_kills > 0 {
        facts.push(fact("OOM kills", trial.oom_kills.to_string()));
    }
    let boot = trial.boot_s.map(|seconds| format!(", agent up after {}", duration(seconds))).unwrap_or_default();
    facts.push(fact("duration", format!("{}{boot}", duration(trial.duration_s))));
    facts.push(fact("started", trial.started.clone()));
    facts.push(fact("accelerator", trial.accel.qemu_name().to_owned()));
    facts.extend(trial.kernel_commit.as_ref().map(|commit| fact("commit", commit.clone())));
    facts
}

#[derive(Template)]
#[template(path = "trial.html", whitespace = "minimize")]
struct Document {
    page: Page,
    run: String,
    run_page: String,
    folder: String,
    state: &'static str,
    verdict: String,
    title: String,
    summary: String,
    expectation: String,
    facts: Vec<Fact>,
    lines: Vec<String>,
    evidence: Vec<String>,
    caveats: Vec<String>,
    alternatives: Vec<(&'static str, String)>,
    also: Vec<String>,
    commands: Commands,
    chart: Option<Chart>,
    profile: Option<ProfileView>,
    tasks: Option<TaskView>,
    subtests: Option<Subtests>,
    console: ConsoleView,
    /// Files that were removed.
    removed: String,
    quarantine: String,
    /// Empty where it was removed.
    console_url: String,
    qemu: String,
    digests: Vec<Fact>,
    files: Vec<FileLine>,
}
