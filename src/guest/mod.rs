//! The driver's interface to guests: a serial console, optionally a control channel and a process.
//!
//! [`Guest`] is the interface; each kind of guest is one file. To add one, implement it and name it in [`Source`].

mod attached;
mod channels;
mod console_only;
mod managed;
mod source;

pub use source::{OpenError, Source};

use crate::host::{Qemu, QmpCommands};
use model::{OomLimit, QmpEvent};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

/// QEMU's exit. All fields are empty if its process is not the lab's child.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Exit {
    /// Exit code, if it exited.
    pub code: Option<i32>,
    /// Signal, if one killed it.
    pub signal: Option<i32>,
    /// The last 2,000 bytes of QEMU's own stdout and stderr.
    pub stderr: String,
    /// Whether the host's OOM killer ended it.
    pub host_oom: bool,
    /// The limit at which it did; `None` if the host itself had no memory.
    pub oom_limit: Option<OomLimit>,
}

/// An event of a guest.
#[derive(Debug)]
pub enum GuestEvent {
    /// The console is connected; only from now on is silence the guest's.
    ConsoleReady,
    /// QEMU did not open the console in time.
    ConsoleUnreachable(io::Error),
    /// Console bytes.
    Console(Vec<u8>),
    /// The console has ended.
    ConsoleEnd,
    /// QEMU reported a change of the machine's state.
    Qmp(QmpEvent),
    /// The control channel has ended.
    QmpEnd,
    /// The process has exited, or cannot be waited for.
    Exited(io::Result<Exit>),
}

/// The signals that end QEMU if QMP `quit` does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopSignal {
    /// SIGTERM.
    Terminate,
    /// SIGKILL.
    Kill,
}

/// Ready when all console bytes that had arrived at the call can be read.
pub type Flush = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A guest. The driver alone polls it; tasks get [`Guest::control`] and [`Guest::input`].
pub trait Guest: Send {
    /// The next event. Each channel ends once; after the last end this stays pending.
    fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<GuestEvent>;

    /// The next queued chunk of the console; `None` if the queue is empty.
    fn buffered_console(&mut self) -> Option<Vec<u8>>;

    /// Whether the queue of console output is at least half full: the guest may soon have to wait.
    fn is_console_behind(&self) -> bool;

    /// Starts to read all console bytes that have arrived. Keep polling meanwhile.
    fn flush_console(&self) -> Flush;

    /// Input of the console.
    fn input(&self) -> crate::host::SerialInput;

    /// Commands to QEMU; `None` without a control channel.
    fn control(&self) -> Option<QmpCommands>;

    /// Process id of QEMU on the host, for samples of its CPU time; `None` if unknown.
    fn pid(&self) -> Option<u32> {
        None
    }

    /// Whether the lab started QEMU, may change how it shuts down, and ends it.
    fn is_managed(&self) -> bool {
        false
    }

    /// Signals QEMU's process group, if QEMU is managed.
    fn signal(&mut self, _signal: StopSignal) {}

    /// QEMU without the lab's channels, for others to connect to; `None` if it is not managed.
    fn into_process(self: Box<Self>) -> Option<Qemu> {
        None
    }
}
