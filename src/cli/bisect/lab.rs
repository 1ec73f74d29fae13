//! The lab of a bisection.

use crate::bisection::{LabContext, SessionDriver, SessionListener};
use crate::cli::capacity;
use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::cli::host_args::LabArgs;
use crate::cli::interrupt::cancel_on_signals;
use crate::cli::known::Catalogues;
use crate::cli::output;
use crate::host::Resources;
use crate::image::Images;
use crate::lab::Sources;
use model::Cell;
use std::path::PathBuf;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// The catalogues, if cells are tried.
pub(super) struct Laboratory<'a> {
    catalogues: Option<Catalogues>,
    qemu: Option<PathBuf>,
    ltp: Option<PathBuf>,
    jobs: Option<u32>,
    context: &'a Context,
}

impl<'a> Laboratory<'a> {
    /// Reads the catalogues; `args` is `None` where a command is tried, `jobs` the number of parallel trials if it is given.
    ///
    /// # Errors
    /// When a description in them is wrong.
    pub fn open(args: Option<&LabArgs>, jobs: Option<u32>, context: &'a Context) -> Result<Self, CliError> {
        let catalogues = args.map(|args| Catalogues::read(context, args.mirror.clone())).transpose()?;
        let (qemu, ltp) = args.map(|args| (args.qemu.clone(), args.ltp.clone())).unwrap_or_default();
        Ok(Self { catalogues, qemu, ltp, jobs, context })
    }

    /// Names of the fragments with which a cell's kernel is configured; none where it has patches, too.
    pub fn fragments(&self, cell: &Cell) -> Option<Vec<String>> {
        let entry = self.catalogues.as_ref()?.kernels.catalogue().find(cell.kernel.as_str()).ok()?;
        let fragments = entry.build.get(&cell.arch).filter(|_| entry.patches.is_empty())?;
        Some(fragments.iter().map(|fragment| fragment.name.clone()).collect())
    }

    /// What runs sessions, until the user interrupts it.
    ///
    /// # Errors
    /// When signals cannot be caught.
    pub fn driver<'d>(&'d self, listener: &'d mut dyn SessionListener) -> Result<SessionDriver<'d>, CliError> {
        let cancel = CancellationToken::new();
        cancel_on_signals(cancel.clone())?;
        Ok(self.driver_until(cancel, listener))
    }

    /// What runs sessions, until `cancel`.
    pub fn driver_until<'d>(
        &'d self,
        cancel: CancellationToken,
        listener: &'d mut dyn SessionListener,
    ) -> SessionDriver<'d> {
        let limits = capacity::limits_of_bisection(self.catalogues.is_some(), self.jobs, &Resources::of_host());
        limits.iter().for_each(|limit| output::notify(limit));
        let lab = self.catalogues.as_ref().map(|catalogues| LabContext {
            known: catalogues.known(),
            sources: Sources {
                kernels: Arc::new(catalogues.kernels.clone()),
                images: Arc::new(Images::new(self.context.assets.clone(), self.context.cache.clone())),
                workloads: Arc::new(catalogues.workloads.clone()),
                own: None,
                own_qemu: self.qemu.is_some(),
                ltp: self.ltp.clone(),
                cache: catalogues.cache.clone(),
                jobs: Resources::of_host().cpus as usize,
            },
            assets: &self.context.assets,
            qemu: self.qemu.clone(),
        });
        SessionDriver { lab, listener, cancel }
    }
}
