//! The program's event loop and threads.

use super::error::CliError;
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};

/// How long an idle thread for blocking work is kept: as long as the program runs.
const KEEP_ALIVE: Duration = Duration::from_secs(10 * 365 * 24 * 3600);

/// An event loop on this thread, with one thread for blocking work.
///
/// The thread is started now and kept: where the first one cannot be started, tokio panics; where a later one cannot, the
/// work waits for the first.
///
/// # Errors
/// When the host allows no thread, or no descriptors.
pub(super) fn runtime() -> Result<Runtime, CliError> {
    can_start_thread().map_err(|error| {
        let remedy = "raise the limit of processes (`ulimit -u`, or `pids.max` of the control group)";
        CliError::Lab(format!("cannot start a thread: {error}; {remedy}"))
    })?;
    let runtime = Builder::new_current_thread().enable_all().thread_keep_alive(KEEP_ALIVE).build()?;
    // Its only failure would be a panic in an empty function.
    let _ = runtime.block_on(runtime.spawn_blocking(|| ()));
    Ok(runtime)
}

/// Starts and ends a thread; libraries that start threads panic where this fails.
///
/// # Errors
/// When the host allows none.
pub(super) fn can_start_thread() -> std::io::Result<()> {
    std::thread::Builder::new().spawn(|| ()).map(|thread| drop(thread.join()))
}
