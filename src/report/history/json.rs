//! Runs side by side as JSON documents; `docs/files.md` explains their keys.

use model::{CellHistory, Comparison, FlakyCell, LeftOut, RunOverview};
use serde::Serialize;

/// Version of the documents.
const SCHEMA: u32 = 1;

/// A document with its version and the runs that it lacks.
#[derive(Serialize)]
struct Document<'h, T> {
    schema: u32,
    #[serde(flatten)]
    content: T,
    left_out: &'h [LeftOut],
}

#[derive(Serialize)]
struct Runs<'h> {
    runs: &'h [RunOverview],
}

#[derive(Serialize)]
struct Cells<'h> {
    cells: &'h [CellHistory],
}

#[derive(Serialize)]
struct Flaky<'h> {
    flaky: &'h [FlakyCell],
}

/// The document of `oomlab history --json`.
pub fn runs_json(runs: &[RunOverview], left_out: &[LeftOut]) -> String {
    document(Runs { runs }, left_out)
}

/// The document of `oomlab history CELL --json`.
pub fn cells_json(cells: &[CellHistory], left_out: &[LeftOut]) -> String {
    document(Cells { cells }, left_out)
}

/// The document of `oomlab compare --json`.
pub fn comparison_json(comparison: &Comparison, left_out: &[LeftOut]) -> String {
    document(comparison, left_out)
}

/// The document of `oomlab flaky --json`.
pub fn flaky_json(flaky: &[FlakyCell], left_out: &[LeftOut]) -> String {
    document(Flaky { flaky }, left_out)
}

fn document(content: impl Serialize, left_out: &[LeftOut]) -> String {
    let document = Document { schema: SCHEMA, content, left_out };
    // Plain structs with text keys: there is nothing that JSON cannot hold.
    serde_json::to_string_pretty(&document).unwrap_or_default() + "\n"
}
