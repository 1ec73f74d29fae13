//! A run: every trial of a plan, as the host admits them.

use super::admission::{Admission, Budget, Need, QEMU_OVERHEAD_MIB};
use super::driver::{Drive, drive};
use super::error::LabError;
use super::observer::Observer;
use super::recorder::Recorder;
use super::scratch::ScratchFile;
use super::source::Source;
use super::trial::{Ready, TrialSpec, Watched};
use crate::host::{Clock, SocketDir, allow_open_files, wall_clock};
use crate::launch::{CONSOLE, Paths, command, with_channels};
use crate::probe::SymbolCache;
use crate::report;
use crate::store::RunDir;
use model::{Accel, Cell, Kind, Plan, RUN_SCHEMA, RamMib, TrialRecord, Verdict};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use watchdog::Setup;

/// For each cell, by id: what it needs to run, or why it cannot.
pub type Prepared = BTreeMap<model::CellId, Result<Ready, Box<Verdict>>>;

/// How a run is to go.
#[derive(Debug, Clone)]
pub struct RunOptions {
    /// What it may use of the host.
    pub budget: Budget,
    /// A program to run in place of every architecture's QEMU.
    pub qemu: Option<PathBuf>,
    /// The most RAM of a guest that hung or crashed that is kept in a file; nothing for none.
    pub dump: Option<RamMib>,
}

/// Runs plans.
pub struct Lab<'a> {
    /// How.
    pub options: RunOptions,
    /// Whom it tells.
    pub observer: Arc<dyn Observer + 'a>,
    /// Ends the run before its time.
    pub cancel: CancellationToken,
}

impl Lab<'static> {
    /// Runs every trial of the plan into `run` and returns when all have ended or the run was cancelled.
    ///
    /// # Errors
    /// When the run directory cannot be written. A trial that the lab could not run is a verdict with the outcome
    /// `lab-error`, and the others go on.
    pub async fn run(&self, plan: &Plan, prepared: &Prepared, run: &RunDir) -> Result<(), LabError> {
        let clock = Clock::start();
        allow_open_files();
        let mut admission = Admission::new(self.options.budget);
        let mut waiting: Vec<(usize, TrialSpec)> = trials(plan, self.options.qemu.as_ref());
        let mut running: JoinSet<(Need, Result<(), LabError>)> = JoinSet::new();
        let symbol_cache = Arc::new(SymbolCache::default());
        let mut failed = None;
        loop {
            while !self.cancel.is_cancelled() && failed.is_none() {
                let needs: Vec<Need> = waiting.iter().map(|(_, spec)| need(&spec.cell)).collect();
                let Some(at) = admission.next(&needs) else { break };
                let (index, spec) = waiting.remove(at);
                admission.take(needs[at]);
                let ready = prepared.get(&spec.cell.id).cloned().unwrap_or_else(|| Err(Box::new(unprepared())));
                let trial = Trial {
                    index,
                    spec,
                    ready,
                    run: run.clone(),
                    symbol_cache: Arc::clone(&symbol_cache),
                    dump: self.options.dump,
                    observer: Arc::clone(&self.observer),
                    cancel: self.cancel.child_token(),
                };
                let taken = needs[at];
                running.spawn(async move { (taken, trial.run().await.map(drop)) });
            }
            match running.join_next().await {
                Some(Ok((need, result))) => {
                    admission.give_back(need);
                    failed = failed.or(result.err());
                }
                Some(Err(panic)) => std::panic::resume_unwind(panic.into_panic()),
                None => break,
            }
        }
        run.finish(clock.now().as_secs_f64(), self.cancel.is_cancelled())?;
        failed.map_or(Ok(()), Err)
    }

    /// Judges a guest that nobody has planned, until it has ended, there is a verdict, or the run was cancelled.
    ///
    /// # Errors
    /// See [`Lab::run`].
    pub async fn watch(&self, cell: &Cell, ready: Ready, guest: Watched, run: &RunDir) -> Result<(), LabError> {
        let clock = Clock::start();
        let trial = Trial {
            index: 0,
            spec: TrialSpec { cell: cell.clone(), trial: 1, program: None, watched: Some(guest) },
            ready: Ok(ready),
            run: run.clone(),
            symbol_cache: Arc::default(),
            dump: self.options.dump,
            observer: Arc::clone(&self.observer),
            cancel: self.cancel.child_token(),
        };
        let done = trial.run().await;
        run.finish(clock.now().as_secs_f64(), self.cancel.is_cancelled())?;
        done.map(drop)
    }

    /// Runs one trial of a cell into a run that others may have more of.
    ///
    /// # Errors
    /// See [`Lab::run`].
    pub async fn trial(
        &self,
        cell: &Cell,
        number: u32,
        ready: Result<Ready, Box<Verdict>>,
        run: &RunDir,
    ) -> Result<TrialRecord, LabError> {
        allow_open_files();
        let program = self.options.qemu.clone();
        let trial = Trial {
            index: 0,
            spec: TrialSpec { cell: cell.clone(), trial: number, program, watched: None },
            ready,
            run: run.clone(),
            symbol_cache: Arc::default(),
            dump: self.options.dump,
            observer: Arc::clone(&self.observer),
            cancel: self.cancel.child_token(),
        };
        trial.run().await
    }
}

