//! The page of a run: what is new first, then a map of all cells, then each cell.

mod card;
mod cell;
mod headline;
mod heat;
mod missing;
mod regression;
mod row;
mod summary;
mod tile;

use super::link::Base;
use super::page::{Page, render};
use crate::report::layout::counted;
use crate::report::tally::Standing;
use askama::Template;
use card::Card;
use cell::{CellView, Choices, State, cells};
use headline::Headlines;
use heat::HeatMap;
use missing::Missing;
use model::{CellTrend, Outcome, Plan, RunRecord, TrialRecord};
use regression::RegressionView;
use row::RowGroup;
use std::collections::BTreeSet;
use summary::Summary;
use tile::Tile;

/// Cells that are shown in full, the most urgent first; others are rows, with a link to the page of a trial.
const MAX_CARDS: usize = 300;

/// What a run's page shows.
#[derive(Debug, Clone, Copy)]
pub struct RunPage<'r> {
    /// The run.
    pub run: &'r RunRecord,
    /// Its plan: what did not run.
    pub plan: &'r Plan,
    /// What earlier runs say of its cells; empty where nothing is known of earlier runs.
    pub trends: &'r [CellTrend],
    /// Where the links go.
    pub base: &'r Base,
    /// Folders of the trials that have a page.
    pub pages: &'r BTreeSet<String>,
}

/// Whether a trial gets a page of its own: it failed, or did not end as expected.
pub fn has_page(trial: &TrialRecord) -> bool {
    trial.verdict.outcome() != Outcome::Pass || !trial.as_expected()
}

/// The page of a run.
pub fn run_page(input: &RunPage<'_>) -> String {
    let cells = cells(input);
    let (cards, rows): (Vec<&CellView<'_>>, Vec<&CellView<'_>>) = card::split(&cells, MAX_CARDS);
    let choices = Choices::of(&cells);
    render(&Document {
        page: Page::filtered(format!("{} {}", input.run.name, input.run.id)),
        summary: Summary::of(input, &cells),
        tiles: tile::tiles(input, &cells),
        headlines: headline::headlines(input, &cells),
        heat: heat::maps(&cells),
        regressions: regression::regressions(input),
        choices,
        cells: counted(cells.len() as u64, "cell"),
        cards: card::cards(input, &cards),
        rows: row::groups(input, &rows),
        missing: Missing::of(input, &cells),
    })
}

#[derive(Template)]
#[template(path = "run.html", whitespace = "minimize")]
struct Document {
    page: Page,
    summary: Summary,
    tiles: Vec<Tile>,
    headlines: Headlines,
    heat: Vec<HeatMap>,
    regressions: Vec<RegressionView>,
    choices: Choices,
    cells: String,
    cards: Vec<Card>,
    rows: Vec<RowGroup>,
    missing: Missing,
}
