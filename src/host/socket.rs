//! Connecting to the unix sockets that QEMU opens a moment after its start.

use std::path::Path;
use std::time::Duration;
use tokio::net::UnixStream;
use tokio::time::{Instant, sleep, timeout_at};

/// The first delay until a socket that does not exist yet is tried again; QEMU opens it a few hundredths of a second
/// after its start.
const MIN_RETRY_DELAY: Duration = Duration::from_millis(1);

/// The next delay is the time waited so far divided by this. The first byte of a guest comes about as long after its
/// socket as the socket after the start, so that none is lost; and a thousand connections that all retried every
/// millisecond would keep the host from starting any guest.
const RETRY_DIVISOR: u32 = 32;

/// Connects to a socket that may not exist yet, for at most `timeout`.
///
/// # Errors
/// When there was no listener in time; the message names the socket and the last reason.
pub async fn connect(path: &Path, timeout: Duration) -> std::io::Result<UnixStream> {
    let start = Instant::now();
    let deadline = start + timeout;
    loop {
        let error = match timeout_at(deadline, UnixStream::connect(path)).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => error,
            Err(_) => std::io::ErrorKind::TimedOut.into(),
        };
        if Instant::now() >= deadline {
            let text = format!("no listener at {} within {} s: {error}", path.display(), timeout.as_secs());
            return Err(std::io::Error::new(error.kind(), text));
        }
        sleep((start.elapsed() / RETRY_DIVISOR).max(MIN_RETRY_DELAY)).await;
    }
}
