//! Syntax of single TAP and KTAP lines (TAP 14 specification; `Documentation/dev-tools/ktap.rst` of Linux, version 1).

use model::SubtestStatus;

/// What a line says, without indentation and comment marks.
#[derive(Debug, PartialEq)]
pub(super) enum Line<'a> {
    /// `TAP version 13`, `KTAP version 1`.
    Version,
    /// `1..N`; `None` where `# SKIP` or an N of 0 says that there are none, with the reason.
    Plan(Option<u64>, &'a str),
    Outcome(Outcome),
    BailOut(&'a str),
    /// A diagnostic, or output that is no TAP.
    Other(&'a str),
}

/// `ok` or `not ok`, with what follows.
#[derive(Debug, PartialEq)]
pub(super) struct Outcome {
    pub status: SubtestStatus,
    pub number: Option<u64>,
    pub name: String,
    pub why: Option<String>,
    /// What `# time=1.5s` at the end says.
    pub seconds: Option<f64>,
    /// `why` is a remark of the runner (`exit=1`), which a diagnostic explains better.
    pub is_remark: bool,
    /// Neither number nor `-` follows `ok`: it may be prose.
    pub is_bare: bool,
}

/// A line in its place.
pub(super) struct Placed<'a> {
    /// Width of indentation and comment marks.
    pub column: usize,
    pub is_comment: bool,
    pub line: Line<'a>,
}

/// Takes off indentation and `# `: runners print the output of their tests as comments (`kselftest/prefix.pl`), and nested
/// runners do so twice.
pub(super) fn place(line: &str) -> Placed<'_> {
    let (mut rest, mut column, mut is_comment) = (line, 0, false);
    loop {
        let text = rest.trim_start_matches([' ', '\t']);
        column += rest[..rest.len() - text.len()].chars().map(|c| if c == '\t' { 4 } else { 1 }).sum::<usize>();
        let Some(behind) = text.strip_prefix('#') else {
            return Placed { column, is_comment, line: parse(text) };
        };
        rest = behind.strip_prefix(' ').unwrap_or(behind);
        column += 2;
        is_comment = true;
    }
}

fn parse(text: &str) -> Line<'_> {
    let text = text.trim_end();
    let version = text.strip_prefix("KTAP version ").or_else(|| text.strip_prefix("TAP version "));
    if version.is_some_and(|version| version.bytes().all(|byte| byte.is_ascii_digit())) {
        return Line::Version;
    }
    if let Some(reason) = text.strip_prefix("Bail out!") {
        return Line::BailOut(reason.trim());
    }
    plan(text).or_else(|| outcome(text).map(Line::Outcome)).unwrap_or(Line::Other(text))
}

fn plan(text: &str) -> Option<Line<'_>> {
    let (count, rest) = leading_number(text.strip_prefix("1..")?)?;
    let reason = match rest.trim_start() {
        "" => None,
        rest => Some(rest.strip_prefix('#')?.trim_start()),
    };
    let word = reason.and_then(|reason| reason.split_at_checked(4));
    let skip = word.filter(|(word, _)| word.eq_ignore_ascii_case("skip"));
    // TAP 14: the reason is what follows `SKIP\S*\s+`.
    let skip = skip.map(|(_, rest)| rest.trim_start_matches(|c: char| !c.is_whitespace()).trim_start());
    Some(Line::Plan((count > 0 && skip.is_none()).then_some(count), skip.unwrap_or("")))
}

