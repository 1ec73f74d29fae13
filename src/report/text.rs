//! The report that stands in the terminal at the end: what was not expected first, then every cell, then the total.

use super::layout::{Colour, Style, counted, duration};
use super::not_run::not_run;
use super::quarantine::{self, not_covered};
use super::table;
use super::tally::{reports_note, tally, unexpected};
use model::{Expectation, RunRecord, Subtest, TrialRecord, Verdict, printable};
use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;

/// Unexpected trials that are shown in full.
const MAX_SHOWN: usize = 20;
/// Trials that failed as another one did, and are named.
const MAX_ALIKE: usize = 3;
/// Console lines of one trial.
const MAX_LINES: usize = 3;

/// The report of a run, ending in a newline. The last line is the total, on a narrow terminal the last lines. Control characters of the guest do not come through.
pub fn text(run: &RunRecord, style: Style) -> String {
    let mut out = String::new();
    let unexpected = alike(unexpected(run));
    for (trial, others) in unexpected.iter().take(MAX_SHOWN) {
        unexpected_trial(&mut out, run, trial, others, style);
    }
    if let Some(more) = unexpected.len().checked_sub(MAX_SHOWN).filter(|more| *more > 0) {
        let _ = writeln!(out, "and {more} more kinds that were not expected: see the table\n");
    }
    out.push_str(&table::table(run, style));
    known(&mut out, run, style);
    out.push_str(&quarantine::text(run, style));
    out.push_str(&not_run(run, style));
    out.push_str(&total(run, style));
    out
}

/// Trials that failed alike, by the first one: of one kind with one title, or one summary where there is no title.
pub(super) fn alike<'t>(trials: impl Iterator<Item = &'t TrialRecord>) -> Vec<(&'t TrialRecord, Vec<&'t TrialRecord>)> {
    let mut groups: Vec<(&TrialRecord, Vec<&TrialRecord>)> = Vec::new();
    let mut known = HashMap::new();
    for trial in trials {
        let verdict = &trial.verdict;
        let key = (verdict.kind, verdict.title.as_ref().unwrap_or(&verdict.summary), trial.cell.expect.to_string());
        let group = *known.entry(key).or_insert(groups.len());
        match groups.get_mut(group) {
            Some((_, others)) => others.push(trial),
            None => groups.push((trial, Vec::new())),
        }
    }
    groups
}

/// The names of trials that failed as another one did.
fn others_alike(out: &mut String, others: &[&TrialRecord], style: Style) {
    if others.is_empty() {
        return;
    }
    let named: Vec<String> = others.iter().take(MAX_ALIKE).map(|other| other.folder()).collect();
    let more = others.len().checked_sub(MAX_ALIKE).filter(|more| *more > 0);
    let more = more.map(|more| format!(" and {more} more")).unwrap_or_default();
    let trials = counted(others.len() as u64, "other trial");
    out.push_str(&style.wrap(&format!("the same in {trials}: {}{more}", named.join(", ")), 2));
}

/// Unexpected trials that are alike: what happened, why that was not expected, where it is kept, how to see it again.
fn unexpected_trial(out: &mut String, run: &RunRecord, trial: &TrialRecord, others: &[&TrialRecord], style: Style) {
    let (cell, verdict) = (&trial.cell, &trial.verdict);
    let number = if cell.repeat > 1 { format!(" trial {}", trial.trial) } else { String::new() };
    let variant = table::variant(cell);
    let what = format!(
        "{}  {}  {} {} {} {variant}{number}",
        verdict.outcome(),
        verdict.kind,
        cell.kernel,
        cell.arch,
        cell.ram
    );
    let heading = format!("{}  {}", style.paint(Colour::Bad, "UNEXPECTED"), printable(&what));
    let onset = verdict.onset.map(|onset| format!("onset {}", duration(onset.host.as_secs_f64())));
    out.push_str(&style.hang_with(&heading, onset.as_deref()));
    if cell.expect != Expectation::pass() {
        let reason = cell.expect.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
        out.push_str(&style.wrap(&format!("expected {}{reason}", cell.expect), 2));
    }
    for line in not_covered(trial) {
        out.push_str(&style.wrap_paragraph(&line, 2));
    }
    out.push_str(&style.wrap(&verdict.summary, 2));
    reasons(out, verdict, style);
    for line in failed_subtests(trial) {
        out.push_str(&style.hang_with(&format!("  {}", printable(&line)), None));
    }
    for line in verdict.lines.iter().take(MAX_LINES) {
        let line = style.fit(line, style.columns() - 2);
        let _ = writeln!(out, "  {}", style.paint(Colour::Faint, &line));
    }
    if let Some(also) = trial.also_line() {
        out.push_str(&style.wrap(&also, 2));
    }
    others_alike(out, others, style);
    let folder = trial.folder();
    let why = if trial.artifacts.iter().any(|kept| kept.file == "why.md") { "why.md" } else { "" };
    let _ = writeln!(out, "  {}/cells/{}/{why}", printable(run.dir.trim_end_matches('/')), printable(&folder));
    if !trial.removed.is_empty() {
        out.push_str(&style.wrap("its console, events and dumps were removed: the run is old", 2));
    }
    if !cell.is_watched() {
        let _ = writeln!(out, "  {}", style.paint(Colour::Strong, &repro(run, &folder)));
    }
    out.push('\n');
}

