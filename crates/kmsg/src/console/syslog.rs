//! What log daemons, `dmesg` and `/dev/kmsg` put before a message.

use super::caller::{self, Caller};

/// A message of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Entry<'a> {
    /// Whether a program wrote it.
    pub of_program: bool,
    pub text: &'a str,
}

/// The longest prefix: a time, a host, a facility, a tag.
const MAX_PREFIX: usize = 160;

/// Strips a time of day with a date, and the host and tag behind it: `Nov 24 10:00:00 host kernel: ` in any language, RFC
/// 5424's time, `[Mon Nov 23 10:00:00 2026] ` (`dmesg -T`, likewise), `2026/11/24 10:00:00 ` (Go's logs), `kernel: ` alone.
pub(super) fn strip(text: &str) -> Option<Entry<'_>> {
    if let Some(text) = text.strip_prefix("kernel:") {
        return Some(Entry { of_program: false, text: text.trim_start() });
    }
    let text = without_facility(text).unwrap_or(text);
    match text.as_bytes().first()? {
        b'[' => {
            let (inside, rest) = text[1..].split_once(']')?;
            let named = inside.len() <= 40 && (time_of_day(inside).is_some() || is_delta(inside));
            named.then(|| Entry { of_program: false, text: tag(rest.trim_start()) })
        }
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | 0x80.. => {
            let head = &text[..floor(text, 40)];
            let end = time_of_day(head)?;
            if !is_date(&head[..end]) {
                return None;
            }
            // Fractions and time zones belong to the time.
            let behind = text[end..].find([' ', '\t']).map_or(text.len(), |blank| end + blank);
            Some(sender(text[behind..].trim_start()))
        }
        _ => None,
    }
}

/// Whether a text is such a prefix and nothing else, as it stands before the kernel's own.
pub(super) fn is_bare(text: &str) -> bool {
    let (whole, text) = (text.trim_start(), text.trim());
    if text.is_empty() || text.len() > MAX_PREFIX {
        return text.is_empty();
    }
    let level = text.starts_with('<') && text.ends_with('>') && text.len() <= 5;
    level
        || text.trim_end_matches(':').ends_with("kernel")
        || strip(whole).is_some_and(|entry| entry.text.trim().is_empty())
        || text.split(':').all(|part| part.len() <= 8 && part.trim().bytes().all(|b| b.is_ascii_lowercase()))
            && text.ends_with(':')
            && text.matches(':').count() == 2
}

/// `LEVEL,SEQUENCE,MICROSECONDS,FLAGS[,caller=T1];text`, as `/dev/kmsg` and netconsole have it
/// (`Documentation/ABI/testing/dev-kmsg`).
pub(super) fn kmsg(text: &str) -> Option<(f64, Option<Caller>, &str)> {
    if !text.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let (fields, text) = text[..].split_once(';').filter(|(fields, _)| fields.len() <= 80)?;
    let mut fields = fields.split(',');
    let mut number = || fields.next()?.parse::<u64>().ok();
    let (_, _, micros) = (number()?, number()?, number()?);
    fields.next().filter(|flags| flags.len() == 1)?;
    let caller = fields.find_map(|field| caller::parse(field.strip_prefix("caller=")?));
    Some((micros as f64 / 1e6, caller, text))
}

/// The same behind a host's name, where a log daemon listens to netconsole.
pub(super) fn kmsg_of_host(text: &str) -> Option<(f64, Option<Caller>, &str)> {
    kmsg(text.split_once(' ')?.1)
}

/// `kern: kern.err: `, as `dmesg`'s colours and some collectors put it before the time.
fn without_facility(text: &str) -> Option<&str> {
    let rest = text.strip_prefix("kern: ").unwrap_or(text);
    let (level, rest) = rest.strip_prefix("kern.")?.split_once(": ")?;
    (level.len() <= 7 && level.bytes().all(|b| b.is_ascii_lowercase())).then_some(rest)
}

/// What a host and a tag say: `host kernel: text`, `host kern.err kernel: text`, `host sshd[12]: text`; `+0000 UTC kern.err kernel:
/// text` has a time zone there.
fn sender(text: &str) -> Entry<'_> {
    let text = text.strip_prefix("+0000 UTC ").unwrap_or(text);
    let head = &text[..floor(text, MAX_PREFIX)];
    if let Some((before, _)) = head.split_once("kernel: ").or_else(|| head.split_once("kernel:["))
        && before.split_whitespace().count() <= 2
        && (before.is_empty() || before.ends_with(' '))
    {
        return Entry { of_program: false, text: text[before.len() + "kernel:".len()..].trim_start() };
    }
    match head.split_once(": ") {
        Some((words, _)) if is_sender(words) => Entry { of_program: true, text: &text[words.len() + 2..] },
        _ => Entry { of_program: false, text },
    }
}

/// A host's name first, a program's last, and perhaps `daemon.err` between; no sentence has `[12]` or a slash there.
fn is_sender(words: &str) -> bool {
    let is_short = match words.split_whitespace().collect::<Vec<_>>()[..] {
        [_, _] => true,
        [_, level, _] => level.contains('.'),
        _ => false,
    };
    if !is_short {
        return false;
    }
    let tag = words.rsplit(' ').next().unwrap_or_default();
    let plain = |word: &str| word.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.@/()[]".contains(&b));
    if words.starts_with('[') {
        return false;
    }
    let shouts = matches!(words.split(' ').next(), Some("BUG" | "WARNING" | "INFO"));
    !shouts && words.split(' ').all(plain) && !tag.is_empty()
}

