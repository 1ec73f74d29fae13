//! Tasks as the kernel names them.

use crate::text::number;
use serde::{Deserialize, Serialize};

/// A task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Task {
    /// Process id in the guest.
    pub pid: u32,
    /// Its name, at most 15 characters in the kernel.
    pub comm: String,
}

impl Task {
    /// A task written as `PID (COMM)`. A comm may hold blanks and parentheses: what the kernel writes behind it (`mm/oom_kill.c`)
    /// ends it.
    pub(crate) fn from_pid_comm(text: &str) -> Option<Self> {
        const ENDS: [&str; 5] = [") total-vm:", "), now ", ") score ", ") ", "),"];
        let pid = number(text)?;
        let comm = text.split_once('(')?.1;
        let end = ENDS.iter().find_map(|end| comm.find(end)).or_else(|| comm.rfind(')'))?;
        Some(Self { pid, comm: comm[..end].to_owned() })
    }

    /// A task written as `COMM:PID`; a comm may hold colons, so the last one counts.
    pub(crate) fn from_comm_colon_pid(text: &str) -> Option<Self> {
        let (comm, pid) = text.rsplit_once(':')?;
        Some(Self { pid: number(pid)?, comm: comm.to_owned() })
    }
}

/// A task as a line names it; some lines have its name alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TaskRef {
    /// Process id in the guest, where known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pid: Option<u32>,
    /// Its name, at most 15 characters in the kernel.
    pub comm: String,
}

impl TaskRef {
    /// A task whose pid is not known.
    pub(crate) fn named(comm: &str) -> Self {
        Self { pid: None, comm: comm.to_owned() }
    }

    /// A task written as `COMM/PID`; a comm may hold slashes, so the last one counts.
    pub(crate) fn from_comm_slash_pid(text: &str) -> Option<Self> {
        let (comm, pid) = text.rsplit_once('/')?;
        Some(Self { pid: Some(number(pid)?), comm: comm.to_owned() })
    }

    /// With its pid, where that is known.
    pub fn task(&self) -> Option<Task> {
        Some(Task { pid: self.pid?, comm: self.comm.clone() })
    }

    /// A task whose name stands before what it did. Of longer ones than the kernel has (`TASK_COMM_LEN`), the first words are
    /// another's.
    pub(crate) fn named_before(text: &str) -> Self {
        const MAX_COMM: usize = 15;
        let mut comm = text.trim_start();
        for end in [": ", " "] {
            if comm.len() > MAX_COMM {
                comm = comm.rsplit_once(end).map_or(comm, |(_, name)| name);
            }
        }
        Self::named(comm)
    }

    /// The name without what differs from boot to boot: the CPU or the serial number of a kernel thread (`kworker/0:2`,
    /// `swapper/1`, `syz-executor.3`, `migration/1`) or of a program's (`CPU 2/KVM`, `StreamTrans #72`).
    pub fn stable_name(&self) -> &str {
        let name = self.comm.split('/').next().unwrap_or_default();
        let trimmed = name.trim_end_matches(|c: char| c.is_ascii_digit());
        let trimmed = trimmed.trim_end_matches(['.', '-', ':', '_', '#', ' ']);
        if trimmed.is_empty() { &self.comm } else { trimmed }
    }
}

impl From<Task> for TaskRef {
    fn from(task: Task) -> Self {
        Self { pid: Some(task.pid), comm: task.comm }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_split_from_words_before_them() {
        for (text, comm) in [
            ("a b: c", "a b: c"),
            ("Running sysctl: a b", "a b"),
            ("some words of a prompt python3", "python3"),
            ("a-name-that-no-kernel-has", "a-name-that-no-kernel-has"),
        ] {
            assert_eq!(TaskRef::named_before(text).comm, comm);
        }
    }

    #[test]
    fn stable_names_are_the_same_from_boot_to_boot() {
        for (comm, stable) in [
            ("kworker/0:2", "kworker"),
            ("swapper/1", "swapper"),
            ("syz-executor.3", "syz-executor"),
            ("stress-ng-vm", "stress-ng-vm"),
            ("Web Content", "Web Content"),
            ("CPU 2/KVM", "CPU"),
            ("StreamTrans #72", "StreamTrans"),
            ("9", "9"),
        ] {
            assert_eq!(TaskRef::named(comm).stable_name(), stable);
        }
    }
}
