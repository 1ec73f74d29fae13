//! Reading names and numbers out of messages.

use crate::Task;

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
    const ENDS: [&str; 5] = [") total-vm:", "), now ", ") score ", ") ", "),"];
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

/// The text from `needle` on, where a message of the kernel begins with it: at the start, or behind the name of a
/// subsystem (`pr_fmt()`: `watchdog: `, `rcu: `), lockdep's bracket (`[ BUG: `), a tool's (`[guest0] BUG: `), or a prompt that
/// the message was printed behind. Not where a program quotes it.
pub(super) fn message<'a>(text: &'a str, needle: &str) -> Option<&'a str> {
    let at = text.find(needle)?;
    introduces(&text[..at]).then(|| &text[at..])
}

fn introduces(before: &str) -> bool {
    /// `pr_fmt()`s are short.
    const LONGEST: usize = 48;
    let before = before.trim_start();
    before.is_empty()
        || (before.len() <= LONGEST
            && !before.contains(['"', '\'', '`', '=', '|'])
            && ([": ", ":", "[ ", "# ", "$ ", "=> "].iter().any(|end| before.ends_with(end))
                || before.starts_with('[') && before.ends_with("] ")))
}

/// The text without what differs from boot to boot: addresses, offsets, CPU numbers, pids behind a comm. Words that hold
/// nothing else are left out.
pub(super) fn stable(text: &str) -> String {
    let mut out = String::new();
    for word in text.split_whitespace() {
        let word = word.split("+0x").next().unwrap_or(word);
        let word = word.split("CPU#").next().unwrap_or(word);
        let bare = word.trim_matches(|c: char| !c.is_ascii_alphanumeric());
        if bare.is_empty() && word.len() < 2 && !matches!(word, "-" | "/" | ":") || is_address(bare) {
            continue;
        }
        if !out.is_empty() {
            out.push(' ');
        }
        match word.rsplit_once('/') {
            Some((comm, pid)) if !comm.is_empty() && number(pid).is_some() => out.push_str(comm),
            _ => out.push_str(word),
        }
    }
    out.truncate(out.trim_end_matches([' ', ':', ',', '-', '(', '[', '.', '!']).len());
    out
}

/// `0xdead000000000100`, `ffffffff81234567`; not an error number or an exit code.
fn is_address(word: &str) -> bool {
    let digits = word.strip_prefix("0x").unwrap_or(word);
    let hex = digits.len() >= 8 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    hex && u64::from_str_radix(digits, 16).is_ok_and(|value| value > 0xffff)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_changes_from_boot_to_boot_goes() {
        for (text, expected) in [
            ("Attempted to kill init! exitcode=0x0000000b", "Attempted to kill init! exitcode=0x0000000b"),
            ("spinlock recursion on CPU#0, syz-executor7/5032", "spinlock recursion on syz-executor7"),
            ("bad thing at 0xffff8801d100fea8 (in foo+0x12/0x34)", "bad thing at (in foo"),
            ("Fatal exception", "Fatal exception"),
            ("stack is corrupted in: ffffffff8123456f", "stack is corrupted in"),
            ("a => b - c / d ! e", "a => b - c / d e"),
            ("code 0x1ffff of 0x0000ffff at 0x00010000", "code 0x1ffff of 0x0000ffff at"),
        ] {
            assert_eq!(stable(text), expected);
        }
    }

    #[test]
    fn messages_stand_at_the_start_or_behind_their_subsystem() {
        for text in
            ["BUG: x", "watchdog: BUG: x", "[ BUG: x ]", "(none) login: BUG: x", "~ # BUG: x", "[guest0] BUG: x"]
        {
            assert!(message(text, "BUG: ").is_some(), "{text}");
        }
        for text in ["grep 'BUG: x'", "a program said BUG: x", "init[1] BUG: x", "[init] said BUG: x", "MSG=\"BUG: x\""]
        {
            assert_eq!(message(text, "BUG: "), None, "{text}");
        }
    }
}
