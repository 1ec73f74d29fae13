//! The folder `slurm` of a run, which is there while the run has jobs.

use crate::lab::LabError;
use crate::store::{RunDir, read_json, write_durably, write_json};
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
}

/// `array.json`: for people, and for a look at what Slurm says of it.
#[derive(Debug, Serialize)]
struct ArrayHead<'a> {
    schema: u32,
    name: &'a str,
    job: u32,
    tasks: u32,
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
        write_durably(&dir.join("jobs.json"), &Jobs { schema: SCHEMA, name: name.clone() })?;
        Ok(Self { dir, name })
    }

    /// That of a lab that died; `None` if its run has no jobs.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn open(run: &RunDir) -> Result<Option<Self>, LabError> {
        let dir = run.path().join(FOLDER);
        let path = dir.join("jobs.json");
        if !path.is_file() {
            return Ok(None);
        }
        let Jobs { name, .. } = read_json(&path, SCHEMA)?;
        Ok(Some(Self { dir, name }))
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
    pub fn submitted(&self, number: u32, job: u32, tasks: u32) -> Result<(), LabError> {
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
