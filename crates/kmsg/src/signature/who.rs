//! Tasks as console lines name them.

use super::text::number;
use crate::Task;
use serde::Serialize;

/// A task of the guest; some lines tell its name alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Who {
    /// Process id in the guest, where known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pid: Option<u32>,
    /// Its name, at most 15 characters in the kernel.
    pub comm: String,
}

impl Who {
    /// A task whose pid is not known.
    pub(super) fn named(comm: &str) -> Self {
        Self { pid: None, comm: comm.to_owned() }
    }

    /// A task written as `COMM/PID`; a comm may hold slashes, so the last one counts.
    pub(super) fn comm_slash_pid(text: &str) -> Option<Self> {
        let (comm, pid) = text.rsplit_once('/')?;
        Some(Self { pid: Some(number(pid)?), comm: comm.to_owned() })
    }

    /// As the model has it.
    pub fn task(&self) -> Option<Task> {
        Some(Task { pid: self.pid?, comm: self.comm.clone() })
    }

    /// A task whose name stands before what it did. Of longer ones than the kernel has (`TASK_COMM_LEN`), the first words are
    /// somebody else's.
    pub(super) fn named_before(text: &str) -> Self {
        const LONGEST: usize = 15;
        let mut comm = text.trim_start();
        for end in [": ", " "] {
            if comm.len() > LONGEST {
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

impl From<Task> for Who {
    fn from(task: Task) -> Self {
        Self { pid: Some(task.pid), comm: task.comm }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_told_from_what_stands_before_them() {
        for (text, comm) in [
            ("a b: c", "a b: c"),
            ("Running sysctl: a b", "a b"),
            ("some words of a prompt python3", "python3"),
            ("a-name-that-no-kernel-has", "a-name-that-no-kernel-has"),
        ] {
            assert_eq!(Who::named_before(text).comm, comm);
        }
    }

    #[test]
    fn names_lose_what_differs_from_boot_to_boot() {
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
            assert_eq!(Who::named(comm).stable_name(), stable);
        }
    }
}
