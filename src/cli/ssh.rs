//! A shell over SSH in a guest with a root disk, on the user's terminal.

use super::error::CliError;
use super::keep::trial;
use crate::host::{KeptSockets, Login, Qmp};
use crate::launch::NETWORK;
use crate::qmp::{USERNET, forwarded_port};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Timeout for connecting to QEMU's monitor, and of its answer.
const QMP_TIMEOUT: Duration = Duration::from_secs(10);

/// Joins a shell of the guest with the terminal until it exits or `cancel`; returns its exit status, `None` after a cancellation. Waits
/// for the guest's server for at most `timeout`. A `script`, path and text, is put into the guest before.
///
/// # Errors
/// When the guest has no root disk or cannot be reached, or the terminal fails.
pub(super) async fn join(
    kept: &KeptSockets,
    script: Option<(String, &str)>,
    timeout: Duration,
    cancel: &CancellationToken,
) -> Result<Option<u8>, CliError> {
    let login = kept.guest.login.as_ref();
    let login = login.ok_or_else(|| lab(kept, "it has no root disk, and no SSH server: its console is a shell"))?;
    let address = address(kept).await?;
    tokio::select! {
        joined = session::join(address, login, script, timeout) => joined.map(Some).map_err(|error| lab(kept, error)),
        () = cancel.cancelled() => Ok(None),
    }
}

/// Where QEMU listens for the guest's SSH server.
async fn address(kept: &KeptSockets) -> Result<SocketAddr, CliError> {
    // QEMU serves one client of its monitor: others may want it meanwhile.
    let qmp = Qmp::open(kept.qmp(), QMP_TIMEOUT);
    let shown = qmp.commands().hmp(USERNET, 0, QMP_TIMEOUT).await.map_err(|error| lab(kept, error))?;
    let port = forwarded_port(&shown, NETWORK).ok_or_else(|| lab(kept, "QEMU forwards no port to it"))?;
    Ok((Ipv4Addr::LOCALHOST, port).into())
}

/// How to log in with ssh(1), as one line for a shell.
///
/// # Errors
/// When the guest has no root disk or does not answer.
pub(super) async fn line(kept: &KeptSockets) -> Result<String, CliError> {
    let login = kept.guest.login.as_ref().ok_or_else(|| lab(kept, "it has no root disk, and no SSH server"))?;
    let port = address(kept).await?.port().to_string();
    let hosts = kept.known_hosts();
    std::fs::write(&hosts, format!("[127.0.0.1]:{port} {}\n", login.host_key))?;
    let (key, hosts) = (login.key.display().to_string(), format!("UserKnownHostsFile={}", hosts.display()));
    let words = ["ssh", "-i", &key, "-p", &port, "-o", &hosts, "root@127.0.0.1"];
    Ok(shlex::try_join(words).unwrap_or_default() + "\n")
}

fn lab(kept: &KeptSockets, error: impl std::fmt::Display) -> CliError {
    CliError::Lab(format!("{}: {error}", trial(&kept.guest)))
}

#[cfg(feature = "ssh")]
mod session {
    use super::Login;
    use crate::cli::terminal::{Input, RawTerminal};
    use crate::ssh::{Client, Command, Endpoint, Output, Pty, Stdin};
    use rustix::termios::tcgetwinsize;
    use std::io::{IsTerminal, Write, stderr, stdin, stdout};
    use std::net::SocketAddr;
    use std::time::Duration;
    use tokio::signal::unix::{SignalKind, signal};

    /// Timeout of the start of the shell.
    const START_TIMEOUT: Duration = Duration::from_secs(60);

    /// The shell, which the OOM killer takes as it takes others.
    const SHELL: &str = "echo 0 >/proc/self/oom_score_adj; exec \"$SHELL\" -l";

    pub(super) async fn join(
        address: SocketAddr,
        login: &Login,
        script: Option<(String, &str)>,
        timeout: Duration,
    ) -> std::io::Result<u8> {
        let (key, host_key) = (login.key.clone(), login.host_key.clone());
        let endpoint = Endpoint { address, user: "root".to_owned(), key, host_key };
        let client = Client::connect(&endpoint, timeout).await.map_err(std::io::Error::other)?;
        if let Some((path, text)) = script {
            client.upload(text.as_bytes(), &path, 0o755, START_TIMEOUT).await.map_err(std::io::Error::other)?;
        }
        let pty = stdin().is_terminal().then(pty);
        let command = Command { line: SHELL.to_owned(), stdin: Stdin::Piped, pty: pty.clone() };
        let mut running = client.run(command, START_TIMEOUT).await.map_err(std::io::Error::other)?;
        let input = running.input().clone();
        let mut resized = signal(SignalKind::window_change())?;
        let raw = pty.is_some().then(RawTerminal::enter);
        let mut keys = if raw.is_some() { Input::keys() } else { Input::lines() };
        let mut left = std::pin::pin!(keys.left());
        let mut sending = std::pin::pin!(None);
        let mut has_ended = false;
        loop {
            let is_sending = sending.is_some();
            tokio::select! {
                output = running.next() => match output.map_err(std::io::Error::other)? {
                    Output::Stdout(bytes) => write(stdout().lock(), &bytes)?,
                    Output::Stderr(bytes) => write(stderr().lock(), &bytes)?,
                    Output::Exited(status) => return Ok(u8::try_from(status.code()).unwrap_or(u8::MAX)),
                },
                typed = keys.next(), if !is_sending && !has_ended => {
                    let input = input.clone();
                    has_ended = typed.is_none();
                    sending.set(Some(async move {
                        match typed {
                            Some(bytes) => input.send(bytes).await,
                            None => input.end().await,
                        }
                    }));
                }
                sent = async { sending.as_mut().as_pin_mut().expect("it is checked").await }, if is_sending => {
                    // A shell that has exited ends the session by its output.
                    let _ = sent;
                    sending.set(None);
                }
                _ = resized.recv(), if raw.is_some() => {
                    let Pty { rows, columns, .. } = self::pty();
                    input.resize(rows, columns);
                }
                () = &mut left => return Ok(0),
            }
        }
    }

    fn pty() -> Pty {
        let size = tcgetwinsize(stdout()).ok().filter(|size| size.ws_row > 0 && size.ws_col > 0);
        let (rows, columns) = size.map_or((24, 80), |size| (size.ws_row, size.ws_col));
        Pty { term: std::env::var("TERM").unwrap_or_else(|_| "dumb".to_owned()), rows, columns }
    }

    fn write(mut out: impl Write, bytes: &[u8]) -> std::io::Result<()> {
        out.write_all(bytes).and_then(|()| out.flush())
    }
}

#[cfg(not(feature = "ssh"))]
mod session {
    use super::Login;
    use std::net::SocketAddr;
    use std::time::Duration;

    pub(super) async fn join(_: SocketAddr, _: &Login, _: Option<(String, &str)>, _: Duration) -> std::io::Result<u8> {
        Err(std::io::Error::other("this program was built without its feature `ssh`"))
    }
}
