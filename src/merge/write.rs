//! The folder of a merged run.

use super::combine::Merged;
use super::error::MergeError;
use crate::host::{ScratchDir, check_cancelled};
use crate::store::{MergedName, RunDir, RunHead, write_durably};
use model::{RunId, trial_folder};
use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::path::Path;
use tokio_util::sync::CancellationToken;

/// Files of a trial that are made again for its place in the merged run.
const PAGE: &str = "report.html";

/// Maximum depth of the folders in that of a trial.
const MAX_DEPTH: u32 = 8;

/// Writes the merged run to `out`, which is not there or is an empty folder; readers see nothing or all of it. Evidence has further
/// names where the file system can give them, and is copied otherwise.
///
/// # Errors
/// When there is something at `out`, a file cannot be read or written, or `cancel` is cancelled.
pub fn write(merged: &Merged, out: &Path, cancel: &CancellationToken) -> Result<RunDir, MergeError> {
    let is_free = match out.read_dir() {
        Ok(mut entries) => entries.next().is_none(),
        Err(error) => error.kind() == ErrorKind::NotFound,
    };
    if !is_free {
        return Err(MergeError::Exists(out.to_owned()));
    }
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| MergeError::Write { path, source }
    };
    let parent = out.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::create_dir_all(parent).map_err(failed(parent))?;
    let folder = ScratchDir::create_in(parent).map_err(failed(parent))?;
    let cells = folder.path().join("cells");
    fs::create_dir(&cells).map_err(failed(&cells))?;
    for ((id, number), trial) in &merged.trials {
        check_cancelled(cancel).map_err(failed(out))?;
        let to = cells.join(trial_folder(id.as_str(), *number));
        link_folder(&trial.folder, &to, MAX_DEPTH).map_err(failed(&to))?;
    }
    let name = out.file_name().map_or("run".into(), |name| name.to_string_lossy());
    write_durably(&folder.path().join("plan.json"), &merged.plan)?;
    write_durably(&folder.path().join("part.json"), &merged.part)?;
    write_durably(&folder.path().join("run.json"), &head(merged, RunId::new(name)))?;
    let run = RunDir::open(folder.path())?;
    if !merged.further.is_empty() {
        run.add_trials(&merged.further)?;
    }
    if !merged.regressions.is_empty() {
        run.store_regressions(merged.regressions.clone())?;
    }
    folder.persist(out).map_err(failed(out))?;
    Ok(RunDir::open(out)?)
}

/// The machines work at the same time: the run began with the first one, and takes as long as the slowest.
fn head(merged: &Merged, id: RunId) -> RunHead {
    let runs = &merged.part.runs;
    let started = runs.iter().map(|run| run.started.clone()).min().unwrap_or_default();
    let longest_ms = runs.iter().map(|run| run.duration_ms).max().unwrap_or_default();
    // A run of the same format can be merged with it.
    let mut head = RunHead::new(id, merged.plan.name.clone(), started).of_format(merged.format);
    head.duration_s = longest_ms as f64 / 1000.0;
    head.finished = merged.is_complete();
    head.interrupted = !head.finished && runs.iter().any(|run| run.interrupted);
    head.merged = runs.iter().map(|run| MergedName { id: run.id.clone(), started: run.started.clone() }).collect();
    head
}

/// Files and folders; a link or a device would not be the trial's.
fn link_folder(from: &Path, to: &Path, depth: u32) -> io::Result<()> {
    fs::create_dir(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (kind, name) = (entry.file_type()?, entry.file_name());
        let (from, to) = (entry.path(), to.join(&name));
        // The page of the trial is made again; a file of this name that it fetched is not that.
        if kind.is_file() && (name != PAGE || depth < MAX_DEPTH) {
            link(&from, &to)?;
        } else if kind.is_dir() && depth > 0 {
            link_folder(&from, &to, depth - 1)?;
        }
    }
    Ok(())
}

/// Every file of a trial is written once and then replaced as a whole, so that two runs can share it.
fn link(from: &Path, to: &Path) -> io::Result<()> {
    if fs::hard_link(from, to).is_ok() {
        return Ok(());
    }
    fs::copy(from, to)?;
    // The time of a record says when its trial ended.
    let modified = fs::metadata(from)?.modified()?;
    File::open(to)?.set_modified(modified)
}
