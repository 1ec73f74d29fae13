//! The pages of a folder of nights: one that lists them, and the history of all cells.

use super::night::Night;
use crate::cli::error::CliError;
use crate::cli::history_page::history_page;
use crate::cli::output::write_file;
use crate::history::{Index, Keep};
use crate::nightly::{Counts, NightResult, nights};
use crate::report::html::{self, Base, NightLine, NightsPage};
use std::path::{Component, Path, PathBuf};

impl Night<'_> {
    /// Writes the pages; returns the path of the one that lists the nights, with this night as it is now.
    ///
    /// # Errors
    /// When the history cannot be read, or a page cannot be written.
    pub fn pages(&self, folder: &Path, result: NightResult, counts: Counts) -> Result<PathBuf, CliError> {
        std::fs::create_dir_all(folder)?;
        let base = Base::relative(&relative(folder, &self.config.runs)?);
        let mut lines: Vec<NightLine> = Vec::new();
        for night in nights(&self.config.runs.join("nights")) {
            let is_this = night.id == self.dir.night().id;
            let (result, counts) = if is_this { (Some(result), Some(counts)) } else { (night.result, night.counts) };
            lines.push(NightLine {
                id: night.id,
                started: night.started,
                result: result.map_or("not over", NightResult::as_str),
                is_bad: result.is_some_and(|result| result.exit_code() != 0),
                counts: counts.map(|Counts { new, worse, fixed, undecided, .. }| [new, worse, fixed, undecided]),
                runs: night.runs.into_iter().filter_map(|run| run.run).collect(),
            });
        }
        let index = Index::open(&self.config.runs, Keep::File)?;
        write_file(&folder.join("history.html"), &history_page(&index, None, &base)?)?;
        let page = folder.join("index.html");
        write_file(&page, &html::nights_page(&NightsPage { nights: &lines, base: &base }))?;
        Ok(page)
    }
}

/// The way from one folder to another, without links on it.
fn relative(from: &Path, to: &Path) -> Result<String, CliError> {
    let (from, to) = (from.canonicalize()?, to.canonicalize()?);
    let common = from.components().zip(to.components()).take_while(|(one, other)| one == other).count();
    let up = from.components().skip(common).map(|_| Component::ParentDir);
    let way: PathBuf = up.chain(to.components().skip(common)).collect();
    Ok(way.to_string_lossy().into_owned())
}
