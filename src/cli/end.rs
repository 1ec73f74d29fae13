//! `oomlab end`: ends guests that another process of the lab keeps.

use super::attach::only;
use super::error::CliError;
use super::keep::trial;
use super::output::notify;
use super::runtime::runtime;
use crate::host::{KeptSockets, ProcessFd, Qmp};
use qapi_qmp::quit;
use rustix::io::Errno;
use rustix::process::{Pid, Signal, kill_process};
use std::future::poll_fn;
use std::time::Duration;

/// Timeout of each of QMP `quit`, SIGTERM, SIGKILL.
const STOP_TIMEOUT: Duration = Duration::from_secs(5);

/// Arguments of `oomlab end`.
#[derive(Debug, Clone, clap::Args)]
pub struct EndGuestArgs {
    /// The guest: the process id of its QEMU, as the list has it, or a part of its cell [default: the only one]
    pub guest: Option<String>,
    /// All of them
    #[arg(long, conflicts_with = "guest")]
    pub all: bool,
}

/// Ends guests; returns the program's exit status.
///
/// # Errors
/// When there is no such guest, or one does not end.
pub fn end(args: &EndGuestArgs) -> Result<u8, CliError> {
    let all = KeptSockets::all();
    let chosen: Vec<&KeptSockets> = match args.all {
        true => all.iter().collect(),
        false => vec![only(&all, args.guest.as_deref())?],
    };
    let runtime = runtime()?;
    let failed: Vec<String> = runtime.block_on(async {
        let mut failed = Vec::new();
        for kept in chosen {
            match end_one(kept).await {
                Ok(()) => notify(&format!("ended {}", trial(&kept.guest))),
                Err(error) => failed.push(format!("{}: {error}", trial(&kept.guest))),
            }
        }
        failed
    });
    runtime.shutdown_background();
    if failed.is_empty() { Ok(0) } else { Err(CliError::Lab(failed.join("\n"))) }
}

async fn end_one(kept: &KeptSockets) -> std::io::Result<()> {
    let Some(pid) = i32::try_from(kept.guest.qemu).ok().and_then(Pid::from_raw) else { return Ok(()) };
    // One that has ended has no pidfd; until its lab has seen that, it is listed.
    let process = match ProcessFd::open(pid) {
        Ok(process) => process,
        Err(error) if error.raw_os_error() == Some(Errno::SRCH.raw_os_error()) => return Ok(()),
        Err(error) => return Err(error),
    };
    let exited = || tokio::time::timeout(STOP_TIMEOUT, poll_fn(|cx| process.poll_exit(cx)));
    {
        let qmp = Qmp::open(kept.qmp(), STOP_TIMEOUT);
        // QEMU may close the connection before it replies, and an attached monitor keeps it busy: only its exit counts.
        drop(qmp.commands().execute(quit {}, STOP_TIMEOUT).await);
    }
    if exited().await.is_ok() {
        return Ok(());
    }
    for signal in [Signal::TERM, Signal::KILL] {
        // It may have ended meanwhile; its pidfd tells.
        let _ = kill_process(pid, signal);
        if exited().await.is_ok() {
            return Ok(());
        }
    }
    Err(std::io::Error::other(format!("QEMU, process {}, did not exit after SIGKILL", kept.guest.qemu)))
}
