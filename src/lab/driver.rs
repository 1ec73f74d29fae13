//! One loop owns one guest: it alone selects over console, QMP, the process, deadlines and cancellation.

use super::error::LabError;
use super::machine::{End, Machine};
use super::observer::{Observer, Status};
use super::recorder::Recorder;
use super::source::Source;
use super::starve::Starvation;
use crate::host::{Clock, Qmp, Serial, cpu_pressure, is_stopped, thread_times, vcpu_threads};
use crate::probe::{Prober, SymbolCache};
use crate::qmp::QueryVcpus;
use crate::store::TrialDir;
use arch::Arch;
use model::{Event, KernelArtifact, Outcome, Probe, QmpEvent, RamMib, Stage};
use qapi_qmp::{ShutdownAction, set_action};
use std::collections::VecDeque;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep_until, timeout, timeout_at};
use tokio_util::sync::CancellationToken;
use watchdog::{Action, Setup, Watchdog};

/// How long QEMU may take to end once it has said that the machine is shut down, before it is killed: the guest is gone,
/// and QEMU may never end. A QMP command that arrives at that moment can hold it up for ever (seen with QEMU 7.2,
/// `monitor_cleanup()`). A QEMU that was told to keep the machine does not end by itself.
const SHUTDOWN: Duration = Duration::from_secs(1);

/// How long the last words of a machine that is down may take to be read.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// How long QEMU may take to name its threads.
const THREADS: Duration = Duration::from_secs(30);

/// Bytes of a guest's page, unless its agent says otherwise.
const PAGE_BYTES: u32 = 4096;

/// How often the vCPU threads are sampled.
const SAMPLE: Duration = Duration::from_secs(1);

/// How long what QEMU sent before its end may take to arrive.
const DRAIN: Duration = Duration::from_secs(2);

/// What a driver needs besides its trial's folder.
pub(super) struct Drive<'a> {
    pub source: Source<'a>,
    /// What QEMU calls the character device of the serial console.
    pub console: String,
    pub kernel: Arc<KernelArtifact>,
    pub arch: Arch,
    pub symbol_cache: Arc<SymbolCache>,
    pub ram: RamMib,
    /// Whether the kernel may have put itself elsewhere than its symbols say.
    pub kaslr: bool,
    /// The most RAM that is kept in a file as evidence, if any.
    pub dump: Option<RamMib>,
    pub setup: Setup,
    /// Percent of the time for which the guest is kept from running under its workload.
    pub stopped: Option<u32>,
    pub cancel: CancellationToken,
    pub observer: &'a dyn Observer,
    pub index: usize,
}

/// Runs one guest to its end. The recorder that comes back holds the verdict.
pub(super) async fn drive(drive: Drive<'_>, dir: TrialDir) -> Result<Recorder, LabError> {
    let clock = Clock::start();
    let patience = Duration::from_secs_f64(drive.setup.timeouts.boot_s);
    let (guest, serial, qmp) = drive.source.open(&dir.path().join("qemu.log"), patience).await?;
    let prober = Prober {
        qmp: qmp.commands().clone(),
        serial: serial.input().clone(),
        console: drive.console.clone(),
        kernel: Arc::clone(&drive.kernel),
        arch: drive.arch,
        symbol_cache: Arc::clone(&drive.symbol_cache),
        ram: drive.ram,
        page_bytes: PAGE_BYTES,
        // Guests of the lab's own get `nokaslr`.
        kaslr: drive.kaslr.then(Arc::default),
    };
    let mut driver = Driver {
        recorder: Recorder::new(dir, Watchdog::new(drive.setup.clone()), clock),
        serial,
        qmp,
        guest,
        prober,
        asked: VecDeque::new(),
        probing: false,
        provoked: false,
        break_fails: None,
        tasks: JoinSet::new(),
        ends: None,
        keeping: JoinSet::new(),
        held: false,
        down: false,
        threads: Vec::new(),
        starvation: None,
        shown: None,
        drive,
    };
    driver.recorder.event(Event::Spawned { pid: driver.guest.pid().unwrap_or_default() })?;
    driver.reach_console().await?;
    driver.watch().await?;
    Ok(driver.recorder)
}

