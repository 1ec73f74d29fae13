//! State, flags and policy of a task (`include/linux/sched.h`, from 5.10 to 7.3).

const REPORTED: u64 = 0x7f;
const INTERRUPTIBLE: u64 = 0x1;
const UNINTERRUPTIBLE: u64 = 0x2;
const WAKEKILL: u64 = 0x100;
const NOLOAD: u64 = 0x400;
const IDLE: u64 = UNINTERRUPTIBLE | NOLOAD;
/// Since 5.15; before, only `WAKING` and `NEW` are as high.
const RTLOCK_WAIT: u64 = 0x1000;
/// Since 6.1.
const FROZEN: u64 = 0x8000;

/// The letter that the kernel has for a task's state (`task_state_to_char()`).
pub(super) fn letter(state: u64, exit_state: u64) -> char {
    let reported = if state & IDLE == IDLE {
        REPORTED + 1
    } else if state & (RTLOCK_WAIT | FROZEN) != 0 {
        UNINTERRUPTIBLE
    } else {
        (state | exit_state) & REPORTED
    };
    let highest = (u64::BITS - reported.leading_zeros()) as usize;
    char::from(b"RSDTtXZPI"[highest])
}

/// Whether a task waits in `TASK_KILLABLE`: `khungtaskd` skips such tasks (`kernel/hung_task.c`,
/// `check_hung_uninterruptible_tasks()`, until 7.3).
pub(super) fn is_killable(state: u64) -> bool {
    const KILLABLE: u64 = WAKEKILL | UNINTERRUPTIBLE;
    state & (KILLABLE | INTERRUPTIBLE) == KILLABLE
}

/// A kernel thread.
pub(super) const KTHREAD: u64 = 0x0020_0000;

/// Flags of a task that are shown, with the kernel's names.
const FLAGS: &[(u64, &str)] = &[
    (0x4, "PF_EXITING"),
    (0x200, "PF_DUMPCORE"),
    (0x800, "PF_MEMALLOC"),
    (0x0002_0000, "PF_KSWAPD"),
    (0x0004_0000, "PF_MEMALLOC_NOFS"),
    (0x0008_0000, "PF_MEMALLOC_NOIO"),
    (KTHREAD, "PF_KTHREAD"),
];

/// The names of the flags that are shown.
pub(super) fn flags(flags: u64) -> impl Iterator<Item = &'static str> {
    FLAGS.iter().filter(move |(flag, _)| flags & flag != 0).map(|(_, name)| *name)
}

/// The scheduling policy of a task, unless it is `SCHED_NORMAL` (`include/uapi/linux/sched.h`).
pub(super) fn policy(policy: u64, priority: u64) -> Option<String> {
    Some(match policy {
        1 => format!("SCHED_FIFO {priority}"),
        2 => format!("SCHED_RR {priority}"),
        3 => "SCHED_BATCH".to_owned(),
        5 => "SCHED_IDLE".to_owned(),
        6 => "SCHED_DEADLINE".to_owned(),
        _ => return None,
    })
}

/// Bit of `mm->flags`: the OOM killer skips the mm (`MMF_OOM_SKIP`, 5.10 to 7.3).
pub(super) const OOM_SKIP: u64 = 1 << 21;

/// Number of the thread flag `TIF_MEMDIE`: x86 and riscv took over the common one
/// (`include/asm-generic/thread_info_tif.h`) some time between 6.17 and 7.0; before, it is `own`.
pub(super) fn memdie(release: &str, own: u32) -> Option<u32> {
    const COMMON: u32 = 3;
    let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map(str::parse);
    let version: (u32, u32) = (numbers.next()?.ok()?, numbers.next()?.ok()?);
    match version {
        (..=5, _) | (6, ..=17) => Some(own),
        (6, _) => None,
        _ => Some(COMMON),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letter_is_the_kernels() {
        let cases = [
            (0, 0, 'R'),
            (1, 0, 'S'),
            (2, 0, 'D'),
            (0x102, 0, 'D'),
            (0x402, 0, 'I'),
            (0x80, 0x20, 'Z'),
            (0x80, 0x10, 'X'),
            (0x40, 0, 'P'),
            (8, 0, 't'),
            (0x104, 0, 'T'),
            (0x1000, 0, 'D'),
            (0x8000, 0, 'D'),
            (u64::MAX, u64::MAX, 'I'),
        ];
        for (state, exit_state, expected) in cases {
            assert_eq!(letter(state, exit_state), expected, "{state:#x} {exit_state:#x}");
        }
        assert!(is_killable(0x102) && !is_killable(2) && !is_killable(0x100));
    }

    #[test]
    fn memdie_depends_on_the_release() {
        let flag = |release| memdie(release, 20);
        assert_eq!((flag("6.1.0-50-cloud-amd64"), flag("5.10.223"), flag("7.3.4")), (Some(20), Some(20), Some(3)));
        assert_eq!((flag("6.18.1"), flag(""), flag("x.y")), (None, None, None));
    }
}
