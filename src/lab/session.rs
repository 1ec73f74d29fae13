//! Runs a test in a guest with a root disk, over SSH, beside the driver's loop.
#![cfg_attr(not(feature = "ssh"), expect(dead_code, reason = "without SSH there are no sessions"))]

use super::input::SessionResult;
use super::trial::Test;
use crate::host::QmpCommands;
use crate::qmp::{USERNET, forwarded_port};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

/// Results that wait for the loop.
const QUEUE: usize = 16;

/// Timeout of QEMU's answer where its port is.
const PORT_TIMEOUT: Duration = Duration::from_secs(30);

/// The session of one test. Dropping it closes the connection.
pub(super) struct Session {
    results: mpsc::Receiver<SessionResult>,
    tasks: JoinSet<()>,
    reach: Reach,
}

/// What leads to the guest's SSH server.
#[derive(Clone)]
struct Reach {
    test: Arc<Test>,
    qmp: QmpCommands,
}

impl Session {
    /// Logs in as soon as the server lets it, and runs the test.
    pub fn start(test: Arc<Test>, qmp: QmpCommands) -> Self {
        let (sender, results) = mpsc::channel(QUEUE);
        let (reach, mut tasks) = (Reach { test, qmp }, JoinSet::new());
        let own = reach.clone();
        tasks.spawn(async move {
            if let Err(why) = ssh::run(&own, &sender).await {
                // The loop may have ended.
                let _ = sender.send(SessionResult::Failed(why)).await;
            }
        });
        Self { results, tasks, reach }
    }

    /// Asks the test to end, over a connection of its own: the other one may be full of output.
    pub fn end_test(&mut self) {
        let reach = self.reach.clone();
        self.tasks.spawn(async move {
            // A server that does not answer changes nothing: the guest is judged without it.
            let _ = ssh::terminate(&reach).await;
        });
    }

    /// The next result; pending after the last. Cancel safe.
    pub async fn next(&mut self) -> SessionResult {
        match self.results.recv().await {
            Some(result) => result,
            None => std::future::pending().await,
        }
    }
}

impl Reach {
    /// Where QEMU listens for the guest's SSH server.
    async fn address(&self) -> Result<SocketAddr, String> {
        let shown = self.qmp.hmp(USERNET, 0, PORT_TIMEOUT).await.map_err(|error| format!("{USERNET}: {error}"))?;
        let port = forwarded_port(&shown).ok_or("QEMU forwards no port to the guest")?;
        Ok((Ipv4Addr::LOCALHOST, port).into())
    }
}

#[cfg(feature = "ssh")]
mod ssh {
    use super::{Reach, SessionResult};
    use crate::host::Login;
    use crate::ssh::{Client, Command, Endpoint, Limits, Output, SshError};
    use std::time::Duration;
    use tokio::sync::mpsc;

    /// Timeout of the login. The watchdog ends a trial whose guest takes longer than its matrix allows, by the guest's clock.
    const LOGIN_TIMEOUT: Duration = Duration::from_secs(3600);

    /// Timeout of the start of the test, on a busy host.
    const START_TIMEOUT: Duration = Duration::from_secs(300);

    /// Timeout of a second login, and of what it is for.
    const TERMINATE_TIMEOUT: Duration = Duration::from_secs(30);

    /// Limits of copies to and from the guest: a file in bytes, and a time.
    const MAX_FILE: usize = 64 << 20;
    const COPY_TIMEOUT: Duration = Duration::from_secs(60);

    /// The script and the process group of the test in the guest.
    const SCRIPT: &str = "/run/oomlab-test.sh";
    const GROUP: &str = "/run/oomlab-test.pid";

    pub(super) async fn run(reach: &Reach, results: &mpsc::Sender<SessionResult>) -> Result<(), String> {
        let text = |error: SshError| error.to_string();
        let give = |result| async move { results.send(result).await.map_err(|_| "the trial is over".to_owned()) };
        let client = Client::connect(&endpoint(reach).await?, LOGIN_TIMEOUT).await.map_err(text)?;
        give(SessionResult::LoggedIn).await?;
        let test = &reach.test;
        client.upload(test.script.as_bytes(), SCRIPT, 0o755, COPY_TIMEOUT).await.map_err(text)?;
        let mut running = client.run(Command::new(line(&test.variables)), START_TIMEOUT).await.map_err(text)?;
        give(SessionResult::Started).await?;
        let status = loop {
            match running.next().await.map_err(text)? {
                Output::Stdout(bytes) | Output::Stderr(bytes) => give(SessionResult::Output(bytes)).await?,
                Output::Exited(status) => break status.code(),
            }
        };
        for path in &test.fetch {
            // A test that failed may have left no file.
            let Ok(content) = client.fetch(path, MAX_FILE, COPY_TIMEOUT).await else { continue };
            let name = crate::workload::file_name(path).unwrap_or("file").to_owned();
            give(SessionResult::Fetched { name, content }).await?;
        }
        give(SessionResult::Exited(status)).await
    }

    /// SIGTERM to the test's process group: sshd makes a session for each command.
    pub(super) async fn terminate(reach: &Reach) -> Result<(), String> {
        let ending = async {
            let client =
                Client::connect(&endpoint(reach).await?, TERMINATE_TIMEOUT).await.map_err(|e| e.to_string())?;
            let limits = Limits { timeout: TERMINATE_TIMEOUT, max_stdout: 4096 };
            let line = format!("kill -TERM -- -$(cat {GROUP})");
            client.capture(&line, tokio::io::empty(), limits).await.map(drop).map_err(|error| error.to_string())
        };
        tokio::time::timeout(TERMINATE_TIMEOUT, ending).await.map_err(|error| error.to_string())?
    }

    async fn endpoint(reach: &Reach) -> Result<Endpoint, String> {
        let Login { key, host_key } = reach.test.disk.login.clone();
        Ok(Endpoint { address: reach.address().await?, user: "root".to_owned(), key, host_key })
    }

    /// The command of the test, with its options as variables.
    fn line(variables: &std::collections::BTreeMap<String, String>) -> String {
        let words = variables.iter().map(|(name, value)| format!("oomlab_opt_{name}={value}"));
        let words: Vec<String> = words.collect();
        // Only a NUL cannot be quoted, and an option cannot hold one.
        let quoted = shlex::try_join(words.iter().map(String::as_str)).unwrap_or_default();
        format!("echo $$ >{GROUP}; exec env {quoted} /bin/sh {SCRIPT}")
    }
}

#[cfg(not(feature = "ssh"))]
mod ssh {
    use super::{Reach, SessionResult};
    use tokio::sync::mpsc;

    const ABSENT: &str = "this program was built without its feature `ssh`";

    pub(super) async fn run(_: &Reach, _: &mpsc::Sender<SessionResult>) -> Result<(), String> {
        Err(ABSENT.to_owned())
    }

    pub(super) async fn terminate(_: &Reach) -> Result<(), String> {
        Err(ABSENT.to_owned())
    }
}
