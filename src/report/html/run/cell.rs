//! A cell with its trials, and what the filters know of it.

use super::{CellTrend, RunPage, Standing};
use crate::report::html::link::anchor;
use crate::report::rate::Rate;
use crate::report::table;
use model::{Cell, Trend, TrialRecord};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// How a cell stands in the run, the most urgent first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum State {
    Unexpected,
    Quarantined,
    Known,
    Pass,
    Stopped,
    NotRun,
}

impl State {
    fn of(trials: &[&TrialRecord]) -> Self {
        // The worst trial counts.
        match trials.iter().map(|trial| Standing::of(trial)).max() {
            Some(Standing::Unexpected) => Self::Unexpected,
            Some(Standing::Quarantined) => Self::Quarantined,
            Some(Standing::KnownFailure) => Self::Known,
            Some(Standing::Stopped) => Self::Stopped,
            Some(Standing::Pass) => Self::Pass,
            None => Self::NotRun,
        }
    }

    /// The word for it in filters and classes of the style.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unexpected => "unexpected",
            Self::Quarantined => "quarantined",
            Self::Known => "expected-failure",
            Self::Pass => "pass",
            Self::Stopped => "stopped",
            Self::NotRun => "not-run",
        }
    }

    pub const fn sign(self) -> &'static str {
        match self {
            Self::Unexpected => "✗",
            Self::Quarantined => "○",
            Self::Known => "●",
            Self::Pass => "✓",
            Self::Stopped => "–",
            Self::NotRun => "·",
        }
    }
}

/// A cell with its finished trials and what the history says of it.
pub(super) struct CellView<'r> {
    pub cell: &'r Cell,
    pub trials: Vec<&'r TrialRecord>,
    pub trends: Vec<&'r CellTrend>,
    pub state: State,
    pub rate: Rate,
}

impl CellView<'_> {
    pub fn anchor(&self) -> String {
        anchor(self.cell.id.as_str())
    }

    /// What the history calls it first.
    pub fn trend(&self) -> Option<Trend> {
        self.trends.iter().map(|trend| trend.trend).min()
    }

    /// The part of its id that is not kernel, architecture or RAM.
    pub fn variant(&self) -> String {
        table::variant(self.cell)
    }

    pub fn keys(&self) -> Keys {
        let unique = |words: BTreeSet<&str>| words.into_iter().collect::<Vec<_>>().join(" ");
        let verdicts = self.trials.iter().map(|trial| &trial.verdict);
        Keys {
            state: self.state.as_str(),
            outcomes: unique(verdicts.clone().map(|verdict| verdict.outcome().as_str()).collect()),
            kinds: unique(verdicts.map(|verdict| verdict.kind.as_str()).collect()),
            trends: unique(self.trends.iter().map(|trend| trend.trend.as_str()).collect()),
            kernel: self.cell.kernel.to_string(),
            arch: self.cell.arch.name,
            ram: self.cell.ram.to_string(),
            workload: self.cell.workload_name().to_owned(),
        }
    }
}

/// The values of a cell that filters compare; several words are separated by spaces.
pub(super) struct Keys {
    pub state: &'static str,
    pub outcomes: String,
    pub kinds: String,
    pub trends: String,
    pub kernel: String,
    pub arch: &'static str,
    pub ram: String,
    pub workload: String,
}

/// All cells: those that ran, by kernel and architecture, then those of the plan that did not.
pub(super) fn cells<'r>(input: &RunPage<'r>) -> Vec<CellView<'r>> {
    let mut trends: HashMap<&str, Vec<&CellTrend>> = HashMap::new();
    for trend in input.trends {
        trends.entry(trend.cell.as_str()).or_default().push(trend);
    }
    let mut view = |cell: &'r Cell, trials: Vec<&'r TrialRecord>| CellView {
        cell,
        trends: trends.remove(cell.id.as_str()).unwrap_or_default(),
        state: State::of(&trials),
        rate: Rate::of(trials.iter().copied()),
        trials,
    };
    let ran: BTreeSet<&str> = input.run.trials.iter().map(|trial| trial.cell.id.as_str()).collect();
    let mut all: Vec<CellView<'r>> =
        table::rows(input.run).into_iter().map(|trials| view(&trials[0].cell, trials)).collect();
    let not_run = input.plan.cells.iter().filter(|cell| !ran.contains(cell.id.as_str()));
    all.extend(not_run.map(|cell| view(cell, Vec::new())));
    all
}

/// One value to choose in a filter, and the number of cells with it.
pub(super) struct Choice {
    pub key: &'static str,
    pub label: &'static str,
    pub values: Vec<(String, usize)>,
}

/// The filters of the page.
pub(super) struct Choices(pub Vec<Choice>);

impl Choices {
    /// Those that divide these cells.
    pub fn of(cells: &[CellView<'_>]) -> Self {
        let keys: Vec<Keys> = cells.iter().map(CellView::keys).collect();
        let words = |value: &str| value.split(' ').filter(|word| !word.is_empty()).map(str::to_owned).collect();
        let whole = |value: &str| vec![value.to_owned()];
        type Read<'k> = Box<dyn Fn(&Keys) -> Vec<String> + 'k>;
        let reads: [(&'static str, &'static str, Read<'_>); 8] = [
            ("state", "state", Box::new(|key| whole(key.state))),
            ("trend", "trend", Box::new(|key| words(&key.trends))),
            ("outcome", "outcome", Box::new(|key| words(&key.outcomes))),
            ("kind", "kind", Box::new(|key| words(&key.kinds))),
            ("kernel", "kernel", Box::new(|key| whole(&key.kernel))),
            ("arch", "architecture", Box::new(|key| whole(key.arch))),
            ("ram", "RAM", Box::new(|key| whole(&key.ram))),
            ("workload", "workload", Box::new(|key| whole(&key.workload))),
        ];
        let choice = |(key, label, read): (&'static str, &'static str, Read<'_>)| {
            let mut values: BTreeMap<String, usize> = BTreeMap::new();
            for value in keys.iter().flat_map(&read) {
                *values.entry(value).or_default() += 1;
            }
            Choice { key, label, values: values.into_iter().collect() }
        };
        Self(reads.into_iter().map(choice).filter(|choice| choice.values.len() > 1).collect())
    }
}
