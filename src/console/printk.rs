//! The prefix of a printk line.

/// A console line without its printk prefix.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Printk<'a> {
    /// The guest's clock in seconds, from `[   12.345678]`.
    pub guest_s: Option<f64>,
    /// The message.
    pub text: &'a str,
}

/// Strips `<6>`, `[   12.345678]` and `[    T1]` / `[  C0]`, as far as they are there.
///
/// The order is that of `kernel/printk/printk.c`, `info_print_prefix()`: syslog level, time, caller.
pub fn parse(line: &str) -> Printk<'_> {
    let mut text = line.trim_start();
    if let Some(rest) = strip_level(text) {
        text = rest;
    }
    let mut guest_s = None;
    if let Some((inside, rest)) = bracketed(text)
        && let Some(seconds) = seconds(inside)
    {
        guest_s = Some(seconds);
        text = rest;
        if let Some((inside, rest)) = bracketed(text)
            && is_caller(inside)
        {
            text = rest;
        }
    }
    Printk { guest_s, text }
}

/// Byte offset at which a printk prefix begins inside a line, behind its first byte.
pub fn find_prefix(line: &str) -> Option<usize> {
    line.match_indices('[')
        .map(|(at, _)| at)
        .filter(|&at| at > 0)
        .find(|&at| bracketed(&line[at..]).is_some_and(|(inside, _)| seconds(inside).is_some()))
}

fn strip_level(text: &str) -> Option<&str> {
    let (level, rest) = text.strip_prefix('<')?.split_once('>')?;
    (!level.is_empty() && level.len() <= 3 && level.bytes().all(|b| b.is_ascii_digit())).then_some(rest)
}

fn bracketed(text: &str) -> Option<(&str, &str)> {
    let (inside, rest) = text.strip_prefix('[')?.split_once(']')?;
    Some((inside, rest.strip_prefix(' ').unwrap_or(rest)))
}

/// `   12.345678`: seconds, a dot, six digits.
fn seconds(inside: &str) -> Option<f64> {
    let (whole, fraction) = inside.trim_start().split_once('.')?;
    let digits = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
    (digits(whole) && fraction.len() == 6 && digits(fraction)).then(|| inside.trim_start().parse().ok())?
}

fn is_caller(inside: &str) -> bool {
    let inside = inside.trim_start();
    inside.starts_with(['T', 'C']) && inside.len() > 1 && inside[1..].bytes().all(|b| b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_of_all_sorts_are_stripped() {
        for line in [
            "[    1.500000] Out of memory",
            "<4>[    1.500000] Out of memory",
            "[    1.500000][    T1] Out of memory",
            "[    1.500000][   C12] Out of memory",
        ] {
            assert_eq!(parse(line), Printk { guest_s: Some(1.5), text: "Out of memory" }, "{line}");
        }
    }

    #[test]
    fn brackets_that_are_no_prefix_stay() {
        for line in ["[drm] initialised", "[<ffffffff810>] foo", "plain", "[", "[1.5] x", "<none> x"] {
            assert_eq!(parse(line), Printk { guest_s: None, text: line });
        }
    }

    #[test]
    fn a_prefix_in_the_middle_is_found() {
        assert_eq!(find_prefix("@oomlab 7 be[   12.345678] Out"), Some(12));
        assert_eq!(find_prefix("[   12.345678] Out"), None);
        assert_eq!(find_prefix("é[x] no"), None);
    }
}
