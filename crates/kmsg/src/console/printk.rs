//! The prefix of a printk line.

use super::caller::{self, Caller};
use super::{syslog, vendor};

/// A console line without its printk prefix.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Printk<'a> {
    /// The guest's clock in seconds, from `[   12.345678]`.
    pub guest_s: Option<f64>,
    /// The context that printed it, where the kernel is built with `CONFIG_PRINTK_CALLER`.
    pub caller: Option<Caller>,
    /// Whether a log daemon says that a program, not the kernel, wrote it.
    pub of_program: bool,
    /// The message.
    pub text: &'a str,
}

/// A line without its prefixes, as far as they are there: `<6>`, `[   12.345678]`, `[    T1]`, what vendors put behind and log
/// daemons before them, the `> ` of a mail, and the prompt or the beginning of a program's line that the kernel printed behind.
///
/// Of a line in which several messages were run together, it is the first that has a prefix; [`messages`] gives all.
pub fn parse(line: &str) -> Printk<'_> {
    let first = match stamp_at(line, 0) {
        Some(_) => 0,
        None => find_prefix(line).unwrap_or(0),
    };
    let end = find_prefix(&line[first..]).map_or(line.len(), |next| first + next);
    one(&line[first..end])
}

/// Every message of a line: what stands before a prefix in its middle, and what stands behind.
pub fn messages(line: &str) -> Messages<'_> {
    Messages { rest: Some(line) }
}

/// The messages of one line.
#[derive(Debug, Clone)]
pub struct Messages<'a> {
    rest: Option<&'a str>,
}

impl<'a> Iterator for Messages<'a> {
    type Item = Printk<'a>;

    fn next(&mut self) -> Option<Printk<'a>> {
        let rest = self.rest.take()?;
        match find_prefix(rest) {
            None => Some(one(rest)),
            Some(next) => {
                let (before, after) = rest.split_at(next);
                self.rest = Some(after);
                // What a log daemon puts before the kernel's own prefix is no message.
                if syslog::is_bare(unquoted(before)) { self.next() } else { Some(one(before)) }
            }
        }
    }
}

/// Byte offset at which a printk prefix begins inside a line, behind its first byte.
pub fn find_prefix(line: &str) -> Option<usize> {
    let bytes = line.as_bytes();
    memchr::memchr_iter(b'[', bytes).filter(|&at| at > 0 && !line[..at].trim_start().is_empty()).find(|&at| {
        // `<4>[   12.345678]` begins at its level.
        matches!(bytes.get(at + 1), Some(b' ' | b'0'..=b'9')) && stamp_at(line, at).is_some() && !is_level(&bytes[..at])
    })
}

/// Strips what stands before one message. The order is that of `kernel/printk/printk.c`, `info_print_prefix()`: syslog
/// level, time, caller.
fn one(line: &str) -> Printk<'_> {
    let text = unquoted(line);
    let text = strip_level(text).unwrap_or(text);
    let plain = |text| Printk { guest_s: None, caller: None, of_program: false, text };
    let Some((guest_s, mut text)) = stamp_at(text, 0).or_else(|| cut_stamp(text)) else {
        if let Some((guest_s, caller, text)) = syslog::kmsg(text) {
            return Printk { guest_s: Some(guest_s), caller, of_program: false, text };
        }
        return match syslog::strip(text) {
            Some(syslog::Entry { of_program, text }) => match syslog::kmsg_of_host(text) {
                Some((guest_s, caller, text)) => Printk { guest_s: Some(guest_s), caller, of_program: false, text },
                None => Printk { of_program, ..plain(text) },
            },
            None => plain(text),
        };
    };
    let mut caller = None;
    if let Some((inside, rest)) = bracketed(text)
        && let Some(found) = caller::parse(inside)
    {
        caller = Some(found);
        text = rest;
    } else if let Some((found, rest)) = vendor::strip(text) {
        caller = found;
        text = rest;
    }
    Printk { guest_s: Some(guest_s), caller, of_program: false, text: untagged(text) }
}

/// Without the `kernel: ` that a log daemon puts behind the time, and without the host before it (`journalctl -o short-monotonic`).
fn untagged(text: &str) -> &str {
    const TAG: &str = "kernel: ";
    if let Some(text) = text.strip_prefix(TAG) {
        return text;
    }
    let behind =
        text.split_once(' ').filter(|(host, _)| !host.ends_with(':')).and_then(|(_, rest)| rest.strip_prefix(TAG));
    behind.unwrap_or(text)
}

/// Without the blanks and the `> ` at its start: people quote logs in mails.
fn unquoted(line: &str) -> &str {
    let text = line.trim_start();
    let text = text.strip_prefix("```").unwrap_or(text);
    if text.starts_with('>') { text.trim_start_matches(|c: char| c == '>' || c.is_whitespace()) } else { text }
}

fn is_level(bytes: &[u8]) -> bool {
    bytes.starts_with(b"<") && bytes.ends_with(b">") && bytes.len() <= 5
}

fn strip_level(text: &str) -> Option<&str> {
    let (level, rest) = text.strip_prefix('<')?.split_once('>')?;
    (!level.is_empty() && level.len() <= 3 && level.bytes().all(|b| b.is_ascii_digit())).then_some(rest)
}

fn bracketed(text: &str) -> Option<(&str, &str)> {
    let (inside, rest) = text.strip_prefix('[')?.split_once(']')?;
    Some((inside, rest.strip_prefix(' ').unwrap_or(rest)))
}

/// The time in `[   12.345678] ` at a byte offset, and what stands behind: seconds, a dot, six digits.
fn stamp_at(line: &str, at: usize) -> Option<(f64, &str)> {
    line.as_bytes().get(at).filter(|byte| **byte == b'[')?;
    stamp(&line[at + 1..])
}

