//! A QEMU that somebody else started.

use super::process::ProcessFd;
use rustix::net::sockopt::socket_peercred;
use rustix::process::Pid;
use std::io;
use std::path::Path;
use std::task::{Context, Poll};
use std::time::Duration;

/// How long a socket may take that QEMU has opened already.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// A QEMU that somebody else started, if its process is known. The lab never ends it.
#[derive(Debug, Default)]
pub struct Foreign(Option<(Pid, ProcessFd)>);

impl Foreign {
    /// The process that listens at a socket (unix(7), `SO_PEERCRED`).
    ///
    /// # Errors
    /// When nobody listens there.
    pub async fn listening_at(path: &Path) -> io::Result<Self> {
        let stream = super::socket::connect(path, CONNECT_TIMEOUT).await?;
        let pid = socket_peercred(&stream)?.pid;
        // It may have ended already, or be in another namespace: then its end shows in its sockets alone.
        Ok(Self(ProcessFd::open(pid).ok().map(|fd| (pid, fd))))
    }

    /// Its process id.
    pub fn pid(&self) -> Option<u32> {
        self.0.as_ref().and_then(|(pid, _)| u32::try_from(pid.as_raw_nonzero().get()).ok())
    }

    /// Its command line, where it may be read.
    pub fn command(&self) -> Vec<String> {
        let bytes = self.pid().and_then(|pid| std::fs::read(format!("/proc/{pid}/cmdline")).ok()).unwrap_or_default();
        let words = bytes.split(|&byte| byte == 0).map(|word| String::from_utf8_lossy(word).into_owned());
        let mut words: Vec<String> = words.collect();
        words.pop();
        words
    }

    /// Ready when the process has ended; never, when it is not known.
    ///
    /// # Errors
    /// When the operating system cannot wait for it.
    pub fn poll_wait(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &self.0 {
            Some((_, fd)) => fd.poll_exit(cx),
            None => Poll::Pending,
        }
    }
}
