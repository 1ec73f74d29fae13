//! Trials that are cells: of kernels that are built from commits, or with other kernels, RAM, options.

use super::config::{CellSubject, Variation};
use super::entry::TrialResult;
use super::error::SessionError;
use super::reference::Reference;
use super::request::LabContext;
use super::runner::{Job, JobFuture, JobOutcome, Runner};
use super::session::Session;
use super::verdict::VerdictPattern;
use crate::git::{Commit, CommitId};
use crate::host::{Clock, HostReader, Resources, wall_clock};
use crate::kernel::{Fragment, KernelError, Progress, Update};
use crate::lab::{Lab, LocalExecutor, Observer, Ready, RunOptions, Sources, Status};
use crate::schedule::Costs;
use crate::store::RunDir;
use bisect::{Slot, Task};
use model::{Cell, KernelArtifact, Kind, PLAN_SCHEMA, Plan, TrialRecord};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use tokio_util::sync::{CancellationToken, DropGuard};

/// A build that takes less time was in the cache.
const CACHED_S: f64 = 0.5;

/// Builds kernels and boots cells.
pub struct CellRunner(Rc<Shared>);

struct Shared {
    sources: Sources,
    subject: CellSubject,
    fragments: Vec<Fragment>,
    repository: PathBuf,
    lab: Lab,
    run: RunDir,
    trials: usize,
    reference: RefCell<Reference>,
    ready: RefCell<BTreeMap<CommitId, Ready>>,
}

/// What the trials of a revision need.
enum Preparation {
    /// It is ready.
    Ready(Box<Ready>),
    /// The revision cannot be tried: why.
    Untestable(String),
}

impl CellRunner {
    /// For the cell of a session.
    ///
    /// # Errors
    /// When a configuration is gone, or the folder of its trials cannot be written.
    pub fn open(session: &Session, subject: &CellSubject, lab: &LabContext<'_>) -> Result<Self, SessionError> {
        let config = session.search.config();
        let fragments = match &subject.variation {
            Variation::Commit { config } => lab.configuration(config, &subject.cell)?,
            Variation::Cells(_) | Variation::Configs(_) => Vec::new(),
        };
        let dir = session.path().join("trials");
        let run = match RunDir::open(&dir) {
            Ok(run) => run,
            Err(_) => {
                let name = format!("bisection of {}", subject.cell.workload_name());
                let plan = Plan { schema: PLAN_SCHEMA, name, cells: Vec::new(), skipped: Vec::new() };
                RunDir::create(Some(&dir), &dir, "", &plan, &wall_clock())?
            }
        };
        let budget = Resources::of_host().budget();
        let (host, costs) = (Some(HostReader::default()), Costs::default());
        let options = RunOptions { budget, host, costs, qemu: lab.qemu.clone(), dump: None, diagnose_all: false };
        Ok(Self(Rc::new(Shared {
            sources: lab.sources.clone(),
            subject: subject.clone(),
            fragments,
            repository: config.repository.clone().unwrap_or_default(),
            lab: Lab::new(
                options,
                Arc::new(LocalExecutor::default()),
                Arc::new(NullObserver),
                CancellationToken::new(),
            ),
            run,
            trials: config.jobs as usize,
            reference: RefCell::new(Reference::new(subject.criterion.clone(), &session.search)),
            ready: RefCell::default(),
        })))
    }
}

impl Runner for CellRunner {
    fn slots(&self) -> Vec<Slot> {
        let builds = self.0.builds();
        let trial = if builds { Slot::Trial } else { Slot::Any };
        std::iter::repeat_n(trial, self.0.trials.max(1)).chain(builds.then_some(Slot::Build)).collect()
    }

    fn start(&mut self, job: Job) -> JobFuture {
        let shared = Rc::clone(&self.0);
        Box::pin(async move {
            match job.task {
                Task::Build => shared.build(&job).await,
                Task::Trial => shared.trial(job).await,
            }
        })
    }

    fn finish(self: Box<Self>, _: bool) -> Pin<Box<dyn Future<Output = Result<(), SessionError>>>> {
        Box::pin(async { Ok(()) })
    }
}