/// The plan's trials in order: all first trials, then all second ones, so that a stopped run has seen every cell.
fn trials(plan: &Plan, program: Option<&PathBuf>) -> Vec<(usize, TrialSpec)> {
    let most = plan.cells.iter().map(|cell| cell.repeat).max().unwrap_or(0);
    (1..=most)
        .flat_map(|trial| plan.cells.iter().filter(move |cell| cell.repeat >= trial).map(move |cell| (trial, cell)))
        .map(|(trial, cell)| TrialSpec { cell: cell.clone(), trial, program: program.cloned(), watched: None })
        .enumerate()
        .collect()
}

fn need(cell: &Cell) -> Need {
    Need { cpus: cell.vcpus, ram_mib: u64::from(cell.ram.0) + QEMU_OVERHEAD_MIB }
}

fn unprepared() -> Verdict {
    Verdict::new(Kind::KernelUnavailable, Verdict::PREPARE, "nothing was prepared for this cell")
}

/// One trial with all that it needs.
struct Trial {
    index: usize,
    spec: TrialSpec,
    ready: Result<Ready, Box<Verdict>>,
    run: RunDir,
    symbol_cache: Arc<SymbolCache>,
    dump: Option<RamMib>,
    observer: Arc<dyn Observer>,
    cancel: CancellationToken,
}

impl Trial {
    async fn run(self) -> Result<TrialRecord, LabError> {
        let cell = &self.spec.cell;
        self.observer.started(self.index, cell, self.spec.trial);
        let record = match &self.ready {
            Ok(ready) => self.boot_or_emulate(ready).await?,
            Err(verdict) => self.fail(self.record(verdict.as_ref().clone(), wall_clock()))?,
        };
        self.observer.finished(self.index, &record);
        Ok(record)
    }

    /// A KVM that cannot go on says nothing about the kernel: the trial begins anew. A KVM that did not even boot one is not
    /// asked again; a kernel that has come up may also have run into what no KVM can execute.
    async fn boot_or_emulate(&self, ready: &Ready) -> Result<TrialRecord, LabError> {
        let accel = ready.accelerator.accel();
        let record = self.boot(ready, accel).await?;
        if record.verdict.kind != Kind::VcpuFailed || accel != Accel::Kvm {
            return Ok(record);
        }
        if record.boot_s.is_none() {
            ready.accelerator.distrust();
        }
        self.observer.emulated(self.index, &record);
        self.boot(ready, Accel::Tcg).await
    }

