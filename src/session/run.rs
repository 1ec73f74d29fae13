//! Goes on with a session until there is an answer.

use super::error::SessionError;
use super::folder::Session;
use super::record::Entry;
use super::search::Search;
use super::trial::{Trial, Tried};
use crate::bisect::{self, Answer, Decision, Revision, Task};
use crate::git::Worktree;
use crate::host::{Clock, wall_clock};
use std::fs::File;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// A trial that runs.
#[derive(Debug, Clone)]
pub struct Running {
    /// What is tried.
    pub revision: Revision,
    /// What for.
    pub why: String,
    since: Clock,
    number: u64,
}

/// What an observer is told.
#[derive(Debug)]
pub enum Happened<'a> {
    /// A trial has begun.
    Began,
    /// A trial has ended, and is taken into account.
    Tried(&'a Entry),
}

/// Whom a session tells how it gets on.
pub trait Observer {
    /// Something has happened; `running` is what runs now.
    fn happened(&mut self, what: Happened<'_>, search: &Search, running: &[Running]);
}

/// Runs trials until there is an answer, and removes the worktrees then; no answer where it was cancelled.
///
/// # Errors
/// When the lab or the command is broken. What is in the journal stays, and the session can be gone on with.
pub async fn run(
    session: &mut Session,
    observer: &mut dyn Observer,
    cancel: &CancellationToken,
) -> Result<Option<Answer>, SessionError> {
    let repository = session.repository().await?;
    let jobs = session.search.head().jobs;
    let mut idle = Vec::new();
    for number in (0..jobs).rev() {
        idle.push(Worktree::open(&repository, session.tree(number)).await?);
    }
    let mut trials =
        Trials { session, observer, running: Vec::new(), jobs: JoinSet::new(), idle, begun: 0, answer: None };
    let ended = trials.run(cancel).await;
    trials.jobs.shutdown().await;
    // Who goes on with it needs what is built in its worktrees.
    if let Ok(Some(_)) = ended {
        for number in 0..jobs {
            Worktree::remove(&repository, &session.tree(number)).await?;
        }
    }
    ended
}

type Done = (Worktree, Trial, Result<Tried, SessionError>);

struct Trials<'a> {
    session: &'a mut Session,
    observer: &'a mut dyn Observer,
    running: Vec<Running>,
    jobs: JoinSet<(Running, Done)>,
    idle: Vec<Worktree>,
    begun: u64,
    answer: Option<Answer>,
}

impl Trials<'_> {
    async fn run(&mut self, cancel: &CancellationToken) -> Result<Option<Answer>, SessionError> {
        loop {
            self.begin()?;
            if let Some(answer) = self.answer.take() {
                return Ok(Some(answer));
            }
            tokio::select! {
                () = cancel.cancelled() => return Ok(None),
                ended = self.jobs.join_next() => match ended {
                    Some(Ok((job, done))) => self.take(&job, done)?,
                    Some(Err(panic)) => std::panic::resume_unwind(panic.into_panic()),
                    None => {
                        return Err(SessionError::Wrong("the search waits, and nothing runs: this is a bug".to_owned()));
                    }
                },
            }
        }
    }

    /// Begins as many trials as there are worktrees and as are of use.
    fn begin(&mut self) -> Result<(), SessionError> {
        while !self.idle.is_empty() {
            let running: Vec<bisect::Running> = self.running.iter().map(Running::job).collect();
            match self.session.search.decide(&running) {
                Decision::Run { revision, why, .. } => self.spawn(revision, why.to_string())?,
                Decision::Wait => return Ok(()),
                Decision::Done(answer) => {
                    self.answer = Some(answer);
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    fn spawn(&mut self, revision: Revision, why: String) -> Result<(), SessionError> {
        let commit = self.session.search.commit(revision).id.clone();
        // Where it was tried last, it is built.
        let at = self.idle.iter().position(|tree| tree.at() == Some(&commit)).unwrap_or(self.idle.len() - 1);
        let mut tree = self.idle.swap_remove(at);
        let head = self.session.search.head();
        let runs = self.running.iter().filter(|running| running.revision == revision).count();
        let trial = Trial {
            number: self.session.search.trials_of(&commit) + runs + 1,
            log: self.new_log(commit.short())?,
            commit,
            command: head.command.clone(),
            timeout: head.timeout_s.map(Duration::from_secs_f64),
        };
        self.begun += 1;
        let job = Running { revision, why, since: Clock::start(), number: self.begun };
        self.running.push(job.clone());
        self.jobs.spawn(async move {
            let tried = trial.run(&mut tree).await;
            (job, (tree, trial, tried))
        });
        self.observer.happened(Happened::Began, &self.session.search, &self.running);
        Ok(())
    }

    /// A file with the first name that no trial of this commit has used, also none that was cut off.
    fn new_log(&self, commit: &str) -> Result<PathBuf, SessionError> {
        let mut number = 1_u32;
        loop {
            let path = self.session.log(&format!("{commit}-{number}.log"));
            match File::create_new(&path) {
                Ok(_) => return Ok(path),
                Err(error) if error.kind() == ErrorKind::AlreadyExists => number += 1,
                Err(error) => return Err(SessionError::file("write", &path)(error)),
            }
        }
    }

    fn take(&mut self, job: &Running, (tree, trial, tried): Done) -> Result<(), SessionError> {
        self.idle.push(tree);
        self.running.retain(|running| running.number != job.number);
        let Tried { ended, exit, seconds } = tried?;
        let log = trial.log.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let entry = Entry {
            at: wall_clock(),
            commit: trial.commit,
            ended,
            seconds,
            exit: Some(exit),
            log,
            why: job.why.clone(),
        };
        self.session.record(entry.clone())?;
        self.observer.happened(Happened::Tried(&entry), &self.session.search, &self.running);
        Ok(())
    }
}

impl Running {
    /// For how long it has run.
    pub fn elapsed(&self) -> Duration {
        self.since.elapsed()
    }

    fn job(&self) -> bisect::Running {
        bisect::Running { revision: self.revision, task: Task::Trial, elapsed_s: self.elapsed().as_secs_f64() }
    }
}
