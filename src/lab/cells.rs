//! Trials of a bisection that are cells of the lab's: of kernels that are built from commits, or of other kernels, RAM, options.

use super::observer::{Observer, Status};
use super::prepare::Sources;
use super::run::{Lab, RunOptions};
use super::trial::Ready;
use crate::git::{Commit, CommitId};
use crate::host::Clock;
use crate::kernel::{Fragment, KernelError, Progress, Update};
use crate::session::{Came, CellSubject, Coming, Ended, Job, Reference, Runner, SessionError, Vary, word};
use crate::store::RunDir;
use arch::Arch;
use bisect::{Slot, Task};
use model::{Cell, KernelArtifact, Kind, PLAN_SCHEMA, Plan, TrialRecord};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use tokio_util::sync::{CancellationToken, DropGuard};

/// What was ready in less time was ready before.
const AT_ONCE_S: f64 = 0.5;

/// Builds kernels and boots cells for a bisection.
pub struct Cells(Rc<Shared>);

struct Shared {
    sources: Sources,
    subject: CellSubject,
    spec: Arch,
    fragments: Vec<Fragment>,
    repository: PathBuf,
    lab: Lab<'static>,
    run: RunDir,
    trials: usize,
    reference: RefCell<Reference>,
    ready: RefCell<BTreeMap<CommitId, Ready>>,
}

/// What a bisection of cells needs.
pub struct CellsSetup {
    /// Where kernels and images come from.
    pub sources: Sources,
    /// The cell, and what changes.
    pub subject: CellSubject,
    /// Configuration of kernels that are built from commits.
    pub fragments: Vec<Fragment>,
    /// The repository of the commits.
    pub repository: PathBuf,
    /// How trials run.
    pub options: RunOptions,
    /// Where trials are kept.
    pub run: RunDir,
    /// Trials at a time.
    pub trials: usize,
    /// What counts as bad.
    pub reference: Reference,
}

impl Cells {
    /// For a session.
    ///
    /// # Errors
    /// When there is no such architecture.
    pub fn new(setup: CellsSetup) -> Result<Self, SessionError> {
        let CellsSetup { sources, subject, fragments, repository, options, run, trials, reference } = setup;
        let spec = subject.cell.arch;
        let lab = Lab { options, observer: Arc::new(Silent), cancel: CancellationToken::new() };
        let (reference, ready) = (RefCell::new(reference), RefCell::default());
        let shared = Shared { sources, subject, spec, fragments, repository, lab, run, trials, reference, ready };
        Ok(Self(Rc::new(shared)))
    }
}

impl Runner for Cells {
    fn slots(&self) -> Vec<Slot> {
        let builds = self.0.builds();
        let trial = if builds { Slot::Trial } else { Slot::Any };
        std::iter::repeat_n(trial, self.0.trials.max(1)).chain(builds.then_some(Slot::Build)).collect()
    }

    fn begin(&mut self, job: Job) -> Coming {
        let shared = Rc::clone(&self.0);
        Box::pin(async move {
            match job.task {
                Task::Build => shared.build(&job).await,
                Task::Trial => shared.trial(job).await,
            }
        })
    }

    fn close(self: Box<Self>, _: bool) -> Pin<Box<dyn Future<Output = Result<(), SessionError>>>> {
        Box::pin(async { Ok(()) })
    }
}

impl Shared {
    /// Makes a revision's kernel ready. One that cannot be compiled is skipped.
    async fn build(&self, job: &Job) -> Result<Came, SessionError> {
        let clock = Clock::start();
        let ended = match self.prepare(&job.commit).await? {
            Ok(ready) => {
                std::fs::write(&job.log, self.lost(&job.commit, &ready)).map_err(|error| lab(&error))?;
                self.ready.borrow_mut().insert(job.commit.id.clone(), ready);
                Ended::Built
            }
            Err(why) => {
                std::fs::write(&job.log, why).map_err(|error| lab(&error))?;
                Ended::Skip
            }
        };
        let seconds = clock.elapsed().as_secs_f64();
        let seconds = if seconds < AT_ONCE_S { 0.0 } else { seconds };
        Ok(Came { ended, exit: None, verdict: None, title: None, seconds, log: job.log.clone() })
    }

