//! What stands before every line: a container's name, a time, a number, a quote's mark.

/// Bytes of the longest margin.
const MAX_WIDTH: usize = 64;
/// Fewer lines may begin alike by chance.
const MIN_LINES: usize = 8;
/// The same of lines that begin with a time.
const MIN_TIMED: usize = 3;

/// What to take from the start of each line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Margin {
    /// This text, with a `0` for every digit: a time, a host, a stream's name.
    Shape(Vec<u8>),
    /// What ends with `| `: `web-1  | ` (Docker Compose), `10:00:00 | `.
    Bar,
    /// The number of the line, as `cat -n`, `nl` and `grep -n` write.
    Number,
}

impl Margin {
    /// The margin of these lines.
    pub fn of(lines: &[&str]) -> Option<Self> {
        if lines.len() < MIN_TIMED {
            return None;
        }
        let most = if lines.len() < MIN_LINES { lines.len() } else { lines.len() * 9 / 10 };
        let found = [Self::Bar, Self::Number];
        let shared = shape(lines).map(Self::Shape);
        let is_of = |margin: &Self| lines.iter().filter(|line| margin.width(line).is_some()).count() >= most;
        found.into_iter().find(is_of).or(shared)
    }

    /// A line without it.
    pub fn strip<'a>(&self, line: &'a str) -> &'a str {
        self.width(line).map_or(line, |width| &line[width..])
    }

    fn width(&self, line: &str) -> Option<usize> {
        match self {
            Self::Shape(shape) => masked(line).take(shape.len()).eq(shape.iter().copied()).then_some(shape.len()),
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

/// Bytes with a `0` for every digit.
fn masked(line: &str) -> impl Iterator<Item = u8> {
    line.bytes().map(|byte| if byte.is_ascii_digit() { b'0' } else { byte })
}

/// How nearly all lines begin, up to the kernel's own prefix: with a time, or with a mark at the end. `None` in a log of programs as
/// well, where the sender gives a line's origin.
fn shape(lines: &[&str]) -> Option<Vec<u8>> {
    let example = lines[lines.len() / 2];
    let mask: Vec<u8> = masked(example).take(MAX_WIDTH).collect();
    let common = |line: &&str| masked(line).zip(&mask).take_while(|(one, other)| one == *other).count();
    let mut shared: Vec<usize> = lines.iter().map(common).collect();
    shared.sort_unstable();
    let shared = shared[lines.len() / 10];
    let is_stamp = |at: &usize| example[*at + 1..].split_once(']').is_some_and(|(inside, _)| is_seconds(inside));
    let stamp = example.match_indices('[').map(|(at, _)| at).take_while(|at| *at < shared).find(is_stamp);
    let ends = (2..=stamp.unwrap_or(shared)).rev().filter(|end| matches!(mask[end - 1], b' ' | b'\t' | b'|' | b']'));
    let is_marked = |end: &usize| {
        let text = mask[..*end].trim_ascii_end();
        let has = |time: &[u8]| text.windows(time.len()).any(|part| part == time);
        let has_time = has(b"00:00") || has(b"0000000000.000");
        let is_open = mask[..*end].iter().rev().find(|byte| b"[]".contains(byte)) == Some(&b'[');
        let has_mark = text == b"E" || text.last().is_some_and(|last| b"|>:#*/])".contains(last));
        !is_open && (has_time || has_mark && lines.len() >= MIN_LINES)
    };
    let end = ends.into_iter().find(is_marked)?;
    let is_of_program = |line: &str| line.get(..end).is_some_and(|head| head.split(' ').any(has_pid));
    let rest = |line: &&'_ str| line.get(end..).unwrap_or_default().to_owned();
    // Programs write to a plain log of the kernel as well; where they have a tag, it has one, too.
    let tagged = lines.iter().any(|line| rest(line).split(' ').take(2).any(has_pid));
    let kernels = lines.iter().any(|line| rest(line).split(' ').take(2).any(|word| word == "kernel:"));
    let of_programs = is_of_program(example) || tagged && kernels;
    (!of_programs && example.is_char_boundary(end)).then(|| mask[..end].to_vec())
}

/// `   12.345678`, the kernel's own time.
fn is_seconds(inside: &str) -> bool {
    let parts = inside.trim_start().split_once('.');
    parts.is_some_and(|(seconds, micros)| {
        micros.len() == 6 && seconds.bytes().chain(micros.bytes()).all(|b| b.is_ascii_digit())
    })
}

/// `sshd[12]:`
fn has_pid(word: &str) -> bool {
    let tag = word.strip_suffix("]:").and_then(|tag| tag.split_once('['));
    tag.is_some_and(|(name, pid)| !name.is_empty() && pid.bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What messages say differs from the first letter on.
    const TEXTS: [&str; 9] = ["one", "a two", "three", "BUG: x", "four", "r five", "six", "le seven", "9"];

    fn stripped(prefix: impl Fn(usize) -> String) -> Option<Vec<String>> {
        let lines: Vec<String> = (1..).zip(TEXTS).map(|(number, text)| prefix(number) + text).collect();
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        let margin = Margin::of(&lines)?;
        Some(lines.iter().map(|line| margin.strip(line).to_owned()).collect())
    }

    #[test]
    fn margins_are_taken_off() {
        let expected = TEXTS.map(str::to_owned).to_vec();
        for prefix in [
            "web-1  | ",
            "> > ",
            "# ",
            "E       ",
            "console: ",
            "10:00:00 | ",
            "2026-11-24T10:00:00.123456789Z stdout F ",
            "<4>1 2026-11-24T10:00:00.123Z host kernel - - - ",
            "11-24 10:00:00.123     0     0 W kernel  : ",
            "1764000000.123456 ",
            "I1124 10:00:00.123456       1 main.go:12] ",
            "2026-11-24T10:00:00.1234567Z ##[error]",
            "Nov  4 10:00:00 host kernel: ",
        ] {
            assert_eq!(stripped(|_| prefix.to_owned()), Some(expected.clone()), "{prefix}");
        }
        assert_eq!(stripped(|number| format!("{number:>6}\t")), Some(expected.clone()));
        assert_eq!(stripped(|number| format!("{number}:")), Some(expected));
    }

    #[test]
    fn prefixes_of_the_kernel_and_log_daemons_stay() {
        for prefix in ["", "[    1.000000] ", "<4>", "2026-11-24 ", "4,1,15,-;", "Nov  4 10:00:00 host sshd[12]: "] {
            assert_eq!(stripped(|_| prefix.to_owned()), None, "{prefix}");
        }
        assert_eq!(Margin::of(&["# a"; 3]), None);
        // Years that differ in their first digits leave no margin inside the brackets.
        assert_eq!(stripped(|number| format!("[Mon Nov 23 10:00:00 {}026] ", ["x", ""][number % 2])), None);
    }
}
