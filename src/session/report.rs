//! A search in words: where it stands, and the report at its end.

use super::answer::Summary;
use super::record::{Ended, Subject};
use super::search::Search;
use crate::git::{Commit, CommitId};
use bisect::{Answer, Candidate, Estimate, Standing};
use std::fmt::Write;

/// Commits that are shown while it goes on.
const LEADERS: usize = 5;

/// A commit that is less probable is not listed.
const LISTED: f64 = 0.001;

/// Columns of a bar of certainty.
const BAR: usize = 20;

/// What a line of `status` shows of a commit, without its subject: name, share, bar.
const FIXED_COLUMNS: usize = 2 + 12 + 2 + 2 + 5 + 1 + BAR;

/// Where a search stands: one line, and the most probable commits below it. No line is longer than `width` columns.
pub fn status(search: &Search, width: usize) -> Vec<String> {
    let standing = search.standing();
    let mut lines = vec![headline(search, &standing)];
    let room = width.saturating_sub(FIXED_COLUMNS).max(12);
    for Candidate { revision, probability } in standing.leaders.iter().take(LEADERS) {
        let commit = search.commit(*revision);
        let subject = console::truncate_str(&commit.subject, room, "…").into_owned();
        let bar = "█".repeat((probability * BAR as f64).round() as usize);
        lines.push(format!("  {}  {subject:room$}  {:>4} {bar}", commit.id.short(), percent(*probability)));
    }
    lines
}

fn headline(search: &Search, standing: &Standing) -> String {
    let mut parts = vec![format!("{} {} left of {}", standing.remaining, search.head().units(), search.candidates())];
    parts.push(format!("p ≈ {}", interval(&standing.p)));
    parts.push(format!("{} trials of {} {}", standing.trials, search.tried(), search.head().units()));
    if standing.skipped > 0 {
        parts.push(format!("{} skipped", standing.skipped));
    }
    if standing.others > 0 {
        parts.push(format!("{} failed otherwise", standing.others));
    }
    if standing.expected_s > 0.0 && standing.expected_s.is_finite() {
        let jobs = f64::from(search.head().jobs.max(1));
        let target = percent(search.head().settings.target);
        let left = duration(standing.expected_s / jobs);
        parts.push(format!("about {:.0} trials, {left} to {target}", standing.expected_trials));
    }
    parts.join(" · ")
}

/// What a search has found, as markdown; of one that goes on, what it knows so far.
pub fn report(search: &Search) -> String {
    let mut out = String::new();
    match search.answer() {
        Some(answer) => found(&mut out, search, &answer),
        None => {
            let _ = writeln!(out, "# Bisection with {}: not done yet\n", search.head().subject.words());
            candidates(&mut out, search, &search.standing().leaders);
        }
    }
    others(&mut out, search);
    figures(&mut out, search);
    trials(&mut out, search);
    out
}

fn found(out: &mut String, search: &Search, answer: &Answer) {
    let summary = Summary::new(search, answer);
    match answer {
        Answer::Culprit { commit, probability, confirmed, runners_up } => {
            let commit = search.commit(*commit);
            title(out, search, commit);
            let _ = writeln!(out, "- probability {}", precise(*probability));
            let again = if *confirmed {
                "it and what stands before it were tried once more, and agreed"
            } else {
                "not confirmed"
            };
            let _ = writeln!(out, "- {again}");
            if runners_up.iter().any(|one| one.probability >= LISTED) {
                let _ = writeln!(out, "\n## Runners-up\n");
                candidates(out, search, runners_up);
            }
            if !search.head().is_list() {
                mail(out, search, commit, *probability);
            }
        }
        Answer::Set { candidates: set, probability, .. } => {
            let probability = precise(*probability);
            let _ = writeln!(out, "# One of {} {}, with probability {probability}\n", set.len(), search.head().units());
            let _ = writeln!(out, "What lies between them cannot be tried, or the search was ended early.\n");
            candidates(out, search, set);
        }
        Answer::Premise { .. } => {
            let _ = writeln!(out, "# Nothing to be found between these ends\n");
            let _ = writeln!(out, "{}.", summary.wrong.unwrap_or_default());
        }
    }
}

fn title(out: &mut String, search: &Search, commit: &Commit) {
    let head = search.head();
    if head.is_list() {
        let before = commit.parents.first().map(CommitId::as_str).unwrap_or_default();
        let (from, up_to) = if head.fix { ("passes", "fails") } else { ("fails", "passes") };
        let (words, id) = (head.subject.words(), &commit.id);
        let _ = writeln!(out, "# {id}: from there on it {from}, and up to {before} it {up_to}\n");
        let _ = writeln!(out, "- {words}");
        let _ = writeln!(out, "- the cell is {}", commit.subject);
        return;
    }
    let what = if head.fix { "The repair is" } else { "The culprit is" };
    let _ = writeln!(out, "# {what} {} (\"{}\")\n", commit.id.short(), commit.subject);
    let _ = writeln!(out, "- commit {}", commit.id);
    let _ = writeln!(out, "- author {}, {}", commit.author, commit.date);
}

