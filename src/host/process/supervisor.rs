//! A process between the lab and a command, which ends all descendants of the command: also those that have left its process
//! group (setsid(2)), and also when the lab is killed.
//!
//! The kernel makes orphans below a subreaper its children (prctl(2), `PR_SET_CHILD_SUBREAPER`). The lab itself is none: it has
//! other children, which are not to be killed with a command's.

use super::capture::block_on;
use super::group::signal_orphan;
use rustix::io::Errno;
use rustix::process::{
    Pid, PidfdFlags, Signal, WaitOptions, WaitStatus, getpid, pidfd_open, pidfd_send_signal, set_child_subreaper, wait,
};
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::process::Stdio;
use std::time::Duration;
use tokio::net::unix::pipe::Receiver;
use tokio::process::Command;
use tokio::signal::unix::{Signal as Signals, SignalKind, signal};

/// The program's first argument, before the command. It is the lab's own, and in no help.
const SUPERVISE: &str = "supervise";

/// How long descendants may take to end after SIGKILL: less than the lab gives the supervisor. One that exceeds it is in
/// state D, or belongs to another user.
const END_TIMEOUT: Duration = Duration::from_secs(5);

/// Time between two looks at descendants that end without a signal to the supervisor.
const LOOK: Duration = Duration::from_millis(20);

/// Signals that a command may send to its process group, in which the supervisor is.
const GROUP_SIGNALS: [fn() -> SignalKind; 7] = [
    SignalKind::hangup,
    SignalKind::interrupt,
    SignalKind::quit,
    SignalKind::user_defined1,
    SignalKind::user_defined2,
    SignalKind::alarm,
    SignalKind::terminate,
];

/// Exit statuses of a shell that cannot run a program (POSIX, `2.8.2 Exit Status for Commands`).
const NOT_EXECUTABLE: u8 = 126;
const NOT_FOUND: u8 = 127;

/// Exit status of a shell whose command was killed by signal 0.
const KILLED_BY_SIGNAL: i32 = 128;

/// A program under a supervisor, for [`super::Orphans::KillDescendants`]. Its exit status is that of a shell: of a signal, 128
/// and its number.
pub fn supervised(program: impl AsRef<OsStr>) -> Command {
    // The lab's own program, even if its file has been replaced since.
    let mut command = std::process::Command::new("/proc/self/exe");
    command.arg0("oomlab").arg(SUPERVISE).arg(program);
    command.into()
}

/// What the supervisor does, if the program's arguments ask for one: it runs a command to its exit, or to the end of standard
/// input, which the lab's exit or death closes; then it kills all descendants of the command. Returns the exit status; where
/// there is no command to wait for, one that is neither good nor bad.
pub fn supervise(arguments: impl IntoIterator<Item = OsString>) -> Option<u8> {
    let mut arguments = arguments.into_iter().skip(1);
    if arguments.next()? != SUPERVISE {
        return None;
    }
    let command: Vec<OsString> = arguments.collect();
    let failed = |error: io::Error| if error.kind() == io::ErrorKind::NotFound { NOT_FOUND } else { NOT_EXECUTABLE };
    Some(block_on(run(&command)).unwrap_or_else(Err).unwrap_or_else(failed))
}

async fn run(command: &[OsString]) -> io::Result<u8> {
    let (program, arguments) = command.split_first().ok_or(io::ErrorKind::NotFound)?;
    set_child_subreaper(Some(getpid()))?;
    let owner = Receiver::from_owned_fd(io::stdin().as_fd().try_clone_to_owned()?)?;
    let mut ended = signal(SignalKind::child())?;
    // Caught, not ignored: the command would inherit that.
    let _caught = GROUP_SIGNALS.into_iter().map(|kind| signal(kind())).collect::<io::Result<Vec<_>>>()?;
    let mut child = std::process::Command::new(program);
    child.args(arguments).stdin(Stdio::null());
    signal_orphan(&mut child, Signal::KILL);
    let main = Pid::from_child(&child.spawn()?);
    let status = loop {
        // Orphans that have ended are reaped on the way.
        if let Some(status) = reap(Some(main)).status {
            break status;
        }
        tokio::select! {
            _ = ended.recv() => {}
            () = closed(&owner) => break NOT_EXECUTABLE,
        }
    };
    // What has not ended by then cannot be killed.
    let _ = tokio::time::timeout(END_TIMEOUT, end_descendants(&mut ended)).await;
    Ok(status)
}

/// Waits for the end of the lab's pipe.
async fn closed(owner: &Receiver) {
    let mut byte = [0];
    while owner.readable().await.is_ok() {
        match owner.try_read(&mut byte) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Ok(1..) => {}
            Ok(0) | Err(_) => return,
        }
    }
}

/// What [`reap`] found.
struct Reaped {
    /// The exit status of the command, if it has ended.
    status: Option<u8>,
    /// Whether there are further children.
    more: bool,
}

/// Reaps all children that have ended.
fn reap(main: Option<Pid>) -> Reaped {
    let mut status = None;
    loop {
        match wait(WaitOptions::NOHANG) {
            Ok(Some((pid, ended))) if Some(pid) == main => status = Some(exit_status(ended)),
            Ok(Some(_)) | Err(Errno::INTR) => {}
            Ok(None) => return Reaped { status, more: true },
            Err(_) => return Reaped { status, more: false },
        }
    }
}

fn exit_status(status: WaitStatus) -> u8 {
    let signal = || status.terminating_signal().map(|signal| KILLED_BY_SIGNAL + signal);
    let code = status.exit_status().or_else(signal).and_then(|code| u8::try_from(code).ok());
    code.unwrap_or(NOT_EXECUTABLE)
}

/// Kills all children, again and again: what they leave behind becomes a child.
async fn end_descendants(ended: &mut Signals) {
    while reap(None).more {
        for pid in children() {
            // ESRCH: it has ended. EPERM: it belongs to another user.
            let _ = kill_child(pid);
        }
        let _ = tokio::time::timeout(LOOK, ended.recv()).await;
    }
}

/// Kills a process if it is a child, which it was when it was found.
fn kill_child(pid: Pid) -> io::Result<()> {
    let fd = pidfd_open(pid, PidfdFlags::empty())?;
    if parent(pid) == Some(getpid()) {
        pidfd_send_signal(&fd, Signal::KILL)?;
    }
    Ok(())
}

/// The processes whose parent is this one.
fn children() -> Vec<Pid> {
    let names = std::fs::read_dir("/proc").into_iter().flatten().flatten().map(|entry| entry.file_name());
    let pids = names.filter_map(|name| name.to_str().and_then(|name| name.parse().ok()).and_then(Pid::from_raw));
    pids.filter(|&pid| parent(pid) == Some(getpid())).collect()
}

/// The parent of a process (proc_pid_stat(5)). Its name may have any character in it.
fn parent(pid: Pid) -> Option<Pid> {
    let stat = std::fs::read(format!("/proc/{}/stat", pid.as_raw_nonzero())).ok()?;
    let stat = String::from_utf8_lossy(&stat);
    let (_, fields) = stat.rsplit_once(") ")?;
    fields.split(' ').nth(1).and_then(|ppid| ppid.parse().ok()).and_then(Pid::from_raw)
}
