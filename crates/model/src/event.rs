//! Observations of a guest. An event is on disk before it is judged, and replays to the same verdict.

use super::{Counters, Frame, Memory, Probe, Profile, ShutdownCause, SshEvent, Stamp, Tasks};
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
    /// The guest printed more than the lab keeps; lines that no signature knows, and damaged frames, were not recorded.
    LinesDropped {
        /// Number of lines since the last such event.
        lines: u64,
        /// Their bytes.
        bytes: u64,
    },
    /// The last event of a record: it has reached its maximum length. What follows was judged and is not recorded.
    RecordFull,
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
    /// The machine's state changed, by QMP.
    Qmp {
        /// What happened.
        what: QmpEvent,
    },
    /// The session over which a test is run.
    Ssh {
        /// What happened.
        what: SshEvent,
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
        /// Whether QEMU's process was stopped (`SIGSTOP`, a debugger, the cgroup freezer).
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        stopped: bool,
    },
    /// The lab began a probe; the console output that a sysrq letter causes after this was provoked.
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
    /// Answer to [`Probe::Counters`].
    Counters {
        /// The figures.
        counters: Box<Counters>,
    },
    /// Answer to [`Probe::Tasks`].
    Tasks {
        /// The tasks.
        tasks: Box<Tasks>,
    },
    /// A probe failed.
    ProbeFailed {
        /// The probe.
        probe: Probe,
        /// Why not.
        why: String,
    },
    /// The guest has shut its machine down, and all its output has been read. QEMU keeps the machine paused, so that the lab can
    /// read its memory.
    Down,
    /// A deadline of the watchdog has passed.
    Tick,
    /// The user or the lab ends this trial now.
    Interrupted,
    /// QEMU's process has ended.
    Exited {
        /// Exit code, if it exited.
        code: Option<i32>,
        /// Signal, if one killed it.
        signal: Option<i32>,
        /// The end of what QEMU itself wrote to stderr; bounded.
        stderr: String,
        /// Whether the host's OOM killer ended it.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        host_oom: bool,
        /// The limit at which it did; `None` if the host itself had no memory.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        oom_limit: Option<OomLimit>,
    },
}

/// A limit of memory of a control group on the host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OomLimit {
    /// The file that sets it.
    pub file: String,
    /// The limit in MiB.
    pub mib: u64,
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
    /// `SHUTDOWN`, with its `reason`.
    Shutdown(ShutdownCause),
    /// `GUEST_PANICKED`.
    GuestPanicked,
    /// `STOP`: the machine is paused.
    Stop,
    /// QEMU cannot continue executing the guest (`RunState` `internal-error`).
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
