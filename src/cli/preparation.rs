//! What a plan's cells boot: prepared while others run, or ready before.

use super::error::CliError;
use super::host_args::LabArgs;
use super::kernel::View;
use super::known::Catalogues;
use super::needed;
use super::packed::PackedCells;
use super::resume::Resumption;
use super::run_options::RunOptions;
use crate::host::AccelChoice;
use crate::kernel::{Progress, Update};
use crate::lab::{Accelerators, Preparation, Sources};
use model::{KernelArtifact, Plan};
use std::sync::Arc;
use tokio::sync::mpsc::UnboundedSender;
use tokio_util::sync::CancellationToken;

/// Cells that need no preparation.
pub(super) enum Prepared {
    /// The trial of an earlier run.
    Trial(Box<Preparation>),
    /// Those of a pack.
    Pack(Box<PackedCells>),
}

/// Checks that this host has what the plan's cells need.
///
/// # Errors
/// When something is missing.
pub(super) fn check_host(
    plan: &Plan,
    prepared: Option<&Prepared>,
    catalogues: &Catalogues,
    own: Option<&KernelArtifact>,
    options: &RunOptions,
) -> Result<(), CliError> {
    match prepared {
        None => needed::check(plan, catalogues, own, options.into()),
        Some(Prepared::Pack(_)) => needed::check_prepared(plan, options.into()),
        Some(Prepared::Trial(_)) => Ok(()),
    }
}

/// What cells are prepared from; builds have so many `jobs`.
pub(super) fn sources(catalogues: Catalogues, own: Option<KernelArtifact>, lab: &LabArgs, jobs: usize) -> Sources {
    Sources {
        kernels: Arc::new(catalogues.kernels),
        images: Arc::new(catalogues.images),
        workloads: Arc::new(catalogues.workloads),
        own,
        own_qemu: lab.qemu.is_some(),
        ltp: lab.ltp.clone(),
        cache: catalogues.cache,
        jobs,
    }
}

/// Prepares the cells of a run. As long as it lives, no other process removes the files that it has handed out.
pub(super) struct Preparer {
    sources: Sources,
    accelerators: Accelerators,
    /// Cells that are ready.
    ready: Vec<Preparation>,
    /// Cells that are not.
    unprepared: Option<Plan>,
    /// Its files stay as long as it lives.
    _pack: Option<Box<PackedCells>>,
}

impl Preparer {
    /// Finds the accelerators: the nodes of a cluster have their own, and the trial of an earlier run has one already.
    pub async fn new(sources: Sources, plan: &Plan, prepared: Option<Prepared>, is_on_slurm: bool) -> Self {
        let accelerators = match &prepared {
            Some(Prepared::Trial(_)) => Accelerators::new(),
            _ if is_on_slurm => plan.cells.iter().map(|cell| (cell.arch, AccelChoice::on_nodes())).collect(),
            _ => sources.accelerators(plan).await,
        };
        let (ready, unprepared, pack) = match prepared {
            None => (Vec::new(), Some(plan.clone()), None),
            Some(Prepared::Trial(trial)) => (vec![*trial], None, None),
            Some(Prepared::Pack(pack)) => (pack.ready(&accelerators, &sources.cache), None, Some(pack)),
        };
        Self { sources, accelerators, ready, unprepared, _pack: pack }
    }

    /// Those of the plan's architectures.
    pub fn accelerators(&self) -> &Accelerators {
        &self.accelerators
    }

    /// Prepares the cells of a run that goes on whose kernel a finished trial has booted.
    ///
    /// # Errors
    /// When they would boot something else now.
    pub async fn check_resumed(
        &mut self,
        resumed: &Resumption,
        plan: &Plan,
        options: &RunOptions,
        view: &Arc<PreparationView>,
    ) -> Result<(), CliError> {
        if self.unprepared.is_some() {
            let (booted, others) = resumed.split(plan);
            let found = |cell, ready| self.ready.push((cell, ready));
            self.sources.prepare(&booted, &self.accelerators, view.progress(), &view.cancel, found).await;
            self.unprepared = Some(others);
        }
        resumed.check(plan, &self.ready, options).inspect_err(|_| view.view.clear())
    }

    /// Hands out the cells, each as soon as it is ready.
    pub async fn prepare(&mut self, view: &Arc<PreparationView>, sender: UnboundedSender<Preparation>) {
        let found = |cell, ready| drop(sender.send((cell, ready)));
        self.ready.drain(..).for_each(|(cell, ready)| found(cell, ready));
        if let Some(plan) = &self.unprepared {
            self.sources.prepare(plan, &self.accelerators, view.progress(), &view.cancel, found).await;
        }
        view.view.clear();
    }
}

/// Shows the preparation of kernels, and cancels it on an interrupt.
pub(super) struct PreparationView {
    pub view: View,
    pub cancel: CancellationToken,
}

impl PreparationView {
    fn progress(self: &Arc<Self>) -> Arc<dyn Progress + Send> {
        Arc::clone(self) as Arc<dyn Progress + Send>
    }
}

impl Progress for PreparationView {
    fn update(&self, update: Update<'_>) {
        self.view.update(update);
    }

    fn note(&self, text: &str) {
        self.view.note(text);
    }

    fn cancelled(&self) -> bool {
        self.cancel.is_cancelled()
    }
}