    async fn trial(&self, job: Job) -> Result<Came, SessionError> {
        let known = self.ready.borrow().get(&job.commit.id).cloned();
        let ready = match known {
            Some(ready) => Ok(ready),
            None => self.prepare(&job.commit).await?,
        };
        let failed = |ended, log| Came { ended, exit: None, verdict: None, title: None, seconds: 0.0, log };
        let ready = match ready {
            Ok(ready) => ready,
            Err(why) => {
                std::fs::write(&job.log, why).map_err(|error| lab(&error))?;
                return Ok(failed(Ended::Skip, job.log));
            }
        };
        self.ready.borrow_mut().entry(job.commit.id.clone()).or_insert_with(|| ready.clone());
        let cell = self.cell(&job.commit)?;
        let number = u32::try_from(job.number).unwrap_or(u32::MAX);
        let boot = || self.lab.trial(&cell, number, Ok(ready.clone()), &self.run);
        let mut record = boot().await.map_err(|error| lab(&error))?;
        if failed_to_run(&record) {
            // Once may be the host's fault.
            record = boot().await.map_err(|error| lab(&error))?;
        }
        let ended = match self.reference.borrow_mut().judge(&record, job.is_bad_end) {
            Some(ended) => ended,
            // As with a kernel that is larger than the RAM.
            None if failed_to_run(&record) => Ended::Skip,
            None => {
                let TrialRecord { verdict, .. } = &record;
                let text = format!("trial {number} of {}: {}: {}", cell.id, word(&record), verdict.summary);
                return Err(SessionError::Lab(text));
            }
        };
        // What it left behind lies in the run.
        let _ = std::fs::remove_file(&job.log);
        let log = self.run.path().join("cells").join(record.folder());
        let title = record.verdict.title.clone();
        Ok(Came { ended, exit: None, verdict: Some(word(&record)), title, seconds: record.duration_s, log })
    }

    /// What a revision's trials need, or why it cannot be tried.
    async fn prepare(&self, commit: &Commit) -> Result<Result<Ready, String>, SessionError> {
        let token = CancellationToken::new();
        // A job that is given up ends its compilers.
        let _guard: DropGuard = token.clone().drop_guard();
        let progress = Arc::new(Brake(token.clone()));
        let mut sources = self.sources.clone();
        match self.compile(commit, Arc::clone(&progress)).await {
            Ok(own) => sources.own = own,
            Err(error @ (KernelError::Command { .. } | KernelError::NotApplied { .. })) => {
                return Ok(Err(error.to_string()));
            }
            Err(error) => return Err(lab(&error)),
        }
        let mut cell = self.cell(commit)?;
        if let Some(own) = &sources.own {
            cell.kernel = own.name.clone();
        }
        let id = cell.id.clone();
        let plan = Plan { schema: PLAN_SCHEMA, name: String::new(), cells: vec![cell], skipped: Vec::new() };
        let mut readiness = sources.prepare(&plan, progress, &token).await;
        match readiness.prepared.remove(&id) {
            Some(Ok(ready)) => Ok(Ok(ready)),
            Some(Err(verdict)) if verdict.kind == Kind::KernelUnavailable => Ok(Err(verdict.summary)),
            Some(Err(verdict)) => Err(SessionError::Lab(verdict.summary)),
            None => Err(SessionError::Lab("nothing was prepared".to_owned())),
        }
    }

