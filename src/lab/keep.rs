//! Guests that stay after their verdict, for a look at them. They end with the lab at the latest.

use super::scratch::ScratchFile;
use super::trial::TrialSpec;
use crate::guest::Guest;
use crate::host::{KeptGuest, Qemu, QmpCommands, SocketDir};
use model::{Outcome, TrialRecord};
use qapi_qmp::{query_status, stop};
use std::future::poll_fn;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::Duration;

/// The most guests that stay: each keeps its RAM.
pub const MAX_KEPT: usize = 4;

/// Timeout of a QMP command.
const QMP_TIMEOUT: Duration = Duration::from_secs(5);

/// Attempts to pause a guest: a probe that was aborted may still resume it.
const MAX_PAUSES: u32 = 5;

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
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    kept: Vec<Kept>,
    /// Guests that are being taken over.
    coming: usize,
    refusals: Vec<String>,
}

impl Keeper {
    /// Keeps guests with one of these outcomes.
    pub fn new(outcomes: Vec<Outcome>) -> Self {
        Self { outcomes, state: Mutex::default() }
    }

    /// The outcomes after which a guest that starts now stays.
    pub(super) fn outcomes(&self) -> Vec<Outcome> {
        if self.lock().kept.len() < MAX_KEPT { self.outcomes.clone() } else { Vec::new() }
    }

    /// Takes over a guest, paused. Its channels are free for others from now on. One that cannot be kept ends, and
    /// [`Keeper::refusals`] has the reason.
    pub(super) async fn keep(
        &self,
        guest: Box<dyn Guest>,
        (sockets, disk): (SocketDir, Option<ScratchFile>),
        (spec, record, folder): (&TrialSpec, &TrialRecord, &Path),
    ) {
        let cell = &record.cell.id;
        let refuse = |why: String| self.lock().refusals.push(format!("{cell} is not kept: {why}"));
        {
            let mut state = self.lock();
            if state.kept.len() + state.coming >= MAX_KEPT {
                drop(state);
                return refuse(format!("{MAX_KEPT} guests are kept already"));
            }
            state.coming += 1;
        }
        let paused = match guest.control() {
            Some(qmp) => pause(&qmp).await,
            None => Err("it has no QMP monitor".to_owned()),
        };
        self.lock().coming -= 1;
        if let Err(why) = paused {
            return refuse(why);
        }
        let Some(qemu) = guest.into_process() else { return };
        let what = KeptGuest::new(&spec.kernel, record, folder, qemu.pid()).with_login(spec.login());
        match sockets.announce(&what) {
            Ok(()) => self.lock().kept.push(Kept { what, qemu, _sockets: sockets, _disk: disk }),
            Err(error) => refuse(error.to_string()),
        }
    }

    /// The guests that stay.
    pub fn kept(&self) -> Vec<KeptGuest> {
        self.lock().kept.iter().map(|kept| kept.what.clone()).collect()
    }

    /// Reasons why guests with a wanted outcome ended all the same, since the last call.
    pub fn refusals(&self) -> Vec<String> {
        std::mem::take(&mut self.lock().refusals)
    }

    /// Waits until all of them have ended. Cancel safe.
    ///
    /// # Errors
    /// When one cannot be waited for.
    pub async fn wait(&self) -> std::io::Result<()> {
        poll_fn(|cx| {
            let mut failed = None;
            let mut state = self.lock();
            state.kept.retain_mut(|kept| match kept.qemu.poll_wait(cx) {
                Poll::Ready(ended) => {
                    failed = ended.err().or(failed.take());
                    false
                }
                Poll::Pending => true,
            });
            match failed {
                Some(error) => Poll::Ready(Err(error)),
                None if state.kept.is_empty() => Poll::Ready(Ok(())),
                None => Poll::Pending,
            }
        })
        .await
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Pauses a guest, and makes sure that it is.
async fn pause(qmp: &QmpCommands) -> Result<(), String> {
    for _ in 0..MAX_PAUSES {
        qmp.execute(stop {}, QMP_TIMEOUT).await.map_err(|error| error.to_string())?;
        let status = qmp.execute(query_status {}, QMP_TIMEOUT).await.map_err(|error| error.to_string())?;
        if !status.running {
            return Ok(());
        }
    }
    Err("it does not stay paused".to_owned())
}
