//! `oomlab report --kcidb`: a run for KCIDB.

use super::error::CliError;
use super::output;
use crate::report::{self, Submission, SubmissionError};
use crate::store::RunDir;
use std::path::PathBuf;

/// What KCIDB needs besides the run.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "KCIDB options")]
pub struct KcidbArgs {
    /// Write the results for KCIDB, which collects those of kernel CI systems; see `docs/kcidb.md`
    #[arg(long, value_name = "FILE", requires = "origin")]
    pub kcidb: Option<PathBuf>,
    /// Name of this CI system, as KCIDB's operators have assigned it
    #[arg(long, value_name = "NAME", requires = "kcidb")]
    pub origin: Option<String>,
    /// URL at which the run's folder is published [default: without links to logs]
    #[arg(long, value_name = "URL", requires = "kcidb")]
    pub logs_url: Option<String>,
    /// URL of the git repository that the kernels come from
    #[arg(long, value_name = "URL", requires = "kcidb")]
    pub git_url: Option<String>,
    /// Widely known name of the kernels' tree, such as `mainline`
    #[arg(long, value_name = "NAME", requires = "kcidb")]
    pub tree_name: Option<String>,
}

impl KcidbArgs {
    /// Writes the document, if it is requested.
    ///
    /// # Errors
    /// When an argument is wrong, the run cannot be read, or the file cannot be written.
    pub(super) fn write(&self, run: &RunDir) -> Result<(), CliError> {
        let (Some(path), Some(origin)) = (&self.kcidb, &self.origin) else { return Ok(()) };
        let submission = self.submission(origin).map_err(|error| CliError::Usage(error.to_string()))?;
        let document = report::kcidb(&run.record()?, &run.plan()?, &submission);
        output::write_file(path, &document)
    }

    fn submission(&self, origin: &str) -> Result<Submission, SubmissionError> {
        let mut submission = Submission::new(origin)?;
        if let Some(url) = &self.logs_url {
            submission = submission.with_logs(url)?;
        }
        if let Some(url) = &self.git_url {
            submission = submission.with_repository(url)?;
        }
        match &self.tree_name {
            Some(name) => submission.with_tree(name),
            None => Ok(submission),
        }
    }
}
