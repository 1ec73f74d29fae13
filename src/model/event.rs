//! What is seen of a guest. An event is on disk before it is judged, and replays to the same verdict.

use super::{Memory, Probe, Profile, Stamp};
use serde::{Deserialize, Serialize};

/// One line of `events.jsonl`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// When the lab saw it.
    #[serde(rename = "us")]
    pub at: Stamp,
    /// What it saw.
    #[serde(flatten)]
    pub event: Event,
}

/// One observation of a guest from outside.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// QEMU was started.
    Spawned {
        /// Its process id on the host.
        pid: u32,
    },
    /// A line of the console that is no agent frame, without its line end; bounded in length.
    Line {
        /// Its text; bytes that are no UTF-8 are replaced.
        text: String,
    },
    /// The guest printed more than the lab keeps; lines that no signature knows were not recorded.
    LinesDropped {
        /// Number of lines since the last such event.
        lines: u64,
        /// Their bytes.
        bytes: u64,
    },
    /// A frame of the agent with a correct checksum.
    Agent {
        /// Sequence number that the agent gave it; a gap means lost frames.
        seq: u32,
        /// Its content.
        frame: Frame,
    },
    /// A frame of the agent that something else on the console cut or overwrote.
    FrameDamaged {
        /// What arrived.
        text: String,
    },
    /// QEMU said over QMP that the machine's state changed.
    Qmp {
        /// What happened.
        what: QmpEvent,
    },
    /// CPU time of the vCPU threads, sampled from the host about once a second.
    Vcpus {
        /// One entry a vCPU, in QEMU's order.
        threads: Vec<ThreadTime>,
    },
    /// The host's own condition, sampled with the vCPUs.
    Host {
        /// How late the lab's own timer fired, or for how long the lab was behind with the console, in microseconds.
        late_us: u64,
        /// PSI `some avg10` of the CPU in percent, where the host has it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        psi_cpu_avg10: Option<f32>,
        /// Whether somebody had stopped QEMU's process (`SIGSTOP`, a debugger, the cgroup freezer).
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        stopped: bool,
    },
    /// The lab began to look into the guest; what a sysrq letter brings forth after this was provoked.
    Probed {
        /// How.
        probe: Probe,
    },
    /// Answer to [`Probe::Profile`].
    Profile {
        /// The samples.
        profile: Profile,
    },
    /// Answer to [`Probe::Memory`].
    Memory {
        /// The figures.
        memory: Memory,
    },
    /// The lab could not look.
    ProbeFailed {
        /// What it tried.
        probe: Probe,
        /// Why not.
        why: String,
    },
    /// The guest has shut its machine down, and all that it had said by then has been read. QEMU holds the machine still, so
    /// that the lab can look at what is left of it.
    Down,
    /// A deadline that the watchdog had asked for has passed.
    Tick,
    /// The user or the lab wants this trial to end now.
    Interrupted,
    /// QEMU's process has ended.
    Exited {
        /// Exit code, if it exited.
        code: Option<i32>,
        /// Signal, if one killed it.
        signal: Option<i32>,
        /// The end of what QEMU itself wrote to stderr; bounded.
        stderr: String,
    },
}

/// CPU time of one thread, from `/proc/<pid>/task/<tid>/schedstat`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ThreadTime {
    /// Microseconds on a CPU since the thread started.
    pub ran_us: u64,
    /// Microseconds runnable without getting a CPU: what the host took away.
    pub waited_us: u64,
}

/// A change of the machine's state, as QMP names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum QmpEvent {
    /// The connection is up.
    Connected,
    /// The connection broke or never came up.
    Lost(String),
    /// `SHUTDOWN`, with QEMU's reason, for example `guest-shutdown` or `guest-reset`.
    Shutdown(String),
    /// `GUEST_PANICKED`.
    GuestPanicked,
    /// `STOP`: the machine is paused.
    Stop,
    /// The machine is paused for good: QEMU cannot go on executing the guest (`RunState` `internal-error`).
    InternalError,
    /// `RESUME`.
    Resume,
    /// `BLOCK_IO_ERROR` with the action `stop`: the host's own words on why it could not read or write a disk's file.
    DiskFailed(String),
    /// `RESET`.
    Reset,
    /// Any other event, by name.
    Other(String),
}

/// A frame of the agent. On the wire it is one line of the console; see `images/agent/PROTOCOL.md`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "frame", rename_all = "kebab-case")]
pub enum Frame {
    /// The agent runs.
    Hello {
        /// Protocol version.
        version: u32,
        /// The agent's architecture.
        arch: String,
        /// Page size in bytes.
        page_bytes: u32,
        /// `sysinfo().totalram` in KiB: what the kernel manages, less than the machine's RAM.
        ram_kib: u64,
    },
    /// Time that a fixed loop took, measured by the guest's own clock before any load.
    Speed {
        /// Microseconds.
        loop_us: u64,
    },
    /// PID 1 runs; it allocates nothing to say so.
    Beat(Beat),
    /// The workload was started.
    Started {
        /// Its name.
        workload: String,
        /// Its process id in the guest.
        pid: u32,
    },
    /// The workload advanced.
    Progress {
        /// Units of work done so far; what a unit is, the workload's manifest says.
        units: u64,
    },
    /// The workload ended by itself.
    Finished {
        /// 0 when it saw what its manifest promises.
        status: i32,
        /// Units of work done.
        units: u64,
        /// Why, when the status is not 0: one word, for example `mmap-failed`.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        why: String,
    },
    /// The agent is about to power the machine off.
    Bye,
}

/// One heartbeat of PID 1, about once a second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Beat {
    /// The guest's CLOCK_MONOTONIC in milliseconds.
    pub mono_ms: u64,
    /// `sysinfo().freeram` in KiB.
    pub free_kib: u64,
    /// How often the canary has allocated so far.
    pub canary_rounds: u64,
    /// Microseconds that the canary's last finished round took.
    pub canary_us: u64,
    /// Milliseconds since the canary last finished a round.
    pub canary_age_ms: u64,
    /// Milliseconds that the canary's finished rounds of 250 ms and longer took, all together.
    #[serde(default)]
    pub canary_late_ms: u64,
    /// `oom_kill` of `/proc/vmstat` as the canary last read it.
    pub oom_kills: u64,
    /// Pages reclaimed (`pgsteal_*`) plus pages scanned as the canary last read them.
    pub reclaim: u64,
    /// Units of work that the workload has done.
    pub units: u64,
}