    /// What the finished configuration does not have of the one that was asked for, as lines.
    fn lost(&self, commit: &Commit, ready: &Ready) -> String {
        let config = ready.kernel.config.as_ref().and_then(|path| std::fs::read_to_string(path).ok());
        let Some(config) = config else { return String::new() };
        let lost: Vec<String> = match &self.subject.vary {
            Vary::Commit { .. } => self.fragments.iter().flat_map(|fragment| fragment.lost(&config)).collect(),
            Vary::Configs(files) => {
                let fragment = files.get(commit.id.as_str()).and_then(|file| Fragment::of_config(file).ok());
                fragment.map(|fragment| fragment.lost(&config)).unwrap_or_default()
            }
            Vary::Cells(_) => Vec::new(),
        };
        lost.into_iter().map(|option| format!("not in the configuration of this revision: {option}\n")).collect()
    }

    /// The kernel of a revision that no catalogue has.
    async fn compile(&self, commit: &Commit, brake: Arc<Brake>) -> Result<Option<KernelArtifact>, KernelError> {
        let (kernels, spec, jobs) = (Arc::clone(&self.sources.kernels), self.spec, self.sources.jobs);
        let id = commit.id.clone();
        let built = match &self.subject.vary {
            Vary::Commit { .. } => {
                let (repository, fragments) = (self.repository.clone(), self.fragments.clone());
                let build =
                    move || kernels.prepare_commit(&repository, id.as_str(), fragments, spec, jobs, brake.as_ref());
                tokio::task::spawn_blocking(build).await
            }
            Vary::Configs(files) => {
                let (file, name) =
                    (files.get(id.as_str()).cloned().unwrap_or_default(), self.subject.cell.kernel.clone());
                let build = move || {
                    let fragment = Fragment::of_config(&file)?;
                    kernels.prepare_configured(name.as_str(), fragment, spec, jobs, brake.as_ref())
                };
                tokio::task::spawn_blocking(build).await
            }
            Vary::Cells(_) => return Ok(None),
        };
        match built {
            Ok(built) => built.map(Some),
            Err(panic) => std::panic::resume_unwind(panic.into_panic()),
        }
    }

    /// The cell that a revision stands for.
    fn cell(&self, commit: &Commit) -> Result<Cell, SessionError> {
        match &self.subject.vary {
            Vary::Commit { .. } => {
                let kernel = format!("commit-{}", commit.id.short());
                let id = format!("{}.{}", commit.id.short(), self.subject.cell.workload_name());
                Ok(Cell { kernel: kernel.as_str().into(), id: id.as_str().into(), ..self.subject.cell.clone() })
            }
            Vary::Configs(_) => {
                let id = format!("config-{}.{}", commit.id, self.subject.cell.workload_name());
                Ok(Cell { id: id.as_str().into(), ..self.subject.cell.clone() })
            }
            Vary::Cells(cells) => cells
                .get(commit.id.as_str())
                .cloned()
                .ok_or_else(|| SessionError::Wrong(format!("this session has no cell for `{}`", commit.id))),
        }
    }

    /// Whether revisions differ in their kernels, which have to be made ready.
    fn builds(&self) -> bool {
        match &self.subject.vary {
            Vary::Commit { .. } | Vary::Configs(_) => true,
            Vary::Cells(cells) => cells.values().any(|cell| cell.kernel != self.subject.cell.kernel),
        }
    }
}

/// Whether QEMU did not run the guest to its end.
fn failed_to_run(record: &TrialRecord) -> bool {
    matches!(record.verdict.kind, Kind::QemuFailed | Kind::QemuDied)
}

fn lab(error: &dyn std::error::Error) -> SessionError {
    SessionError::Lab(error.to_string())
}

/// Shows nothing, and stops a build when nobody waits for it any more.
struct Brake(CancellationToken);

impl Progress for Brake {
    fn update(&self, _: Update<'_>) {}

    fn cancelled(&self) -> bool {
        self.0.is_cancelled()
    }
}

/// The bisection shows what it does by itself.
struct Silent;

impl Observer for Silent {
    fn started(&self, _: usize, _: &Cell, _: u32) {}
    fn status(&self, _: usize, _: Status) {}
    fn finished(&self, _: usize, _: &TrialRecord) {}
}
