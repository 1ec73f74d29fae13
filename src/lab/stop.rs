//! The stop ladder: QMP `quit`, SIGTERM, SIGKILL, each with a deadline.

use crate::host::{Guest, Qmp};
use std::process::ExitStatus;
use std::time::Duration;

/// How long QEMU may take to quit by itself.
const QUIT: Duration = Duration::from_secs(1);

/// Ends a guest, however stuck it is.
pub(super) async fn stop(guest: &mut Guest, qmp: &Qmp) -> std::io::Result<ExitStatus> {
    let quit = qmp.commands().execute(qapi_qmp::quit {}, QUIT);
    // QEMU may close the connection before its answer is read: its end is what counts.
    let asked = tokio::spawn(quit);
    if let Ok(status) = tokio::time::timeout(QUIT, guest.wait()).await {
        return status;
    }
    asked.abort();
    guest.stop().await
}
