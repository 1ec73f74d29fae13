//! Why a trial was judged as it was: a page of markdown for whoever finds it in the trial's folder or in a bug report.

use super::alternatives::clauses;
use super::layout::{counted, duration};
use super::markdown::{block, paragraph, phrase, span};
use super::text::shell_name;
use model::{Accel, Evidence, Expectation, Onset, Outcome, TrialRecord, Verdict};
use std::fmt::Write as _;

/// The most phrases of one list.
const MOST_PHRASES: usize = 8;

/// Whether somebody will ask: it did not pass, or it was expected to end in another way, or something argues against the pass.
pub fn needs_why(trial: &TrialRecord) -> bool {
    trial.verdict.outcome() != Outcome::Pass || !trial.as_expected() || !trial.verdict.caveats.is_empty()
}

/// What was seen, what was concluded from it, why nothing else, and how to see it again. `run_dir` is the run's folder as the user may
/// type it. What the guest printed stands in code that it cannot break out of.
pub fn why(run_dir: &str, trial: &TrialRecord) -> String {
    let verdict = &trial.verdict;
    let mut out = format!("# {}/{}: {}\n\n", verdict.outcome(), verdict.kind, span(&trial.folder()));
    let _ = writeln!(out, "{}", paragraph(&verdict.summary));
    let _ = writeln!(out, "**Seen**: {}.\n", seen(trial));
    if !verdict.lines.is_empty() {
        let _ = writeln!(out, "{}", block(&verdict.lines));
    }
    let sure = format!("by the rule {}, confidence {:.2}", span(verdict.rule.as_str()), verdict.confidence);
    let _ = writeln!(out, "**Concluded**: {}/{} {sure}{}", verdict.outcome(), verdict.kind, expectation(trial));
    list(&mut out, &verdict.evidence);
    against(&mut out, trial, verdict);
    collected(&mut out, trial);
    let name = shell_name(run_dir, &trial.folder());
    let replay = span(&format!("oomlab replay {name} --timeline"));
    let again = format!("{} boots it once more, ", span(&format!("oomlab repro {name}")));
    let again = if trial.cell.is_watched() { "" } else { &again };
    let _ = writeln!(out, "**Again**: {again}{replay} draws and judges what was recorded.");
    out
}

/// What was collected after the verdict.
fn collected(out: &mut String, trial: &TrialRecord) {
    let files = trial.artifacts.iter().map(|artifact| artifact.file.as_str());
    let files: Vec<String> = files.filter(|file| file.starts_with("bundle/")).map(span).collect();
    if !files.is_empty() {
        let _ = writeln!(out, "**Collected** after the verdict, as `bundle.json` tells: {}.\n", files.join(", "));
    }
}

/// The guest, and when what happened.
fn seen(trial: &TrialRecord) -> String {
    let (cell, verdict) = (&trial.cell, &trial.verdict);
    let release = trial.kernel_release.as_ref().map(|release| format!(" ({})", span(release))).unwrap_or_default();
    let vcpus = if cell.vcpus == 1 { String::new() } else { format!(", {} vCPUs", cell.vcpus) };
    let machine = format!("{} with {} of RAM{vcpus}", span(cell.arch.name), cell.ram);
    let mut facts = vec![format!("kernel {}{release} on {machine}", span(cell.kernel.as_str()))];
    if !trial.command.is_empty() {
        let how = match trial.accel {
            Accel::Kvm => "by KVM",
            Accel::Tcg => "emulated",
        };
        facts[0] += &format!(", {how}");
        let up = trial.boot_s.map(|seconds| format!("the agent up after {}", duration(seconds)));
        facts.extend(up);
        facts.extend(verdict.onset.map(|onset| last_progress(verdict.outcome(), onset)));
        facts.push(format!("the end at {}", duration(trial.duration_s)));
    }
    if trial.oom_kills > 0 {
        facts.push(counted(trial.oom_kills, "OOM kill"));
    }
    let task = |what: &str, task: &model::Task| format!("{what} pid {} {}", task.pid, span(&task.comm));
    facts.extend(verdict.victim.as_ref().map(|victim| task("victim", victim)));
    facts.extend(verdict.task.as_ref().map(|stuck| task("task", stuck)));
    facts.join("; ")
}

fn last_progress(outcome: Outcome, onset: Onset) -> String {
    let guest = onset.guest_s.map(|seconds| format!(" ({seconds:.3} s by the guest's clock)")).unwrap_or_default();
    let what = if outcome == Outcome::Hang { "the last progress" } else { "the onset" };
    format!("{what} at {:.2} s{guest}", onset.host.as_secs_f64())
}

/// How the verdict stands to what was expected; nothing where a pass was, which is the rule.
fn expectation(trial: &TrialRecord) -> String {
    let expect = &trial.cell.expect;
    if *expect == Expectation::pass() {
        return ".\n".to_owned();
    }
    let reason = expect.reason.as_ref().map(|reason| format!(": {}", phrase(reason))).unwrap_or_default();
    let known = if trial.as_expected() { "as expected".to_owned() } else { format!("though {expect} was expected") };
    format!(", {known}{reason}\n")
}

/// What argued against the verdict, and what argues against others.
fn against(out: &mut String, trial: &TrialRecord, verdict: &Verdict) {
    let clauses = clauses(trial);
    if clauses.is_empty() && verdict.caveats.is_empty() {
        return;
    }
    let _ = writeln!(out, "**Why not something else**:\n");
    let but = verdict.caveats.iter().take(MOST_PHRASES).map(|caveat| format!("caveat: {caveat}"));
    let but: Vec<String> = but.map(|text| phrase(&text)).collect();
    let not = clauses.iter().map(|(kind, clause)| format!("not {}: {}", span(kind), phrase(clause)));
    for line in but.into_iter().chain(not) {
        let _ = writeln!(out, "- {line}");
    }
    out.push('\n');
}

fn list(out: &mut String, evidence: &[Evidence]) {
    for item in evidence.iter().take(MOST_PHRASES) {
        let _ = writeln!(out, "- {}", phrase(&item.to_string()));
    }
    if !evidence.is_empty() {
        out.push('\n');
    }
}
