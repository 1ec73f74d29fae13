//! Runs a test in a guest with a root disk, over SSH, beside the driver's loop.
#![cfg_attr(not(feature = "ssh"), expect(dead_code, reason = "without SSH there are no sessions"))]

use super::error::LabError;
use super::input::SessionResult;
use super::trial::Test;
use crate::host::{QmpCommands, QmpError};
use crate::launch::NETWORK;
use crate::qmp::{USERNET, forwarded_port};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

/// Results that wait for the loop.
const QUEUE: usize = 16;

/// Timeout of what comes before the test, and of its status. By the host's clock, which says nothing of a guest that the host has stopped: the watchdog ends the
/// trial much earlier, by the guest's.
const START_TIMEOUT: Duration = Duration::from_secs(24 * 3600);

/// The session of one test. Dropping it closes the connection.
pub(super) struct Session {
    results: mpsc::Receiver<SessionResult>,
    tasks: JoinSet<()>,
    #[cfg(feature = "ssh")]
    client: ssh::Shared,
}

/// What leads to the guest's SSH server.
struct Reach {
    test: Arc<Test>,
    qmp: QmpCommands,
}

impl Session {
    /// Logs in as soon as the server lets it, and runs the test.
    pub fn start(test: Arc<Test>, qmp: QmpCommands) -> Self {
        let (sender, results) = mpsc::channel(QUEUE);
        let (reach, mut tasks) = (Reach { test, qmp }, JoinSet::new());
        #[cfg(feature = "ssh")]
        let client = ssh::Shared::default();
        #[cfg(feature = "ssh")]
        let work = ssh::run(reach, sender.clone(), Arc::clone(&client));
        #[cfg(not(feature = "ssh"))]
        let work = absent(reach);
        tasks.spawn(async move {
            if let Err(end) = work.await {
                // The loop may have ended.
                let _ = sender.send(end).await;
            }
        });
        Self {
            results,
            tasks,
            #[cfg(feature = "ssh")]
            client,
        }
    }

    /// Asks the test to end. A server that does not answer changes nothing: the guest is judged without it.
    pub fn end_test(&mut self) {
        #[cfg(feature = "ssh")]
        self.tasks.spawn(ssh::terminate(Arc::clone(&self.client)));
    }

    /// The next result; pending after the last. Cancel safe.
    pub async fn next(&mut self) -> SessionResult {
        loop {
            tokio::select! {
                Some(result) = self.results.recv() => return result,
                Some(ended) = self.tasks.join_next() => {
                    if let Err(error) = ended && error.is_panic() {
                        std::panic::resume_unwind(error.into_panic());
                    }
                }
                else => std::future::pending().await,
            }
        }
    }

    /// The results that are there.
    pub fn arrived(&mut self) -> Vec<SessionResult> {
        (0..QUEUE).map_while(|_| self.results.try_recv().ok()).collect()
    }
}

impl Reach {
    /// Where QEMU listens for the guest's SSH server. Pending where its monitor has gone: then QEMU has ended, or is about to, and the watchdog
    /// has the reason.
    async fn address(&self) -> Result<SocketAddr, LabError> {
        let failed = |what: String| LabError::Session { source: std::io::Error::other(what) };
        let shown = match self.qmp.hmp(USERNET, 0, START_TIMEOUT).await {
            Ok(shown) => shown,
            Err(QmpError::NotConnected) => std::future::pending().await,
            Err(error) => return Err(failed(format!("`{USERNET}`: {error}"))),
        };
        let port =
            forwarded_port(&shown, NETWORK).ok_or_else(|| failed("QEMU forwards no port to the guest".to_owned()))?;
        Ok((Ipv4Addr::LOCALHOST, port).into())
    }
}

#[cfg(feature = "ssh")]
mod ssh {
    use super::{Reach, START_TIMEOUT, SessionResult};
    use crate::host::Login;
    use crate::lab::error::LabError;
    use crate::ssh::{Client, Command, Endpoint, Limits, Output, SshError};
    use crate::workload::file_name;
    use model::excerpt;
    use std::sync::{Arc, OnceLock};
    use std::time::Duration;
    use tokio::sync::mpsc::Sender;

    /// The connection, once it is there.
    pub(super) type Shared = Arc<OnceLock<Client>>;

    /// Limits of a copy from the guest: bytes of the file, and a time.
    const MAX_FILE: usize = 64 << 20;
    /// Less than the watchdog grants for all of them: the other files are fetched after one that does not end.
    const FETCH_TIMEOUT: Duration = Duration::from_secs(240);

    /// Timeout of a short command.
    const COMMAND_TIMEOUT: Duration = Duration::from_secs(60);

    /// Characters of a reason: parts of it may be the guest's.
    const MAX_WHY: usize = 300;

