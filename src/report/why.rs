//! Why a trial was judged as it was: a page of markdown for the trial's folder and for bug reports.

use super::alternatives::clauses;
use super::layout::{counted, duration};
use super::markdown::{block, paragraph, phrase, span};
use super::quarantine::{not_covered, sentence};
use super::text::shell_name;
use model::{Accel, Evidence, Expectation, Onset, Outcome, Subtest, SubtestCounts, TrialRecord, Verdict};
use std::fmt::Write as _;

/// Phrases of one list.
const MAX_PHRASES: usize = 12;

/// Failed subtests that are listed.
const MAX_SUBTESTS: usize = 20;

/// Whether the verdict needs an explanation: no pass, not as expected, with a caveat, or with other reports of the kernel.
pub fn needs_explanation(trial: &TrialRecord) -> bool {
    let is_plain = trial.verdict.caveats.is_empty() && trial.also.is_empty();
    trial.verdict.outcome() != Outcome::Pass || !trial.as_expected() || !is_plain
}

/// The guest, the verdict and its evidence, the caveats and alternatives, and how to reproduce it. `run_dir` is the run's folder as the user may
/// type it. What the guest printed stands in code that it cannot break out of.
pub fn why(run_dir: &str, trial: &TrialRecord) -> String {
    let verdict = &trial.verdict;
    let mut out = format!("# {}/{}: {}\n\n", verdict.outcome(), verdict.kind, span(&trial.folder()));
    let _ = writeln!(out, "{}", paragraph(&verdict.summary));
    let _ = writeln!(out, "**Observed**: {}.\n", observations(trial));
    if !verdict.lines.is_empty() {
        let _ = writeln!(out, "{}", block(&verdict.lines));
    }
    let sure = format!("by rule {}, confidence {:.2}", span(verdict.rule.as_str()), verdict.confidence);
    let _ = writeln!(out, "**Verdict**: {}/{} {sure}{}", verdict.outcome(), verdict.kind, expectation(trial));
    list(&mut out, &verdict.evidence);
    quarantine(&mut out, trial);
    against(&mut out, trial, verdict);
    also(&mut out, trial);
    subtests(&mut out, trial);
    collected(&mut out, trial);
    let name = shell_name(run_dir, &trial.folder());
    let replay = span(&format!("oomlab replay {name} --timeline"));
    let again = format!("{} boots it again, ", span(&format!("oomlab repro {name}")));
    let again = if trial.cell.is_watched() { "" } else { &again };
    let _ = writeln!(out, "**Reproduce**: {again}{replay} draws and judges the recorded trial.");
    out
}

/// The entry that covers the verdict, or why none of the cell's does.
fn quarantine(out: &mut String, trial: &TrialRecord) {
    let lines: Vec<String> = match trial.quarantine() {
        Some(known) => vec![format!("{}: {}", known.place, sentence(known))],
        None => not_covered(trial),
    };
    for line in lines.iter().take(MAX_PHRASES) {
        let _ = writeln!(out, "**Quarantine**: {}.\n", phrase(line));
    }
}

/// What the kernel reported beside the verdict.
fn also(out: &mut String, trial: &TrialRecord) {
    if trial.also.is_empty() {
        return;
    }
    let reports = trial.also.iter().map(|also| match also.count {
        1 => span(&also.title),
        count => format!("{} ({count})", span(&also.title)),
    });
    let _ = writeln!(out, "**Also reported** by the kernel: {}.\n", reports.collect::<Vec<_>>().join(", "));
}

/// What a script reported: counts, and those that failed.
fn subtests(out: &mut String, trial: &TrialRecord) {
    if trial.subtests.is_empty() {
        return;
    }
    let _ = writeln!(out, "**Subtests**: {}.\n", SubtestCounts::of(&trial.subtests));
    let failed: Vec<String> = Subtest::failed(&trial.subtests).map(subtest_line).collect();
    for line in failed.iter().take(MAX_SUBTESTS) {
        let _ = writeln!(out, "- {line}");
    }
    match failed.len().checked_sub(MAX_SUBTESTS).filter(|more| *more > 0) {
        Some(more) => out.push_str(&format!("- and {more} more\n\n")),
        None if failed.is_empty() => {}
        None => out.push('\n'),
    }
}

fn subtest_line(test: &Subtest) -> String {
    let seconds = test.seconds.map(|seconds| format!(" after {}", duration(seconds))).unwrap_or_default();
    let why = test.why.as_ref().map(|why| format!(": {}", span(why))).unwrap_or_default();
    format!("{} {}{seconds}{why}", test.status, span(&test.name))
}

/// The files of the bundle.
fn collected(out: &mut String, trial: &TrialRecord) {
    let files = trial.artifacts.iter().map(|artifact| artifact.file.as_str());
    let files: Vec<String> = files.filter(|file| file.starts_with("bundle/")).map(span).collect();
    if !files.is_empty() {
        let _ = writeln!(out, "**Collected** (each file says when, see `bundle.json`): {}.\n", files.join(", "));
    }
}

/// The guest, and when what happened.
fn observations(trial: &TrialRecord) -> String {
    let (cell, verdict) = (&trial.cell, &trial.verdict);
    let release = trial.kernel_release.as_ref().map(|release| format!(" ({})", span(release))).unwrap_or_default();
    let vcpus = if cell.vcpus == 1 { String::new() } else { format!(", {} vCPUs", cell.vcpus) };
    let machine = format!("{} with {} of RAM{vcpus}", span(cell.arch.name), cell.ram);
    let mut facts = vec![format!("kernel {}{release} on {machine}", span(cell.kernel.as_str()))];
    if !trial.command.is_empty() {
        let how = match trial.accel {
            Accel::Kvm => "under KVM",
            Accel::Tcg => "under TCG",
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

/// How the verdict compares to the expectation; nothing where a pass was expected, which is the rule.
fn expectation(trial: &TrialRecord) -> String {
    let expect = &trial.cell.expect;
    if *expect == Expectation::pass() {
        return ".\n".to_owned();
    }
    let reason = expect.reason.as_ref().map(|reason| format!(": {}", phrase(reason))).unwrap_or_default();
    let known = if trial.as_expected() { "as expected".to_owned() } else { format!("though {expect} was expected") };
    format!(", {known}{reason}\n")
}

/// The caveats of the verdict, and what rules out other kinds.
fn against(out: &mut String, trial: &TrialRecord, verdict: &Verdict) {
    let clauses = clauses(trial);
    if clauses.is_empty() && verdict.caveats.is_empty() {
        return;
    }
    let _ = writeln!(out, "**Caveats and alternatives**:\n");
    let but = verdict.caveats.iter().take(MAX_PHRASES).map(|caveat| format!("caveat: {caveat}"));
    let but: Vec<String> = but.map(|text| phrase(&text)).collect();
    let not = clauses.iter().map(|(kind, clause)| format!("not {}: {}", span(kind), phrase(clause)));
    for line in but.into_iter().chain(not) {
        let _ = writeln!(out, "- {line}");
    }
    out.push('\n');
}

fn list(out: &mut String, evidence: &[Evidence]) {
    for item in evidence.iter().take(MAX_PHRASES) {
        let _ = writeln!(out, "- {}", phrase(&item.to_string()));
    }
    if !evidence.is_empty() {
        out.push('\n');
    }
}
