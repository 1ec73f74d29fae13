//! Runs trials in this process.

use super::conductor::{Conductor, PAGE_BYTES};
use super::diagnosis::Means;
use super::driver::Driver;
use super::error::LabError;
use super::executor::{Assignment, Execution, Executor};
use super::keep::Keeper;
use super::performer::{Performer, Reach};
use super::phase::Conditions;
use super::scratch::ScratchFile;
use super::trial::{GuestSpec, TrialSpec};
use crate::guest::{Guest, Source};
use crate::host::{Clock, Sandboxes, SocketDir, wall_clock_ms};
use crate::launch::{CONSOLE, Paths, command, with_channels};
use crate::probe::{Prober, SymbolCache};
use crate::report;
use crate::store::TrialDir;
use arch::without_sandbox;
use model::{Accel, Digest, Kind, RuleId, TEST_SCRIPT, TrialRecord, Verdict, duration};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use watchdog::Setup;

/// Runs trials in this process. They share the symbols and layouts of kernels, and what is known of QEMU's sandbox.
#[derive(Debug, Default)]
pub struct LocalExecutor {
    symbols: Arc<SymbolCache>,
    sandboxes: Sandboxes,
    keeper: Arc<Keeper>,
}

impl LocalExecutor {
    /// With a keeper of guests that stay.
    pub fn with_keeper(keeper: Arc<Keeper>) -> Self {
        Self { keeper, ..Self::default() }
    }
}

impl Executor for LocalExecutor {
    fn execute<'a>(&'a self, assignment: Assignment<'a>) -> Execution<'a> {
        Box::pin(self.run(assignment))
    }
}

/// QEMU's command line, and its files, which live as long as the trial.
pub(super) struct Launch {
    source: Source,
    pub argv: Vec<String>,
    /// QEMU's id of the serial console's chardev.
    console: String,
    pub sockets: SocketDir,
    pub disk: Option<ScratchFile>,
}

impl LocalExecutor {
    async fn run(&self, assignment: Assignment<'_>) -> Result<TrialRecord, LabError> {
        let Assignment { spec, folder, .. } = assignment;
        let mut record = draft(spec);
        let launch = match launch(spec, &self.sandboxes).await {
            Ok(launch) => launch,
            Err(error) => return fail(spec, folder, record, &error),
        };
        record.command.clone_from(&launch.argv);
        match self.drive(&assignment, &launch).await {
            Ok(driver) => {
                let record = finish(spec, record, &driver)?;
                if driver.conductor.is_kept() {
                    self.keeper.keep(driver.guest, (launch.sockets, launch.disk), (spec, &record, folder)).await;
                }
                Ok(record)
            }
            // If the host's disk is full, this fails too and ends the run.
            Err(error) => fail(spec, folder, record, &error),
        }
    }

    /// Runs the guest to its end. A verdict stands whatever fails after it.
    async fn drive<'a>(&self, assignment: &Assignment<'a>, launch: &Launch) -> Result<Driver<'a>, LabError> {
        let Assignment { spec, folder, index, observer, cancel } = assignment;
        let dir = TrialDir::create(folder)?;
        if !launch.argv.is_empty() {
            dir.file("qemu.sh", shell(&launch.argv).as_bytes())?;
        }
        if let Some(test) = &spec.test {
            dir.file(TEST_SCRIPT, test.script.as_bytes())?;
        }
        let setup = Setup::of(&spec.cell);
        let timeout = duration(setup.timeouts.boot_s);
        let clock = Clock::start();
        let guest = launch.source.clone().open(&folder.join("qemu.log"), timeout).await?;
        let keep = self.keeper.outcomes();
        let conditions = Conditions {
            diagnosis: Means { arch: spec.cell.arch, has_agent: setup.agent, keeps_dump: spec.max_dump.is_some() },
            setup,
            pid: guest.pid(),
            is_managed: guest.is_managed(),
            vcpu_stop_percent: spec.cell.faults.vcpu_steal,
            keep,
            diagnosed: spec.diagnosed.clone(),
        };
        let has_qmp = guest.control().is_some();
        let mut driver = Driver {
            conductor: Conductor::new(conditions, has_qmp),
            performer: Performer::new(self.reach(spec, launch, guest.as_ref())),
            guest,
            dir,
            clock,
            cancel: cancel.clone(),
            observer: *observer,
            index: *index,
        };
        if let Err(error) = driver.drive().await {
            let has_verdict = driver.conductor.recorder.watchdog.verdict().is_some();
            if !has_verdict || !driver.conductor.has_concluded() {
                return Err(error);
            }
            observer.note(&format!("{}, trial {}: the verdict stands, but {error}", spec.cell.id, spec.trial));
        }
        Ok(driver)
    }

    fn reach(&self, spec: &TrialSpec, launch: &Launch, guest: &dyn Guest) -> Reach {
        let prober = guest.control().map(|qmp| Prober {
            qmp,
            serial: guest.input(),
            console: launch.console.clone(),
            kernel: Arc::new(spec.kernel.clone()),
            arch: spec.cell.arch,
            ram: spec.cell.ram,
            page_bytes: PAGE_BYTES,
            symbol_cache: Arc::clone(&self.symbols),
            // Planned guests have `nokaslr`.
            kaslr: (!spec.guest.is_planned()).then(Arc::default),
        });
        let test = spec.test.clone().map(Arc::new);
        Reach { prober, test, serial: guest.input(), pid: guest.pid(), max_dump: spec.max_dump }
    }
}

