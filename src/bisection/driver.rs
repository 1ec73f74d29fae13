//! Runs sessions: from a request to an answer.

use super::cell_runner::CellRunner;
use super::command_runner::CommandRunner;
use super::config::{SessionConfig, Subject};
use super::entry::JournalEntry;
use super::error::SessionError;
use super::event::{RunningJob, SessionEvent, SessionListener};
use super::request::{LabContext, Request};
use super::runner::{Job, JobOutcome, Runner};
use super::session::{SearchOutcome, Session, SessionDir};
use super::{commits, lists};
use crate::git::Commit;
use crate::host::{Clock, wall_clock};
use bisect::{Answer, Decision, InvalidPremise, Purpose, Revision, Slot, Task};
use std::fs::File;
use std::io::ErrorKind;
use std::path::PathBuf;
use tokio::task::{AbortHandle, JoinSet, LocalSet};
use tokio_util::sync::CancellationToken;

/// Runs sessions.
pub struct SessionDriver<'a> {
    /// What trials of cells use; sessions of a command need none.
    pub lab: Option<LabContext<'a>>,
    /// Receives the events.
    pub listener: &'a mut dyn SessionListener,
    /// Stops the session; finished results stay in its journal.
    pub cancel: CancellationToken,
}

impl SessionDriver<'_> {
    /// Starts a session and runs it to its answer.
    ///
    /// # Errors
    /// When the request is invalid, or the lab, git or the command fails.
    pub async fn start(&mut self, request: Request, place: &SessionDir) -> Result<SearchOutcome, SessionError> {
        let (config, commits) = self.plan(request).await?;
        self.resume(Session::create(place, config, commits)?).await
    }

    async fn plan(&mut self, request: Request) -> Result<(SessionConfig, Vec<Commit>), SessionError> {
        match request {
            Request::Commits(request) => commits::plan(request, self.lab.as_ref(), self.listener).await,
            Request::Versions(request) => lists::versions(request, &self.lab()?.known),
            Request::Axis(request) => lists::axis(request, &self.lab()?.known),
        }
    }

    /// Continues a session until it has an answer and a report, or is stopped.
    ///
    /// # Errors
    /// When the lab, git or the command fails.
    pub async fn resume(&mut self, mut session: Session) -> Result<SearchOutcome, SessionError> {
        let mut answer = self.search(&mut session).await?;
        if answer.as_ref().is_some_and(|answer| is_inverted(session.search.config(), answer)) {
            self.listener.on_event(SessionEvent::SearchInverted);
            session = session.invert()?;
            answer = self.search(&mut session).await?;
        }
        match answer {
            Some(_) => session.write_report()?,
            None => self.listener.on_event(SessionEvent::Stopped { session: session.path() }),
        }
        Ok(SearchOutcome { session, answer })
    }

    /// What trials of cells use.
    ///
    /// # Errors
    /// When there is none.
    pub(super) fn lab(&self) -> Result<&LabContext<'_>, SessionError> {
        self.lab.as_ref().ok_or(SessionError::Internal("a cell is tried without a lab"))
    }

    async fn search(&mut self, session: &mut Session) -> Result<Option<Answer>, SessionError> {
        let runner = self.runner(session).await?;
        self.listener.on_event(SessionEvent::SearchStarted { search: &session.search });
        let idle = runner.slots();
        let mut jobs = Jobs {
            session,
            runner,
            listener: self.listener,
            running: Vec::new(),
            futures: JoinSet::new(),
            idle,
            started: 0,
        };
        let answer = LocalSet::new().run_until(jobs.run(&self.cancel)).await;
        let Jobs { runner, .. } = jobs;
        self.listener.on_event(SessionEvent::SearchEnded);
        runner.finish(matches!(answer, Ok(Some(_)))).await?;
        answer
    }

    async fn runner(&self, session: &Session) -> Result<Box<dyn Runner>, SessionError> {
        match &session.search.config().subject {
            Subject::Command { command, timeout_s } => {
                Ok(Box::new(CommandRunner::open(session, command, *timeout_s).await?))
            }
            Subject::Cell(subject) => Ok(Box::new(CellRunner::open(session, subject, self.lab()?)?)),
        }
    }
}

/// Whether the first end of a list fails instead of the last: its request does not say which one does.
fn is_inverted(config: &SessionConfig, answer: &Answer) -> bool {
    let first_fails = match answer {
        Answer::InvalidPremise { reason: InvalidPremise::BadEndPasses, bad, good } => bad.hangs == 0 && good.hangs > 0,
        Answer::InvalidPremise { reason: InvalidPremise::GoodEndHangs, bad, good } => {
            good.hangs * bad.trials() > bad.hangs * good.trials()
        }
        _ => false,
    };
    config.is_undirected() && first_fails
}

/// A running job.
struct Running {
    revision: Revision,
    task: Task,
    purpose: String,
    since: Clock,
    number: u64,
    slot: Slot,
    log: PathBuf,
    abort: AbortHandle,
}

