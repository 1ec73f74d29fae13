//! Call traces, as the architectures print them, and the tasks that they are of.

use crate::symbol;
use crate::task::TaskRef;
use crate::text::number;
use memchr::memmem::Finder;
use std::sync::LazyLock;

/// A line of a call trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame<'a> {
    /// The function.
    pub function: &'a str,
    /// Its caller, where the line names it too (32-bit ARM).
    pub caller: Option<&'a str>,
    /// Not marked by `? `: the unwinder is sure that it was called.
    pub is_reliable: bool,
}

impl<'a> Frame<'a> {
    /// The functions that the line adds to a trace whose outermost function so far is `last`. A caller that the last line named
    /// comes again as this line's function.
    pub fn functions(self, last: Option<&str>) -> impl Iterator<Item = &'a str> + use<'a> {
        let is_known = self.caller.is_some() && last == Some(self.function);
        (!is_known).then_some(self.function).into_iter().chain(self.caller)
    }
}

/// Reads a line of a call trace; `None` for any other line.
pub fn frame(line: &str) -> Option<Frame<'_>> {
    static FROM: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(" from "));
    let line = line.trim();
    // 32-bit ARM without names.
    if line.starts_with("Function entered at ") {
        return None;
    }
    // 32-bit ARM: `[<addr>] (callee) from [<addr>] (caller+0x…)`, `callee from caller+0x…`.
    if let Some(at) = FROM.find(line.as_bytes())
        && (line[at..].contains("+0x") || line[at..].contains("[<"))
    {
        let callee = &line[..at];
        let name = callee.rsplit('(').next()?.trim_end_matches(')');
        return Some(Frame { function: symbol::leading(name)?, caller: symbol::caller(line), is_reliable: true });
    }
    let one = |function, is_reliable| Frame { function, caller: None, is_reliable };
    if let Some((before, name)) = symbol::find(line).or_else(|| symbol::decoded(line)) {
        let is_known = symbol::is_margin(before) && !symbol::is_rest(line);
        let is_reliable = !before.contains('?') && !symbol::is_at_start(line) && !symbol::is_beyond_end(line);
        return is_known.then(|| one(name, is_reliable));
    }
    // With the source's lines, as tools add them: `name file.c:12 [inline]`; not `lr : name file.c:12 [inline]`.
    if let Some(inlined) = line.strip_suffix(" [inline]") {
        let (name, site) = inlined.trim_start_matches(['?', ' ']).split_once(' ')?;
        let is_known = symbol::is_site(site) && !site.contains(' ');
        return is_known.then(|| Some(one(symbol::leading(name)?, true)))?;
    }
    None
}

/// The task whose trace follows: `task:bash state:R … pid:205 …` (`kernel/sched/core.c`, `sched_show_task()`, ≥ 5.12).
pub(crate) fn task(line: &str) -> Option<TaskRef> {
    let rest = line.strip_prefix("task:")?;
    let (comm, (_, pid)) = (rest.split(" state:").next()?, rest.split_once(" pid:")?);
    Some(TaskRef { pid: number(pid.trim_start()), comm: comm.trim_end().to_owned() })
}

/// The same before, of a task in this state: `bash            R  running task        0   205    200 0x00000202`, the comm, the state,
/// the stack that is left, the pid, the parent's, flags.
pub(crate) fn task_in_state(line: &str, state: &str) -> Option<TaskRef> {
    let (comm, _) = line.split_once(state)?;
    let mut numbers = line.split_whitespace().rev();
    numbers.next()?.strip_prefix("0x")?;
    let pid = numbers.nth(1)?.parse().ok()?;
    // A comm is of at most 15 bytes; a line with more is no such line.
    let is_comm = !comm.trim().is_empty() && comm.len() < 32;
    is_comm.then(|| TaskRef { pid: Some(pid), comm: comm.trim_end().to_owned() })
}

/// A task in the answer to sysrq-w, which lists the blocked ones (`kernel/sched/core.c`, `show_state_filter()`).
pub fn blocked_task(line: &str) -> Option<TaskRef> {
    task(line).or_else(|| task_in_state(line, " D "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(line: &str) -> Option<String> {
        frame(line).map(|frame| format!("{}{}", if frame.is_reliable { "" } else { "? " }, frame.function))
    }

    #[test]
    fn frames_of_all_architectures_are_read() {
        for (line, expected) in [
            ("  [<ffffffff8395bdaf>] mutex_lock_nested+0x2ff/0x830", "mutex_lock_nested"),
            (" ? find_held_lock+0x35/0x1d0", "? find_held_lock"),
            ("[<c001a250>] (unwind_backtrace) from [<c00149a0>] (show_stack+0x20/0x24)", "unwind_backtrace"),
            ("[<c0013a7c>] (a+0x0/0xf0) from [<c009274c>] (b+0xc4/0x11c)", "a"),
            (" unwind_backtrace from show_stack+0x10/0x14", "unwind_backtrace"),
            ("[c0000000] [c000000000012345] .do_exit+0x5c/0x70 (unreliable)", "do_exit"),
            (" __mutex_lock_common kernel/locking/mutex.c:679 [inline]", "__mutex_lock_common"),
            (" ([<000000000011a5c2>] show_stack+0x8a/0xd0)", "show_stack"),
            (" f+0x12/0x34 [kvm]", "f"),
            ("f (arch/arm64/kernel/process.c:740) (T)", "f"),
            (" [<ffffffff884a9aa0>] :ip_conntrack:f+0x33/0x7a", "f"),
            (" <IRQ>  [<ffffffff810c026a>] f+0x33/0x7a", "f"),
            (" f+0x0/0x10", "? f"),
            (" f+0x500/0x40", "? f"),
            (" ? f.part.0 (mm/slub.c:12 (discriminator 3)) kvm", "? f"),
        ] {
            assert_eq!(name(line).as_deref(), Some(expected), "{line}");
        }
    }

    #[test]
    fn other_lines_are_no_frames() {
        for line in [
            "hardirqs last enabled at (12): [<c0>] f+0x1/0x2",
            "Modules linked in: a b",
            "lr : f+0x1/0x2",
            "lr : f (mm/slub.c:12)",
            "lr : f mm/slub.c:12 [inline]",
            "Function entered at [<c0011738>] from [<c03019b8>]",
            "from here on",
            "stack+0x20/0x24)",
            "note: module: f+0x1/0x2",
        ] {
            assert_eq!(name(line), None, "{line}");
        }
    }

    #[test]
    fn callers_of_arm_are_functions_once() {
        let frame = frame("[<c0013a7c>] (a+0x8/0xf0) from [<c009274c>] (b+0xc4/0x11c)").unwrap();
        assert_eq!(frame.functions(None).collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(frame.functions(Some("a")).collect::<Vec<_>>(), ["b"]);
        // Recursion.
        let plain = super::frame("a+0x8/0xf0").unwrap();
        assert_eq!(plain.functions(Some("a")).collect::<Vec<_>>(), ["a"]);
    }

    #[test]
    fn blocked_tasks_are_read_in_both_forms() {
        for line in [
            "task:a b             state:D stack:    0 pid:   26 ppid:     2 flags:0x00004000",
            "a b             D    0    26      1 0x00000000",
            "a b             D ffffffff81546c17     0    26      1 0x00000000",
        ] {
            assert_eq!(blocked_task(line), Some(TaskRef { pid: Some(26), comm: "a b".to_owned() }), "{line}");
        }
        for line in ["some D thing", "  D    0    26      1 0x00000000", "Mem-Info:", "a b D 26 0x0"] {
            assert_eq!(blocked_task(line), None, "{line}");
        }
    }
}