pub(super) async fn launch(spec: &TrialSpec, sandboxes: &Sandboxes) -> Result<Launch, LabError> {
    let sockets = SocketDir::create().map_err(|source| LabError::Io { what: "making a folder for sockets", source })?;
    let disk = match &spec.cell.needs.disk {
        Some(disk) => Some(ScratchFile::create(disk).await?),
        None => None,
    };
    let (serial, qmp) = (sockets.serial(), sockets.qmp());
    let spawn = |argv: Vec<String>, console: &str| {
        let console_bps = spec.cell.faults.console_bps;
        let source = Source::Spawn { argv: argv.clone(), serial: serial.clone(), qmp: qmp.clone(), console_bps };
        (source, argv, console.to_owned())
    };
    let (source, argv, console) = match &spec.guest {
        GuestSpec::Planned { qemu } => {
            let paths = Paths {
                kernel: spec.kernel.image.clone(),
                firmware: firmware(spec).map(|(path, _)| path.clone()),
                initrd: spec.initrd.as_ref().map(|(path, _)| path.clone()),
                serial: serial.clone(),
                qmp: qmp.clone(),
                disk: disk.as_ref().map(ScratchFile::path).unwrap_or_default(),
                root_disk: spec.test.as_ref().map(|test| test.disk.path.clone()),
            };
            let own = qemu.as_ref().map(|program| program.display().to_string());
            let program = own.unwrap_or_else(|| spec.cell.arch.qemu.program.to_owned());
            let sandbox = sandboxes.has(&program).await;
            let mut argv = command(&spec.cell, spec.accel, sandbox, &paths);
            argv[0] = program;
            spawn(argv, "serial0")
        }
        GuestSpec::Spawn { argv } => spawn(with_channels(argv, &serial, &qmp), CONSOLE),
        GuestSpec::Attach { serial, console, qmp } => {
            (Source::Attach { serial: serial.clone(), qmp: qmp.clone() }, Vec::new(), console.clone())
        }
        GuestSpec::Stdin => (Source::Stdin, Vec::new(), "serial0".to_owned()),
    };
    Ok(Launch { source, argv, console, sockets, disk })
}

/// The firmware that the command line names: KVM needs none.
fn firmware(spec: &TrialSpec) -> Option<&(PathBuf, Digest)> {
    spec.firmware.as_ref().filter(|_| spec.accel == Accel::Tcg)
}

/// The record of a trial whose guest has not started.
pub(super) fn draft(spec: &TrialSpec) -> TrialRecord {
    let kernel = &spec.kernel;
    TrialRecord {
        kernel_release: Some(kernel.release.clone()).filter(|release| !release.is_empty()),
        kernel_digest: Some(kernel.digest.clone()),
        kernel_commit: kernel.commit.clone(),
        initrd_digest: spec.initrd.as_ref().map(|(_, digest)| digest.clone()),
        firmware_digest: firmware(spec).map(|(_, digest)| digest.clone()),
        root_disk_digest: spec.test.as_ref().map(|test| test.disk.digest.clone()),
        ..TrialRecord::new(spec.cell.clone(), spec.trial, spec.accel, wall_clock_ms(), unjudged())
    }
}

fn finish(spec: &TrialSpec, mut record: TrialRecord, driver: &Driver<'_>) -> Result<TrialRecord, LabError> {
    let (recorder, dir) = (&driver.conductor.recorder, &driver.dir);
    let watchdog = &recorder.watchdog;
    record.verdict = watchdog.verdict().unwrap_or_else(unjudged);
    record.duration_s = driver.clock.now().as_secs_f64();
    record.boot_s = watchdog.booted_at().map(|stamp| stamp.as_secs_f64());
    record.oom_kills = watchdog.oom_kills();
    record.also = watchdog.also();
    record.subtests = watchdog.subtests();
    record.artifacts = dir.artifacts()?;
    if report::needs_explanation(&record) {
        dir.file("why.md", report::why(&spec.run, &record).as_bytes())?;
        record.artifacts = dir.artifacts()?;
    }
    dir.finish(&record)?;
    Ok(record)
}

/// Records a trial that failed with a lab error.
pub(super) fn fail(
    spec: &TrialSpec,
    folder: &Path,
    mut record: TrialRecord,
    error: &LabError,
) -> Result<TrialRecord, LabError> {
    record.verdict = error.verdict();
    let why = report::why(&spec.run, &record);
    TrialDir::record_failure(folder, &mut record, &why)?;
    Ok(record)
}

fn unjudged() -> Verdict {
    Verdict::new(Kind::QemuDied, RuleId::Driver, "the trial ended without a verdict")
}

/// The command line as a script for this host and others.
fn shell(argv: &[String]) -> String {
    let argv = without_sandbox(argv);
    // Only a NUL cannot be quoted, and an argument cannot hold one.
    let words = shlex::try_join(argv.iter().map(String::as_str)).unwrap_or_default();
    format!("#!/bin/sh\nexec {words}\n")
}
