//! A cell that failed or was unexpected, in full: each of its failures with the reasons and the commands to go on with.

use super::cell::{CellView, Keys};
use super::row::trial_url;
use super::{RunPage, State, TrialRecord};
use crate::report::alternatives::clauses;
use crate::report::html::link::Link;
use crate::report::html::text::{line, phrase, phrases};
use crate::report::html::trend::{tone, word};
use crate::report::html::trial::{Commands, Subtests, commands, quarantine, task};
use crate::report::layout::{counted, duration};
use crate::report::tally::Standing;
use crate::report::text::alike;
use std::collections::HashSet;

/// Subtests that a cell lists; the trial's page has all.
const MAX_SUBTESTS: usize = 20;

/// Cells that are open at first.
const MAX_OPEN: usize = 10;

/// One cell.
pub(super) struct Card {
    pub anchor: String,
    pub keys: Keys,
    pub state: State,
    pub id: String,
    /// Outcome and kind of its first failure.
    pub verdict: String,
    pub title: String,
    pub rate: String,
    /// What the history says: a class, and a sentence.
    pub trends: Vec<(&'static str, String)>,
    /// The expectation, where it is not a pass.
    pub expectation: String,
    pub trials: Vec<TrialLink>,
    pub failures: Vec<FailureView>,
    /// Whether it is open at first: what it shows is not in one before it.
    pub open: bool,
}

/// A trial with its page or folder.
pub(super) struct TrialLink {
    pub state: State,
    pub number: u32,
    pub url: Option<String>,
}

/// Trials that failed alike, by the first of them.
pub(super) struct FailureView {
    pub verdict: String,
    pub title: String,
    pub summary: String,
    /// The entry of the quarantine that covers it; empty without one.
    pub quarantine: String,
    /// Victim, task, onset, kills.
    pub facts: Vec<String>,
    pub evidence: Vec<String>,
    pub caveats: Vec<String>,
    /// Kinds that it is not, and why.
    pub alternatives: Vec<(&'static str, String)>,
    pub lines: Vec<String>,
    pub also: Vec<String>,
    pub subtests: Option<Subtests>,
    pub trials: String,
    pub files: Vec<Link>,
    pub commands: Commands,
}

/// The cells that are shown in full, the most urgent first, at most `max`; and the others, in their order.
pub(super) fn split<'c, 'r>(cells: &'c [CellView<'r>], max: usize) -> (Vec<&'c CellView<'r>>, Vec<&'c CellView<'r>>) {
    let mut cards: Vec<usize> = (0..cells.len()).filter(|index| cells[*index].state <= State::Known).collect();
    cards.sort_by_key(|index| {
        let (state, trend) = (cells[*index].state, cells[*index].trend());
        (state, trend.is_none(), trend)
    });
    cards.truncate(max);
    let shown: HashSet<usize> = cards.iter().copied().collect();
    let rows = (0..cells.len()).filter(|index| !shown.contains(index)).map(|index| &cells[index]).collect();
    (cards.into_iter().map(|index| &cells[index]).collect(), rows)
}

/// The cards of these cells; the first unexpected ones are open, of those that are alike one.
pub(super) fn cards(input: &RunPage<'_>, cells: &[&CellView<'_>]) -> Vec<Card> {
    let mut cards: Vec<Card> = cells.iter().map(|cell| Card::of(input, cell)).collect();
    let mut seen = HashSet::new();
    for card in cards.iter_mut().filter(|card| card.state == State::Unexpected) {
        card.open = seen.len() < MAX_OPEN && seen.insert((card.verdict.clone(), card.title.clone()));
    }
    cards
}

