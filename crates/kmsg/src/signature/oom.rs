//! The OOM killer's lines (`mm/oom_kill.c`).

use super::head::{CulpritSource, Head, Role};
use super::{Finding, ReportKind, Signature};
use crate::task::Task;
use crate::task::TaskRef;
use crate::text::number;

/// `COMM invoked oom-killer: gfp_mask=…`, `dump_header()`.
pub(super) const INVOKED: Signature = Signature {
    name: "oom-invoked",
    needles: &[" invoked oom-killer: gfp_mask="],
    read: |text| {
        let task = TaskRef::named_before(text.split(" invoked oom-killer").next()?);
        let finding = Finding::OomInvoked { comm: task.comm.clone() };
        Some(
            Head::new(ReportKind::OomKill, "OOM kill", CulpritSource::Task).with_task(Some(task)).with_finding(finding),
        )
    },
};

/// `Killed process PID (COMM)`: ≥ 5.10 in one line with the reason before it, ≤ 4.20 on a line of its own. Newer
/// kernels print the memory cgroup's kills with the reason `Memory cgroup out of memory`.
pub(super) const KILLED: Signature = Signature {
    name: "oom-killed",
    needles: &["Killed process "],
    read: |text| {
        let task = Task::from_pid_comm(&text[text.find("Killed process ")? + "Killed process ".len()..])?;
        Some(kill(text, task.clone().into()).with_finding(Finding::OomKilled(task)))
    },
};

/// `Out of memory: Kill process PID (COMM) score N or sacrifice child`, `oom_kill_process()`, ≤ 4.20: the announcement,
/// which alone distinguishes a memory cgroup's kill from a global one.
pub(super) const ANNOUNCED: Signature = Signature {
    name: "oom-announced",
    needles: &["emory: Kill process ", "killing_task): Kill process ", "allocating_task): Kill process "],
    read: |text| {
        let task = Task::from_pid_comm(&text[text.find("Kill process ")? + "Kill process ".len()..])?;
        Some(kill(text, task.into()))
    },
};

/// A line that names the constraint of the kill: `oom-kill:constraint=CONSTRAINT_MEMCG,…` (`dump_oom_summary()`, ≥ 5.0),
/// `Task in /a killed as a result of limit of /b` (`mm/memcontrol.c`, `mem_cgroup_print_oom_info()`, ≤ 4.20), `Memory cgroup stats
/// for /a:` (`mem_cgroup_print_oom_meminfo()`).
pub(super) const CONSTRAINT: Signature = Signature {
    name: "oom-constraint",
    needles: &["oom-kill:constraint=", " killed as a result of limit of ", "Memory cgroup stats for /"],
    read: |text| {
        let constraint = text.strip_prefix("oom-kill:constraint=");
        let memcg = constraint.is_some_and(|constraint| constraint.starts_with("CONSTRAINT_MEMCG"))
            || text.starts_with("Task in /")
            || text.starts_with("Memory cgroup stats for /");
        if !memcg && constraint.is_none() {
            return None;
        }
        let kind = if memcg { ReportKind::OomKillMemcg } else { ReportKind::OomKill };
        // `…,task_memcg=/a,task=COMM,pid=PID,uid=UID`: the victim.
        let task = constraint.and_then(|_| text.split_once(",task=")?.1.rsplit_once(",pid="));
        let victim = task.and_then(|(comm, pid)| Some(TaskRef { pid: Some(number(pid)?), comm: comm.to_owned() }));
        let head = Head::new(kind, words(kind), CulpritSource::Task).with_victim(victim);
        Some(head.with_role(Role::Refine(ReportKind::OomKill)))
    },
};

/// `oom_reaper: reaped process PID (COMM)`.
pub(super) const REAPED: Signature = Signature {
    name: "oom-reaped",
    needles: &["oom_reaper: reaped process "],
    read: |text| {
        let task = Task::from_pid_comm(text.split("oom_reaper: reaped process ").nth(1)?)?;
        let head =
            Head::new(ReportKind::OomKill, "OOM kill", CulpritSource::Task).with_victim(Some(task.clone().into()));
        Some(head.with_role(Role::Append(ReportKind::OomKill)).with_finding(Finding::OomReaped(task)))
    },
};

/// `oom_reaper: unable to reap pid:PID (COMM)`.
pub(super) const NOT_REAPED: Signature = Signature {
    name: "oom-not-reaped",
    needles: &["oom_reaper: unable to reap pid:"],
    read: |text| {
        let (_, task) = text.split_once("oom_reaper: unable to reap pid:")?;
        let (pid, comm) = task.split_once(" (")?;
        let task = Task { pid: number(pid)?, comm: comm.trim_end().strip_suffix(')')?.to_owned() };
        let head =
            Head::new(ReportKind::OomKill, "OOM kill", CulpritSource::Task).with_victim(Some(task.clone().into()));
        Some(head.with_role(Role::Append(ReportKind::OomKill)).with_finding(Finding::OomNotReaped(task)))
    },
};

/// `Out of memory and no killable processes...`.
pub(super) const NO_KILLABLE: Signature = Signature {
    name: "oom-no-killable",
    needles: &["Out of memory and no killable processes"],
    read: |_| {
        let head = Head::new(ReportKind::OomNoKillable, words(ReportKind::OomNoKillable), CulpritSource::Nowhere);
        Some(head.with_role(Role::Refine(ReportKind::OomKill)).with_finding(Finding::NoKillable))
    },
};

/// What only the OOM killer prints, in a log that does not have its beginning: its functions in a call trace, and the head of the
/// table of tasks (`dump_tasks()`).
pub(super) const TRACE: Signature = Signature {
    name: "oom-trace",
    needles: &["oom_kill_process+0x", "mem_cgroup_out_of_memory+0x", "Tasks state (memory values in pages):"],
    read: |text| {
        let memcg = text.contains("mem_cgroup_out_of_memory+0x");
        let kind = if memcg { ReportKind::OomKillMemcg } else { ReportKind::OomKill };
        Some(Head::new(kind, words(kind), CulpritSource::Task).with_role(Role::Fragment))
    },
};

/// Functions of `mm/memcontrol.c` from which the OOM killer is called for a memory cgroup.
pub(super) const MEMCG_TRACE: &[&str] =
    &["mem_cgroup_out_of_memory", "mem_cgroup_oom_synchronize", "mem_cgroup_handle_oom", "__mem_cgroup_try_charge"];

/// What titles call the outcome of an OOM situation.
pub(super) fn words(kind: ReportKind) -> &'static str {
    match kind {
        ReportKind::OomKillMemcg => "memory cgroup OOM kill",
        ReportKind::OomNoKillable => "out of memory and no killable processes",
        ReportKind::PanicOnOom => "panic_on_oom",
        _ => "OOM kill",
    }
}

fn kill(text: &str, victim: TaskRef) -> Head {
    // Not only at the start: behind an unknown prefix, it is the same kill.
    let reason = text.split(" process ").next().unwrap_or(text);
    let memcg = reason.contains("emory cgroup out of memory");
    // A bare `Killed process` does not say why; the lines before it did.
    let says_why = memcg || reason.contains("Out of memory") || reason.contains("Out of Memory");
    let kind = if memcg { ReportKind::OomKillMemcg } else { ReportKind::OomKill };
    let role = if says_why { Role::Refine(ReportKind::OomKill) } else { Role::Append(ReportKind::OomKill) };
    Head::new(kind, words(kind), CulpritSource::Task).with_victim(Some(victim)).with_role(role)
}
