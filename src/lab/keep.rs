//! Guests that stay after their verdict, for a look at them. They end with the lab at the latest.

use super::scratch::ScratchFile;
use super::trial::TrialSpec;
use crate::guest::Guest;
use crate::host::{KeptGuest, Qemu, SocketDir};
use model::{Outcome, TrialRecord};
use qapi_qmp::stop;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The most guests that stay: each keeps its RAM.
pub const MAX_KEPT: usize = 4;

/// Timeout for pausing a guest.
const PAUSE_TIMEOUT: Duration = Duration::from_secs(5);

/// A guest that stays, and what it needs.
#[derive(Debug)]
struct Kept {
    what: KeptGuest,
    qemu: Qemu,
    _sockets: SocketDir,
    _disk: Option<ScratchFile>,
}

/// Keeps the guests with certain outcomes, up to [`MAX_KEPT`].
#[derive(Debug, Default)]
pub struct Keeper {
    outcomes: Vec<Outcome>,
    kept: Mutex<Vec<Kept>>,
}

impl Keeper {
    /// Keeps guests with one of these outcomes.
    pub const fn new(outcomes: Vec<Outcome>) -> Self {
        Self { outcomes, kept: Mutex::new(Vec::new()) }
    }

    /// The outcomes with which the next guest stays.
    pub(super) fn outcomes(&self) -> Vec<Outcome> {
        if self.lock().len() < MAX_KEPT { self.outcomes.clone() } else { Vec::new() }
    }

    /// Takes over a guest, paused. Its channels are free for others from now on.
    pub(super) async fn keep(
        &self,
        guest: Box<dyn Guest>,
        (sockets, disk): (SocketDir, Option<ScratchFile>),
        (spec, record, folder): (&TrialSpec, &TrialRecord, &Path),
    ) {
        if let Some(qmp) = guest.control()
            && let Err(error) = qmp.execute(stop {}, PAUSE_TIMEOUT).await
        {
            tracing::warn!(%error, "the guest cannot be paused");
        }
        let Some(qemu) = guest.into_process() else { return };
        let what = KeptGuest::new(&spec.kernel, record, folder, qemu.pid());
        if let Err(error) = sockets.announce(&what) {
            tracing::warn!(%error, "a guest cannot be kept");
            return;
        }
        let mut kept = self.lock();
        if kept.len() < MAX_KEPT {
            kept.push(Kept { what, qemu, _sockets: sockets, _disk: disk });
        }
    }

    /// The guests that have stayed.
    pub fn kept(&self) -> Vec<KeptGuest> {
        self.lock().iter().map(|kept| kept.what.clone()).collect()
    }

    /// Waits until all of them have ended, one after the other. Cancel safe.
    ///
    /// # Errors
    /// When one cannot be waited for.
    pub async fn wait(&self) -> std::io::Result<()> {
        std::future::poll_fn(|cx| {
            let mut kept = self.lock();
            while let Some(next) = kept.last_mut() {
                match next.qemu.poll_wait(cx) {
                    std::task::Poll::Ready(Ok(_)) => drop(kept.pop()),
                    std::task::Poll::Ready(Err(error)) => return std::task::Poll::Ready(Err(error)),
                    std::task::Poll::Pending => return std::task::Poll::Pending,
                }
            }
            std::task::Poll::Ready(Ok(()))
        })
        .await
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Kept>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
