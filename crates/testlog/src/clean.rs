//! Removes from lines what terminals and the kernel's log put there.

/// Bytes of a line that are read: stress-ng lists some hundred stressors in one.
const MAX_LINE: usize = 16 * 1024;

/// The line without escape sequences, without what a carriage return overwrites, without `<6>[   12.345678][    T1] `.
pub(crate) fn clean(line: &str) -> String {
    let line = &line[..(0..=line.len().min(MAX_LINE)).rev().find(|&at| line.is_char_boundary(at)).unwrap_or(0)];
    let line = without_escapes(line);
    let line = line.trim_end_matches(['\r', '\n']);
    let line = line.rsplit('\r').next().unwrap_or(line);
    without_stamp(line).unwrap_or(line).to_owned()
}

/// Without control sequences and control strings (ECMA-48, 5.4 and 5.6).
fn without_escapes(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    let mut rest = line;
    while let Some((before, after)) = rest.split_once('\x1b') {
        out.push_str(before);
        rest = match after.strip_prefix('[') {
            Some(sequence) => {
                let sequence = sequence.trim_start_matches(|c| (' '..='?').contains(&c));
                sequence.strip_prefix(|c| ('@'..='~').contains(&c)).unwrap_or(sequence)
            }
            None => match after.strip_prefix(']') {
                Some(string) => string.split_once('\x07').map_or("", |(_, rest)| rest),
                None => after.strip_prefix(|c: char| c.is_ascii_graphic()).unwrap_or(after),
            },
        };
    }
    out.push_str(rest);
    out
}

/// A kernel message without its level, time (`CONFIG_PRINTK_TIME`) and caller (`CONFIG_PRINTK_CALLER`). Indentation stays.
fn without_stamp(line: &str) -> Option<&str> {
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let level = line.strip_prefix('<').and_then(|line| line.split_once('>')).filter(|(level, _)| is_number(level));
    let (time, rest) = level.map_or(line, |(_, rest)| rest).strip_prefix('[')?.split_once(']')?;
    let (seconds, micros) = time.trim_start().split_once('.')?;
    if !is_number(seconds) || !is_number(micros) || micros.len() != 6 {
        return None;
    }
    let caller = rest.strip_prefix('[').and_then(|rest| rest.split_once(']'));
    let caller = caller.filter(|(caller, _)| caller.trim_start().strip_prefix(['T', 'C']).is_some_and(is_number));
    let rest = caller.map_or(rest, |(_, rest)| rest);
    Some(rest.strip_prefix(' ').unwrap_or(rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_lose_what_is_not_of_the_program() {
        for (line, cleaned) in [
            ("ok 1 a\r", "ok 1 a"),
            ("10 %\r100 %\rok 1 a\r\r", "ok 1 a"),
            ("\x1b[1;32mok\x1b[0m 1 \x1b]0;title\x07a\x1b[", "ok 1 a"),
            ("[   12.345678]     ok 1 a", "    ok 1 a"),
            ("<6>[    1.000000][    T1] ok 1 a", "ok 1 a"),
            ("[ 1.0] kept", "[ 1.0] kept"),
            ("[PASS]", "[PASS]"),
            ("<6>a", "<6>a"),
        ] {
            assert_eq!(clean(line), cleaned, "{line:?}");
        }
        assert_eq!(clean(&"é".repeat(MAX_LINE)).len(), MAX_LINE);
    }
}
