//! What the lab's agent says on the console of its guest.

use serde::{Deserialize, Serialize};

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
        /// Of a script: the form of its results.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        results: Option<String>,
    },
    /// The workload advanced.
    Progress {
        /// Units of work done so far; what a unit is, the workload's manifest says.
        units: u64,
    },
    /// A part of what the workload has printed.
    Output {
        /// The text, without a line's end.
        text: String,
        /// Whether the line goes on with the next one.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        more: bool,
        /// Bytes that the agent has left out at the end: the workload has printed too much.
        #[serde(default, skip_serializing_if = "is_zero")]
        dropped: u64,
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
        /// errno of the last system call that failed in the workload's process that gave the reason; 0 if none did. Not necessarily the cause.
        #[serde(default, skip_serializing_if = "is_zero")]
        errno: u64,
    },
    /// The agent is about to power the machine off.
    Bye,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
const fn is_zero(number: &u64) -> bool {
    *number == 0
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
