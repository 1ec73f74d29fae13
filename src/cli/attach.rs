//! `oomlab attach`: the console, the monitor or gdb of a guest that another process of the lab keeps.

use super::console::{Console, last};
use super::error::CliError;
use super::gdb;
use super::interrupt::{EXIT_INTERRUPTED, cancel_and_say};
use super::keep::{named, trial};
use super::output::{notify, print};
use super::runtime::runtime;
use super::ssh;
use super::terminal::Input;
use crate::host::{KeptSockets, Qmp, QmpError, Serial};
use crate::launch::gdb_device;
use qapi_qmp::{cont, query_chardev};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Timeout for connecting to a socket, and of a QMP command.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Timeout of the guest's SSH server: it is up, unless the guest hangs.
const SSH_TIMEOUT: Duration = Duration::from_secs(30);

/// Timeout of a monitor command: some dump memory.
const MONITOR_TIMEOUT: Duration = Duration::from_secs(300);

/// How QEMU describes a socket without a client (`chardev/char-socket.c`).
const FREE: &str = "disconnected:";

/// Arguments of `oomlab attach`.
#[derive(Debug, Clone, clap::Args)]
pub struct AttachArgs {
    /// The guest: the process id of its QEMU, as the list has it, or a part of its cell [default: the only one]
    pub guest: Option<String>,
    /// List the guests
    #[arg(long, conflicts_with = "guest")]
    pub list: bool,
    /// QEMU's human monitor in place of the console
    #[arg(long, conflicts_with = "list")]
    pub monitor: bool,
    /// A shell over SSH, in a guest with a root disk
    #[arg(long, conflicts_with_all = ["list", "monitor", "gdb"])]
    pub ssh: bool,
    /// Open gdb's stub and print how to start gdb
    #[arg(long, conflicts_with_all = ["list", "monitor"])]
    pub gdb: bool,
}

/// Attaches to a guest; returns the program's exit status.
///
/// # Errors
/// When there is no such guest, or it cannot be reached.
pub fn attach(args: &AttachArgs) -> Result<u8, CliError> {
    let all = KeptSockets::all();
    if args.list {
        return print(&list(&all)).map(|()| 0);
    }
    let kept = only(&all, args.guest.as_deref())?;
    let runtime = runtime()?;
    let done = runtime.block_on(async {
        match args {
            AttachArgs { monitor: true, .. } => monitor(kept).await.map(|()| 0),
            AttachArgs { gdb: true, .. } => debug(kept).await.map(|()| 0),
            AttachArgs { ssh: true, .. } => shell(kept).await,
            _ => console(kept).await.map(|()| 0),
        }
    });
    runtime.shutdown_background();
    done
}

/// The guest that a word stands for: the process id of its QEMU, or a part of its cell's name; without a word, the only one.
pub(super) fn only<'k>(all: &'k [KeptSockets], word: Option<&str>) -> Result<&'k KeptSockets, CliError> {
    let is_meant = |kept: &&KeptSockets| match word.map(|word| (word, word.parse::<u32>())) {
        None => true,
        Some((_, Ok(pid))) => kept.guest.qemu == pid,
        Some((word, Err(_))) => trial(&kept.guest).contains(word),
    };
    let chosen: Vec<&KeptSockets> = all.iter().filter(is_meant).collect();
    let list = || list(all).trim_end().to_owned();
    match (chosen.as_slice(), word) {
        ([kept], _) => Ok(kept),
        ([], _) if all.is_empty() => Err(CliError::Usage(
            "no guest is kept: `oomlab boot … --keep-on hang,crash` keeps one, also `run` and `repro`; with another TMPDIR \
             its sockets are elsewhere"
                .to_owned(),
        )),
        ([], Some(word)) => Err(CliError::Usage(format!("no kept guest is called `{word}`:\n{}", list()))),
        _ => Err(CliError::Usage(format!("which one? Name its process id, or a part of its cell:\n{}", list()))),
    }
}

fn list(all: &[KeptSockets]) -> String {
    all.iter().map(|kept| named(&kept.guest) + "\n").collect()
}

fn unreachable(kept: &KeptSockets, error: impl std::fmt::Display) -> CliError {
    CliError::Lab(format!("{}: {error}", trial(&kept.guest)))
}

