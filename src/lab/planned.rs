//! One trial of a run: its boots, and its record.

use super::diagnosed::Diagnosed;
use super::error::LabError;
use super::executor::{Assignment, Executor};
use super::observer::Observer;
use super::trial::{GuestSpec, Ready, SPEC_SCHEMA, TrialSpec};
use crate::host::wall_clock;
use crate::report;
use crate::store::{RunDir, TrialDir};
use model::{Accel, Cell, Kind, RamMib, TrialRecord, Verdict};
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// One trial of a run.
pub(super) struct Trial {
    pub index: usize,
    pub cell: Cell,
    pub number: u32,
    pub guest: GuestSpec,
    pub ready: Result<Ready, Box<Verdict>>,
    pub run: RunDir,
    pub max_dump: Option<RamMib>,
    /// The trials that have diagnostics; `None` if they do not matter.
    pub diagnosed: Option<Arc<Diagnosed>>,
    pub executor: Arc<dyn Executor>,
    pub observer: Arc<dyn Observer>,
    pub cancel: CancellationToken,
}

impl Trial {
    /// Runs it to its end.
    pub async fn run(self) -> Result<TrialRecord, LabError> {
        let (observer, index) = (Arc::clone(&self.observer), self.index);
        let record = self.attempt().await?;
        observer.finished(index, &record);
        Ok(record)
    }

    /// Runs it to an end that may not be its last: the caller reports it.
    pub async fn attempt(self) -> Result<TrialRecord, LabError> {
        self.observer.started(self.index, &self.cell, self.number);
        self.clear()?;
        match &self.ready {
            Ok(ready) => self.boot_or_fall_back(ready).await,
            Err(verdict) => self.unready(verdict),
        }
    }

    /// An internal error of KVM says nothing about the kernel: the trial restarts under TCG. If the kernel did not boot, KVM is
    /// not used again; after the boot, the kernel may have executed an instruction that KVM cannot emulate.
    async fn boot_or_fall_back(&self, ready: &Ready) -> Result<TrialRecord, LabError> {
        let accel = ready.accelerator.accel();
        let record = self.boot(ready, accel).await?;
        if record.verdict.kind != Kind::VcpuFailed || accel != Accel::Kvm {
            return Ok(record);
        }
        if record.boot_s.is_none() {
            ready.accelerator.disable_kvm();
        }
        self.observer.restarted_under_tcg(self.index, &record);
        self.clear()?;
        self.boot(ready, Accel::Tcg).await
    }

    /// A file of an earlier boot is not part of this one's record.
    fn clear(&self) -> Result<(), LabError> {
        Ok(self.run.clear_trial(self.cell.id.as_str(), self.number)?)
    }

    async fn boot(&self, ready: &Ready, accel: Accel) -> Result<TrialRecord, LabError> {
        let spec = TrialSpec {
            schema: SPEC_SCHEMA,
            cell: self.cell.clone(),
            trial: self.number,
            run: self.run.path().display().to_string(),
            guest: self.guest.clone(),
            kernel: ready.kernel.clone(),
            initrd: ready.initrd.clone(),
            firmware: ready.firmware.clone(),
            test: ready.test.clone(),
            accel,
            max_dump: self.max_dump,
            diagnosed: self.diagnosed.as_ref().map(|known| known.titles(&ready.kernel, &self.cell)).unwrap_or_default(),
        };
        let folder = self.run.trial_folder(self.cell.id.as_str(), self.number);
        let assignment = Assignment {
            spec: &spec,
            folder: &folder,
            index: self.index,
            observer: self.observer.as_ref(),
            cancel: self.cancel.clone(),
        };
        let record = self.executor.execute(assignment).await?;
        if let Some(diagnosed) = &self.diagnosed {
            diagnosed.add(&record);
        }
        Ok(record)
    }

    /// Records a trial without a kernel or an image.
    fn unready(&self, verdict: &Verdict) -> Result<TrialRecord, LabError> {
        let cell = self.cell.clone();
        let mut record = TrialRecord::new(cell, self.number, Accel::Tcg, wall_clock(), verdict.clone());
        let why = report::why(&self.run.path().display().to_string(), &record);
        let folder = self.run.trial_folder(self.cell.id.as_str(), self.number);
        TrialDir::record_failure(&folder, &mut record, &why)?;
        Ok(record)
    }
}
