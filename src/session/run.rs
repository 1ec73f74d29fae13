//! Goes on with a session until there is an answer.

use super::error::SessionError;
use super::folder::Session;
use super::record::{Ended, Entry};
use super::runner::{Came, Job, Runner};
use super::search::Search;
use crate::host::{Clock, wall_clock};
use bisect::{self, Answer, Decision, Revision, Slot, Task};
use std::fs::File;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::time::Duration;
use tokio::task::{AbortHandle, JoinSet, LocalSet};
use tokio_util::sync::CancellationToken;

/// A job that runs.
#[derive(Debug, Clone)]
pub struct Running {
    /// What is built or tried.
    pub revision: Revision,
    /// What is done with it.
    pub task: Task,
    /// What for.
    pub why: String,
    since: Clock,
    number: u64,
    slot: Slot,
    log: PathBuf,
    abort: Option<AbortHandle>,
}

/// What an observer is told.
#[derive(Debug)]
pub enum Happened<'a> {
    /// A job has begun.
    Began,
    /// A job has ended, and is taken into account.
    Ended(&'a Entry),
}

/// Whom a session tells how it gets on.
pub trait Observer {
    /// Something has happened; `running` is what runs now.
    fn happened(&mut self, what: Happened<'_>, search: &Search, running: &[Running]);
}

/// Runs builds and trials until there is an answer; no answer where it was cancelled.
///
/// # Errors
/// When the lab or the command is broken. What is in the journal stays, and the session can be gone on with.
pub async fn run(
    session: &mut Session,
    runner: Box<dyn Runner>,
    observer: &mut dyn Observer,
    cancel: &CancellationToken,
) -> Result<Option<Answer>, SessionError> {
    let idle = runner.slots();
    let mut jobs = Jobs { session, runner, observer, running: Vec::new(), jobs: JoinSet::new(), idle, begun: 0 };
    let ended = LocalSet::new().run_until(jobs.run(cancel)).await;
    let Jobs { runner, .. } = jobs;
    runner.close(matches!(ended, Ok(Some(_)))).await?;
    ended
}

struct Jobs<'a> {
    session: &'a mut Session,
    runner: Box<dyn Runner>,
    observer: &'a mut dyn Observer,
    running: Vec<Running>,
    jobs: JoinSet<(u64, Result<Came, SessionError>)>,
    idle: Vec<Slot>,
    begun: u64,
}

impl Jobs<'_> {
    async fn run(&mut self, cancel: &CancellationToken) -> Result<Option<Answer>, SessionError> {
        let ended = self.until_answered(cancel).await;
        self.jobs.shutdown().await;
        ended
    }

    async fn until_answered(&mut self, cancel: &CancellationToken) -> Result<Option<Answer>, SessionError> {
        loop {
            self.abandon();
            if let Some(answer) = self.begin()? {
                return Ok(Some(answer));
            }
            tokio::select! {
                () = cancel.cancelled() => return Ok(None),
                ended = self.jobs.join_next() => match ended {
                    Some(Ok((number, came))) => self.take(number, came)?,
                    Some(Err(error)) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
                    // It was abandoned.
                    Some(Err(_)) => {}
                    None => {
                        return Err(SessionError::Wrong("the search waits, and nothing runs: this is a bug".to_owned()));
                    }
                },
            }
        }
    }

    fn jobs(&self) -> Vec<bisect::Running> {
        self.running.iter().map(Running::job).collect()
    }

    /// Ends builds that are of no use any more.
    fn abandon(&mut self) {
        let useless = self.session.search.bisection().abandon(&self.jobs());
        for revision in useless {
            let is_it = |job: &Running| job.revision == revision && job.task == Task::Build;
            if let Some(at) = self.running.iter().position(is_it) {
                let job = self.running.remove(at);
                let _ = job.abort.map(|abort| abort.abort());
                // Nobody would know what to make of it.
                let _ = std::fs::remove_file(job.log);
                self.idle.push(job.slot);
            }
        }
    }

    /// Begins as many jobs as there are slots and as are of use; an answer, if there is one.
    fn begin(&mut self) -> Result<Option<Answer>, SessionError> {
        // What one slot waits for, another may do.
        let mut waiting = Vec::new();
        while let Some(slot) = self.idle.pop() {
            match self.session.search.decide(slot, &self.jobs()) {
                Decision::Run { revision, task, why } => {
                    let why = self.session.search.head().what_for(why);
                    self.spawn(slot, revision, task, why)?;
                }
                Decision::Wait => waiting.push(slot),
                Decision::Done(answer) => return Ok(Some(answer)),
            }
        }
        self.idle = waiting;
        Ok(None)
    }

    fn spawn(&mut self, slot: Slot, revision: Revision, task: Task, why: String) -> Result<(), SessionError> {
        let search = &self.session.search;
        let commit = search.commit(revision).clone();
        let runs = self.running.iter().filter(|running| running.revision == revision).count();
        let number = search.trials_of(&commit.id) + runs + 1;
        let is_bad_end = search.is_bad_end(revision);
        let log = self.new_log(commit.id.short(), task)?;
        self.begun += 1;
        let begun = self.begun;
        let coming = self.runner.begin(Job { commit, task, number, is_bad_end, log: log.clone() });
        let abort = self.jobs.spawn_local(async move { (begun, coming.await) });
        let since = Clock::start();
        self.running.push(Running { revision, task, why, since, number: begun, slot, log, abort: Some(abort) });
        self.observer.happened(Happened::Began, &self.session.search, &self.running);
        Ok(())
    }

    /// A file with the first name that no job of this revision has used, also none that was cut off.
    fn new_log(&self, commit: &str, task: Task) -> Result<PathBuf, SessionError> {
        let what = if task == Task::Build { "build" } else { "trial" };
        let mut number = 1_u32;
        loop {
            let path = self.session.log(&format!("{commit}-{what}-{number}.log"));
            match File::create_new(&path) {
                Ok(_) => return Ok(path),
                Err(error) if error.kind() == ErrorKind::AlreadyExists => number += 1,
                Err(error) => return Err(SessionError::file("write", &path)(error)),
            }
        }
    }

    fn take(&mut self, number: u64, came: Result<Came, SessionError>) -> Result<(), SessionError> {
        let Some(at) = self.running.iter().position(|running| running.number == number) else {
            // It had ended as it was abandoned.
            return Ok(());
        };
        let job = self.running.remove(at);
        self.idle.push(job.slot);
        let Came { ended, exit, verdict, title, seconds, log } = came?;
        let log = log.strip_prefix(self.session.path()).unwrap_or(&log).to_string_lossy().into_owned();
        let commit = self.session.search.commit(job.revision).id.clone();
        let entry = Entry { at: wall_clock(), commit, ended, seconds, exit, verdict, title, log, why: job.why };
        self.session.record(entry.clone())?;
        self.observer.happened(Happened::Ended(&entry), &self.session.search, &self.running);
        Ok(())
    }
}

impl Running {
    /// For how long it has run.
    pub fn elapsed(&self) -> Duration {
        self.since.elapsed()
    }

    fn job(&self) -> bisect::Running {
        bisect::Running { revision: self.revision, task: self.task, elapsed_s: self.elapsed().as_secs_f64() }
    }
}

impl Entry {
    /// Whether it was a trial, and no build.
    pub fn is_trial(&self) -> bool {
        self.ended != Ended::Built
    }
}
