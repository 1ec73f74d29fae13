//! What stands before every line: a container's name, a number, a quote's mark.

/// Bytes of the longest margin.
const MAX_WIDTH: usize = 64;
/// Fewer lines may begin alike by chance.
const MIN_LINES: usize = 8;

/// What to take from the start of each line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Margin {
    /// This text.
    Literal(String),
    /// What ends with `| `: `web-1  | ` (Docker Compose), `10:00:00 | `.
    Bar,
    /// The number of the line, as `cat -n`, `nl` and `grep -n` write.
    Number,
}

impl Margin {
    /// The margin of these lines.
    pub fn of(lines: &[&str]) -> Option<Self> {
        if lines.len() < MIN_LINES {
            return None;
        }
        let most = lines.len() * 9 / 10;
        let found = [Self::Bar, Self::Number];
        let shared = literal(lines).map(Self::Literal);
        let is_of = |margin: &Self| lines.iter().filter(|line| margin.width(line).is_some()).count() >= most;
        found.into_iter().find(is_of).or(shared)
    }

    /// A line without it.
    pub fn strip<'a>(&self, line: &'a str) -> &'a str {
        self.width(line).map_or(line, |width| &line[width..])
    }

    fn width(&self, line: &str) -> Option<usize> {
        match self {
            Self::Literal(text) => line.starts_with(text.as_str()).then_some(text.len()),
            Self::Bar => {
                let at = line.bytes().take(MAX_WIDTH).position(|byte| byte == b'|')?;
                let is_end = line[at + 1..].is_empty() || line[at + 1..].starts_with([' ', '\t']);
                let is_name = !line[..at].contains(['[', '(', '<']);
                (is_end && is_name && at > 0).then(|| line.len().min(at + 2))
            }
            Self::Number => {
                let digits = line.trim_start();
                let start = line.len() - digits.len();
                let end = digits.bytes().position(|byte| !byte.is_ascii_digit())?;
                let ends = matches!(digits.as_bytes()[end], b'\t' | b':') || digits[end..].starts_with("  ");
                (end > 0 && start + end < MAX_WIDTH && ends).then_some(start + end + 1)
            }
        }
    }
}

/// The text that all lines begin with, up to what may be a time or an address. A mark is in it: the name of a month is none.
fn literal(lines: &[&str]) -> Option<String> {
    let first = lines.first()?;
    let shared = lines.iter().fold(first.len().min(MAX_WIDTH), |length, line| {
        first.bytes().zip(line.bytes()).take(length).take_while(|(one, other)| one == other).count()
    });
    let end =
        first.bytes().take(shared).position(|byte| byte.is_ascii_digit() || b"[<".contains(&byte)).unwrap_or(shared);
    let text = first.get(..end)?;
    let mark = match text.rfind(['|', '>', ':', '#', '*', '/']) {
        Some(mark) => mark + 1,
        // pytest.
        None if text.starts_with("E  ") => 1,
        None => return None,
    };
    let blanks = text[mark..].bytes().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    (mark + blanks > 1).then(|| text[..mark + blanks].to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stripped(prefix: impl Fn(usize) -> String) -> Option<Vec<String>> {
        let lines: Vec<String> = (1..=9).map(|number| format!("{}text {number}", prefix(number))).collect();
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        let margin = Margin::of(&lines)?;
        Some(lines.iter().map(|line| margin.strip(line).to_owned()).collect())
    }

    #[test]
    fn margins_are_taken_off() {
        let expected: Vec<String> = (1..=9).map(|number| format!("text {number}")).collect();
        for prefix in ["web-1  | ", "> > ", "# ", "E       ", "console: ", "10:00:00 | "] {
            assert_eq!(stripped(|_| prefix.to_owned()), Some(expected.clone()), "{prefix}");
        }
        assert_eq!(stripped(|number| format!("{number:>6}\t")), Some(expected.clone()));
        assert_eq!(stripped(|number| format!("{number}:")), Some(expected));
    }

    #[test]
    fn prefixes_of_the_kernel_and_log_daemons_stay() {
        for prefix in ["", "[    1.000000] ", "<4>", "Nov  4 10:00:00 host kernel: ", "2026-11-24 ", "4,1,15,-;"] {
            assert_eq!(stripped(|_| prefix.to_owned()), None, "{prefix}");
        }
        assert_eq!(Margin::of(&["# a"; 3]), None);
    }
}
