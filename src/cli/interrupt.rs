//! Ctrl-C: the first stops the run and keeps finished results, the second aborts.

use super::output::print_err;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// Exit status of an interrupted run.
pub const EXIT_INTERRUPTED: i32 = 130;

/// Cancels `token` on the first SIGINT, SIGTERM or SIGHUP, and ends the program on the next. Guests do not outlive it:
/// the kernel kills them when their parent dies.
///
/// # Errors
/// When the signals cannot be caught.
pub fn cancel_on_signals(token: CancellationToken) -> std::io::Result<()> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hangup = signal(SignalKind::hangup())?;
    tokio::spawn(async move {
        loop {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
                _ = hangup.recv() => {}
            }
            if token.is_cancelled() {
                exit_now();
            }
            token.cancel();
            print_err("\nstopping; finished results are kept (Ctrl-C again to abort)\n");
        }
    });
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "the user asked twice")]
fn exit_now() -> ! {
    std::process::exit(EXIT_INTERRUPTED)
}
