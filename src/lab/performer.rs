//! Performs the conductor's effects as tasks beside the loop, so that none of them blocks the console.

use super::diagnosis::FOLDER;
use super::error::LabError;
use super::input::{Effect, SessionResult, StepWork, TaskResult};
use super::session::Session;
use super::step_error::StepError;
use super::stopping::QUIT_TIMEOUT;
use super::trial::Test;
use super::vcpu_throttle::VcpuThrottle;
use crate::guest::Flush;
use crate::host::{QmpCommands, SerialInput, vcpu_threads};
use crate::probe::{Prober, dump};
use crate::qmp::QueryVcpus;
use kmsg::console::{Command, encode_command};
use model::{Event, Probe, RamMib, Stamp, Step};
use qapi_qmp::{ShutdownAction, inject_nmi, quit, set_action};
use std::future::poll_fn;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;
use tokio::task::JoinSet;

/// Timeout of QMP commands for thread ids and settings.
const QMP_TIMEOUT: Duration = Duration::from_secs(30);

/// Timeout for sending a request to a channel of the guest.
const SEND_TIMEOUT: Duration = Duration::from_secs(6);

/// Handles to a guest.
pub(super) struct Reach {
    /// Probes the guest; `None` without QMP.
    pub prober: Option<Prober>,
    /// The test that is run over SSH.
    pub test: Option<Arc<Test>>,
    /// Input of the console.
    pub serial: SerialInput,
    /// Process id of QEMU; `None` if unknown.
    pub pid: Option<u32>,
    /// Maximum RAM of a dump; `None` for no dump.
    pub max_dump: Option<RamMib>,
}

/// Performs effects. Dropping it cancels running tasks and resumes a paused machine.
pub(super) struct Performer {
    reach: Reach,
    threads: Vec<u32>,
    throttle: Option<VcpuThrottle>,
    tasks: JoinSet<Outcome>,
    probes: JoinSet<TaskResult>,
    session: Option<Session>,
}

/// Result of a task that is not a probe.
enum Outcome {
    Result(TaskResult),
    Threads(Vec<u32>),
    Nothing,
}

impl Performer {
    pub fn new(reach: Reach) -> Self {
        Self {
            reach,
            threads: Vec::new(),
            throttle: None,
            tasks: JoinSet::new(),
            probes: JoinSet::new(),
            session: None,
        }
    }

    /// Thread ids of the vCPUs; empty if unknown.
    pub fn vcpu_threads(&self) -> &[u32] {
        &self.threads
    }

    /// The result of the next task that ends; pending while no task runs. Cancel safe.
    pub async fn next_result(&mut self) -> TaskResult {
        let Self { session, tasks, probes, threads, .. } = self;
        tokio::select! {
            // The session of a test may bring results without end.
            biased;
            result = next_task(probes, tasks, threads) => result,
            result = next_of_session(session) => TaskResult::Session(result),
        }
    }

    /// Starts a flush of the console.
    pub fn flush(&mut self, flush: Flush) {
        self.tasks.spawn(async move {
            flush.await;
            Outcome::Result(TaskResult::Flushed)
        });
    }

    /// Performs an effect that needs neither the guest's process nor the trial's folder.
    ///
    /// # Errors
    /// When the vCPUs cannot be throttled.
    pub fn perform(&mut self, effect: Effect, at: Stamp) -> Result<(), LabError> {
        match effect {
            Effect::QueryVcpus => self.query_vcpus(),
            Effect::PauseOnShutdown => self.pause_on_shutdown(),
            Effect::Probe { probe, page_bytes } => self.probe(probe, page_bytes),
            Effect::Step(work) => self.step(work, at),
            Effect::StartTest => self.start_test(),
            Effect::EndTest => self.session.iter_mut().for_each(Session::end_test),
            Effect::StopGuest => self.stop_guest(),
            Effect::AbortProbes => self.probes = JoinSet::new(),
            Effect::StealVcpuTime { percent } => self.steal_vcpu_time(percent)?,
            Effect::Quit => self.quit(),
            Effect::Dump | Effect::FlushConsole | Effect::Signal(_) | Effect::Show(_) => {}
        }
        Ok(())
    }

    fn qmp(&self) -> Option<QmpCommands> {
        self.reach.prober.as_ref().map(|prober| prober.qmp.clone())
    }

    fn start_test(&mut self) {
        let (Some(test), Some(qmp)) = (self.reach.test.clone(), self.qmp()) else {
            let source = std::io::Error::other("the guest has no root disk, or no QMP");
            self.tasks.spawn(async {
                Outcome::Result(TaskResult::Session(SessionResult::LabFailed(LabError::Session { source })))
            });
            return;
        };
        self.session = Some(Session::start(test, qmp));
    }

    /// The results of the test's session that have arrived.
    pub fn arrived(&mut self) -> Vec<SessionResult> {
        self.session.as_mut().map(Session::arrived).unwrap_or_default()
    }

    fn stop_guest(&mut self) {
        let (serial, line) = (self.reach.serial.clone(), encode_command(Command::Stop));
        self.tasks.spawn(async move {
            // Whether the guest powers off is the watchdog's business.
            drop(serial.send(line.into_bytes(), SEND_TIMEOUT).await);
            Outcome::Nothing
        });
    }

