//! Guests that stay after a run: what is said of them, and the wait for their end.

use super::output::notify;
use crate::host::KeptGuest;
use crate::lab::{Keeper, MAX_KEPT};
use tokio_util::sync::CancellationToken;

/// Names the guests that have stayed, and waits until they have ended or the program is interrupted.
///
/// # Errors
/// When one cannot be waited for.
pub(super) async fn wait(keeper: &Keeper, cancel: &CancellationToken) -> std::io::Result<()> {
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
    let guests = if let [guest] = kept { format!("kept, paused: {}", named(guest)) } else { listed(kept) };
    let most = if kept.len() == MAX_KEPT { ", and no more than these" } else { "" };
    format!(
        "{guests}{most}\n\
         `oomlab attach` shows its console, `oomlab attach --monitor` QEMU's monitor, `oomlab attach --gdb` how to start gdb; \
         `oomlab end` or Ctrl-C ends it"
    )
}

fn listed(kept: &[KeptGuest]) -> String {
    let lines: Vec<String> = kept.iter().map(|guest| format!("  {}", named(guest))).collect();
    format!("kept, paused:\n{}\n", lines.join("\n"))
}

/// A guest in a list.
pub(super) fn named(guest: &KeptGuest) -> String {
    let trial = if guest.trial > 1 { format!("~{}", guest.trial) } else { String::new() };
    format!("{}{trial}  {}", guest.cell, guest.verdict)
}
