//! Connecting to the unix sockets that QEMU opens a moment after it was started.

use std::path::Path;
use std::time::Duration;
use tokio::net::UnixStream;
use tokio::time::{Instant, sleep, timeout_at};

/// How soon a socket that is not there yet is tried again.
const RETRY: Duration = Duration::from_millis(1);

/// The longest pause: a guest prints its first byte tens of milliseconds after its socket appears, so none is lost. A
/// thousand guests that all try every millisecond keep the host from starting any.
const LONGEST_PAUSE: Duration = Duration::from_millis(16);

/// Connects to a socket that may not exist yet, for at most `patience`.
///
/// # Errors
/// When nobody listened in time; the message names the socket and the last reason.
pub async fn connect(path: &Path, patience: Duration) -> std::io::Result<UnixStream> {
    let deadline = Instant::now() + patience;
    let mut pause = RETRY;
    loop {
        let error = match timeout_at(deadline, UnixStream::connect(path)).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => error,
            Err(_) => std::io::ErrorKind::TimedOut.into(),
        };
        if Instant::now() >= deadline {
            let text = format!("nobody listened at {} within {} s: {error}", path.display(), patience.as_secs());
            return Err(std::io::Error::new(error.kind(), text));
        }
        sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}