    /// In the guest: the script, the session of its processes, and its exit status.
    const SCRIPT: &str = "/run/oomlab-test.sh";
    const PID: &str = "/run/oomlab-test.pid";
    const STATUS: &str = "/run/oomlab-test.status";

    pub(super) async fn run(reach: Reach, results: Sender<SessionResult>, shared: Shared) -> Result<(), SessionResult> {
        let test = &reach.test;
        let Login { key, host_key } = test.disk.login.clone();
        let address = reach.address().await.map_err(SessionResult::LabFailed)?;
        let endpoint = Endpoint { address, user: "root".to_owned(), key, host_key };
        let client = Client::connect(&endpoint, START_TIMEOUT).await.map_err(failed)?;
        let client = shared.get_or_init(|| client);
        give(&results, SessionResult::LoggedIn).await;
        client.upload(test.script.as_bytes(), SCRIPT, 0o755, START_TIMEOUT).await.map_err(failed)?;
        let mut running = client.run(Command::new(line()), START_TIMEOUT).await.map_err(failed)?;
        give(&results, SessionResult::Started).await;
        let status = loop {
            match running.next().await.map_err(failed)? {
                Output::Stdout(bytes) | Output::Stderr(bytes) => give(&results, SessionResult::Output(bytes)).await,
                Output::Exited(status) => break status.code(),
            }
        };
        // A channel that is closed without a status has 0, too.
        if status == 0 {
            let written = client.fetch(STATUS, 16, START_TIMEOUT).await.map_err(failed)?;
            if written.trim_ascii() != b"0" {
                return Err(SessionResult::Failed(
                    "the server closed the test's channel before the test had ended".to_owned(),
                ));
            }
        }
        give(&results, SessionResult::Exited(status)).await;
        for path in &test.fetch {
            if let Some(fetched) = fetch(client, path).await {
                give(&results, fetched).await;
            }
        }
        give(&results, SessionResult::Closed).await;
        Ok(())
    }

    /// A file that the test has left; `None` where there is none, as after a test that failed.
    async fn fetch(client: &Client, path: &str) -> Option<SessionResult> {
        let quoted = shlex::try_quote(path).ok()?;
        let limits = Limits { timeout: FETCH_TIMEOUT, max_stdout: 16 };
        let exists = client.capture(&format!("[ -e {quoted} ]"), tokio::io::empty(), limits).await;
        if exists.as_ref().is_ok_and(|found| !found.status.success()) {
            return None;
        }
        let content = match exists {
            Ok(_) => client.fetch(path, MAX_FILE, FETCH_TIMEOUT).await,
            Err(error) => Err(error),
        };
        Some(match content {
            Ok(content) => SessionResult::Fetched { name: file_name(path).unwrap_or("file").to_owned(), content },
            Err(error) => {
                SessionResult::NotFetched { path: path.to_owned(), why: excerpt(&error.to_string(), MAX_WHY) }
            }
        })
    }

    /// The loop may have ended: then nothing is given, and the session ends with it.
    async fn give(results: &Sender<SessionResult>, result: SessionResult) {
        let _ = results.send(result).await;
    }

    /// SIGTERM to all processes of the test: sshd makes a session for each command. Some may have groups of their own, as under timeout(1).
    pub(super) async fn terminate(shared: Shared) {
        let Some(client) = shared.get() else { return };
        let limits = Limits { timeout: COMMAND_TIMEOUT, max_stdout: 4096 };
        let line = format!("test=$(cat {PID}); pkill -TERM -s $test || kill -TERM -- -$test");
        let _ = client.capture(&line, tokio::io::empty(), limits).await;
    }

    /// The command of the test. Both streams are one, in the order in which they were written, as in a guest whose agent runs the test. The outer
    /// shell lives on when the test is ended, and waits for it.
    fn line() -> String {
        format!("trap : TERM; echo $$ >{PID}; /bin/sh {SCRIPT} 2>&1; s=$?; echo $s >{STATUS}; exit $s")
    }

    /// Faults of the lab are not the guest's.
    fn failed(error: SshError) -> SessionResult {
        match error {
            SshError::Key { .. } | SshError::BadKey { .. } | SshError::NoHostKey { .. } | SshError::Client(_) => {
                SessionResult::LabFailed(LabError::Session { source: std::io::Error::other(error.to_string()) })
            }
            error => SessionResult::Failed(excerpt(&error.to_string(), MAX_WHY)),
        }
    }
}

#[cfg(not(feature = "ssh"))]
async fn absent(_: Reach) -> Result<(), SessionResult> {
    let source = std::io::Error::other("this program was built without its feature `ssh`");
    Err(SessionResult::LabFailed(LabError::Session { source }))
}
