//! Connects to unix sockets that QEMU opens shortly after its start.

use std::path::Path;
use std::time::Duration;
use tokio::net::UnixStream;
use tokio::time::{Instant, sleep, timeout_at};

/// The first delay between two attempts; QEMU opens its sockets a few hundredths of a second after its start.
const MIN_RETRY_DELAY: Duration = Duration::from_millis(1);

/// The next delay is the time since the first attempt divided by this. The guest's first byte follows its socket about as
/// late as the socket follows the start, so none is lost; a thousand connections that retry every millisecond would keep
/// the host from starting any guest.
const RETRY_DIVISOR: u32 = 32;

/// Connects to a socket that may not exist yet.
///
/// # Errors
/// When there is no listener within `timeout`; the message has the path and the last error.
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
