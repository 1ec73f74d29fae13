//! Ctrl-C: the first stops the run and keeps finished results, the second aborts. A signal that is ignored stays ignored.

use super::error::CliError;
use super::output::print_err;
use super::runtime::runtime;
use crate::host::Clock;
use rustix::process::Signal;
use std::panic::resume_unwind;
use std::time::Duration;
use tokio::signal::unix::SignalKind;
use tokio_util::sync::CancellationToken;

/// Exit status of an interrupted run.
pub const EXIT_INTERRUPTED: u8 = 130;

/// A later signal is the user's second one.
const MIN_INTERVAL: Duration = Duration::from_millis(500);

/// Cancels `token` on the first SIGINT, SIGTERM or SIGHUP, and ends the program on the next SIGINT or SIGTERM. Guests do
/// not outlive it: the kernel kills them when their parent dies.
///
/// A second SIGHUP ends nothing: both the shell and the kernel send one when a terminal closes. A signal that the parent
/// has set to be ignored is not caught: that is how `nohup` and a shell's background jobs work.
///
/// # Errors
/// When the signals cannot be caught.
pub fn cancel_on_signals(token: CancellationToken) -> std::io::Result<()> {
    cancel_and_say(token, "\nstopping; finished results are kept (Ctrl-C again to abort)\n")
}

/// The same, saying `words`.
///
/// # Errors
/// See there.
pub fn cancel_and_say(token: CancellationToken, words: &'static str) -> std::io::Result<()> {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mut interrupt = Caught::new(SignalKind::interrupt(), Signal::INT, &status)?;
    let mut terminate = Caught::new(SignalKind::terminate(), Signal::TERM, &status)?;
    let mut hangup = Caught::new(SignalKind::hangup(), Signal::HUP, &status)?;
    // Caught, a write beyond the limit on file sizes fails with an error that names the file.
    let _ = tokio::signal::unix::signal(SignalKind::from_raw(Signal::XFSZ.as_raw()))?;
    tokio::spawn(async move {
        let mut first: Option<Clock> = None;
        loop {
            let is_hangup = tokio::select! {
                () = interrupt.next() => false,
                () = terminate.next() => false,
                () = hangup.next() => true,
            };
            let Some(since) = &first else {
                first = Some(Clock::start());
                token.cancel();
                print_err(words);
                continue;
            };
            // timeout(1) and a terminal signal a process twice, by itself and by its group.
            if !is_hangup && since.elapsed() >= MIN_INTERVAL {
                exit_now();
            }
        }
    });
    Ok(())
}

/// Says that work stops which leaves nothing behind.
pub const STOPPING: &str = "\nstopping (Ctrl-C again to abort)\n";

/// Does work that takes long without an event loop; signals cancel its token. Returns its exit status, that of an interrupted one where it
/// has failed since.
///
/// # Errors
/// When the work fails, or the signals cannot be caught.
pub fn stoppable<F>(work: F) -> Result<u8, CliError>
where
    F: FnOnce(&CancellationToken) -> Result<u8, CliError> + Send + 'static,
{
    let runtime = runtime()?;
    let done = runtime.block_on(async {
        let cancel = CancellationToken::new();
        cancel_and_say(cancel.clone(), STOPPING)?;
        Ok(blocking(&cancel, work).await?.unwrap_or(EXIT_INTERRUPTED))
    });
    runtime.shutdown_background();
    done
}

/// Does blocking work in an event loop that listens to signals; `None` where it has failed since the token was cancelled.
///
/// # Errors
/// When the work fails.
pub async fn blocking<T, F>(cancel: &CancellationToken, work: F) -> Result<Option<T>, CliError>
where
    T: Send + 'static,
    F: FnOnce(&CancellationToken) -> Result<T, CliError> + Send + 'static,
{
    let token = cancel.clone();
    let done = tokio::task::spawn_blocking(move || work(&token)).await;
    match done.unwrap_or_else(|panic| resume_unwind(panic.into_panic())) {
        Err(_) if cancel.is_cancelled() => Ok(None),
        done => done.map(Some),
    }
}

/// A signal, if it is not ignored.
struct Caught(Option<tokio::signal::unix::Signal>);

impl Caught {
    fn new(kind: SignalKind, signal: Signal, status: &str) -> std::io::Result<Self> {
        let caught = (!is_ignored(status, signal)).then(|| tokio::signal::unix::signal(kind));
        caught.transpose().map(Self)
    }

    async fn next(&mut self) {
        if let Some(signal) = &mut self.0
            && signal.recv().await.is_some()
        {
            return;
        }
        std::future::pending().await
    }
}

/// Whether a process ignores a signal: `SigIgn` of `/proc/<pid>/status`, a mask in which bit 0 is signal 1
/// (Linux, `Documentation/filesystems/proc.rst`).
fn is_ignored(status: &str, signal: Signal) -> bool {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0);
    mask >> (signal.as_raw() - 1) & 1 == 1
}

#[expect(clippy::disallowed_methods, reason = "the user asked twice")]
fn exit_now() -> ! {
    std::process::exit(EXIT_INTERRUPTED.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ignored_signals_are_read_from_proc() {
        // A job of `nohup` that a shell has put into the background.
        let status = "SigBlk:\t0000000000000000\nSigIgn:\t0000000000001007\nSigCgt:\t0000000000004000\n";
        let ignored = [Signal::HUP, Signal::INT, Signal::TERM].map(|signal| is_ignored(status, signal));
        assert_eq!(ignored, [true, true, false]);
        assert!(!is_ignored("", Signal::HUP));
    }
}