impl Shared {
    /// Builds the kernel of a revision. One that does not compile is skipped.
    async fn build(&self, job: &Job) -> Result<JobOutcome, SessionError> {
        let clock = Clock::start();
        let (result, log) = match self.prepare(&job.commit).await? {
            Preparation::Ready(ready) => {
                let lost = self.lost_options(&job.commit, &ready);
                self.ready.borrow_mut().insert(job.commit.id.clone(), *ready);
                (TrialResult::Built, lost)
            }
            Preparation::Untestable(why) => (TrialResult::Skip, why),
        };
        std::fs::write(&job.log, log).map_err(SessionError::file("write", &job.log))?;
        let seconds = clock.elapsed().as_secs_f64();
        let seconds = if seconds < CACHED_S { 0.0 } else { seconds };
        Ok(JobOutcome { result, exit: None, verdict: None, title: None, seconds, log: job.log.clone() })
    }

    async fn trial(&self, job: Job) -> Result<JobOutcome, SessionError> {
        let known = self.ready.borrow().get(&job.commit.id).cloned();
        let preparation = match known {
            Some(ready) => Preparation::Ready(Box::new(ready)),
            None => self.prepare(&job.commit).await?,
        };
        let ready = match preparation {
            Preparation::Ready(ready) => *ready,
            Preparation::Untestable(why) => {
                std::fs::write(&job.log, why).map_err(SessionError::file("write", &job.log))?;
                let (result, log) = (TrialResult::Skip, job.log);
                return Ok(JobOutcome { result, exit: None, verdict: None, title: None, seconds: 0.0, log });
            }
        };
        self.ready.borrow_mut().entry(job.commit.id.clone()).or_insert_with(|| ready.clone());
        let cell = self.cell(&job.commit)?;
        let number = u32::try_from(job.number).unwrap_or(u32::MAX);
        let boot = || self.lab.trial(&cell, number, Ok(ready.clone()), &self.run);
        let mut record = boot().await?;
        if qemu_failed(&record) {
            // Once may be the host's fault.
            record = boot().await?;
        }
        let verdict = VerdictPattern::of(&record.verdict).to_string();
        let result = match self.reference.borrow_mut().judge(&record, job.is_bad_end) {
            Some(result) => result,
            // For example, a kernel that is larger than the RAM.
            None if qemu_failed(&record) => TrialResult::Skip,
            None => {
                let summary = record.verdict.summary;
                return Err(SessionError::Trial { cell: cell.id, trial: number, verdict, summary });
            }
        };
        // The output is in the run directory.
        let _ = std::fs::remove_file(&job.log);
        let log = self.run.path().join("cells").join(record.folder());
        let (title, seconds) = (record.verdict.title, record.duration_s);
        Ok(JobOutcome { result, exit: None, verdict: Some(verdict), title, seconds, log })
    }

    async fn prepare(&self, commit: &Commit) -> Result<Preparation, SessionError> {
        let token = CancellationToken::new();
        // Dropping the job stops its compilers.
        let _guard: DropGuard = token.clone().drop_guard();
        let progress = Arc::new(CancelProgress(token.clone()));
        let mut sources = self.sources.clone();
        match self.compile(commit, Arc::clone(&progress)).await {
            Ok(own) => sources.own = own,
            Err(error @ (KernelError::Command { .. } | KernelError::NotApplied { .. })) => {
                return Ok(Preparation::Untestable(error.to_string()));
            }
            Err(error) => return Err(error.into()),
        }
        let mut cell = self.cell(commit)?;
        if let Some(own) = &sources.own {
            cell.kernel = own.name.clone();
        }
        let id = cell.id.clone();
        let plan = Plan { schema: PLAN_SCHEMA, name: String::new(), cells: vec![cell], skipped: Vec::new() };
        let mut prepared = None;
        let accelerators = sources.accelerators(&plan).await;
        sources.prepare(&plan, &accelerators, progress, &token, |_, ready| prepared = Some(ready)).await;
        match prepared {
            Some(Ok(ready)) => Ok(Preparation::Ready(Box::new(ready))),
            Some(Err(verdict)) if verdict.kind == Kind::KernelUnavailable => {
                Ok(Preparation::Untestable(verdict.summary))
            }
            Some(Err(verdict)) => Err(SessionError::Prepare { cell: id, summary: verdict.summary }),
            None => Err(SessionError::Internal("a cell was not prepared")),
        }
    }

