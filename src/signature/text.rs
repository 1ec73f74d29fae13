//! Reading names and numbers out of messages.

use crate::model::Task;

/// What stands between `before` and the next `after`.
pub(super) fn between<'a>(text: &'a str, before: &str, after: &str) -> Option<&'a str> {
    let rest = &text[text.find(before)? + before.len()..];
    Some(&rest[..rest.find(after)?])
}

/// The number at the beginning of `text`.
pub(super) fn number(text: &str) -> Option<u32> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    text[..end].parse().ok()
}

/// A task written as `PID (COMM)`. A comm may hold blanks and parentheses: what the kernel writes behind it (`mm/oom_kill.c`)
/// ends it.
pub(super) fn pid_paren_comm(text: &str) -> Option<Task> {
    const ENDS: [&str; 4] = [") total-vm:", "), now ", ") ", "),"];
    let pid = number(text)?;
    let comm = text.split_once('(')?.1;
    let end = ENDS.iter().find_map(|end| comm.find(end)).or_else(|| comm.rfind(')'))?;
    Some(Task { pid, comm: comm[..end].to_owned() })
}

/// A task written as `COMM:PID`; a comm may hold colons, so the last one counts.
pub(super) fn comm_colon_pid(text: &str) -> Option<Task> {
    let (comm, pid) = text.rsplit_once(':')?;
    Some(Task { pid: number(pid)?, comm: comm.to_owned() })
}