fn candidates(out: &mut String, search: &Search, candidates: &[Candidate]) {
    for Candidate { revision, probability } in candidates.iter().filter(|one| one.probability >= LISTED) {
        let commit = search.commit(*revision);
        let _ = writeln!(out, "- {} {} {}", precise(*probability), commit.id.short(), commit.subject);
    }
}

/// A text to paste into a mail, with the tag that names a culprit (Linux, `Documentation/process/submitting-patches.rst`).
fn mail(out: &mut String, search: &Search, commit: &Commit, probability: f64) {
    let head = search.head();
    let standing = search.standing();
    let (short, subject) = (commit.id.short(), &commit.subject);
    let _ = writeln!(out, "\n## For a mail\n\n```text");
    let verb = if head.fix { "was repaired by" } else { "was brought in by" };
    let _ = writeln!(out, "What {} shows {verb}\n\n    {short} (\"{subject}\")\n", head.subject.words());
    let tested = head.old.iter().map(CommitId::short).collect::<Vec<_>>().join(" ");
    let _ = writeln!(
        out,
        "found by bisecting {} commits ({tested}..{}) with {} trials of {} of them, probability {}.",
        search.candidates(),
        head.new.short(),
        standing.trials,
        search.tried(),
        precise(probability)
    );
    let revision = search.revision(&commit.id);
    let count = |id: &CommitId| {
        let of = |ended: Ended| search.entries().iter().filter(|e| e.commit == *id && e.ended == ended).count();
        format!("{} of {} trials failed", of(Ended::Bad), of(Ended::Bad) + of(Ended::Good))
    };
    let _ = writeln!(out, "At the commit {}", count(&commit.id));
    for parent in revision.map(|at| &search.commit(at).parents).into_iter().flatten() {
        let _ = writeln!(out, "before it ({}) {}", parent.short(), count(parent));
    }
    if !head.fix {
        let _ = writeln!(out, "\nFixes: {short} (\"{subject}\")");
    }
    let _ = writeln!(out, "```");
}

fn figures(out: &mut String, search: &Search) {
    let standing = search.standing();
    let head = search.head();
    let seconds: f64 = search.entries().iter().map(|entry| entry.seconds).sum();
    let (p, q) =
        if head.fix { ("passes with the fix", "without it") } else { ("fails with the culprit", "without it") };
    let _ = writeln!(out, "\n## Figures\n");
    let _ = writeln!(out, "- {} candidates before the first trial", search.candidates());
    let _ = writeln!(
        out,
        "- {} trials of {} {}, {} skipped, {} failed otherwise, {} of work",
        standing.trials,
        search.tried(),
        head.units(),
        standing.skipped,
        standing.others,
        duration(seconds)
    );
    let _ = writeln!(out, "- a trial {p}: {}; {q}: {}", interval(&standing.p), interval(&standing.q));
    if let Subject::Command { command, .. } = &head.subject {
        let _ = writeln!(out, "- again by hand: `git checkout --detach COMMIT && {command}`");
    }
}

/// Failures that count for neither side.
fn others(out: &mut String, search: &Search) {
    let mut kinds: Vec<(String, &CommitId, usize)> = Vec::new();
    for entry in search.entries().iter().filter(|entry| entry.ended == Ended::Other) {
        let exit = entry.exit.map(|exit| format!("exit status {exit}"));
        let what = entry.title.clone().or_else(|| entry.verdict.clone()).or(exit).unwrap_or_default();
        match kinds.iter_mut().find(|(known, ..)| *known == what) {
            Some((.., times)) => *times += 1,
            None => kinds.push((what, &entry.commit, 1)),
        }
    }
    if !kinds.is_empty() {
        let _ = writeln!(out, "\n## Other failures met on the way\n");
    }
    for (what, commit, times) in kinds {
        let _ = writeln!(out, "- {what}: {times} times, first at {}", commit.short());
    }
}

fn trials(out: &mut String, search: &Search) {
    let _ = writeln!(out, "\n## Trials\n\n| commit | ended | with | seconds | for | log |\n|---|---|---|---|---|---|");
    for entry in search.entries() {
        let exit = entry.exit.map(|exit| exit.to_string());
        let exit = entry.verdict.clone().or(exit).unwrap_or_else(|| "–".to_owned());
        let (commit, ended) = (entry.commit.short(), entry.ended.as_str());
        let _ = writeln!(out, "| {commit} | {ended} | {exit} | {:.1} | {} | {} |", entry.seconds, entry.why, entry.log);
    }
}

fn interval(share: &Estimate) -> String {
    format!("{:.2} ({:.2}–{:.2})", share.mean, share.low, share.high)
}

fn percent(share: f64) -> String {
    format!("{:.0} %", 100.0 * share)
}

/// A probability as text. Never rounded up: no commit is named with more confidence than there is.
pub fn precise(share: f64) -> String {
    format!("{:.1} %", (1000.0 * share).floor() / 10.0)
}

/// Seconds as people say them.
pub(super) fn duration(seconds: f64) -> String {
    match seconds {
        s if s < 100.0 => format!("{s:.0} s"),
        s if s < 6000.0 => format!("{:.0} min", s / 60.0),
        s => format!("{:.1} h", s / 3600.0),
    }
}
