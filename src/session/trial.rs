//! One trial: the user's command in a worktree.

use super::error::SessionError;
use super::record::Ended;
use crate::git::{CommitId, Worktree};
use crate::host::Clock;
use rustix::process::{Pid, Signal, kill_process_group};
use std::fs::File;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;
use tokio::process::{Child, Command};

/// Leads the process group of a trial. Its standard input ends when the lab does, however that happens, and the whole group with
/// it: what the command has started does not outlive the lab.
const GUARD: &str = "read _; kill -KILL 0";

/// What timeout(1) ends with.
const TIMED_OUT: i32 = 124;

/// What a shell ends with that was ended by a signal, without the signal's number (POSIX, `2.8.2 Exit Status for Commands`).
const BY_SIGNAL: i32 = 128;

/// No trial runs longer. Who gave it no limit has not said that a long one is bad, so that this ends the search.
pub const LONGEST: Duration = Duration::from_secs(12 * 60 * 60);

/// What is to run, and where.
#[derive(Debug, Clone)]
pub struct Trial {
    /// The commit.
    pub commit: CommitId,
    /// How many trials of this commit have begun, with this one.
    pub number: usize,
    /// For sh(1).
    pub command: String,
    /// After so long it has hung: it counts as bad.
    pub timeout: Option<Duration>,
    /// Gets all that it prints.
    pub log: PathBuf,
}

/// How a trial ended.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tried {
    /// What that means.
    pub ended: Ended,
    /// The exit status, as a shell has it.
    pub exit: i32,
    /// How long it took, checking out included.
    pub seconds: f64,
}

impl Trial {
    /// Checks the commit out and runs the command. Dropping this future ends the command and all that it has started.
    ///
    /// # Errors
    /// When git, the operating system or the shell fails: nothing was learned of the commit.
    pub async fn run(&self, tree: &mut Worktree) -> Result<Tried, SessionError> {
        let began = Clock::start();
        if tree.at() != Some(&self.commit) {
            tree.check_out(&self.commit).await?;
        }
        let mut group = self.spawn(tree)?;
        let useless = |reason| SessionError::Command { commit: self.commit.clone(), reason, log: self.log.clone() };
        let exit = match tokio::time::timeout(self.timeout.unwrap_or(LONGEST), group.child.wait()).await {
            Ok(status) => exit(status.map_err(SessionError::file("wait for what writes", &self.log))?),
            Err(_) if self.timeout.is_none() => return Err(useless(too_long())),
            Err(_) => TIMED_OUT,
        };
        drop(group);
        let seconds = began.elapsed().as_secs_f64();
        let ended = Ended::of(exit)
            .ok_or_else(|| useless(format!("sh ended with status {exit}: not found, or not executable")))?;
        Ok(Tried { ended, exit, seconds })
    }

    fn spawn(&self, tree: &Worktree) -> Result<Group, SessionError> {
        let failed = || SessionError::file("write", &self.log);
        let out = File::create(&self.log).map_err(failed())?;
        let err = out.try_clone().map_err(failed())?;
        let start = || SessionError::file("start sh, which writes", &self.log);
        let mut guard = Command::new("sh");
        guard.args(["-c", GUARD]).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let guard = guard.process_group(0).kill_on_drop(true).spawn().map_err(start())?;
        let id = guard.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        let mut command = Command::new("sh");
        command.args(["-c", &self.command]).current_dir(tree.path()).env("OOMLAB_COMMIT", self.commit.as_str());
        command.env("OOMLAB_TRIAL", self.number.to_string());
        command.stdin(Stdio::null()).stdout(out).stderr(err);
        command.process_group(id.map_or(0, Pid::as_raw_pid)).kill_on_drop(true);
        let child = command.spawn().map_err(start())?;
        Ok(Group { child, _guard: guard, id })
    }
}

/// A command and all that it has started. Dropping it ends them.
struct Group {
    child: Child,
    _guard: Child,
    id: Option<Pid>,
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(id) = self.id {
            // ESRCH: all of it has ended.
            let _ = kill_process_group(id, Signal::KILL);
        }
    }
}

/// What to say of a trial that ran for [`LONGEST`].
pub fn too_long() -> String {
    format!("it ran for {} h; `--timeout` tells after how long a trial is bad", LONGEST.as_secs() / 3600)
}

fn exit(status: ExitStatus) -> i32 {
    status.code().or_else(|| status.signal().map(|signal| BY_SIGNAL + signal)).unwrap_or(BY_SIGNAL)
}
