//! A QEMU that the lab did not start.

use super::process::ProcessFd;
use rustix::net::sockopt::socket_peercred;
use rustix::process::Pid;
use std::io;
use std::path::Path;
use std::task::{Context, Poll};
use std::time::Duration;

/// Timeout for connecting to a socket that QEMU has already opened.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// The process of a QEMU that the lab did not start, if it is known. The lab sends it no signal.
#[derive(Debug, Default)]
pub struct Foreign(Option<(Pid, ProcessFd)>);

impl Foreign {
    /// The process that listens on the unix socket `path` (unix(7), `SO_PEERCRED`). Unknown if it has exited or is in another
    /// PID namespace.
    ///
    /// # Errors
    /// When the socket has no listener.
    pub async fn listening_at(path: &Path) -> io::Result<Self> {
        let stream = super::socket::connect(path, CONNECT_TIMEOUT).await?;
        let pid = socket_peercred(&stream)?.pid;
        // Without a pidfd only the end of its sockets shows its exit.
        Ok(Self(ProcessFd::open(pid).ok().map(|fd| (pid, fd))))
    }

    /// Its process id; `None` if unknown.
    pub fn pid(&self) -> Option<u32> {
        self.0.as_ref().and_then(|(pid, _)| u32::try_from(pid.as_raw_nonzero().get()).ok())
    }

    /// Its arguments; empty if the process is unknown or `/proc/<pid>/cmdline` is not readable.
    pub fn command(&self) -> Vec<String> {
        let bytes = self.pid().and_then(|pid| std::fs::read(format!("/proc/{pid}/cmdline")).ok()).unwrap_or_default();
        let words = bytes.split(|&byte| byte == 0).map(|word| String::from_utf8_lossy(word).into_owned());
        let mut words: Vec<String> = words.collect();
        words.pop();
        words
    }

    /// Ready when the process has exited; pending forever if it is unknown.
    ///
    /// # Errors
    /// When the pidfd cannot be polled.
    pub fn poll_wait(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &self.0 {
            Some((_, fd)) => fd.poll_exit(cx),
            None => Poll::Pending,
        }
    }
}