struct Jobs<'a> {
    session: &'a mut Session,
    runner: Box<dyn Runner>,
    listener: &'a mut dyn SessionListener,
    running: Vec<Running>,
    futures: JoinSet<(u64, Result<JobOutcome, SessionError>)>,
    idle: Vec<Slot>,
    started: u64,
}

impl Jobs<'_> {
    async fn run(&mut self, cancel: &CancellationToken) -> Result<Option<Answer>, SessionError> {
        let answer = self.until_answer(cancel).await;
        self.futures.shutdown().await;
        answer
    }

    async fn until_answer(&mut self, cancel: &CancellationToken) -> Result<Option<Answer>, SessionError> {
        loop {
            self.abandon_builds();
            if let Some(answer) = self.fill_slots()? {
                return Ok(Some(answer));
            }
            tokio::select! {
                () = cancel.cancelled() => return Ok(None),
                finished = self.futures.join_next() => match finished {
                    Some(Ok((number, outcome))) => self.on_finished(number, outcome)?,
                    Some(Err(error)) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
                    // An abandoned build.
                    Some(Err(_)) => {}
                    None => return Err(SessionError::Internal("the search waits while no job is running")),
                },
            }
        }
    }

    fn engine_jobs(&self) -> Vec<bisect::Running> {
        self.running.iter().map(Running::engine_job).collect()
    }

    /// Kills builds that are no longer worth finishing.
    fn abandon_builds(&mut self) {
        for revision in self.session.search.bisection().abandon(&self.engine_jobs()) {
            let is_it = |job: &Running| job.revision == revision && job.task == Task::Build;
            if let Some(at) = self.running.iter().position(is_it) {
                let job = self.running.remove(at);
                job.abort.abort();
                // The log of an unfinished build explains nothing.
                let _ = std::fs::remove_file(job.log);
                self.idle.push(job.slot);
            }
        }
    }

    /// Starts a job in each free slot that has one; returns the answer instead, once there is one.
    fn fill_slots(&mut self) -> Result<Option<Answer>, SessionError> {
        let mut waiting = Vec::new();
        while let Some(slot) = self.idle.pop() {
            match self.session.search.bisection().decide(slot, &self.engine_jobs()) {
                Decision::Run { revision, task, purpose } => self.spawn(slot, revision, task, purpose)?,
                Decision::Wait => waiting.push(slot),
                Decision::Done(answer) => return Ok(Some(answer)),
            }
        }
        self.idle = waiting;
        Ok(None)
    }

    fn spawn(&mut self, slot: Slot, revision: Revision, task: Task, purpose: Purpose) -> Result<(), SessionError> {
        let search = &self.session.search;
        let purpose = search.config().describe_purpose(purpose);
        let commit = search.commit(revision).clone();
        let jobs = self.running.iter().filter(|running| running.revision == revision).count();
        let number = search.trials_of(&commit.id) + jobs + 1;
        let is_bad_end = search.is_bad_end(revision);
        let log = self.new_log(commit.id.short(), task)?;
        let future = self.runner.start(Job { commit, task, number, is_bad_end, log: log.clone() });
        self.started += 1;
        let number = self.started;
        let abort = self.futures.spawn_local(async move { (number, future.await) });
        self.running.push(Running { revision, task, purpose, since: Clock::start(), number, slot, log, abort });
        let running: Vec<RunningJob> = self.running.iter().map(Running::shown).collect();
        self.listener.on_event(SessionEvent::JobStarted { search: &self.session.search, running: &running });
        Ok(())
    }

    /// Creates the log of a job, with a name that no earlier job of this revision had, finished or not.
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

    fn on_finished(&mut self, number: u64, outcome: Result<JobOutcome, SessionError>) -> Result<(), SessionError> {
        let Some(at) = self.running.iter().position(|running| running.number == number) else {
            // It finished while it was abandoned.
            return Ok(());
        };
        let job = self.running.remove(at);
        self.idle.push(job.slot);
        let JobOutcome { result, exit, verdict, title, seconds, log } = outcome?;
        let log = log.strip_prefix(self.session.path()).unwrap_or(&log).to_string_lossy().into_owned();
        let commit = self.session.search.commit(job.revision).id.clone();
        let (at, purpose) = (wall_clock(), job.purpose);
        let entry = JournalEntry { at, commit, result, seconds, exit, verdict, title, log, purpose };
        self.session.record(entry.clone())?;
        let running: Vec<RunningJob> = self.running.iter().map(Running::shown).collect();
        let search = &self.session.search;
        self.listener.on_event(SessionEvent::JobFinished { entry: &entry, search, running: &running });
        Ok(())
    }
}

impl Running {
    fn engine_job(&self) -> bisect::Running {
        let elapsed_s = self.since.elapsed().as_secs_f64();
        bisect::Running { revision: self.revision, task: self.task, elapsed_s }
    }

    fn shown(&self) -> RunningJob {
        let Self { revision, task, purpose, since, .. } = self;
        RunningJob { revision: *revision, task: *task, purpose: purpose.clone(), elapsed: since.elapsed() }
    }
}
