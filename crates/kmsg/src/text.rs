//! Reading names and numbers out of messages.

/// Texts that a line may begin with. The first byte rules most lines out.
#[derive(Debug)]
pub(crate) struct Prefixes {
    all: &'static [&'static str],
    first: [bool; 256],
}

impl Prefixes {
    /// None of them is empty.
    pub const fn new(all: &'static [&'static str]) -> Self {
        let (mut first, mut at) = ([false; 256], 0);
        while at < all.len() {
            first[all[at].as_bytes()[0] as usize] = true;
            at += 1;
        }
        Self { all, first }
    }

    /// What stands behind the first of them that fits.
    pub fn strip<'a>(&self, line: &'a str) -> Option<&'a str> {
        let byte = *line.as_bytes().first()?;
        self.first[usize::from(byte)].then_some(())?;
        self.all.iter().find_map(|prefix| line.strip_prefix(prefix))
    }
}

/// What stands between `before` and the next `after`.
pub(crate) fn between<'a>(text: &'a str, before: &str, after: &str) -> Option<&'a str> {
    let rest = &text[text.find(before)? + before.len()..];
    Some(&rest[..rest.find(after)?])
}

/// The number at the beginning of `text`.
pub(crate) fn number(text: &str) -> Option<u32> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    text[..end].parse().ok()
}

/// The text from `needle` on, where a message of the kernel begins with it: at the start, or behind the name of a
/// subsystem (`pr_fmt()`: `watchdog: `, `rcu: `), lockdep's bracket (`[ BUG: `), a tool's (`[guest0] BUG: `), or a prompt that
/// the message was printed behind. Not where a program quotes it.
pub(crate) fn message<'a>(text: &'a str, needle: &str) -> Option<&'a str> {
    let at = text.find(needle)?;
    introduces(&text[..at]).then(|| &text[at..])
}

fn introduces(before: &str) -> bool {
    /// `pr_fmt()`s are short.
    const MAX_LENGTH: usize = 48;
    let before = before.trim_start();
    before.is_empty()
        || (before.len() <= MAX_LENGTH
            && !before.contains(['"', '\'', '`', '=', '|'])
            && ([": ", ":", "[ ", "# ", "$ ", "=> "].iter().any(|end| before.ends_with(end))
                || before.starts_with('[') && before.ends_with("] ")))
}

/// The text without what differs from boot to boot: addresses, offsets, CPU numbers, pids behind a comm. Words that hold
/// nothing else are left out.
pub(crate) fn stable(text: &str) -> String {
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
    fn prefixes_are_stripped() {
        static PREFIXES: Prefixes = Prefixes::new(&["ab", "a", "é"]);
        for (line, rest) in [("abc", Some("c")), ("ac", Some("c")), ("éa", Some("a")), ("b", None), ("", None)] {
            assert_eq!(PREFIXES.strip(line), rest, "{line}");
        }
    }

    #[test]
    fn stable_text_has_no_per_boot_values() {
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
