//! Guests that stay after a run: what is said of them, and the wait for their end.

use super::output::notify;
use crate::host::KeptGuest;
use crate::lab::{Keeper, MAX_KEPT};
use tokio_util::sync::CancellationToken;

/// Tells of the guests that stay, and waits until they have ended or the program is interrupted.
///
/// # Errors
/// When one cannot be waited for.
pub(super) async fn wait(keeper: &Keeper, cancel: &CancellationToken) -> std::io::Result<()> {
    keeper.refusals().iter().for_each(|refusal| notify(refusal));
    let kept = keeper.kept();
    if kept.is_empty() || cancel.is_cancelled() {
        return Ok(());
    }
    notify(&told(&kept));
    tokio::select! {
        ended = keeper.wait() => ended,
        () = cancel.cancelled() => Ok(()),
    }
}

fn told(kept: &[KeptGuest]) -> String {
    let lines: String = kept.iter().map(|guest| format!("  {}\n", named(guest))).collect();
    let most = if kept.len() == MAX_KEPT { ", and no more than these" } else { "" };
    format!(
        "kept, paused{most}:\n{lines}\
         `oomlab attach` shows a console, `oomlab attach --monitor` QEMU's monitor, `oomlab attach --gdb` how to start gdb; \
         `oomlab end` ends a guest, Ctrl-C all"
    )
}

/// A guest in a list: the process id of QEMU, the cell with its trial, and the verdict.
pub(super) fn named(guest: &KeptGuest) -> String {
    format!("{:>7}  {}  {}", guest.qemu, trial(guest), guest.verdict)
}

/// The cell, and the number of the trial from the second one on.
pub(super) fn trial(guest: &KeptGuest) -> String {
    if guest.trial > 1 { format!("{}~{}", guest.cell, guest.trial) } else { guest.cell.to_string() }
}