    async fn boot(&self, ready: &Ready, accel: Accel) -> Result<TrialRecord, LabError> {
        let cell = &self.spec.cell;
        let io = |what| move |source| LabError::Io { what, source };
        let sockets = SocketDir::create().map_err(io("making a folder for sockets"))?;
        let (serial, qmp) = (sockets.serial(), sockets.qmp());
        let disk = match &cell.needs.disk {
            None => None,
            Some(disk) => match ScratchFile::create(disk).await {
                Ok(file) => Some(file),
                Err(error) => return self.fail(self.record(lab_error(&error), wall_clock())),
            },
        };
        let dir = self.run.trial(cell.id.as_str(), self.spec.trial)?;
        let spec = cell.arch;
        let paths = Paths {
            kernel: ready.kernel.image.clone(),
            initrd: ready.initrd.as_ref().map(|(path, _)| path.clone()),
            serial: serial.clone(),
            qmp: qmp.clone(),
            disk: disk.as_ref().map(ScratchFile::path).unwrap_or_default(),
        };
        let argv = match &self.spec.watched {
            None => self.planned(accel, &paths),
            Some(Watched::Spawn(argv)) => with_channels(argv, &serial, &qmp),
            Some(Watched::Attach { .. } | Watched::Stdin) => Vec::new(),
        };
        if !argv.is_empty() {
            dir.file("qemu.sh", shell(&argv).as_bytes())?;
        }
        let console = match &self.spec.watched {
            None | Some(Watched::Stdin) => "serial0",
            Some(Watched::Spawn(_)) => CONSOLE,
            Some(Watched::Attach { console, .. }) => console,
        };
        let console = console.to_owned();
        let source = match &self.spec.watched {
            None | Some(Watched::Spawn(_)) => {
                Source::Spawn { argv: &argv, serial, qmp, console_bps: cell.faults.console_bps }
            }
            Some(Watched::Attach { serial, qmp, .. }) => Source::Attach { serial: serial.clone(), qmp: qmp.clone() },
            Some(Watched::Stdin) => Source::Stdin,
        };
        let started = wall_clock();
        let mut record = self.record(unjudged(), started);
        record.accel = accel;
        record.command.clone_from(&argv);
        record.kernel_release = Some(ready.kernel.release.clone()).filter(|release| !release.is_empty());
        record.kernel_digest = Some(ready.kernel.digest.clone());
        record.kernel_commit.clone_from(&ready.kernel.commit);
        record.initrd_digest = ready.initrd.as_ref().map(|(_, digest)| digest.clone());
        let job = Drive {
            source,
            console,
            kernel: Arc::new(ready.kernel.clone()),
            arch: spec,
            symbol_cache: Arc::clone(&self.symbol_cache),
            ram: cell.ram,
            dump: self.dump,
            kaslr: self.spec.watched.is_some(),
            setup: Setup::of(cell),
            stopped: cell.faults.vcpu_steal,
            cancel: self.cancel.clone(),
            observer: self.observer.as_ref(),
            index: self.index,
        };
        match drive(job, dir).await {
            Ok(recorder) => self.finish(record, recorder),
            Err(error) => {
                // The disk may be what failed; then this fails too and the run ends with the reason.
                record.verdict = lab_error(&error);
                self.fail(record)
            }
        }
    }

    fn planned(&self, accel: Accel, paths: &Paths) -> Vec<String> {
        let mut argv = command(&self.spec.cell, accel, paths);
        if let Some(program) = &self.spec.program {
            argv[0] = program.display().to_string();
        }
        argv
    }

    /// Ends a trial that the lab could not bring to its end.
    fn fail(&self, mut record: TrialRecord) -> Result<TrialRecord, LabError> {
        let why = self.why(&record);
        self.run.fail(&mut record, &why)?;
        Ok(record)
    }

    fn why(&self, record: &TrialRecord) -> String {
        report::why(&self.run.path().display().to_string(), record)
    }

    fn finish(&self, mut record: TrialRecord, recorder: Recorder) -> Result<TrialRecord, LabError> {
        let watchdog = &recorder.watchdog;
        record.verdict = watchdog.verdict().unwrap_or_else(unjudged);
        record.duration_s = recorder.clock.now().as_secs_f64();
        record.boot_s = watchdog.booted_at().map(|stamp| stamp.as_secs_f64());
        record.oom_kills = watchdog.oom_kills();
        record.evidence = recorder.dir.evidence()?;
        if report::needs_why(&record) {
            recorder.dir.file("why.md", self.why(&record).as_bytes())?;
            record.evidence = recorder.dir.evidence()?;
        }
        recorder.dir.finish(&record)?;
        Ok(record)
    }

    fn record(&self, verdict: Verdict, started: String) -> TrialRecord {
        TrialRecord {
            schema: RUN_SCHEMA,
            cell: self.spec.cell.clone(),
            trial: self.spec.trial,
            verdict,
            started,
            duration_s: 0.0,
            boot_s: None,
            oom_kills: 0,
            accel: Accel::Tcg,
            command: Vec::new(),
            kernel_release: None,
            kernel_digest: None,
            kernel_commit: None,
            initrd_digest: None,
            evidence: Vec::new(),
        }
    }
}

fn unjudged() -> Verdict {
    Verdict::new(Kind::QemuDied, Verdict::DRIVER, "the trial ended without a verdict")
}

fn lab_error(error: &LabError) -> Verdict {
    let kind = match error {
        LabError::Store(_) | LabError::Disk { .. } => Kind::StoreFailed,
        LabError::Spawn(_) | LabError::Console { .. } => Kind::QemuFailed,
        LabError::Io { .. } => Kind::QemuDied,
    };
    Verdict::new(kind, Verdict::DRIVER, error.to_string())
}

fn shell(argv: &[String]) -> String {
    // Only a NUL cannot be quoted, and an argument cannot hold one.
    let words = shlex::try_join(argv.iter().map(String::as_str)).unwrap_or_default();
    format!("#!/bin/sh\nexec {words}\n")
}