    /// Requested options that the finished configuration of a kernel lacks, as lines.
    fn lost_options(&self, commit: &Commit, ready: &Ready) -> String {
        let config = ready.kernel.config.as_ref().and_then(|path| std::fs::read_to_string(path).ok());
        let Some(config) = config else { return String::new() };
        let lost: Vec<String> = match &self.subject.variation {
            Variation::Commit { .. } => self.fragments.iter().flat_map(|fragment| fragment.lost(&config)).collect(),
            Variation::Configs(files) => {
                let fragment = files.get(commit.id.as_str()).and_then(|file| Fragment::of_config(file).ok());
                fragment.map(|fragment| fragment.lost(&config)).unwrap_or_default()
            }
            Variation::Cells(_) => Vec::new(),
        };
        lost.into_iter().map(|option| format!("not in the configuration of this revision: {option}\n")).collect()
    }

    /// Builds a kernel that is not in the catalogue.
    async fn compile(
        &self,
        commit: &Commit,
        progress: Arc<CancelProgress>,
    ) -> Result<Option<KernelArtifact>, KernelError> {
        let (kernels, arch, jobs) = (Arc::clone(&self.sources.kernels), self.subject.cell.arch, self.sources.jobs);
        let id = commit.id.clone();
        let built = match &self.subject.variation {
            Variation::Commit { .. } => {
                let (repository, fragments) = (self.repository.clone(), self.fragments.clone());
                let build =
                    move || kernels.prepare_commit(&repository, id.as_str(), fragments, arch, jobs, progress.as_ref());
                tokio::task::spawn_blocking(build).await
            }
            Variation::Configs(files) => {
                let file = files.get(id.as_str()).cloned().unwrap_or_default();
                let name = self.subject.cell.kernel.clone();
                let build = move || {
                    let fragment = Fragment::of_config(&file)?;
                    kernels.prepare_configured(name.as_str(), fragment, arch, jobs, progress.as_ref())
                };
                tokio::task::spawn_blocking(build).await
            }
            Variation::Cells(_) => return Ok(None),
        };
        match built {
            Ok(built) => built.map(Some),
            Err(panic) => std::panic::resume_unwind(panic.into_panic()),
        }
    }

    /// The cell of a revision.
    fn cell(&self, commit: &Commit) -> Result<Cell, SessionError> {
        match &self.subject.variation {
            Variation::Commit { .. } => {
                let kernel = format!("commit-{}", commit.id.short());
                let id = format!("{}.{}", commit.id.short(), self.subject.cell.workload_name());
                Ok(Cell { kernel: kernel.as_str().into(), id: id.as_str().into(), ..self.subject.cell.clone() })
            }
            Variation::Configs(_) => {
                let id = format!("config-{}.{}", commit.id, self.subject.cell.workload_name());
                Ok(Cell { id: id.as_str().into(), ..self.subject.cell.clone() })
            }
            Variation::Cells(cells) => {
                cells.get(commit.id.as_str()).cloned().ok_or_else(|| SessionError::NoCell(commit.id.clone()))
            }
        }
    }

    /// Whether revisions have kernels of their own, which must be built or fetched.
    fn builds(&self) -> bool {
        match &self.subject.variation {
            Variation::Commit { .. } | Variation::Configs(_) => true,
            Variation::Cells(cells) => cells.values().any(|cell| cell.kernel != self.subject.cell.kernel),
        }
    }
}

/// Whether QEMU did not run the guest to its end.
fn qemu_failed(record: &TrialRecord) -> bool {
    matches!(record.verdict.kind, Kind::QemuFailed | Kind::QemuDied)
}

/// Shows no progress, and stops a build when its job is dropped.
struct CancelProgress(CancellationToken);

impl Progress for CancelProgress {
    fn update(&self, _: Update<'_>) {}

    fn cancelled(&self) -> bool {
        self.0.is_cancelled()
    }
}

/// Ignores the lab's events: the session has its own.
struct NullObserver;

impl Observer for NullObserver {
    fn started(&self, _: usize, _: &Cell, _: u32) {}
    fn status(&self, _: usize, _: Status) {}
    fn finished(&self, _: usize, _: &TrialRecord) {}
}
