//! What the driver tells the conductor, and what the conductor has it do.

use super::observer::Status;
use super::step_error::StepError;
use crate::guest::{GuestEvent, StopSignal};
use model::{Event, Probe, Step, ThreadTime};
use std::time::Duration;

/// Something that has happened.
#[derive(Debug)]
pub(super) enum Input {
    /// The guest did something.
    Guest(GuestEvent),
    /// A task beside the loop has ended.
    Task(TaskResult),
    /// The host was sampled.
    Host(HostSample),
    /// CPU time of the vCPU threads; empty when it is not known.
    Vcpus(Vec<ThreadTime>),
    /// [`super::conductor::Conductor::deadline`] has passed.
    Deadline,
    /// The user or the lab wants the trial to end.
    Cancelled,
}

/// The host's condition.
#[derive(Debug, Clone, Copy)]
pub(super) struct HostSample {
    /// How late the sample was taken, or for how long the driver was behind with the console.
    pub late: Duration,
    /// PSI `some avg10` of the CPU in percent.
    pub psi_cpu_avg10: Option<f32>,
    /// Whether QEMU's process is stopped, and not by the lab.
    pub is_stopped: bool,
}

/// What a task beside the loop came back with.
#[derive(Debug)]
pub(super) enum TaskResult {
    /// The vCPUs' threads are known, or will not be.
    Threads,
    /// Whether QEMU will pause, not exit, when the guest shuts down.
    ShutdownAction(bool),
    /// All console bytes that had arrived can be read.
    Flushed,
    /// The probe has ended; what it found, unless that is on the console.
    Probed(Option<Event>),
    /// A step of the diagnosis has ended: what it read, or why it could not.
    Step(Result<String, StepError>),
}

/// Something for the driver to do.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Effect {
    /// Ask QEMU for its vCPU threads.
    QueryVcpus,
    /// Ask QEMU to pause when the guest shuts down.
    PauseOnShutdown,
    /// Read all console bytes that have arrived.
    FlushConsole,
    /// Probe the guest; `page_bytes` is the size of its pages.
    Probe { probe: Probe, page_bytes: u32 },
    /// Do the host's part of a step.
    Step(StepWork),
    /// Have QEMU write the guest's RAM to the bundle, as the host's part of a step.
    Dump,
    /// Drop the running probe or step; a paused machine runs on.
    AbortProbes,
    /// Take so much of the vCPUs' time; zero for none.
    StealVcpuTime { percent: u32 },
    /// Ask QEMU to quit.
    Quit,
    /// Signal QEMU.
    Signal(StopSignal),
    /// Show how the trial stands.
    Show(Status),
}

/// The host's part of a diagnostic step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StepWork {
    /// Read registers, memory or symbols.
    Read { step: Step, page_bytes: u32 },
    /// Send a BREAK and a sysrq letter.
    BreakSysrq(char),
    /// Have the agent trigger the sysrq.
    AgentSysrq(char),
    /// Inject a non-maskable interrupt.
    Nmi,
}
