//! Inputs of the conductor, and its effects.

use super::error::LabError;
use super::observer::Status;
use super::step_error::StepError;
use crate::guest::{GuestEvent, StopSignal};
use model::{Event, Probe, Step, ThreadTime};
use std::time::Duration;

/// An input of the conductor.
#[derive(Debug)]
pub(super) enum Input {
    /// An event of the guest.
    Guest(GuestEvent),
    /// A task beside the loop has ended.
    Task(TaskResult),
    /// The host was sampled.
    Host(HostSample),
    /// CPU time of the vCPU threads; empty if unknown.
    Vcpus(Vec<ThreadTime>),
    /// [`super::conductor::Conductor::deadline`] has passed.
    Deadline,
    /// The trial is cancelled.
    Cancelled,
}

/// A sample of the host.
#[derive(Debug, Clone, Copy)]
pub(super) struct HostSample {
    /// Lateness of the sample, plus a period if the driver was behind with the console.
    pub late: Duration,
    /// PSI `some avg10` of the CPU in percent.
    pub psi_cpu_avg10: Option<f32>,
    /// Whether QEMU's process is stopped.
    pub is_stopped: bool,
}

/// Result of a task beside the loop.
#[derive(Debug)]
pub(super) enum TaskResult {
    /// `query-cpus-fast` has ended.
    Threads,
    /// Whether QEMU will pause instead of exit on a guest shutdown.
    ShutdownAction(bool),
    /// All console bytes that had arrived can be read.
    Flushed,
    /// The probe has ended, with its result unless that is on the console.
    Probed(Option<Event>),
    /// A step of the diagnosis has ended, with its result.
    Step(Result<String, StepError>),
    /// The session of a test has brought something.
    Session(SessionResult),
}

/// What the session of a test brings.
#[cfg_attr(not(feature = "ssh"), expect(dead_code, reason = "without SSH each session fails"))]
#[derive(Debug)]
pub(super) enum SessionResult {
    /// The server has let the lab log in.
    LoggedIn,
    /// The command has been started.
    Started,
    /// It has printed this.
    Output(Vec<u8>),
    /// A file that it has left, by the name that it gets in the trial's folder.
    Fetched { name: String, content: Vec<u8> },
    /// It has exited: its status, or 128 + signal.
    Exited(i32),
    /// A file that could not be fetched.
    NotFetched { path: String, why: String },
    /// All files have been fetched.
    Closed,
    /// There was no session, or it has broken off.
    Failed(String),
    /// The lab itself failed.
    LabFailed(LabError),
}

/// An effect that the driver performs.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Effect {
    /// Query QEMU's vCPU threads.
    QueryVcpus,
    /// Make QEMU pause on a guest shutdown.
    PauseOnShutdown,
    /// Read all console bytes that have arrived.
    FlushConsole,
    /// Probe the guest; `page_bytes` is the size of its pages.
    Probe { probe: Probe, page_bytes: u32 },
    /// Do the host's part of a step.
    Step(StepWork),
    /// Dump the guest's RAM to the bundle, as the host's part of a step.
    Dump,
    /// Log in over SSH and run the test.
    StartTest,
    /// Ask the test to end.
    EndTest,
    /// Have the agent power the machine off.
    StopGuest,
    /// Cancel the running probe or step; a paused machine is resumed.
    AbortProbes,
    /// Steal this percentage of the vCPUs' time; 0 for none.
    StealVcpuTime { percent: u32 },
    /// Send QMP `quit`.
    Quit,
    /// Send QEMU a signal.
    Signal(StopSignal),
    /// Report the trial's status.
    Show(Status),
}

/// The host's part of a diagnostic step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StepWork {
    /// Read registers, memory or symbols.
    Read { step: Step, page_bytes: u32 },
    /// Send a BREAK and a sysrq letter.
    BreakSysrq(char),
    /// Make the agent trigger the sysrq.
    AgentSysrq(char),
    /// Inject a non-maskable interrupt.
    Nmi,
}