impl Card {
    fn of(input: &RunPage<'_>, cell: &CellView<'_>) -> Self {
        let is_shown = |trial: &&TrialRecord| match cell.state {
            State::Unexpected => Standing::of(trial) == Standing::Unexpected,
            _ => super::has_page(trial),
        };
        let groups = alike(cell.trials.iter().copied().filter(is_shown));
        let failures: Vec<FailureView> =
            groups.iter().map(|(first, others)| failure(input, cell, first, others)).collect();
        let first = failures.first();
        let trend = |trend: &&model::CellTrend| {
            let before = trend.rate_before.as_ref().map(|before| format!("{} → ", before.brief())).unwrap_or_default();
            (tone(trend.trend), format!("{} {before}{}", word(trend.trend), trend.rate.brief()))
        };
        let expect = &cell.cell.expect;
        let reason = expect.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
        let plain = !expect.is_failure() && expect.reason.is_none();
        Self {
            anchor: cell.anchor(),
            keys: cell.keys(),
            state: cell.state,
            id: phrase(cell.cell.id.as_str()),
            verdict: first.map(|failure| failure.verdict.clone()).unwrap_or_default(),
            title: first.map(|failure| failure.title.clone()).unwrap_or_default(),
            rate: cell.rate.words("–").unwrap_or_default(),
            trends: cell.trends.iter().map(trend).collect(),
            expectation: if plain { String::new() } else { phrase(&format!("{expect}{reason}")) },
            trials: cell.trials.iter().map(|trial| trial_link(input, trial)).collect(),
            failures,
            open: false,
        }
    }
}

fn trial_link(input: &RunPage<'_>, trial: &TrialRecord) -> TrialLink {
    let state = match Standing::of(trial) {
        Standing::Pass => State::Pass,
        Standing::KnownFailure => State::Known,
        Standing::Quarantined => State::Quarantined,
        Standing::Stopped => State::Stopped,
        Standing::Unexpected => State::Unexpected,
    };
    TrialLink { state, number: trial.trial, url: trial_url(input, &trial.folder()) }
}

fn failure(input: &RunPage<'_>, cell: &CellView<'_>, first: &TrialRecord, others: &[&TrialRecord]) -> FailureView {
    let verdict = &first.verdict;
    let folder = first.folder();
    let mut facts: Vec<String> = Vec::new();
    facts.extend(verdict.victim.as_ref().map(|victim| task("victim", victim)));
    facts.extend(verdict.task.as_ref().map(|stuck| task("task", stuck)));
    facts.extend(verdict.onset.map(|onset| format!("onset {}", duration(onset.host.as_secs_f64()))));
    if first.oom_kills > 0 {
        facts.push(counted(first.oom_kills, "OOM kill"));
    }
    facts.push(format!("confidence {:.2} by rule {}", verdict.confidence, verdict.rule));
    let all = cell.trials.len();
    let trials = if all > 1 { format!("{} of {all} trials", others.len() + 1) } else { String::new() };
    let kept = |name: &str| first.artifacts.iter().any(|artifact| artifact.file == name);
    let mut files: Vec<Link> = Vec::new();
    let mut link = |text: &str, path: String| {
        files.push(Link { text: text.to_owned(), url: input.base.url(&path) });
    };
    if input.pages.contains(&folder) {
        link("trial page", format!("cells/{folder}/{}", crate::report::html::PAGE));
    }
    for name in ["why.md", "console.log"].into_iter().filter(|name| kept(name)) {
        link(name, format!("cells/{folder}/{name}"));
    }
    link("all files", format!("cells/{folder}/"));
    FailureView {
        verdict: format!("{}/{}", verdict.outcome(), verdict.kind),
        title: verdict.title.as_deref().map(phrase).unwrap_or_default(),
        summary: phrase(&verdict.summary),
        quarantine: quarantine(first),
        facts,
        evidence: phrases(&verdict.evidence),
        caveats: phrases(&verdict.caveats),
        alternatives: clauses(first).into_iter().map(|(kind, why)| (kind, phrase(&why))).collect(),
        lines: verdict.lines.iter().map(|text| line(text)).collect(),
        also: phrases(&first.also),
        subtests: Subtests::of(first, MAX_SUBTESTS),
        trials,
        files,
        commands: commands(&input.run.dir, first),
    }
}
