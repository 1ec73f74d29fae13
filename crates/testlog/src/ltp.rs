//! Result lines of the Linux Test Project, from one test or several in sequence.
//!
//! Sources: `lib/tst_test.c` (C, commit 004dc6baef19 of 2025), `lib/tst_res.c` (old C), `testcases/lib/tst_test.sh` (shell),
//! `pan/ltp-pan.c` (the runner).

use super::found::{Found, Results};
use model::{Subtest, SubtestStatus, excerpt};
use std::collections::BTreeMap;

const KINDS: [&str; 7] = ["TPASS", "TFAIL", "TBROK", "TCONF", "TWARN", "TINFO", "TDEBUG"];

#[derive(Debug, Clone, Default)]
pub(crate) struct Ltp {
    found: Found,
    /// Subtests by the test that they belong to.
    numbers: BTreeMap<String, u64>,
    run: Run,
}

/// One test.
#[derive(Debug, Clone, Default)]
struct Run {
    tag: Option<String>,
    /// Name of the test where there is no tag.
    source: Option<String>,
    results: u64,
    has_failure: bool,
    /// Place of the last subtest.
    last: Option<usize>,
    /// Passed, failed, broken, skipped since the last summary.
    seen: [u64; 4],
    summary: Option<[Option<u64>; 4]>,
    awaits_result: bool,
    awaits_summary: bool,
}

struct Message<'a> {
    /// File or name of the test.
    source: &'a str,
    /// From C code of the new library, which ends with a summary.
    is_new_c: bool,
    kind: &'a str,
    text: &'a str,
}

impl Ltp {
    pub fn line(&mut self, line: &str) {
        let line = line.trim();
        if line == "<<<test_start>>>" || line == "<<<test_end>>>" {
            self.end();
        } else if let Some(tag) = line.strip_prefix("tag=") {
            self.end();
            let tag = tag.split_whitespace().next().unwrap_or("");
            self.run.tag = Some(excerpt(tag, Subtest::MAX_NAME)).filter(|tag| !tag.is_empty());
            self.run.awaits_result = self.run.tag.is_some();
        } else if line.starts_with("duration=") {
            self.exit(line);
        } else if line == "Summary:" {
            self.run.summary = Some([None; 4]);
        } else if !self.summary(line)
            && let Some(message) = parse(line)
        {
            self.message(&message);
        }
    }

    pub fn finish(mut self) -> Results {
        let unfinished = self.run.unfinished();
        self.end();
        self.found.finish(unfinished.as_deref())
    }

    fn end(&mut self) {
        if let Some(unfinished) = std::mem::take(&mut self.run).unfinished() {
            self.found.problem(&unfinished);
        }
    }

    fn message(&mut self, message: &Message) {
        let slot = KINDS.iter().position(|kind| *kind == message.kind);
        let Some(slot) = slot.filter(|&slot| slot < 4) else {
            // The library speaks before the test does; after the summary only of what it failed to remove.
            self.run.awaits_summary |= message.kind == "TINFO" && message.is_new_c && message.source == "tst_test";
            return;
        };
        self.run.awaits_result = false;
        // `tst_brkm()` of the old library reports twice.
        if message.text.ends_with("Remaining cases broken")
            || message.text.ends_with("Remaining cases not appropriate for configuration")
        {
            return;
        }
        self.run.seen[slot] += 1;
        let timed_out = message.text.contains("(timeout?)") || message.text.contains("killed, timeout!");
        let status = match message.kind {
            "TPASS" => SubtestStatus::Pass,
            "TFAIL" => SubtestStatus::Fail,
            "TCONF" => SubtestStatus::Skip,
            _ if timed_out => SubtestStatus::Timeout,
            _ => SubtestStatus::Broken,
        };
        // A TCONF or TBROK may come before there is something to sum up.
        self.run.awaits_summary |= message.is_new_c && slot < 2;
        let source = excerpt(message.source, Subtest::MAX_NAME);
        let test = self.run.tag.clone().unwrap_or_else(|| source.clone());
        self.run.source.get_or_insert(source);
        self.add(&test, status, Some(message.text).filter(|_| status != SubtestStatus::Pass));
    }