    fn query_vcpus(&mut self) {
        let Some(qmp) = self.qmp() else { return };
        self.tasks.spawn(async move {
            let asked = qmp.execute(QueryVcpus {}, QMP_TIMEOUT).await;
            Outcome::Threads(asked.map(|vcpus| vcpu_threads(&vcpus)).unwrap_or_default())
        });
    }

    fn pause_on_shutdown(&mut self) {
        let Some(qmp) = self.qmp() else { return };
        self.tasks.spawn(async move {
            let pause = set_action { shutdown: Some(ShutdownAction::pause), reboot: None, panic: None, watchdog: None };
            let asked = qmp.execute(pause, QMP_TIMEOUT).await;
            Outcome::Result(TaskResult::ShutdownAction(asked.is_ok()))
        });
    }

    fn quit(&mut self) {
        let Some(qmp) = self.qmp() else { return };
        self.tasks.spawn(async move {
            // QEMU may close the connection before it replies; only its exit counts.
            drop(qmp.execute(quit {}, QUIT_TIMEOUT).await);
            Outcome::Nothing
        });
    }

    fn probe(&mut self, probe: Probe, page_bytes: u32) {
        let prober = self.reach.prober.clone().map(|prober| Prober { page_bytes, ..prober });
        self.probes.spawn(async move {
            TaskResult::Probed(match prober {
                Some(prober) => prober.run(probe).await,
                None => Some(Event::ProbeFailed { probe, why: StepError::NoQmp.to_string() }),
            })
        });
    }

    fn step(&mut self, work: StepWork, at: Stamp) {
        let (prober, serial) = (self.reach.prober.clone(), self.reach.serial.clone());
        self.probes.spawn(async move { TaskResult::Step(do_step(prober, serial, work, at).await) });
    }

    /// Makes QEMU dump the guest's RAM into the bundle. A partial dump is removed.
    pub fn dump(&mut self, trial: &Path) {
        let file = trial.join(FOLDER).join(Step::Dump.file());
        let (qmp, max) = (self.qmp(), self.reach.max_dump);
        self.probes.spawn(async move {
            let (Some(qmp), Some(max)) = (qmp, max) else { return TaskResult::Step(Err(StepError::NoQmp)) };
            let part = PartialFile(Some(file.clone()));
            let dumped = match file.parent().map_or(Ok(()), std::fs::create_dir_all) {
                Ok(()) => dump(&qmp, &file, max).await.map_err(StepError::Probe),
                Err(error) => Err(StepError::Folder(error)),
            };
            if dumped.is_ok() {
                part.keep();
            }
            TaskResult::Step(dumped.map(|()| String::new()))
        });
    }

    fn steal_vcpu_time(&mut self, percent: u32) -> Result<(), LabError> {
        let held = |source| LabError::Io { what: "stopping the vCPUs", source };
        self.throttle = match self.reach.pid {
            Some(pid) if percent > 0 => Some(VcpuThrottle::begin(pid, percent).map_err(held)?),
            _ => None,
        };
        Ok(())
    }
}

async fn next_of_session(session: &mut Option<Session>) -> SessionResult {
    match session {
        Some(session) => session.next().await,
        None => std::future::pending().await,
    }
}

async fn next_task(
    probes: &mut JoinSet<TaskResult>,
    tasks: &mut JoinSet<Outcome>,
    threads: &mut Vec<u32>,
) -> TaskResult {
    loop {
        let ended = poll_fn(|cx| {
            // Probes first: QEMU may be slow to reply to the others.
            if let Poll::Ready(Some(ended)) = probes.poll_join_next(cx) {
                return Poll::Ready(ended.map(Outcome::Result));
            }
            match tasks.poll_join_next(cx) {
                Poll::Ready(Some(ended)) => Poll::Ready(ended),
                _ => Poll::Pending,
            }
        });
        match ended.await {
            Ok(Outcome::Result(result)) => return result,
            Ok(Outcome::Threads(found)) => {
                *threads = found;
                return TaskResult::Threads;
            }
            Ok(Outcome::Nothing) => {}
            Err(error) if error.is_cancelled() => {}
            Err(panic) => std::panic::resume_unwind(panic.into_panic()),
        }
    }
}

/// The host's part of a step, besides a dump.
async fn do_step(prober: Option<Prober>, serial: SerialInput, work: StepWork, at: Stamp) -> Result<String, StepError> {
    let prober = || prober.as_ref().ok_or(StepError::NoQmp);
    match work {
        StepWork::Read { step, page_bytes } => {
            let prober = Prober { page_bytes, ..prober()?.clone() };
            return Ok(prober.collect(step, at).await?.to_string());
        }
        StepWork::BreakSysrq(letter) => prober()?.send_sysrq(letter).await?,
        StepWork::AgentSysrq(letter) => {
            // The leading newline ends a line of letters that the kernel did not take.
            let line = format!("\n{}", encode_command(Command::Sysrq(letter)));
            serial.send(line.into_bytes(), SEND_TIMEOUT).await.map_err(StepError::Console)?;
        }
        StepWork::Nmi => drop(prober()?.qmp.execute(inject_nmi {}, SEND_TIMEOUT).await?),
    }
    Ok(String::new())
}

/// A file that is removed unless it is kept.
struct PartialFile(Option<PathBuf>);

impl PartialFile {
    fn keep(mut self) {
        self.0 = None;
    }
}

impl Drop for PartialFile {
    fn drop(&mut self) {
        if let Some(path) = &self.0 {
            // The file may not exist.
            let _ = std::fs::remove_file(path);
        }
    }
}
