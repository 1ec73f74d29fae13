//! What a workload's script prints, and the results in it.

use model::TestFormat;
use testlog::{Reader, Results};

/// Bytes of one line: the guest is hostile.
const MAX_LINE: usize = 16 * 1024;

/// What a script has printed so far.
#[derive(Debug, Clone, Default)]
pub(super) struct TestOutput {
    /// The form of its results; `None` for a program of the lab's.
    pub format: Option<TestFormat>,
    reader: Option<Reader>,
    /// A line that is not complete.
    line: String,
    /// Whether the rest of that line is left out.
    is_cut: bool,
    /// Number of the agent's last frame.
    last_seq: Option<u32>,
    /// Why results may be missing.
    gap: Option<String>,
}

impl TestOutput {
    pub fn new(format: Option<TestFormat>) -> Self {
        let reader = format.filter(|format| *format != TestFormat::Exit).map(Reader::new);
        Self { format, reader, ..Self::default() }
    }

    /// The agent names the form of a script's results: that of a guest which the lab did not plan is not known otherwise.
    pub fn expect(&mut self, form: Option<&str>) {
        if let (None, Some(format)) = (self.format, form.and_then(TestFormat::from_word)) {
            *self = Self { last_seq: self.last_seq, ..Self::new(Some(format)) };
        }
    }

    /// A frame of the agent has arrived; those are numbered.
    pub fn on_frame(&mut self, seq: u32) {
        let is_next = self.last_seq.is_none_or(|last| seq == last.wrapping_add(1));
        self.last_seq = Some(seq);
        if !is_next {
            self.lose("messages of the agent were lost".to_owned());
        }
    }

    /// A part of the output; with `more` the line goes on.
    pub fn add(&mut self, text: &str, more: bool, dropped: u64) {
        if dropped > 0 {
            return self.lose("the test printed more than is recorded".to_owned());
        }
        let Some(reader) = &mut self.reader else { return };
        self.is_cut |= self.line.len() + text.len() > MAX_LINE;
        if !self.is_cut {
            self.line.push_str(text);
        }
        if !more {
            reader.line(&std::mem::take(&mut self.line));
            self.is_cut = false;
        }
    }

    fn lose(&mut self, gap: String) {
        self.line.clear();
        self.gap.get_or_insert(gap);
    }

    /// The results so far; none of a script that has no results but its exit status.
    pub fn results(&self) -> Results {
        let Some(mut reader) = self.reader.clone() else { return Results::default() };
        if !self.line.is_empty() {
            reader.line(&self.line);
        }
        let mut results = reader.results();
        results.problem = self.gap.clone().or(results.problem);
        results
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::SubtestCounts;

    fn tap(parts: &[(&str, bool)]) -> TestOutput {
        let mut output = TestOutput::new(Some(TestFormat::Tap));
        parts.iter().for_each(|(text, more)| output.add(text, *more, 0));
        output
    }

    #[test]
    fn results_of_parts_are_those_of_the_lines() {
        let results = tap(&[("1..2", false), ("ok 1 mm", true), ("ap", false), ("not ok 2 ksm", true)]).results();
        assert_eq!(SubtestCounts::of(&results.subtests).to_string(), "1 of 2 failed");
        assert_eq!((results.subtests[0].name.as_str(), results.problem), ("mmap", None));
        assert_eq!(TestOutput::new(None).results(), Results::default());
    }

    #[test]
    fn lost_frames_are_a_gap_and_lines_are_not_glued() {
        let mut output = tap(&[("1..1", false), ("ok 1 mm", true)]);
        (3..5).for_each(|seq| output.on_frame(seq));
        assert_eq!(output.gap, None);
        output.on_frame(6);
        output.add("ap # SKIP", false, 0);
        let results = output.results();
        assert_eq!((results.subtests.len(), results.problem.as_deref()), (0, Some("messages of the agent were lost")));
        let mut exit = TestOutput::new(Some(TestFormat::Exit));
        exit.add("", false, 7);
        assert_eq!(exit.results().problem, None, "the exit status tells all");
    }

    #[test]
    fn rest_of_an_overlong_line_does_not_count() {
        let mut output = tap(&[("1..1", false), ("not ok 1 a ", true)]);
        (0..1000).for_each(|_| output.add(&"x".repeat(200), true, 0));
        assert!(output.line.len() <= MAX_LINE);
        output.add(" # SKIP", false, 0);
        assert_eq!(SubtestCounts::of(&output.results().subtests).failures(), 1);
    }
}
