//! Connecting to the unix sockets that QEMU opens a moment after it was started.

use std::path::Path;
use std::time::Duration;
use tokio::net::UnixStream;
use tokio::time::{Instant, sleep, timeout_at};

/// How soon a socket that is not there yet is tried again; QEMU opens it a few hundredths of a second after its start.
const SHORTEST_PAUSE: Duration = Duration::from_millis(1);

/// The share of the time waited so far that the next pause takes. A guest prints its first byte not much sooner after its
/// socket appears than the socket after the start, so none is lost; and a thousand guests that all tried every millisecond
/// would keep the host from starting any.
const PAUSE_SHARE: u32 = 32;

/// Connects to a socket that may not exist yet, for at most `patience`.
///
/// # Errors
/// When nobody listened in time; the message names the socket and the last reason.
pub async fn connect(path: &Path, patience: Duration) -> std::io::Result<UnixStream> {
    let start = Instant::now();
    let deadline = start + patience;
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
        sleep((start.elapsed() / PAUSE_SHARE).max(SHORTEST_PAUSE)).await;
    }
}