fn outcome(text: &str) -> Option<Outcome> {
    let (is_ok, rest) = match text.strip_prefix("not ok") {
        Some(rest) => (false, rest),
        None => (true, text.strip_prefix("ok")?),
    };
    if !rest.is_empty() && !rest.starts_with([' ', '\t']) {
        return None;
    }
    let mut rest = rest.trim_start();
    // `ok 1..2 selftests: … [PASS]` is the second result of old kernels (`lib.mk` and the first `kselftest/runner.sh`).
    let number = leading_number(rest).map(|(number, behind)| {
        let range = behind.strip_prefix("..").and_then(leading_number);
        range.unwrap_or((number, behind))
    });
    let number = number.filter(|(_, behind)| behind.is_empty() || behind.starts_with([' ', '\t']));
    rest = number.map_or(rest, |(_, behind)| behind.trim_start());
    let dash = rest.strip_prefix('-').filter(|behind| behind.is_empty() || behind.starts_with(' '));
    let is_bare = number.is_none() && dash.is_none() && !rest.is_empty();
    let (rest, seconds) = duration(dash.unwrap_or(rest).trim());
    let (description, directive, remark) = split(rest);
    let mut status = match (directive, is_ok) {
        (Some(Directive::Skip), _) => SubtestStatus::Skip,
        (Some(Directive::Xfail), _) | (Some(Directive::Todo), false) => SubtestStatus::ExpectedFail,
        (Some(Directive::Timeout), _) => SubtestStatus::Timeout,
        (Some(Directive::Error), false) => SubtestStatus::Broken,
        (_, true) => SubtestStatus::Pass,
        (_, false) => SubtestStatus::Fail,
    };
    let mut name = description.replace("\\#", "#");
    for suffix in [" [PASS]", " [FAIL]", " [SKIP]"] {
        let stem = name.strip_suffix(suffix).map(str::len);
        if let Some(length) = stem.filter(|_| directive.is_none() && number.is_some()) {
            name.truncate(length);
            status = if suffix == " [SKIP]" { SubtestStatus::Skip } else { status };
        }
    }
    let mut why = (!remark.is_empty()).then(|| remark.to_owned());
    if name.is_empty() {
        // `ksft_test_result_skip()` and others print the name behind the directive.
        let numbered = || number.map_or("test".to_owned(), |(number, _)| format!("test {number}"));
        name = why.take().filter(|_| directive.is_some()).unwrap_or_else(numbered);
    }
    if directive == Some(Directive::Xpass) {
        why = Some("unexpected pass".to_owned());
    } else if status == SubtestStatus::Pass {
        why = None;
    }
    let number = number.map(|(number, _)| number);
    Some(Outcome { status, number, name, why, seconds, is_remark: directive.is_none(), is_bare })
}

