//! What kinds of failures are called in a mail, and which files they are about.

use super::prose::{ascii, quoted};
use model::{Kind, Outcome, TrialRecord};

/// Characters of a subject after its prefix: with `[REGRESSION]` and the release it stays on one line of an archive's index.
const MAX_TITLE: usize = 64;

/// A kind of failure in the words of a mail.
pub(super) struct Topic {
    /// Before the colon of the subject.
    prefix: &'static str,
    /// In the subject.
    title: &'static str,
    /// A clause: what happens.
    clause: &'static str,
    /// The files whose maintainers should know.
    files: &'static [&'static str],
}

const OOM: &[&str] = &["mm/oom_kill.c", "mm/page_alloc.c"];
const ALLOCATOR: &[&str] = &["mm/page_alloc.c", "mm/oom_kill.c"];
const RECLAIM: &[&str] = &["mm/vmscan.c", "mm/page_alloc.c"];
const MM: &[&str] = &["mm/page_alloc.c"];
const NONE: &[&str] = &[];

const fn topic(
    prefix: &'static str,
    title: &'static str,
    clause: &'static str,
    files: &'static [&'static str],
) -> Topic {
    Topic { prefix, title, clause, files }
}

/// The one table. Kinds that are no failure of a kernel have no topic.
pub(super) fn of_kind(kind: Kind) -> Option<Topic> {
    Some(match kind {
        Kind::OomLivelock => topic(
            "mm, oom",
            "livelock after an OOM kill",
            "tasks loop in the page allocator after an OOM kill, and no allocation succeeds any more",
            OOM,
        ),
        Kind::SilentStall => topic(
            "mm",
            "allocations stall, and the OOM killer is not invoked",
            "allocating tasks loop in the page allocator, and the OOM killer is not invoked",
            ALLOCATOR,
        ),
        Kind::ReclaimLivelock => topic(
            "mm, vmscan",
            "direct reclaim makes no progress",
            "direct reclaim runs without end and frees nothing",
            RECLAIM,
        ),
        Kind::ReclaimDeadlock => topic(
            "mm, vmscan",
            "tasks are blocked in reclaim",
            "allocating tasks are blocked in reclaim, and nothing wakes them",
            RECLAIM,
        ),
        Kind::LockDeadlock => topic(
            "mm",
            "deadlock under memory pressure",
            "tasks wait for a lock whose holder does not release it",
            ALLOCATOR,
        ),
        Kind::Spin => topic("mm", "CPU spins with interrupts off", "a CPU spins in the kernel with interrupts off", MM),
        Kind::Deadlock => topic("mm", "hang under memory pressure", "nothing answers any more, and no CPU is busy", MM),
        Kind::AgentLost => topic(
            "mm",
            "PID 1 stops under memory pressure",
            "PID 1 makes no progress any more, while the kernel answers sysrq",
            MM,
        ),
        Kind::Unresponsive => topic("mm", "hang under memory pressure", "nothing answers any more", MM),
        Kind::HungTask => topic("mm", "hung task", "the hung task detector reports a blocked task", MM),
        Kind::SoftLockup => topic("mm", "soft lockup", "the soft lockup detector reports a CPU", MM),
        Kind::HardLockup => topic("mm", "hard lockup", "the hard lockup detector reports a CPU", MM),
        Kind::RcuStall => topic("mm", "RCU stall", "RCU reports a stall", MM),
        Kind::WorkqueueLockup => topic("mm", "workqueue lockup", "the workqueue watchdog reports a lockup", MM),
        Kind::Panic => topic("mm", "panic", "the kernel panics", MM),
        Kind::PanicDeadlockedOnMemory => topic(
            "mm, oom",
            "panic, system is deadlocked on memory",
            "the kernel panics because the OOM killer finds no task to kill",
            OOM,
        ),
        Kind::PanicOnOom => topic("mm, oom", "panic on OOM", "the kernel panics on OOM", OOM),
        Kind::InitKilled => topic("mm", "init is killed", "init is killed, and the kernel panics", MM),
        Kind::Oops => topic("mm", "oops", "the kernel oopses", MM),
        Kind::SpontaneousReset => topic("mm", "machine resets", "the machine resets itself without a message", MM),
        Kind::Warned => topic("mm", "warning", "the kernel prints a warning", MM),
        Kind::TestFailed => topic("mm", "test fails", "a test of the kernel fails", MM),
        Kind::BootPanic => topic("boot", "panic", "the kernel panics during boot", NONE),
        Kind::BootSilent => topic("boot", "no output", "the kernel prints nothing", NONE),
        Kind::BootTimeout => topic("boot", "boot does not end", "the kernel does not start PID 1", NONE),
        Kind::RebootLoop => topic("boot", "machine resets", "the machine resets itself during boot", NONE),
        Kind::BootPowerOff => topic("boot", "machine powers off", "the machine powers off during boot", NONE),
        Kind::Finished
        | Kind::Slow
        | Kind::Thrash
        | Kind::NoTrouble
        | Kind::LoadTimeout
        | Kind::WorkloadFailed
        | Kind::SshFailed
        | Kind::EarlyPowerOff
        | Kind::HostOverloaded
        | Kind::Unproven
        | Kind::Interrupted
        | Kind::QemuFailed
        | Kind::QemuDied
        | Kind::VcpuFailed
        | Kind::Paused
        | Kind::KernelUnavailable
        | Kind::ImageUnavailable
        | Kind::StoreFailed => return None,
    })
}