/// What a task beside the loop comes back with.
enum Answer {
    /// The thread ids of the vCPUs; none when QEMU did not say.
    Threads(Vec<u32>),
    /// What a probe found, unless it shows elsewhere.
    Probed(Option<Event>),
}

pub(super) struct Driver<'a> {
    pub recorder: Recorder,
    pub serial: Serial,
    pub qmp: Qmp,
    pub guest: Machine,
    pub prober: Prober,
    /// Probes that wait for their turn: one at a time, in the order in which they were asked for.
    asked: VecDeque<Probe>,
    probing: bool,
    /// Whether a probe has made the guest act.
    pub provoked: bool,
    /// Why a BREAK does not reach the guest's kernel, once that is known.
    pub break_fails: Option<String>,
    /// End with the driver, and none of them holds up the loop.
    tasks: JoinSet<Answer>,
    /// When QEMU, which has said that the machine is shut down, must have ended.
    ends: Option<Instant>,
    /// Asks QEMU to do so.
    keeping: JoinSet<bool>,
    /// Whether QEMU keeps a machine that the guest shuts down, for the lab to look at.
    pub held: bool,
    /// Whether there is such a machine now.
    pub down: bool,
    threads: Vec<u32>,
    starvation: Option<Starvation>,
    shown: Option<Stage>,
    pub drive: Drive<'a>,
}

