//! The OOM killer's lines (`mm/oom_kill.c`).

use super::text::pid_paren_comm;
use super::{Finding, Signature};

/// `COMM invoked oom-killer: gfp_mask=…`, `dump_header()`.
pub(super) const INVOKED: Signature = Signature {
    name: "oom-invoked",
    needles: &[" invoked oom-killer: gfp_mask="],
    read: |text| {
        let comm = text.split(" invoked oom-killer").next()?;
        Some(Finding::OomInvoked { comm: comm.to_owned() })
    },
};

/// `Killed process PID (COMM)`: ≥ 5.10 in one line with the reason before it, ≤ 4.20 on a line of its own. Newer
/// kernels print the memory cgroup's kills with the reason `Memory cgroup out of memory`.
pub(super) const KILLED: Signature = Signature {
    name: "oom-killed",
    needles: &["Killed process "],
    read: |text| {
        let task = pid_paren_comm(&text[text.find("Killed process ")? + "Killed process ".len()..])?;
        Some(Finding::OomKilled(task))
    },
};

/// `oom_reaper: reaped process PID (COMM)`.
pub(super) const REAPED: Signature = Signature {
    name: "oom-reaped",
    needles: &["oom_reaper: reaped process "],
    read: |text| Some(Finding::OomReaped(pid_paren_comm(text.split("oom_reaper: reaped process ").nth(1)?)?)),
};

/// `Out of memory and no killable processes...`.
pub(super) const NO_KILLABLE: Signature = Signature {
    name: "oom-no-killable",
    needles: &["Out of memory and no killable processes"],
    read: |_| Some(Finding::NoKillable),
};