/// The files whose maintainers should know of a trial's failure; none where the failure does not tell.
pub fn files(trial: &TrialRecord) -> Vec<&'static str> {
    let mut files = of_kind(trial.verdict.kind).map_or(Vec::new(), |topic| topic.files.to_vec());
    if !files.is_empty() && !trial.cell.arch.mmu {
        files.push("mm/nommu.c");
    }
    files
}

impl Topic {
    /// The subject without a tag: what happens, in the kernel's own words where it reported it, and where.
    pub fn subject(&self, trial: &TrialRecord, release: &str) -> String {
        let title = kernel_title(trial).unwrap_or_else(|| self.title.to_owned());
        let title: String = ascii(&title).replace('[', "(").replace(']', ")");
        let title = cut(title.trim());
        let nommu = if trial.cell.arch.mmu { "" } else { " without an MMU" };
        let release: String = ascii(release).replace(['[', ']'], "").chars().take(MAX_TITLE).collect();
        format!("{}: {title}{nommu} ({release})", self.prefix)
    }

    /// What happens, as a clause.
    pub fn clause(&self, trial: &TrialRecord) -> String {
        let title = kernel_title(trial).map(|title| format!(" (\"{}\")", quoted(&title)));
        format!("{}{}", self.clause, title.unwrap_or_default())
    }
}

/// A title of at most [`MAX_TITLE`] characters, cut behind a word and marked so.
fn cut(title: &str) -> String {
    const MARK: &str = "...";
    if title.chars().count() <= MAX_TITLE {
        return title.to_owned();
    }
    let start: String = title.chars().take(MAX_TITLE - MARK.len() + 1).collect();
    // A single word longer than this has no better place.
    let words = start.rfind(' ').map_or(&title[..MAX_TITLE - MARK.len()], |at| start[..at].trim_end());
    format!("{words}{MARK}")
}

/// The title of a report that the kernel itself printed. Of hangs that the lab saw from outside the title is the lab's.
fn kernel_title(trial: &TrialRecord) -> Option<String> {
    let kind = trial.verdict.kind;
    let is_printed = match kind.outcome() {
        Outcome::Crash | Outcome::Fail => !matches!(kind, Kind::SpontaneousReset),
        Outcome::BootFailed => kind == Kind::BootPanic,
        _ => matches!(
            kind,
            Kind::HungTask | Kind::SoftLockup | Kind::HardLockup | Kind::RcuStall | Kind::WorkqueueLockup
        ),
    };
    trial.verdict.title.clone().filter(|_| is_printed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_title_is_cut_behind_a_word() {
        let title = "INFO: task kworker/u8:2 blocked for more than 122 seconds in __alloc_pages_slowpath";
        let shown = cut(title);
        assert_eq!(shown, "INFO: task kworker/u8:2 blocked for more than 122 seconds in...");
        assert_eq!(cut(&title[..MAX_TITLE]), title[..MAX_TITLE]);
        assert_eq!(cut(&"x".repeat(100)), "x".repeat(MAX_TITLE - 3) + "...");
        assert_eq!(cut(&format!("{} y z", "x".repeat(MAX_TITLE - 3))), "x".repeat(MAX_TITLE - 3) + "...");
    }

    #[test]
    fn failures_of_kernels_have_a_topic() {
        for kind in Kind::ALL {
            let outcome = kind.outcome();
            let is_failure = matches!(outcome, Outcome::Hang | Outcome::Crash | Outcome::Fail | Outcome::BootFailed);
            assert_eq!(of_kind(*kind).is_some(), is_failure, "{kind}");
        }
    }
}