impl Driver<'_> {
    /// Waits until the console can be read: before that, no silence is the guest's.
    async fn reach_console(&mut self) -> Result<(), LabError> {
        tokio::select! {
            reached = self.serial.reached() => reached.map_err(|source| LabError::Console { source }),
            // The loop sees these too.
            _ = self.guest.wait() => Ok(()),
            () = self.drive.cancel.cancelled() => Ok(()),
        }
    }

    async fn watch(&mut self) -> Result<(), LabError> {
        let mut sample = interval_at(Instant::now() + SAMPLE, SAMPLE);
        sample.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut serial_open, mut qmp_open, mut cancelled) = (true, true, false);
        loop {
            let deadline = self.recorder.watchdog.deadline().map(|stamp| self.recorder.clock.instant(stamp));
            let actions = tokio::select! {
                chunk = self.serial.read(), if serial_open => match chunk {
                    Some(bytes) => self.recorder.console(&bytes)?,
                    None => {
                        serial_open = false;
                        let actions = self.recorder.console_end()?;
                        if self.guest.pid().is_none() {
                            // Nothing else would tell that it has ended.
                            return self.ended(Some(End::default())).await;
                        }
                        actions
                    }
                },
                event = self.qmp.event(), if qmp_open => match event {
                    Some(what) => self.qmp_event(what).await?,
                    None => {
                        qmp_open = false;
                        Vec::new()
                    }
                },
                end = self.guest.wait() => return self.ended(Some(wait(end)?)).await,
                Some(answer) = self.tasks.join_next() => match answer {
                    Ok(answer) => self.answer(answer)?,
                    Err(panic) => std::panic::resume_unwind(panic.into_panic()),
                },
                due = sample.tick() => self.sample(due)?,
                () = sleep_until(deadline.unwrap_or_else(Instant::now)), if deadline.is_some() => {
                    self.recorder.event(Event::Tick)?
                }
                () = sleep_until(self.ends.unwrap_or_else(Instant::now)), if self.ends.is_some() => {
                    let end = wait(self.guest.kill().await)?;
                    return self.ended(end).await;
                }
                () = self.drive.cancel.cancelled(), if !cancelled => {
                    cancelled = true;
                    self.recorder.event(Event::Interrupted)?
                }
            };
            let stop = self.act(actions)?;
            self.starve()?;
            self.show();
            if stop {
                self.starvation = None;
                if self.recorder.watchdog.verdict().is_some_and(|verdict| calls_for_evidence(verdict.outcome())) {
                    // Whatever comes now, the verdict is kept.
                    self.recorder.keep_verdict()?;
                    self.diagnose().await;
                }
                let end = self.stop().await?;
                return self.ended(end).await;
            }
        }
    }

    /// Does what the watchdog wants; whether that is the end.
    fn act(&mut self, actions: Vec<Action>) -> Result<bool, LabError> {
        let mut actions = VecDeque::from(actions);
        loop {
            while let Some(action) = actions.pop_front() {
                match action {
                    Action::Stop => return Ok(true),
                    Action::Probe(probe) => self.asked.push_back(probe),
                }
            }
            if self.probing {
                return Ok(false);
            }
            let Some(probe) = self.asked.pop_front() else { return Ok(false) };
            self.probing = true;
            self.provoked |= matches!(probe, Probe::Sysrq(_));
            let page_bytes = self.recorder.page_bytes.unwrap_or(PAGE_BYTES);
            let looking = Prober { page_bytes, ..self.prober.clone() }.run(probe);
            actions.extend(self.recorder.event(Event::Probed { probe })?);
            self.tasks.spawn(async move { Answer::Probed(looking.await) });
        }
    }

    /// Keeps the guest from running now and then, where its cell says so, for as long as the workload runs.
    fn starve(&mut self) -> Result<(), LabError> {
        let loading = self.recorder.watchdog.stage() == Stage::Loading;
        match (self.drive.stopped, self.guest.pid()) {
            (Some(percent), Some(pid)) if loading && self.starvation.is_none() => {
                let begun = Starvation::begin(pid, percent);
                self.starvation = Some(begun.map_err(|source| LabError::Io { what: "holding the guest", source })?);
            }
            _ if !loading => self.starvation = None,
            _ => {}
        }
        Ok(())
    }

    fn answer(&mut self, answer: Answer) -> Result<Vec<Action>, LabError> {
        match answer {
            Answer::Threads(threads) => {
                self.threads = threads;
                self.sample_vcpus()
            }
            Answer::Probed(event) => {
                self.probing = false;
                Ok(event.map(|event| self.recorder.event(event)).transpose()?.unwrap_or_default())
            }
        }
    }

    async fn qmp_event(&mut self, what: QmpEvent) -> Result<Vec<Action>, LabError> {
        if matches!(what, QmpEvent::Shutdown(_)) {
            // There is nothing left to look into; `probing` stays as it is, so that nothing new begins.
            self.asked.clear();
            self.probing = true;
            self.tasks = JoinSet::new();
            // Who ends QEMU itself, ends it: only what the guest shuts down is kept (QEMU, `qmp_quit()`,
            // `qemu_system_killed()`).
            if self.keeps().await && matches!(&what, QmpEvent::Shutdown(reason) if reason.starts_with("guest-")) {
                let mut actions = self.recorder.event(Event::Qmp { what })?;
                actions.extend(self.last_words().await?);
                self.down = true;
                actions.extend(self.recorder.event(Event::Down)?);
                return Ok(actions);
            }
            self.ends = self.ends.or(self.guest.is_ours().then(|| Instant::now() + SHUTDOWN));
        }
        if what == QmpEvent::Connected {
            // QEMU 6.0 and later. What becomes of somebody else's machine is their choice.
            if self.guest.is_ours() {
                let pause =
                    set_action { shutdown: Some(ShutdownAction::pause), reboot: None, panic: None, watchdog: None };
                let asked = self.qmp.commands().execute(pause, THREADS);
                self.keeping.spawn(async move { asked.await.is_ok() });
            }
            // Without thread ids the judgement lacks the vCPUs' CPU time, and says so.
            let asked = self.qmp.commands().execute(QueryVcpus {}, THREADS);
            self.tasks.spawn(async move {
                Answer::Threads(asked.await.map(|vcpus| vcpu_threads(&vcpus)).unwrap_or_default())
            });
        }
        Ok(self.recorder.event(Event::Qmp { what })?)
    }

    /// Whether QEMU keeps a machine that the guest has just shut down. It has answered by now, if it ever does: before it said
    /// so.
    pub async fn keeps(&mut self) -> bool {
        if let Ok(Some(Ok(held))) = timeout(LAST_WORDS, self.keeping.join_next()).await {
            self.held = held;
        }
        self.held
    }

    /// Reads what the guest had written to its console before its machine was shut down.
    async fn last_words(&mut self) -> Result<Vec<Action>, LabError> {
        let mut actions = Vec::new();
        let mut flushed = pin!(timeout(LAST_WORDS, self.serial.flush()));
        loop {
            tokio::select! {
                biased;
                Some(bytes) = self.serial.read() => actions.extend(self.recorder.console(&bytes)?),
                _ = &mut flushed => break,
            }
        }
        while let Some(bytes) = self.serial.read_now() {
            actions.extend(self.recorder.console(&bytes)?);
        }
        Ok(actions)
    }

    fn sample(&mut self, due: Instant) -> Result<Vec<Action>, LabError> {
        // Who is behind with the console does not know yet what the guest has said.
        let behind = if self.serial.is_behind() { SAMPLE } else { Duration::ZERO };
        let late_us = u64::try_from((due.elapsed() + behind).as_micros()).unwrap_or(u64::MAX);
        // What the lab itself does so, the watchdog knows.
        let stopped = self.starvation.is_none() && self.guest.pid().is_some_and(is_stopped);
        let mut actions = self.recorder.event(Event::Host { late_us, psi_cpu_avg10: cpu_pressure(), stopped })?;
        actions.extend(self.sample_vcpus()?);
        self.shown = None;
        Ok(actions)
    }

    fn sample_vcpus(&mut self) -> Result<Vec<Action>, LabError> {
        match self.guest.pid().and_then(|pid| thread_times(pid, &self.threads)) {
            Some(threads) => Ok(self.recorder.event(Event::Vcpus { threads })?),
            None => Ok(Vec::new()),
        }
    }

    /// Ends QEMU while its console is read: a full one may hold up all of it (`pl011_write()` waits until it has written).
    async fn stop(&mut self) -> Result<Option<End>, LabError> {
        let mut stopping = pin!(self.guest.stop(&self.qmp));
        loop {
            tokio::select! {
                end = &mut stopping => return wait(end),
                Some(bytes) = self.serial.read() => drop(self.recorder.console(&bytes)?),
            }
        }
    }

    /// QEMU has ended: takes what is still in the sockets, then its end. Somebody else's may go on.
    async fn ended(&mut self, end: Option<End>) -> Result<(), LabError> {
        let Some(End { code, signal }) = end else { return Ok(()) };
        let until = Instant::now() + DRAIN;
        while let Ok(Some(bytes)) = timeout_at(until, self.serial.read()).await {
            self.recorder.console(&bytes)?;
        }
        self.recorder.console_end()?;
        while let Ok(Some(what)) = timeout_at(until, self.qmp.event()).await {
            self.recorder.event(Event::Qmp { what })?;
        }
        let stderr = self.guest.last_words();
        self.recorder.event(Event::Exited { code, signal, stderr })?;
        Ok(())
    }

    /// Tells the observer, at each change of stage and at each sample.
    fn show(&mut self) {
        let stage = self.recorder.watchdog.stage();
        if self.shown == Some(stage) {
            return;
        }
        self.shown = Some(stage);
        let beat = self.recorder.last_beat;
        let status = Status {
            stage,
            elapsed_s: self.recorder.clock.now().as_secs_f64(),
            guest_s: beat.map(|beat| beat.mono_ms as f64 / 1e3),
            free_kib: beat.map(|beat| beat.free_kib),
            oom_kills: self.recorder.watchdog.oom_kills(),
            canary_stuck_s: self.recorder.watchdog.canary_stuck_s(),
        };
        self.drive.observer.status(self.drive.index, status);
    }
}

/// Whether somebody will want to know more than the verdict.
const fn calls_for_evidence(outcome: Outcome) -> bool {
    matches!(outcome, Outcome::Hang | Outcome::Crash | Outcome::BootFailed)
}

fn wait<T>(end: std::io::Result<T>) -> Result<T, LabError> {
    end.map_err(|source| LabError::Io { what: "waiting for QEMU", source })
}