/// The same at the start of a line whose first bracket was not copied: `12.345678] `.
fn cut_stamp(line: &str) -> Option<(f64, &str)> {
    line.starts_with(|c: char| c.is_ascii_digit()).then(|| stamp(line))?
}

/// What stands behind the bracket.
fn stamp(line: &str) -> Option<(f64, &str)> {
    let bytes = line.as_bytes();
    let digits = bytes.iter().position(|byte| *byte != b' ')?;
    let (mut seconds, mut end) = (0_u64, digits);
    while let Some(digit @ b'0'..=b'9') = bytes.get(end) {
        seconds = seconds.checked_mul(10)?.checked_add(u64::from(digit - b'0'))?;
        end += 1;
    }
    let fraction = bytes.get(end + 1..end + 7)?;
    let known = end > digits && bytes[end] == b'.' && fraction.iter().all(u8::is_ascii_digit);
    if !known || bytes.get(end + 7) != Some(&b']') {
        return None;
    }
    let micros = fraction.iter().fold(0_u64, |micros, digit| micros * 10 + u64::from(digit - b'0'));
    let rest = &line[end + 8..];
    // One division of whole numbers: the nearest number to what was printed, which reads back the same from a file.
    let all = seconds.checked_mul(1_000_000)?.checked_add(micros)?;
    Some((all as f64 / 1e6, rest.strip_prefix(' ').unwrap_or(rest)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn texts(line: &str) -> Vec<&str> {
        messages(line).map(|message| message.text).collect()
    }

    #[test]
    fn prefixes_of_all_sorts_are_stripped() {
        for line in [
            "[    1.500000] Out of memory",
            "<4>[    1.500000] Out of memory",
            "[    1.500000][    T1] Out of memory",
            "[    1.500000][   C12] Out of memory",
            "Nov 24 10:00:00 host kernel: [    1.500000] Out of memory",
            "2026-11-24T10:00:00.123456+01:00 host kernel: [    1.500000] Out of memory",
            "kern  :warn  : [    1.500000] Out of memory",
            "(none) login: [    1.500000] Out of memory",
            " kernel:[    1.500000] Out of memory",
            "[    1.500000] kernel: Out of memory",
            "[    1.500000] host kernel: Out of memory",
            "```[    1.500000] Out of memory",
            "> [    1.500000] Out of memory",
            "> >> [    1.500000][    T1] Out of memory",
            "> Nov 24 10:00:00 host kernel: [    1.500000] Out of memory",
            "[    1.500000] c1 26 (hog) Out of memory",
            "Nov 24 10:00:00 host 3,26,1500000,-,caller=T1;Out of memory",
            "1.500000] Out of memory",
            "> 1.500000][    T1] Out of memory",
        ] {
            let found = parse(line);
            assert_eq!((found.guest_s, found.of_program, found.text), (Some(1.5), false, "Out of memory"), "{line}");
        }
        assert_eq!(parse("[    1.500000][   C12] x").caller, Some(Caller::Cpu(12)));
        assert_eq!(parse("[    1.500000][    T1] x").caller, Some(Caller::Task(1)));
        assert_eq!(parse("> >> BUG: x").text, "BUG: x");
        assert_eq!(parse(">ffff888012345600: fb fb").text, "ffff888012345600: fb fb");
    }

    proptest! {
        #[test]
        fn times_are_the_numbers_that_were_printed(seconds in 0_u64..100_000_000, micros in 0_u32..1_000_000) {
            let printed = format!("{seconds}.{micros:06}");
            let found = parse(&format!("[{printed:>12}] Out of memory")).guest_s.map(|guest_s| (guest_s, json(guest_s)));
            let number: f64 = printed.parse().unwrap();
            prop_assert_eq!(found, Some((number, number)), "{}", printed);
        }
    }

    /// What is left of a number in a file.
    fn json(number: f64) -> f64 {
        serde_json::from_str(&serde_json::to_string(&number).unwrap()).unwrap()
    }

    #[test]
    fn brackets_that_are_no_prefix_stay() {
        for line in [
            "[drm] initialised",
            "[<ffffffff810>] foo",
            "plain",
            "[",
            "[1.5] x",
            "<none> x",
            "[    1.5000000] x",
            "1.5] x",
        ] {
            assert_eq!(parse(line), Printk { guest_s: None, caller: None, of_program: false, text: line });
        }
    }

    #[test]
    fn prefixes_within_a_line_are_found() {
        assert_eq!(find_prefix("@oomlab 7 be[   12.345678] Out"), Some(12));
        assert_eq!(find_prefix("[   12.345678] Out"), None);
        assert_eq!(find_prefix("é[x] no"), None);
    }

    #[test]
    fn lines_that_were_run_together_are_taken_apart() {
        assert_eq!(texts("[    1.000000] one[    2.000000] two"), ["one", "two"]);
        assert_eq!(texts("Nov 24 10:0[    2.000000][    T7] two"), ["Nov 24 10:0", "two"]);
        assert_eq!(texts("login: [    2.000000] two"), ["login: ", "two"]);
        assert_eq!(texts("> > [    2.000000] two"), ["two"]);
        assert_eq!(texts("Nov 24 10:00:00 host kernel: [    2.000000] two"), ["two"]);
        assert_eq!(texts("Nov 24 10:00:00 host console[12]: [    2.000000] two"), ["two"]);
        assert_eq!(texts(""), [""]);
    }

    proptest! {
        #[test]
        fn messages_never_panic_nor_grow(line in "[\\[\\]<>0-9. TCa:é-]{0,120}") {
            let total: usize = messages(&line).map(|message| message.text.len()).sum();
            prop_assert!(total <= line.len());
            let _ = parse(&line);
        }
    }
}
