//! `oomlab attach` and `oomlab end`: guests that another process of the lab keeps.

use super::args::{AttachArgs, EndGuestArgs};
use super::error::CliError;
use super::gdb;
use super::keep::named;
use super::output::{notify, print};
use super::runtime::runtime;
use super::terminal::{Keys, RawTerminal};
use crate::host::{KeptSockets, Qmp, Serial};
use qapi_qmp::{cont, quit};
use std::io::{BufRead, Write};
use std::time::Duration;

/// Timeout for connecting to a socket, and of a QMP command.
const TIMEOUT: Duration = Duration::from_secs(5);

/// How long an ended guest may take.
const END_TIMEOUT: Duration = Duration::from_secs(10);

/// Bytes of the console's record that are shown before what is new.
const HISTORY: usize = 2000;

/// Attaches to a guest's console or monitor, or says how to debug it; returns the program's exit status.
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
        match (args.monitor, args.gdb) {
            (true, _) => monitor(kept).await,
            (_, true) => debug(kept).await,
            _ => console(kept).await,
        }
    });
    runtime.shutdown_background();
    done.map(|()| 0)
}

/// Ends guests; returns the program's exit status.
///
/// # Errors
/// When there is no such guest, or it does not end.
pub fn end(args: &EndGuestArgs) -> Result<u8, CliError> {
    let all = KeptSockets::all();
    let ended: Vec<&KeptSockets> =
        if args.all { all.iter().collect() } else { vec![only(&all, args.guest.as_deref())?] };
    let runtime = runtime()?;
    let done = runtime.block_on(async {
        for kept in ended {
            let qmp = Qmp::open(kept.qmp(), TIMEOUT);
            // QEMU may close the connection before it replies; only its exit counts.
            drop(qmp.commands().execute(quit {}, TIMEOUT).await);
            let gone = async {
                while KeptSockets::all().iter().any(|other| other.guest.qemu == kept.guest.qemu) {
                    pause().await
                }
            };
            let late =
                |_| CliError::Lab(format!("{} does not end: QEMU has process id {}", kept.guest.cell, kept.guest.qemu));
            tokio::time::timeout(END_TIMEOUT, gone).await.map_err(late)?;
            notify(&format!("ended {}", kept.guest.cell));
        }
        Ok(())
    });
    runtime.shutdown_background();
    done.map(|()| 0)
}

async fn pause() {
    tokio::time::sleep(Duration::from_millis(20)).await;
}

/// The guest that a word stands for: its number in the list, or a part of its cell's id; without a word, the only one.
fn only<'k>(all: &'k [KeptSockets], word: Option<&str>) -> Result<&'k KeptSockets, CliError> {
    let chosen: Vec<&KeptSockets> = match word {
        None => all.iter().collect(),
        Some(word) => match word.parse::<usize>().ok().and_then(|number| all.get(number.checked_sub(1)?)) {
            Some(kept) => vec![kept],
            None => all.iter().filter(|kept| named(&kept.guest).contains(word)).collect(),
        },
    };
    match (chosen.as_slice(), word) {
        ([kept], _) => Ok(kept),
        ([], _) if all.is_empty() => {
            let remedy = "`oomlab boot … --keep-on hang,crash` keeps one, also `run` and `repro`";
            Err(CliError::Usage(format!("no guest is kept: {remedy}")))
        }
        ([], Some(word)) => {
            Err(CliError::Usage(format!("no kept guest is called `{word}`:\n{}", list(all).trim_end())))
        }
        _ => Err(CliError::Usage(format!(
            "which one? Name its number, or a part of its cell:\n{}",
            list(all).trim_end()
        ))),
    }
}

fn list(all: &[KeptSockets]) -> String {
    all.iter().enumerate().map(|(at, kept)| format!("{:>3}  {}\n", at + 1, named(&kept.guest))).collect()
}

/// Resumes the guest, and joins its console with the terminal until Ctrl-] or the guest's end.
async fn console(kept: &KeptSockets) -> Result<(), CliError> {
    let unreachable = |error: std::io::Error| CliError::Lab(format!("the console of {}: {error}", kept.guest.cell));
    let mut serial = Serial::open(kept.serial(), TIMEOUT, None);
    serial.connected().await.map_err(unreachable)?;
    let qmp = Qmp::open(kept.qmp(), TIMEOUT);
    let resumed = qmp.commands().execute(cont {}, TIMEOUT).await;
    let state = resumed.map_or_else(|error| format!("not resumed: {error}"), |_| "resumed".to_owned());
    notify(&format!("{}, {state}; Ctrl-] leaves it running", kept.guest.cell));
    let log = std::fs::read(kept.guest.folder.join("console.log")).unwrap_or_default();
    let raw = RawTerminal::enter();
    show(&log[log.len().saturating_sub(HISTORY)..]);
    let mut keys = Keys::of_stdin();
    loop {
        tokio::select! {
            chunk = serial.read() => match chunk {
                Some(bytes) => show(&bytes),
                None => break,
            },
            typed = keys.next() => match typed {
                Some(bytes) => serial.input().send(bytes, TIMEOUT).await.map_err(unreachable)?,
                None => break,
            },
        }
    }
    drop(raw);
    notify("detached");
    Ok(())
}

/// The console as it is: a terminal shows what a shell in the guest draws.
fn show(bytes: &[u8]) {
    let mut out = std::io::stdout().lock();
    // A terminal that is gone ends the program by SIGHUP.
    let _ = out.write_all(bytes).and_then(|()| out.flush());
}

/// Reads commands of QEMU's human monitor from standard input, and prints what they answer.
async fn monitor(kept: &KeptSockets) -> Result<(), CliError> {
    let qmp = Qmp::open(kept.qmp(), TIMEOUT);
    notify(&format!("QEMU's monitor of {}; `help` lists its commands, Ctrl-D leaves", kept.guest.cell));
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        match qmp.commands().hmp(&line, 0, TIMEOUT).await {
            Ok(text) => print(&model::printable_lines(&text.replace('\r', "")))?,
            Err(error) => notify(&error.to_string()),
        }
    }
    Ok(())
}

/// Opens gdb's stub, and prints how to start gdb.
async fn debug(kept: &KeptSockets) -> Result<(), CliError> {
    let qmp = Qmp::open(kept.qmp(), TIMEOUT);
    let socket = kept.gdb();
    if !socket.exists() {
        let open = format!("gdbserver unix:{},server=on,wait=off", socket.display());
        let failed = |error| CliError::Lab(format!("QEMU's gdb stub: {error}"));
        let answer = qmp.commands().hmp(&open, 0, TIMEOUT).await.map_err(failed)?;
        notify(answer.trim());
    }
    let symbols = gdb::symbols(&kept.guest.kernel, &kept.guest.folder)?;
    print(&gdb::line(&kept.guest.kernel, &symbols, &socket))
}