/// The subtests that failed, up to [`MAX_LINES`], each with its reason.
fn failed_subtests(trial: &TrialRecord) -> Vec<String> {
    let line = |test: &Subtest| {
        let why = test.why.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
        format!("{} {}{why}", test.status, test.name)
    };
    Subtest::failed(&trial.subtests).take(MAX_LINES).map(line).collect()
}

/// What a verdict rests on, and its caveats.
pub(super) fn reasons(out: &mut String, verdict: &Verdict, style: Style) {
    for evidence in &verdict.evidence {
        out.push_str(&style.wrap_paragraph(&format!("- {evidence}"), 4));
    }
    for caveat in &verdict.caveats {
        out.push_str(&style.wrap_paragraph(&format!("- caveat: {caveat}"), 4));
    }
}

/// The command that runs a trial again.
pub(super) fn repro(run: &RunRecord, folder: &str) -> String {
    format!("oomlab repro {}", shell_name(&run.dir, folder))
}

/// A trial's name as commands take it, quoted for a shell where it must be. A run that is not below `runs` is named by its folder.
pub(super) fn shell_name(run_dir: &str, folder: &str) -> String {
    shell_word(&format!("{}/{folder}", below_runs(run_dir)))
}

/// A run's name as commands take it, quoted as a trial's.
pub fn run_name(run_dir: &str) -> String {
    shell_word(below_runs(run_dir))
}

fn below_runs(run_dir: &str) -> &str {
    let dir = run_dir.trim_end_matches('/');
    dir.strip_prefix("runs/").unwrap_or(dir)
}

fn shell_word(text: &str) -> String {
    let word = printable(text);
    if is_plain_word(&word) {
        return word;
    }
    // What is printable has no NUL, the one character that cannot be quoted.
    shlex::try_quote(&word).unwrap_or_default().into_owned()
}

/// Whether a shell takes the text as one word without quotes.
pub fn is_plain_word(text: &str) -> bool {
    text.chars().all(|c| c.is_ascii_alphanumeric() || "._-+=,~/".contains(c))
}

/// The known failures that occurred, each with its reason and its first verdict.
fn known(out: &mut String, run: &RunRecord, style: Style) {
    let mut known: BTreeMap<(String, &str), (u64, &TrialRecord)> = BTreeMap::new();
    for trial in run.trials.iter().filter(|trial| trial.as_expected()) {
        if let Some(reason) = &trial.cell.expect.reason {
            known.entry((trial.cell.expect.to_string(), reason.as_str())).or_insert((0, trial)).0 += 1;
        }
    }
    for ((verdict, reason), (trials, first)) in &known {
        out.push_str(&style.wrap(&format!("expected {verdict} in {}: {reason}", counted(*trials, "trial")), 0));
        out.push_str(&style.wrap(&format!("{}: {}", first.cell.id, first.verdict.summary), 2));
        reasons(out, &first.verdict, style);
    }
    if !known.is_empty() {
        out.push('\n');
    }
}

fn total(run: &RunRecord, style: Style) -> String {
    let mut facts = tally(&run.trials, style);
    let done = run.trials.len();
    if run.interrupted {
        facts.insert(
            0,
            style.paint(Colour::Bad, &format!("interrupted after {done} of {}", counted(run.planned.into(), "trial"))),
        );
    } else if done < run.planned as usize {
        facts.push(format!("{} to go", run.planned as usize - done));
    }
    facts.extend(reports_note(&run.trials));
    facts.push(duration(run.duration_s));
    facts.push(format!("report {}/", printable(run.dir.trim_end_matches('/'))));
    style.wrap_facts(&facts, 0)
}
