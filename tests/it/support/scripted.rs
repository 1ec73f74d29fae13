//! Runs plans whose guests are scripted (`tests/fake-qemu`).

use super::observer::NullObserver;
use model::{
    Accel, Cell, CellId, Digest, KernelArtifact, PLAN_SCHEMA, Plan, RamMib, RunRecord, Timeouts, TrialRecord, Verdict,
};
use oomlab::host::HostReader;
use oomlab::lab::{Executor, Lab, LabError, LocalExecutor, Observer, Ready, RunOptions, prepared};
use oomlab::schedule::{Budget, Costs};
use oomlab::store::RunDir;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

/// The scripted QEMU, which cargo builds before the tests.
pub fn fake_qemu() -> PathBuf {
    env!("CARGO_BIN_EXE_fake-qemu").into()
}

/// A plan of scripted guests with a folder for its run.
pub struct Scripted {
    pub dir: TempDir,
    pub plan: Plan,
    pub prepared: BTreeMap<CellId, Result<Ready, Box<Verdict>>>,
    pub budget: Budget,
    /// Reads what the host has left; by default nothing, which limits nothing.
    pub host: HostReader,
    pub cancel: CancellationToken,
    pub executor: Arc<dyn Executor>,
    pub observer: Arc<dyn Observer>,
    /// What stands in for QEMU.
    pub qemu: PathBuf,
    /// The most RAM that is kept.
    pub dump: Option<RamMib>,
}

impl Default for Scripted {
    fn default() -> Self {
        Self {
            dir: TempDir::with_prefix("oomlab-test-").expect("a folder"),
            plan: Plan { schema: PLAN_SCHEMA, name: "scripted".to_owned(), cells: Vec::new(), skipped: Vec::new() },
            prepared: BTreeMap::new(),
            budget: Budget { cpus: 4, ram_mib: 8192, reserve_mib: None, jobs: None, guests: u32::MAX },
            host: HostReader::below(Path::new("/nonexistent")),
            cancel: CancellationToken::new(),
            executor: Arc::new(LocalExecutor::default()),
            observer: Arc::new(NullObserver),
            qemu: fake_qemu(),
            dump: None,
        }
    }
}

impl Scripted {
    /// Adds a cell that plays a script; its id is `name`.
    pub fn cell(&mut self, name: &str, script: &str) -> &mut Cell {
        let path = self.dir.path().join(format!("{name}.script"));
        std::fs::write(&path, script).expect("a script");
        let kernel = KernelArtifact::of_image(
            "fake".into(),
            arch::find("riscv64-nommu").unwrap(),
            path.clone(),
            Digest::new("0"),
        );
        self.prepared.insert(
            name.into(),
            Ok(Ready { kernel, initrd: None, firmware: None, test: None, accelerator: Accel::Tcg.into() }),
        );
        self.plan.cells.push(Cell {
            kernel: "fake".into(),
            ram: RamMib(32),
            append: vec![format!("fake_script={}", path.display())],
            timeouts: Timeouts { boot_s: 5.0, load_s: 120.0, stuck_s: 2.0 },
            ..model::samples::cell(name, arch::find("riscv64-nommu").unwrap(), "scripted")
        });
        self.plan.cells.last_mut().expect("the cell just added")
    }

    /// The lab that runs the plan.
    pub fn lab(&self) -> Lab {
        let options = RunOptions {
            budget: self.budget,
            host: Some(self.host.clone()),
            costs: Costs::default(),
            qemu: Some(self.qemu.clone()),
            dump: self.dump,
            diagnose_all: false,
        };
        Lab::new(options, Arc::clone(&self.executor), Arc::clone(&self.observer), self.cancel.clone())
    }

    /// Runs the plan.
    pub async fn run_into(&self, run: &RunDir) -> Result<(), LabError> {
        self.lab().run(&self.plan, prepared(self.prepared.clone()), run).await
    }

    /// Makes the run's folder.
    pub fn run_dir(&self) -> RunDir {
        let runs = self.dir.path().join("runs");
        RunDir::create(None, &runs, "2026-01-02", &self.plan, "2026-01-02T03:04:05Z").expect("a run directory")
    }

    /// Runs the plan and reads back what is on disk.
    pub async fn run(&self) -> RunRecord {
        let run = self.run_dir();
        self.run_into(&run).await.expect("the lab works");
        run.record().expect("a record")
    }

    /// Runs one script and gives its trial.
    pub async fn one(script: &str) -> (Self, TrialRecord) {
        let mut scripted = Self::default();
        scripted.cell("cell", script);
        let mut record = scripted.run().await;
        assert_eq!(record.trials.len(), 1);
        (scripted, record.trials.remove(0))
    }
}
