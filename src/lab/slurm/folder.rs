//! The folder `slurm` of a run, which is there while the run has jobs.

use crate::lab::LabError;
use crate::store::{RunDir, read_json, write_durably, write_json};
use model::printable;
use rustix::rand::{GetRandomFlags, getrandom};
use serde::{Deserialize, Serialize};
use std::io;
use std::path::{Path, PathBuf};

/// Version of the folder's files.
const SCHEMA: u32 = 1;

/// Name of the folder.
const FOLDER: &str = "slurm";

/// `jobs.json`: written before the first submission, so that the jobs of a lab that died are found by their names.
#[derive(Debug, Serialize, Deserialize)]
struct Jobs {
    schema: u32,
    /// How the names of the run's jobs begin.
    name: String,
    /// The run's folder when it was written: of a copy, that of the original.
    run: PathBuf,
}

/// `array.json`: for people, and for a look at what Slurm says of it.
#[derive(Debug, Serialize)]
struct ArrayHead<'a> {
    schema: u32,
    name: &'a str,
    job: u32,
    tasks: usize,
}

/// Whether jobs of one run alone have names that begin so; the folder may come from anyone.
fn is_prefix(name: &str) -> bool {
    let random = name.strip_prefix("oomlab-").and_then(|rest| rest.strip_suffix('.'));
    random.is_some_and(|random| random.len() == 12 && random.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

/// The folder.
#[derive(Debug, Clone)]
pub(super) struct JobsFolder {
    dir: PathBuf,
    name: String,
}

impl JobsFolder {
    /// Makes it, with a name for the jobs that no other run has.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn create(run: &Path) -> Result<Self, LabError> {
        let failed = |source| LabError::Io { what: "making the folder for Slurm's jobs", source };
        // Tasks run in another folder if the user says so.
        let dir = std::path::absolute(run).map_err(failed)?.join(FOLDER);
        std::fs::create_dir_all(&dir).map_err(failed)?;
        let mut random = [0; 6];
        getrandom(&mut random, GetRandomFlags::empty()).map_err(|error| failed(error.into()))?;
        let name = format!("oomlab-{}.", random.map(|byte| format!("{byte:02x}")).concat());
        let run = std::fs::canonicalize(run).map_err(failed)?;
        write_durably(&dir.join("jobs.json"), &Jobs { schema: SCHEMA, name: name.clone(), run })?;
        Ok(Self { dir, name })
    }

    /// That of a lab that died, and where its run was then; `None` if the run has no jobs.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn open(run: &RunDir) -> Result<Option<(Self, PathBuf)>, LabError> {
        let dir = run.path().join(FOLDER);
        let path = dir.join("jobs.json");
        match path.symlink_metadata() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(LabError::Io { what: "reading the folder of Slurm's jobs", source }),
            Ok(_) => {}
        }
        let Jobs { name, run: owner, .. } = read_json(&path, SCHEMA)?;
        if !is_prefix(&name) {
            let why = format!("{}: `{}` is no name of a run's jobs: remove the file", path.display(), printable(&name));
            return Err(LabError::Dispatcher { why });
        }
        Ok(Some((Self { dir, name }, owner)))
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.dir
    }

    /// How the names of all jobs begin.
    pub fn prefix(&self) -> &str {
        &self.name
    }

    /// Name of the job of an array, by its number within the run.
    pub fn job_name(&self, number: u32) -> String {
        format!("{}{number}", self.name)
    }

    /// The folder of an array, by its number within the run.
    pub fn array(&self, number: u32) -> PathBuf {
        self.dir.join(number.to_string())
    }

    /// Writes down the job id of an array.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn submitted(&self, number: u32, job: u32, tasks: usize) -> Result<(), LabError> {
        let head = ArrayHead { schema: SCHEMA, name: &self.job_name(number), job, tasks };
        Ok(write_json(&self.array(number).join("array.json"), &head)?)
    }

    /// Removes it, when no job is left. A worker that lives on without Slurm's knowledge cannot end a trial then.
    ///
    /// # Errors
    /// When it cannot be removed.
    pub fn remove(&self) -> io::Result<()> {
        match std::fs::remove_dir_all(&self.dir) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jobs_of_other_runs_are_not_taken_for_own_ones() {
        assert!(is_prefix("oomlab-0123456789ab."));
        for name in
            ["", "oomlab-", "oomlab-0123456789ab", "oomlab-0123456789a.", "oomlab-0123456789xy.", "x-0123456789ab."]
        {
            assert!(!is_prefix(name), "{name}");
        }
    }
}
