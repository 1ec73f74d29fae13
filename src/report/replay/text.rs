//! Recorded trials that were judged again, for a person.

use super::difference::{Difference, differences};
use super::trial::{Standing, Trial};
use crate::report::layout::{Colour, Style, counted, duration};
use model::{Outcome, Verdict, printable};
use std::fmt::Write as _;

/// The report of one trial, ending in an empty line; nothing when its verdict is the same, unless it is to be shown `in
/// full`. Control characters of the guest do not come through.
pub fn text(trial: &Trial, in_full: bool, style: Style) -> String {
    let mut out = String::new();
    if trial.standing == Standing::Same && !in_full {
        return out;
    }
    let (word, colour) = match trial.standing {
        Standing::Same => ("SAME", Colour::Good),
        Standing::Changed => ("CHANGED", Colour::Bad),
        Standing::Undecided => ("UNDECIDED", Colour::Bad),
        Standing::LabFailed => ("NOT JUDGED", Colour::Faint),
        Standing::Running => ("NO VERDICT", Colour::Faint),
        Standing::Unreadable => ("UNREADABLE", Colour::Bad),
    };
    let _ = writeln!(out, "{}  {}", style.paint(colour, word), printable(&trial.name));
    if let Some(why) = &trial.why {
        out.push_str(&style.wrap(why, 2));
    }
    match (&trial.was, &trial.now) {
        (Some(was), Some(now)) if trial.standing == Standing::Changed => change(&mut out, was, now, style),
        (Some(was), _) if trial.standing != Standing::Same => sentence(&mut out, "was", was, style),
        (None, Some(now)) => sentence(&mut out, "now", now, style),
        _ => {}
    }
    if in_full && let Some(verdict) = trial.now.as_ref().or(trial.was.as_ref()) {
        full(&mut out, verdict, style);
    }
    let _ = writeln!(out, "  {}/\n", printable(trial.dir.trim_end_matches('/')));
    out
}

fn change(out: &mut String, was: &Verdict, now: &Verdict, style: Style) {
    if (was.kind, was.rule, &was.summary) == (now.kind, now.rule, &now.summary) {
        sentence(out, "yet", now, style);
    } else {
        sentence(out, "was", was, style);
        sentence(out, "now", now, style);
    }
    for difference in differences(was, now) {
        let (text, colour) = match difference {
            Difference::Other { what, was, now } => (format!("{what}: {was} {} {now}", style.arrow()), Colour::Strong),
            Difference::Gone(phrase) => (format!("- {phrase}"), Colour::Bad),
            Difference::New(phrase) => (format!("+ {phrase}"), Colour::Good),
        };
        for line in style.wrap_paragraph(&text, 4).lines() {
            let _ = writeln!(out, "    {}", style.paint(colour, &line[4..]));
        }
    }
}

/// Kind, rule and summary of a verdict.
fn sentence(out: &mut String, when: &str, verdict: &Verdict, style: Style) {
    let what = format!("{}/{}", verdict.outcome(), verdict.kind);
    let rule = verdict.rule;
    let _ = writeln!(out, "  {when}  {} by {rule}", style.paint(colour(verdict), &what));
    out.push_str(&style.wrap_paragraph(&verdict.summary, 7));
}

/// A verdict with all its fields.
fn full(out: &mut String, verdict: &Verdict, style: Style) {
    let mut facts = vec![
        style.paint(colour(verdict), &format!("{}/{}", verdict.outcome(), verdict.kind)),
        format!("rule {}", verdict.rule),
        format!("confidence {:.2}", verdict.confidence),
    ];
    facts.extend(verdict.onset.map(|onset| {
        let guest = onset.guest_s.map(|seconds| format!(" (guest {})", duration(seconds))).unwrap_or_default();
        format!("onset {}{guest}", duration(onset.host.as_secs_f64()))
    }));
    let task = |what: &str, task: &model::Task| printable(&format!("{what} pid {} ({})", task.pid, task.comm));
    facts.extend(verdict.victim.as_ref().map(|victim| task("victim", victim)));
    facts.extend(verdict.task.as_ref().map(|stuck| task("task", stuck)));
    out.push_str(&style.wrap_facts(&facts, 2));
    out.push_str(&style.wrap_paragraph(&verdict.summary, 2));
    crate::report::text::reasons(out, verdict, style);
    for line in &verdict.lines {
        let _ = writeln!(out, "  {}", style.paint(Colour::Faint, &style.fit(line, style.columns() - 2)));
    }
}

fn colour(verdict: &Verdict) -> Colour {
    match verdict.outcome() {
        Outcome::Pass => Colour::Good,
        Outcome::Inconclusive => Colour::Known,
        Outcome::Hang | Outcome::Crash | Outcome::BootFailed | Outcome::Fail | Outcome::LabError => Colour::Bad,
    }
}

/// One line: how many trials there were, and how they stand.
pub fn total(trials: &[Trial], style: Style) -> String {
    let count = |standing| trials.iter().filter(|trial| trial.standing == standing).count();
    let words = |standings: &[(Standing, &str, Colour)]| {
        let some = standings.iter().filter(|(standing, ..)| count(*standing) > 0);
        some.map(|(standing, word, colour)| style.paint(*colour, &format!("{} {word}", count(*standing))))
            .collect::<Vec<_>>()
    };
    let judged = words(&[
        (Standing::Same, "the same", Colour::Good),
        (Standing::Changed, "changed", Colour::Bad),
        (Standing::Undecided, "undecided", Colour::Bad),
    ]);
    let others = words(&[
        (Standing::LabFailed, "without a judgement", Colour::Faint),
        (Standing::Running, "without a verdict", Colour::Faint),
        (Standing::Unreadable, "unreadable", Colour::Bad),
    ]);
    let number = trials.iter().filter(|trial| trial.standing.is_judged()).count();
    let mut parts = Vec::new();
    if !judged.is_empty() || others.is_empty() {
        parts.push(format!("{} judged again: {}", counted(number as u64, "trial"), judged.join(", ")));
    }
    if !others.is_empty() {
        parts.push(format!("not judged: {}", others.join(", ")));
    }
    parts.join("; ") + "\n"
}