/// Resumes the guest, and joins its console with the terminal until Ctrl-] or the end of either.
async fn console(kept: &KeptSockets) -> Result<(), CliError> {
    let state = {
        // QEMU serves one client of its monitor: others may want it meanwhile.
        let qmp = Qmp::open(kept.qmp(), TIMEOUT);
        let devices =
            qmp.commands().execute(query_chardev {}, TIMEOUT).await.map_err(|error| unreachable(kept, error))?;
        let is_free = |label: &str| {
            devices.iter().find(|device| device.label == label).is_none_or(|device| device.filename.starts_with(FREE))
        };
        if !is_free("serial0") {
            return Err(unreachable(kept, "another terminal is attached to its console"));
        }
        let resumed = qmp.commands().execute(cont {}, TIMEOUT).await;
        resumed.map_or_else(|error| format!("not resumed: {error}"), |_| "resumed".to_owned())
    };
    let mut serial = Serial::open(kept.serial(), TIMEOUT, None);
    serial.connected().await.map_err(|error| unreachable(kept, error))?;
    notify(&format!("{}, {state}; Ctrl-] leaves it as it is", trial(&kept.guest)));
    let history = last(&kept.guest.folder.join("console.log")).unwrap_or_default();
    let cancel = CancellationToken::new();
    cancel_and_say(cancel.clone(), "")?;
    let joined = Console::of(serial).join(&history, &cancel).await;
    notify("detached");
    joined.map(drop).map_err(|error| unreachable(kept, error))
}

/// Reads commands of QEMU's human monitor from standard input, and prints what they answer.
async fn monitor(kept: &KeptSockets) -> Result<(), CliError> {
    let mut qmp = Qmp::open(kept.qmp(), TIMEOUT);
    let commands = qmp.commands().clone();
    notify(&format!("QEMU's monitor of {}; `help` lists its commands, Ctrl-D leaves", trial(&kept.guest)));
    let mut lines = Input::lines();
    loop {
        let line = tokio::select! {
            line = lines.next() => line,
            event = qmp.event() => match event {
                Some(_) => continue,
                None => return Err(unreachable(kept, "QEMU has ended, or another process has its monitor")),
            },
        };
        let Some(line) = line else { return Ok(()) };
        match commands.hmp(&String::from_utf8_lossy(line.trim_ascii_end()), 0, MONITOR_TIMEOUT).await {
            Ok(text) => print(&model::printable_lines(&text.replace('\r', "")))?,
            Err(error @ QmpError::NotConnected) => return Err(unreachable(kept, error)),
            Err(error) => notify(&error.to_string()),
        }
    }
}

/// Resumes the guest, and joins a shell over SSH with the terminal.
async fn shell(kept: &KeptSockets) -> Result<u8, CliError> {
    {
        let qmp = Qmp::open(kept.qmp(), TIMEOUT);
        qmp.commands().execute(cont {}, TIMEOUT).await.map_err(|error| unreachable(kept, error))?;
    }
    let cancel = CancellationToken::new();
    cancel_and_say(cancel.clone(), "")?;
    notify(&format!(
        "{}; Ctrl-] leaves it as it is, and so does {}",
        trial(&kept.guest),
        ssh::line(kept).await?.trim_end()
    ));
    let status = ssh::join(kept, None, SSH_TIMEOUT, &cancel).await?;
    Ok(status.unwrap_or(EXIT_INTERRUPTED))
}

/// Opens gdb's stub, and prints how to start gdb.
async fn debug(kept: &KeptSockets) -> Result<(), CliError> {
    let qmp = Qmp::open(kept.qmp(), TIMEOUT);
    let socket = kept.gdb();
    if !socket.exists() {
        let open = format!("gdbserver \"{}\"", gdb_device(&socket));
        let answer = qmp.commands().hmp(&open, 0, TIMEOUT).await.map_err(|error| unreachable(kept, error))?;
        if !socket.exists() {
            return Err(unreachable(kept, format!("QEMU opens no gdb stub: {}", answer.trim())));
        }
    }
    let symbols = gdb::symbols(&kept.guest.kernel, &kept.guest.folder)?;
    print(&gdb::line(&kept.guest.kernel, &symbols, &socket))
}
