//! One trial: the user's command in a worktree.

use super::bounded_log::BoundedLog;
use super::entry::TrialResult;
use super::error::{NoResult, SessionError};
use crate::git::{CommitId, Worktree, without_redirection};
use crate::host::{Clock, Orphans, Output, PipedProcess, supervised};
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::time::Duration;

/// Exit status after a timeout, as of timeout(1).
const TIMED_OUT: i32 = 124;

/// Exit status of a shell whose command was killed by signal 0; the signal's number is added (POSIX, `2.8.2 Exit Status
/// for Commands`).
const KILLED_BY_SIGNAL: i32 = 128;

/// No trial runs longer. Without a timeout of the user's, a long trial does not count as bad: it ends the search.
pub const MAX_TRIAL_DURATION: Duration = Duration::from_secs(12 * 60 * 60);

/// A trial to run.
#[derive(Debug, Clone)]
pub struct CommandTrial {
    /// The commit.
    pub commit: CommitId,
    /// The number of this trial among those of its commit, from 1.
    pub number: usize,
    /// For sh(1).
    pub command: String,
    /// A trial that takes longer counts as bad.
    pub timeout: Option<Duration>,
    /// The file for the output.
    pub log: PathBuf,
}

/// The outcome of a trial.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CommandOutcome {
    /// The result.
    pub result: TrialResult,
    /// The exit status, as a shell reports it.
    pub exit: i32,
    /// Duration, with the checkout.
    pub seconds: f64,
}

impl CommandTrial {
    /// Checks the commit out and runs the command. Dropping this future kills the command and all its processes.
    ///
    /// # Errors
    /// When git, the operating system or the shell fails: there is no result for the commit.
    pub async fn run(&self, tree: &mut Worktree) -> Result<CommandOutcome, SessionError> {
        let clock = Clock::start();
        if tree.at() != Some(&self.commit) {
            tree.check_out(&self.commit).await?;
        }
        let mut log = BoundedLog::create(&self.log).map_err(SessionError::file("write", &self.log))?;
        let mut process = self.spawn(tree)?;
        let no_result = |reason| SessionError::NoResult { commit: self.commit.clone(), reason, log: self.log.clone() };
        let limit = self.timeout.unwrap_or(MAX_TRIAL_DURATION);
        let exit = match tokio::time::timeout(limit, self.follow(&mut process, &mut log)).await {
            Ok(status) => exit_status(status?),
            Err(_) => {
                // The worktree is used again: no process of this trial may write to it then.
                let killed = process.kill().await;
                killed.map_err(SessionError::file("end the command that writes", &self.log))?;
                if self.timeout.is_none() {
                    return Err(no_result(NoResult::TooLong(MAX_TRIAL_DURATION)));
                }
                TIMED_OUT
            }
        };
        log.finish().map_err(SessionError::file("write", &self.log))?;
        let seconds = clock.elapsed().as_secs_f64();
        let result = TrialResult::from_exit(exit).ok_or_else(|| no_result(NoResult::NotExecutable(exit)))?;
        Ok(CommandOutcome { result, exit, seconds })
    }

    fn spawn(&self, tree: &Worktree) -> Result<PipedProcess, SessionError> {
        let mut command = supervised("sh");
        without_redirection(command.as_std_mut());
        command.args(["-c", &self.command]).current_dir(tree.path()).env("OOMLAB_COMMIT", self.commit.as_str());
        command.env("OOMLAB_TRIAL", self.number.to_string());
        let started = PipedProcess::spawn_joined(&mut command, Orphans::KillDescendants).map_err(std::io::Error::from);
        started.map_err(SessionError::file("start sh, which writes", &self.log))
    }

    /// Reads all output, so that the command never waits for a reader and gets no SIGPIPE, until it exits.
    async fn follow(&self, process: &mut PipedProcess, log: &mut BoundedLog) -> Result<ExitStatus, SessionError> {
        loop {
            match process.next().await.map_err(SessionError::file("wait for the command that writes", &self.log))? {
                Output::Stdout(bytes) | Output::Stderr(bytes) => {
                    log.add(&bytes).map_err(SessionError::file("write", &self.log))?;
                }
                Output::Exited(status) => return Ok(status),
            }
        }
    }
}

/// An exit status as a shell reports it.
pub fn exit_status(status: ExitStatus) -> i32 {
    status.code().or_else(|| status.signal().map(|signal| KILLED_BY_SIGNAL + signal)).unwrap_or(KILLED_BY_SIGNAL)
}
