//! A connection to a guest.

use super::channel::Job;
use super::command::{Command, Running, Shared};
use super::endpoint::Endpoint;
use super::error::SshError;
use super::greeting::greeted;
use super::host_key::HostKey;
use super::login::Credentials;
use super::service::{Task, serve};
use super::wake::{Wake, WakeOnDrop};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout_at};

/// Maximum number of commands that wait for the thread.
const JOBS: usize = 16;

/// Maximum length of a command, in bytes: it has to fit into a packet (RFC 4253, section 6.1).
const MAX_LINE: usize = 32 * 1024;

/// A connection to a guest, logged in. Several commands may run at a time. Dropping it ends them all, and the connection.
#[derive(Debug)]
pub struct Client {
    jobs: mpsc::Sender<Job>,
    shared: Arc<Shared>,
    /// After `jobs`, whose end the thread is to notice.
    wake: WakeOnDrop,
}

impl Client {
    /// Waits for the guest's SSH server and logs in, all within `timeout`. Dropping the future ends the attempt.
    ///
    /// # Errors
    /// When no server announces itself, it has another host key, it refuses the user, or does not answer in time; when the
    /// user's key cannot be read.
    pub async fn connect(endpoint: &Endpoint, timeout: Duration) -> Result<Self, SshError> {
        let (address, deadline) = (endpoint.address, Instant::now() + timeout);
        let host_key = HostKey::parse(&endpoint.host_key)?;
        let key = tokio::fs::read_to_string(&endpoint.key).await;
        let key = key.map_err(|source| SshError::Key { path: endpoint.key.clone(), source })?;
        let (user, key_path) = (endpoint.user.clone(), endpoint.key.clone());
        let credentials = Credentials { address, user, key_path, key, host_key };
        let greeted = greeted(address, timeout).await?;

        let wake = Wake::new().map_err(SshError::Client)?;
        let (jobs, jobs_out) = mpsc::channel(JOBS);
        let (logged_in, login) = oneshot::channel();
        let shared = Arc::new(Shared { address, lost: OnceLock::new() });
        let client = Self { jobs, shared: Arc::clone(&shared), wake: WakeOnDrop(wake.clone()) };
        let task = Task { greeted, credentials, jobs: jobs_out, wake, shared, logged_in };
        // Not one of tokio's: those keep a runtime from ending.
        let thread = std::thread::Builder::new().name(format!("ssh {}", address.port()));
        thread.spawn(move || serve(task)).map_err(SshError::Client)?;
        match timeout_at(deadline, login).await {
            Ok(Ok(result)) => result.map(|()| client),
            Ok(Err(_)) => Err(client.shared.lost()),
            Err(_) => Err(SshError::LoginTimedOut { address, seconds: timeout.as_secs() }),
        }
    }

    /// Starts a command, within `timeout`.
    ///
    /// A command has no process id on this side. To end one that has no terminal, have its line print `$$`, and run `kill`.
    ///
    /// # Errors
    /// When the server refuses, does not answer in time, or the connection is lost.
    pub async fn run(&self, command: Command, timeout: Duration) -> Result<Running, SshError> {
        let line = command.line.clone();
        if line.len() > MAX_LINE {
            let reason = format!("it is longer than {} KiB", MAX_LINE / 1024);
            return Err(SshError::NotStarted { line: line.chars().take(80).collect(), reason });
        }
        let wake = self.wake.0.clone();
        let (running, ends) = Running::new(command.pty.as_ref(), Arc::clone(&self.shared), wake);
        let (started, answer) = oneshot::channel();
        let start = async {
            self.jobs.send(Job { command, ends, started }).await.map_err(|_| self.shared.lost())?;
            self.wake.0.wake();
            answer.await.map_err(|_| self.shared.lost())
        };
        match timeout_at(Instant::now() + timeout, start).await {
            Ok(Ok(Ok(()))) => Ok(running),
            Ok(Ok(Err(reason))) => Err(SshError::NotStarted { line, reason }),
            Ok(Err(lost)) => Err(lost),
            Err(_) => Err(SshError::TimedOut { line, act: "start", seconds: timeout.as_secs() }),
        }
    }
}