fn tag(text: &str) -> &str {
    text.strip_prefix("kernel: ").unwrap_or(text)
}

/// Where a `10:00:00` ends.
fn time_of_day(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    memchr::memchr_iter(b':', bytes).find_map(|at| {
        let time = bytes.get(at.checked_sub(2)?..at + 6)?;
        let known = time.iter().enumerate().all(|(place, byte)| match place {
            2 | 5 => *byte == b':',
            _ => byte.is_ascii_digit(),
        });
        known.then_some(at + 6)
    })
}

/// `  +0.000012`, and `Nov24 10:00` where a minute has passed (`dmesg -H` and `--reltime`).
fn is_delta(inside: &str) -> bool {
    let number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') && !text.is_empty();
    if let Some(seconds) = inside.trim_start().strip_prefix('+') {
        return number(seconds);
    }
    let minute = inside.rsplit_once(' ').and_then(|(date, time)| Some((date, time.split_once(':')?)));
    minute.is_some_and(|(date, (hours, minutes))| {
        let month = date.trim_end_matches(|c: char| c.is_ascii_digit() || c == ' ');
        hours.len() == 2 && minutes.len() == 2 && number(hours) && number(minutes) && is_month(month)
    })
}

/// `Nov 24 10:00:00`, `2026-11-24T10:00:00`, `2026/11/24 10:00:00`, `10:00:00`.
fn is_date(stamp: &str) -> bool {
    let date = &stamp[..stamp.len() - "10:00:00".len()];
    let words = date.trim_end_matches(['T', ' ']);
    words.is_empty()
        || words.bytes().all(|b| b.is_ascii_digit() || b"-/.".contains(&b))
        || words.split_once(' ').is_some_and(|(month, day)| is_month(month) && day.trim().parse::<u8>().is_ok())
}

/// `Nov`, `févr.`, `июл`, `11月`.
fn is_month(word: &str) -> bool {
    let letters = word.strip_suffix('.').unwrap_or(word);
    letters.chars().count() <= 4
        && letters.chars().all(char::is_alphanumeric)
        && letters.chars().any(char::is_alphabetic)
}

/// The last place at most so far in that is between characters.
fn floor(text: &str, most: usize) -> usize {
    (0..=most.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn senders_are_the_kernel_or_programs() {
        for (line, of_program, text) in [
            ("Nov 24 10:00:00 host kernel: BUG: x", false, "BUG: x"),
            ("Nov  4 10:00:00 host kern.err kernel: BUG: x", false, "BUG: x"),
            ("Nov 24 10:00:00 host openvpn[12]: WARNING: x", true, "WARNING: x"),
            ("Nov 24 10:00:00 host daemon.err dhcpcd[12]: x", true, "x"),
            ("Nov 24 10:00:00 host systemd[1]: Kernel panic - not syncing: x", true, "Kernel panic - not syncing: x"),
            ("2026-11-24T10:00:00.123456+01:00 host kernel: BUG: x", false, "BUG: x"),
            ("2026/11/24 10:00:00 BUG: memory leak", false, "BUG: memory leak"),
            ("[Di Aug 12 03:54:03 2025] BUG: x", false, "BUG: x"),
            ("kern: kern.err: Nov 24 10:00:00 kernel: BUG: x", false, "BUG: x"),
            ("2026-11-24 10:00:00 +0000 UTC kern.warn kernel: BUG: x", false, "BUG: x"),
            ("kernel: BUG: x", false, "BUG: x"),
            ("[  +0.000012] BUG: x", false, "BUG: x"),
            ("[Nov24 10:00] BUG: x", false, "BUG: x"),
            ("2026-11-24T10:00:00Z [ BUG: x ]", false, "[ BUG: x ]"),
            ("ноя 24 10:00:00 host kernel: BUG: x", false, "BUG: x"),
            ("févr. 24 10:00:00 host kernel: BUG: x", false, "BUG: x"),
            ("11月 24 10:00:00 host systemd[1]: BUG: x", true, "BUG: x"),
        ] {
            assert_eq!(strip(line), Some(Entry { of_program, text }), "{line}");
        }
        for line in ["plain text", "BUG: at 10:00:00 something: x", "[drm] x", "", "é", "x 10:00:00 y z: w"] {
            assert_eq!(strip(line), None, "{line}");
        }
    }

    #[test]
    fn records_of_kmsg_are_read() {
        let expected = Some((1.5, Some(Caller::Task(7)), "Out of memory"));
        assert_eq!(kmsg("4,123,1500000,-,caller=T7;Out of memory"), expected);
        assert_eq!(kmsg("6,1,1500000,-;x"), Some((1.5, None, "x")));
        for line in ["6,1;x", "1 and 2; x", ";", "6,1,2,long;x"] {
            assert_eq!(kmsg(line), None, "{line}");
        }
    }
}