/// Takes a duration off the end: `mmap # time=1.5s`.
fn duration(text: &str) -> (&str, Option<f64>) {
    let parts = text.rsplit_once("# time=").filter(|(before, _)| before.is_empty() || before.ends_with([' ', '\t']));
    let Some((before, number)) = parts.and_then(|(before, time)| Some((before, time.strip_suffix('s')?))) else {
        return (text, None);
    };
    // `f64` reads words and exponents, too.
    let is_decimal = number.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    match number.parse::<f64>().ok().filter(|seconds| is_decimal && seconds.is_finite()) {
        Some(seconds) => (before.trim_end(), Some(seconds)),
        None => (text, None),
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Directive {
    Skip,
    Todo,
    Xfail,
    Xpass,
    Timeout,
    Error,
}

/// Description, directive and what stands behind it. A `#` that no directive follows begins a remark, unless one with a
/// directive comes later.
fn split(text: &str) -> (&str, Option<Directive>, &str) {
    let marks = || {
        let hashes = text.match_indices('#').map(|(at, _)| at);
        hashes
            .filter(|&at| at == 0 || text[..at].ends_with([' ', '\t']))
            .map(|at| (&text[..at], text[at + 1..].trim_start()))
    };
    for (before, after) in marks() {
        let (word, behind) = after.split_once([' ', '\t']).unwrap_or((after, ""));
        let word = word.trim_end_matches(':').to_ascii_lowercase();
        let directive = match word.as_str() {
            "todo" => Directive::Todo,
            "xfail" => Directive::Xfail,
            "xpass" => Directive::Xpass,
            "timeout" => Directive::Timeout,
            "error" => Directive::Error,
            word if word.starts_with("skip") => Directive::Skip,
            _ => continue,
        };
        return (before.trim_end(), Some(directive), behind.trim());
    }
    marks().next().map_or((text, None, ""), |(before, after)| (before.trim_end(), None, after))
}

fn leading_number(text: &str) -> Option<(u64, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    Some((text[..end].parse().ok()?, &text[end..]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use SubtestStatus::{Broken, ExpectedFail, Fail, Pass, Skip, Timeout};

    #[test]
    fn outcomes_have_name_status_and_reason() {
        for (line, status, name, why) in [
            ("ok 1 mmap", Pass, "mmap", None),
            ("ok 1 - mmap", Pass, "mmap", None),
            ("ok", Pass, "test", None),
            ("not ok 7", Fail, "test 7", None),
            ("ok 5 check return code # rcode=0", Pass, "check return code", None),
            ("not ok 1 a # exit=1", Fail, "a", Some("exit=1")),
            ("not ok 1 global.foo #  Expected 1", Fail, "global.foo", Some("Expected 1")),
            ("ok 1 a # skip no huge pages", Skip, "a", Some("no huge pages")),
            ("not ok 2 a # SKIP", Skip, "a", None),
            ("ok 3 - # Skipped: no /sys", Skip, "no /sys", None),
            ("not ok 4 a # TODO later", ExpectedFail, "a", Some("later")),
            ("ok 4 a # TODO later", Pass, "a", None),
            ("ok 5 # XFAIL name of it", ExpectedFail, "name of it", None),
            ("ok 5 a # XPASS", Pass, "a", Some("unexpected pass")),
            ("not ok 6 a # TIMEOUT 45 seconds", Timeout, "a", Some("45 seconds")),
            ("not ok 7 # error fork failed", Broken, "fork failed", None),
            (r"ok 8 a \# SKIP is text", Pass, "a # SKIP is text", None),
            ("ok 9 range #3 # SKIP none", Skip, "range #3", Some("none")),
            ("not ok 1..2 selftests: vm: a [SKIP]", Skip, "selftests: vm: a", None),
            ("not ok 1..2 selftests: vm: a [FAIL]", Fail, "selftests: vm: a", None),
        ] {
            let outcome = outcome(line).unwrap();
            assert_eq!((outcome.status, outcome.name.as_str(), outcome.why.as_deref()), (status, name, why), "{line}");
        }
    }

    #[test]
    fn duration_stands_at_the_end() {
        for (line, name, why, seconds) in [
            ("ok 1 a # time=12.3s", "a", None, Some(12.3)),
            ("ok 1 # time=0s", "test 1", None, Some(0.0)),
            ("not ok 1 a # exit=1 # time=0.4s", "a", Some("exit=1"), Some(0.4)),
            ("ok 1 a # SKIP no swap # time=1.0s", "a", Some("no swap"), Some(1.0)),
            ("not ok 1 a # time=1e3s", "a", Some("time=1e3s"), None),
            ("not ok 1 a # time=infs", "a", Some("time=infs"), None),
            ("not ok 1 a # time=s", "a", Some("time=s"), None),
            ("not ok 1 a # time=1.5s or so", "a", Some("time=1.5s or so"), None),
        ] {
            let outcome = outcome(line).unwrap();
            assert_eq!(
                (outcome.name.as_str(), outcome.why.as_deref(), outcome.seconds),
                (name, why, seconds),
                "{line}"
            );
        }
    }

    #[test]
    fn plans_count_or_skip() {
        assert_eq!(parse("1..40"), Line::Plan(Some(40), ""));
        assert_eq!(parse("1..0 # SKIP no memory cgroup"), Line::Plan(None, "no memory cgroup"));
        assert_eq!(parse("1..0"), Line::Plan(None, ""));
        assert_eq!(parse("1..5 of them"), Line::Other("1..5 of them"));
    }

    #[test]
    fn prose_is_no_result() {
        assert_eq!(parse("okay"), Line::Other("okay"));
        assert_eq!(parse("TAP version of mine"), Line::Other("TAP version of mine"));
        assert!(outcome("ok so far").unwrap().is_bare);
        assert!(!outcome("ok - so far").unwrap().is_bare);
    }
}
