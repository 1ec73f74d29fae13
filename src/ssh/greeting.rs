//! Waits for a server's banner.
//!
//! QEMU accepts connections to a forwarded port at once, also when nothing listens in the guest: it then closes them, or tries
//! in vain to reach a guest without a network. An open port says nothing, the banner does.

use super::banner::{self, Banner};
use super::error::SshError;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout_at};

/// Pause between two attempts.
const PAUSE: Duration = Duration::from_millis(100);

/// How long the first attempt waits for bytes; each further one waits twice as long. A connection made before the guest's
/// network was up may stay silent for good; a guest under memory pressure may need long to answer.
const FIRST_TIMEOUT: Duration = Duration::from_secs(2);

/// A connection to a server that has announced itself.
#[derive(Debug)]
pub(super) struct Greeted {
    pub(super) stream: TcpStream,
    /// The bytes that have been read: the banner and what followed it.
    pub(super) bytes: Vec<u8>,
}

/// Connects again and again until a server announces itself.
pub(super) async fn greeted(address: SocketAddr, timeout: Duration) -> Result<Greeted, SshError> {
    let deadline = Instant::now() + timeout;
    let mut attempt_timeout = FIRST_TIMEOUT;
    loop {
        let reason = match timeout_at(deadline.min(Instant::now() + attempt_timeout), attempt(address)).await {
            Ok(Ok(greeted)) => return Ok(greeted),
            Ok(Err(reason)) => reason,
            Err(_) => {
                attempt_timeout *= 2;
                "the port is open, but silent".to_owned()
            }
        };
        if Instant::now() + PAUSE >= deadline {
            return Err(SshError::NoBanner { address, seconds: timeout.as_secs(), reason });
        }
        sleep(PAUSE).await;
    }
}

/// Connects once; the error is why the server has no banner.
pub(super) async fn attempt(address: SocketAddr) -> Result<Greeted, String> {
    let mut stream = TcpStream::connect(address).await.map_err(|error| format!("cannot connect: {error}"))?;
    let mut bytes = Vec::new();
    loop {
        match stream.read_buf(&mut bytes).await {
            Ok(0) if bytes.is_empty() => return Err("the port is open, but closes connections at once".to_owned()),
            Ok(0) => return Err("the connection was closed before the end of an SSH banner".to_owned()),
            Ok(_) => {}
            Err(error) => return Err(format!("no SSH banner: {error}")),
        }
        match banner::find(&bytes) {
            Banner::Incomplete => {}
            Banner::Absent(why) => return Err(why.to_owned()),
            Banner::At(start) => {
                bytes.drain(..start);
                return Ok(Greeted { stream, bytes });
            }
        }
    }
}
