//! `oomlab history`: all runs, or one cell over them.

use super::completion::cells;
use super::error::CliError;
use super::history_page::history_page;
use super::lookup;
use super::output::{self, style, write_document};
use super::runs::notify_left_out;
use crate::diagnostic::{did_you_mean, listed};
use crate::history::{Index, IndexedCell, Keep};
use crate::matrix::matches_glob;
use crate::report;
use crate::report::html::Base;
use model::CellHistory;
use std::path::PathBuf;

/// Cells that are shown at a time.
const MAX_CELLS: usize = 20;

/// Arguments of `oomlab history`.
#[derive(Debug, Clone, clap::Args)]
pub struct HistoryArgs {
    /// A cell: its id, the beginning of it, or a pattern with `*` and `?` [default: list the runs]
    #[arg(add = cells())]
    pub cell: Option<String>,
    /// Folder of the runs [default: `runs`, here or above]
    #[arg(long, value_name = "DIR")]
    pub runs: Option<PathBuf>,
    /// Only runs of this matrix
    #[arg(long, value_name = "NAME")]
    pub matrix: Option<String>,
    /// List so many runs, the latest
    #[arg(long, value_name = "N", default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..))]
    pub last: u32,
    /// Make the index of the runs again from their folders
    #[arg(long)]
    pub rebuild: bool,
    /// Print a JSON document; see `docs/files.md`
    #[arg(long)]
    pub json: bool,
    /// Write a page for a browser with all cells over the runs; `-` for standard output
    #[arg(long, value_name = "FILE", conflicts_with_all = ["cell", "json", "last"])]
    pub html: Option<PathBuf>,
}

/// Shows the history; returns the program's exit status.
///
/// # Errors
/// When there are no runs, no such matrix or no such cell.
pub fn run(args: &HistoryArgs, color: bool) -> Result<u8, CliError> {
    let keep = if args.rebuild { Keep::Rebuilt } else { Keep::File };
    let index = Index::open(&lookup::runs_folder(args.runs.as_deref()), keep)?;
    let left_out = index.left_out()?;
    let matrix = args.matrix.as_deref();
    check_matrix(&index, matrix)?;
    if let Some(file) = &args.html {
        let runs = index.folder().canonicalize()?;
        write_document(file, &history_page(&index, matrix, &Base::folder(&runs.to_string_lossy()))?)?;
        notify_left_out(&left_out);
        return Ok(0);
    }
    let (text, json) = match &args.cell {
        None => {
            let runs = index.overview(matrix, args.last as usize)?;
            let total = index.runs()?.iter().filter(|run| matrix.is_none_or(|name| run.matrix == name)).count();
            let text = || report::history::runs(&runs, total, style(color));
            (if args.json { String::new() } else { text() }, report::history::runs_json(&runs, &left_out))
        }
        Some(pattern) => {
            let mut cells: Vec<CellHistory> = Vec::new();
            for cell in matching(&index, pattern, matrix, args.json)? {
                cells.extend(index.cell(&cell)?);
            }
            let texts: Vec<String> = cells.iter().map(|cell| report::history::cell(cell, style(color))).collect();
            (texts.join("\n"), report::history::cells_json(&cells, &left_out))
        }
    };
    if args.json {
        output::print_json(&json)?;
    } else {
        output::print(&text)?;
        notify_left_out(&left_out);
    }
    Ok(0)
}

/// Whether runs of this matrix are there.
///
/// # Errors
/// When none is.
pub(super) fn check_matrix(index: &Index, matrix: Option<&str>) -> Result<(), CliError> {
    let Some(name) = matrix else { return Ok(()) };
    let mut known: Vec<String> = index.runs()?.into_iter().map(|run| run.matrix).collect();
    known.sort_unstable();
    known.dedup();
    if known.iter().any(|matrix| matrix == name) {
        return Ok(());
    }
    let names = || known.iter().map(String::as_str);
    let hint = did_you_mean(name, names()).unwrap_or_else(|| format!("there are {}", listed(names())));
    Err(CliError::Usage(format!("no run in {} is of a matrix `{name}`: {hint}", index.folder().display())))
}

/// The cells that a user means.
fn matching(
    index: &Index,
    pattern: &str,
    matrix: Option<&str>,
    is_unlimited: bool,
) -> Result<Vec<IndexedCell>, CliError> {
    let cells = index.cells(matrix)?;
    let select = |fits: &dyn Fn(&str) -> bool| -> Vec<IndexedCell> {
        cells.iter().filter(|cell| fits(cell.cell.as_str())).cloned().collect()
    };
    let mut found = select(&|id| id == pattern);
    if found.is_empty() {
        found = select(&|id| id.starts_with(pattern) || matches_glob(pattern, id));
    }
    let names = |cells: &[IndexedCell]| {
        let mut names: Vec<String> = cells.iter().map(|cell| cell.cell.to_string()).collect();
        names.dedup();
        names
    };
    if found.len() > MAX_CELLS && !is_unlimited {
        let names = names(&found);
        let cells = listed(names.iter().map(String::as_str));
        return Err(CliError::Usage(format!("`{pattern}` fits {} cells: name one of {cells}", names.len())));
    }
    if found.is_empty() {
        let names = names(&cells);
        let known = || names.iter().map(String::as_str);
        let hint = did_you_mean(pattern, known()).unwrap_or_else(|| match names.is_empty() {
            true => "there is none".to_owned(),
            false => format!("there are {}", listed(known())),
        });
        let place = index.folder().display();
        return Err(CliError::Usage(format!("no run in {place} has a cell `{pattern}`: {hint}")));
    }
    Ok(found)
}
