//! Results that a test program reports of its parts.

use super::printable::printable;
use super::words::words;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;

words! {
    /// The form in which a test program reports results.
    TestFormat {
        /// TAP 13 and 14, and KTAP of kernel selftests and KUnit.
        Tap = "tap",
        /// Result lines of the Linux Test Project.
        Ltp = "ltp",
        /// Messages of stress-ng.
        StressNg = "stress-ng",
        /// No results but the exit status.
        Exit = "exit",
    }
}

words! {
    /// How a subtest ended.
    SubtestStatus {
        /// It did what it should.
        Pass = "pass",
        /// It found a fault.
        Fail = "fail",
        /// It was left out, mostly because the kernel or the machine lacks something.
        Skip = "skip",
        /// It found a fault that is known: `# TODO` of TAP, `# XFAIL` of KTAP.
        ExpectedFail = "expected-fail",
        /// It could not run properly: `TBROK` of LTP, `# ERROR` of KTAP.
        Broken = "broken",
        /// It took too long for its runner.
        Timeout = "timeout",
    }
}

impl SubtestStatus {
    /// Whether it speaks against the kernel or the test.
    pub const fn is_failure(self) -> bool {
        matches!(self, Self::Fail | Self::Broken | Self::Timeout)
    }
}

/// One result within the output of a test program. The guest chooses its text.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Subtest {
    /// `/` stands between the names of a nested one. At most [`Subtest::MAX_NAME`] characters.
    pub name: String,
    /// How it ended.
    pub status: SubtestStatus,
    /// Duration, where the program states it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds: Option<f64>,
    /// Reason of the status, where the program states it. At most [`Subtest::MAX_WHY`] characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

impl Subtest {
    /// Characters of a name.
    pub const MAX_NAME: usize = 160;
    /// Characters of a reason.
    pub const MAX_WHY: usize = 200;

    /// Without duration and reason; a longer name is cut.
    pub fn new(name: &str, status: SubtestStatus) -> Self {
        Self { name: excerpt(name, Self::MAX_NAME), status, seconds: None, why: None }
    }

    /// The same with a reason; a longer one is cut, a blank one is none.
    pub fn with_why(mut self, why: Option<&str>) -> Self {
        self.why = why.map(|why| excerpt(why, Self::MAX_WHY)).filter(|why| !why.is_empty());
        self
    }

    /// Those that failed.
    pub fn failed(subtests: &[Self]) -> impl Iterator<Item = &Self> {
        subtests.iter().filter(|subtest| subtest.status.is_failure())
    }

    /// Puts the name of the enclosing test before its own.
    pub fn qualify(&mut self, parent: &str) {
        self.name = excerpt(&format!("{parent}/{}", self.name), Self::MAX_NAME);
    }
}

/// Foreign text without blanks around it, of at most `max` characters (`…` marks a cut), fit for a terminal as [`printable`] makes it.
pub fn excerpt(text: &str, max: usize) -> String {
    let mut chars = text.trim().chars();
    let mut out: String = chars.by_ref().take(max).collect();
    if chars.next().is_some() {
        out.pop();
        out.push('…');
    }
    printable(&out)
}

/// Subtests by status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct SubtestCounts {
    /// [`SubtestStatus::Pass`].
    pub passed: usize,
    /// [`SubtestStatus::Fail`].
    pub failed: usize,
    /// [`SubtestStatus::Broken`].
    pub broken: usize,
    /// [`SubtestStatus::Timeout`].
    pub timed_out: usize,
    /// [`SubtestStatus::Skip`].
    pub skipped: usize,
    /// [`SubtestStatus::ExpectedFail`].
    pub expected_fails: usize,
}

impl SubtestCounts {
    /// Those of these subtests.
    pub fn of(subtests: &[Subtest]) -> Self {
        let mut counts = Self::default();
        for subtest in subtests {
            *match subtest.status {
                SubtestStatus::Pass => &mut counts.passed,
                SubtestStatus::Fail => &mut counts.failed,
                SubtestStatus::Broken => &mut counts.broken,
                SubtestStatus::Timeout => &mut counts.timed_out,
                SubtestStatus::Skip => &mut counts.skipped,
                SubtestStatus::ExpectedFail => &mut counts.expected_fails,
            } += 1;
        }
        counts
    }

    /// All of them.
    pub fn total(&self) -> usize {
        self.passed + self.failures() + self.skipped + self.expected_fails
    }

    /// Those with [`SubtestStatus::is_failure`].
    pub fn failures(&self) -> usize {
        self.failed + self.broken + self.timed_out
    }
}

/// `3 of 40 failed, 2 skipped`; `40 passed` where nothing failed.
impl fmt::Display for SubtestCounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let total = self.total();
        if total == 0 {
            return f.write_str("no results");
        }
        let mut separator = "";
        if self.failures() == 0 && self.passed > 0 {
            write!(f, "{} passed", self.passed)?;
            separator = ", ";
        }
        for (count, word, is_failure) in [
            (self.failed, "failed", true),
            (self.broken, "broken", true),
            (self.timed_out, "timed out", true),
            (self.skipped, "skipped", false),
            (self.expected_fails, "failed as expected", false),
        ] {
            match count {
                0 => continue,
                _ if is_failure && separator.is_empty() => write!(f, "{count} of {total} {word}")?,
                _ => write!(f, "{separator}{count} {word}")?,
            }
            separator = ", ";
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use SubtestStatus::{Broken, ExpectedFail, Fail, Pass, Skip, Timeout};

    #[test]
    fn counts_read_as_a_sentence() {
        for (statuses, text) in [
            (&[] as &[_], "no results"),
            (&[Pass, Pass], "2 passed"),
            (&[Pass, Skip], "1 passed, 1 skipped"),
            (&[Skip], "1 skipped"),
            (&[Fail, Pass, Skip], "1 of 3 failed, 1 skipped"),
            (&[Timeout, Pass], "1 of 2 timed out"),
            (&[Broken, Fail, ExpectedFail], "1 of 3 failed, 1 broken, 1 failed as expected"),
        ] {
            let subtests: Vec<_> = statuses.iter().map(|&status| Subtest::new("a", status)).collect();
            assert_eq!(SubtestCounts::of(&subtests).to_string(), text);
        }
    }

    #[test]
    fn text_of_the_guest_is_bounded_and_printable() {
        let mut subtest = Subtest::new(&"é".repeat(1000), Fail).with_why(Some(" a\x1b[31mb\t "));
        assert_eq!(subtest.name, format!("{}…", "é".repeat(Subtest::MAX_NAME - 1)));
        assert_eq!(subtest.why.as_deref(), Some("a\u{fffd}[31mb"));
        subtest.qualify("parent");
        assert!(subtest.name.starts_with("parent/é") && subtest.name.chars().count() == Subtest::MAX_NAME);
        assert_eq!(subtest.with_why(Some(" ")).why, None);
    }

    #[test]
    fn absent_fields_are_not_written() {
        let json = serde_json::to_string(&Subtest::new("a", ExpectedFail)).unwrap();
        assert_eq!(json, r#"{"name":"a","status":"expected-fail"}"#);
        assert_eq!(serde_json::from_str::<Subtest>(&json).unwrap(), Subtest::new("a", ExpectedFail));
    }
}
