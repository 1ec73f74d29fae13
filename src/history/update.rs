//! Bringing the index up to date: which runs have changed, read in parallel, written by one.

use super::error::HistoryError;
use super::reading::{self, RunFacts};
use super::stamp::Stamp;
use super::writer::Writer;
use crate::store::{BriefReader, MergedName, PART, RunDir, RunHead, StoreError};
use rusqlite::Connection;
use std::collections::{BTreeSet, HashMap};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::sync_channel;

/// Runs that may wait for the writer.
const QUEUE: usize = 4;

/// A run's folder as the index knows it.
struct Known {
    id: i64,
    stamp: Stamp,
    /// `None` for a run that has ended.
    trials: Option<Stamp>,
}

/// A run's folder that the index does not know as it is.
pub(super) struct Changed {
    pub folder: String,
    pub stamp: Stamp,
    pub trials: Stamp,
    pub facts: Result<RunFacts, StoreError>,
}

/// Reads the runs that have changed, and forgets those that are gone. Returns whether there were any.
///
/// # Errors
/// When the folder cannot be listed, or the index is damaged.
pub(super) fn update(db: &mut Connection, runs: &Path) -> Result<bool, HistoryError> {
    let mut known = known(db)?;
    let mut stale = Vec::new();
    for folder in run_folders(runs)? {
        match known.remove(&folder) {
            Some(known) if known.is_current(&runs.join(&folder)) => {}
            _ => stale.push(folder),
        }
    }
    if stale.is_empty() && known.is_empty() {
        return Ok(false);
    }
    let transaction = db.transaction()?;
    let mut writer = Writer::new(&transaction)?;
    for gone in known.values() {
        writer.remove(gone.id)?;
    }
    read_all(runs, &stale, |changed| writer.replace(&changed))?;
    writer.finish()?;
    transaction.commit()?;
    Ok(true)
}

/// Hands each run to `found` as soon as it is read.
fn read_all(
    runs: &Path,
    folders: &[String],
    mut found: impl FnMut(Changed) -> rusqlite::Result<()>,
) -> rusqlite::Result<()> {
    let next = AtomicUsize::new(0);
    let workers = std::thread::available_parallelism().map_or(1, usize::from).min(folders.len());
    std::thread::scope(|scope| {
        let (sender, receiver) = sync_channel(QUEUE);
        for _ in 0..workers {
            let sender = sender.clone();
            let next = &next;
            scope.spawn(move || {
                let mut reader = BriefReader::default();
                while let Some(folder) = folders.get(next.fetch_add(1, Ordering::Relaxed)) {
                    // It closes where the index cannot be written.
                    if sender.send(Changed::read(runs, folder, &mut reader)).is_err() {
                        return;
                    }
                }
            });
        }
        drop(sender);
        receiver.into_iter().try_for_each(&mut found)
    })
}

impl Changed {
    /// What changes after the stamps is read again by the next update.
    fn read(runs: &Path, folder: &str, reader: &mut BriefReader) -> Self {
        let path = runs.join(folder);
        let (stamp, trials) = (Stamp::of_run(&path), Stamp::of_trials(&path));
        Self { folder: folder.to_owned(), stamp, trials, facts: reading::read(&path, reader) }
    }

    /// Whether its own stamp tells all of it from now on.
    pub fn has_ended(&self) -> bool {
        self.facts.as_ref().is_ok_and(|facts| facts.head.finished)
    }
}

impl Known {
    fn is_current(&self, folder: &Path) -> bool {
        let is_same = |trials: &Stamp| *trials == Stamp::of_trials(folder);
        self.stamp == Stamp::of_run(folder) && self.trials.as_ref().is_none_or(is_same)
    }
}

fn known(db: &Connection) -> rusqlite::Result<HashMap<String, Known>> {
    let mut query = db.prepare("SELECT folder, id, stamp, trials_stamp FROM run")?;
    let rows = query.query_map([], |row| {
        let trials: Option<Vec<u8>> = row.get(3)?;
        let stamp = Stamp::from_bytes(row.get(2)?);
        Ok((row.get(0)?, Known { id: row.get(1)?, stamp, trials: trials.map(Stamp::from_bytes) }))
    })?;
    rows.collect()
}

/// Names of the folders with a run. Others, whose names are no text, are none of the lab's.
fn run_folders(runs: &Path) -> Result<Vec<String>, HistoryError> {
    let failed = |source: std::io::Error| match source.kind() {
        std::io::ErrorKind::NotFound => HistoryError::NoRuns { path: runs.to_owned() },
        _ => HistoryError::Read { path: runs.to_owned(), source },
    };
    let mut folders = Vec::new();
    for entry in std::fs::read_dir(runs).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        if let Ok(name) = entry.file_name().into_string()
            && entry.path().join("run.json").is_file()
        {
            folders.push(name);
        }
    }
    folders.sort_unstable();
    let merged = merged(runs, &folders);
    folders.retain(|folder| !merged.contains(folder));
    Ok(folders)
}

/// Names of the folders whose trials are those of a merged run beside them.
fn merged(runs: &Path, folders: &[String]) -> BTreeSet<String> {
    let head = |folder: &str| RunDir::open(&runs.join(folder)).and_then(|run| run.head()).ok();
    // Of runs that are no part of anything none is merged.
    let parts = folders.iter().filter(|folder| runs.join(folder).join(PART).is_file());
    let heads: HashMap<&String, RunHead> = parts.filter_map(|folder| Some((folder, head(folder)?))).collect();
    let lists = heads.values().flat_map(|head| &head.merged);
    let is_it = |named: &&MergedName| {
        heads.iter().any(|(folder, head)| **folder == *named.id.as_str() && head.started == named.started)
    };
    lists.filter(is_it).map(|named| named.id.to_string()).collect()
}