    /// Adds a result of this test.
    fn add(&mut self, test: &str, status: SubtestStatus, why: Option<&str>) {
        self.run.results += 1;
        self.run.has_failure |= status.is_failure();
        let number = self.numbers.get(test).copied().unwrap_or(0) + 1;
        self.run.last = self.found.push(Subtest::new(&format!("{test}/{number}"), status).with_why(why));
        if self.run.last.is_some() {
            self.numbers.insert(test.to_owned(), number);
        }
    }

    /// Takes a line of the summary, which must agree with the results.
    fn summary(&mut self, line: &str) -> bool {
        let Some(summary) = &mut self.run.summary else { return false };
        let (word, count) = line.split_once(' ').unwrap_or((line, ""));
        let slot = ["passed", "failed", "broken", "skipped", "warnings"].iter().position(|key| *key == word);
        let (Some(slot), Ok(count)) = (slot, count.trim().parse()) else { return false };
        if let Some(field) = summary.get_mut(slot) {
            *field = Some(count);
            return true;
        }
        let seen = std::mem::take(&mut self.run.seen);
        let lost = summary.iter().zip(seen).any(|(count, seen)| count.is_some_and(|count| count != seen));
        self.run.summary = None;
        self.run.awaits_summary = false;
        if lost {
            self.found.problem(&format!("the summary of {} counts other results than were seen", self.run.name()));
        }
        true
    }

    /// `duration=12 termination_type=exited termination_id=0 corefile=no`
    fn exit(&mut self, line: &str) {
        let field = |key: &str| line.split_whitespace().find_map(|field| field.strip_prefix(key)?.strip_prefix('='));
        let (Some(kind), Some(Ok(id))) = (field("termination_type"), field("termination_id").map(str::parse::<u32>))
        else {
            return;
        };
        let seconds = field("duration").and_then(|seconds| seconds.parse::<u32>().ok()).map(f64::from);
        self.run.awaits_result = false;
        self.run.awaits_summary = false;
        let (status, why) = match (kind, id) {
            // Bits of the exit status are the kinds of results; a shell exits with 126 and 127.
            ("exited", 0 | 4) => (SubtestStatus::Pass, None),
            ("exited", 32 | 36) => (SubtestStatus::Skip, Some(format!("exit status {id}"))),
            ("exited", id) if id < 64 && id & 1 != 0 => (SubtestStatus::Fail, Some(format!("exit status {id}"))),
            ("exited", id) => (SubtestStatus::Broken, Some(format!("exit status {id}"))),
            ("signaled", id) => (SubtestStatus::Broken, Some(format!("signal {id}"))),
            (kind, _) => (SubtestStatus::Broken, Some(kind.to_owned())),
        };
        if self.run.results == 0 || status.is_failure() && !self.run.has_failure {
            let subtest = Subtest::new(&self.run.name(), status).with_why(why.as_deref());
            self.run.last = self.found.push(subtest);
            self.run.results += 1;
        }
        // The duration is that of all results together.
        if let Some(last) = self.run.last.filter(|_| self.run.results == 1) {
            self.found.subtests[last].seconds = seconds;
        }
    }
}

impl Run {
    fn name(&self) -> String {
        self.tag.as_ref().or(self.source.as_ref()).map_or("the test", String::as_str).to_owned()
    }

    fn unfinished(&self) -> Option<String> {
        (self.awaits_result || self.awaits_summary).then(|| format!("{} did not finish", self.name()))
    }
}

/// `oom01.c:55: TPASS: text`, `shmctl01    1  TPASS  :  text`, `df01 1 TPASS: text`
fn parse(line: &str) -> Option<Message<'_>> {
    let (at, kind) = KINDS.iter().filter_map(|kind| Some((line.find(kind)?, *kind))).min()?;
    let text = line[at + kind.len()..].trim_start().strip_prefix(':')?.trim();
    let place = line[..at].strip_suffix(' ')?.trim_end();
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if let Some((file, number)) = place.strip_suffix(':').and_then(|place| place.rsplit_once(':')) {
        let file = file.rsplit('/').next().unwrap_or(file);
        let source = file.rsplit_once('.').map_or(file, |(stem, _)| stem);
        return (is_number(number) && !source.contains(' ')).then_some(Message { source, is_new_c: true, kind, text });
    }
    let (source, number) = place.split_once(' ')?;
    is_number(number.trim()).then_some(Message { source, is_new_c: false, kind, text })
}
