//! Where the time of a run goes: `--timings`.

use crate::host::Clock;
use crate::kernel::Stage;
use model::TrialRecord;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Maximum number of trials that have lines of their own.
const MAX_TRIALS: usize = 10;

/// A part of the time.
#[derive(Debug, Clone, PartialEq)]
struct Part {
    name: String,
    subject: String,
    took: Duration,
}

/// Measures the stages of preparation, one after the other.
#[derive(Debug)]
pub(super) struct Stopwatch {
    started: Clock,
    measured: Mutex<Measured>,
}

#[derive(Debug, Default)]
struct Measured {
    parts: Vec<Part>,
    current: Option<(Stage, String, Clock)>,
}

impl Stopwatch {
    /// Starts it.
    pub(super) fn start() -> Arc<Self> {
        Arc::new(Self { started: Clock::start(), measured: Mutex::default() })
    }

    /// A stage, or a further sign of the same one.
    pub(super) fn enter(&self, stage: Stage, subject: &str) {
        let mut measured = self.measured.lock().unwrap_or_else(PoisonError::into_inner);
        if measured.current.as_ref().is_some_and(|(current, of, _)| *current == stage && of == subject) {
            return;
        }
        measured.close();
        measured.current = Some((stage, subject.to_owned(), Clock::start()));
    }

    /// The last stage has ended.
    pub(super) fn stop(&self) {
        self.measured.lock().unwrap_or_else(PoisonError::into_inner).close();
    }

    /// What was measured, followed by the trials' own times, a line each.
    pub(super) fn table(&self, trials: &[TrialRecord]) -> String {
        self.stop();
        let mut parts = self.measured.lock().unwrap_or_else(PoisonError::into_inner).parts.clone();
        parts.extend(trials.iter().take(MAX_TRIALS).flat_map(of_trial));
        parts.push(Part { name: "total".into(), subject: left_out(trials.len()), took: self.started.elapsed() });
        let width = parts.iter().map(|part| part.name.len()).max().unwrap_or(0);
        let line = |Part { name, subject, took }: &Part| {
            let line = format!("  {name:width$} {:>7.1} s  {subject}", took.as_secs_f64());
            format!("{}\n", line.trim_end())
        };
        format!("timings\n{}", parts.iter().map(line).collect::<String>())
    }
}

impl Measured {
    fn close(&mut self) {
        if let Some((stage, subject, since)) = self.current.take() {
            self.parts.push(Part { name: stage.to_string(), subject, took: since.elapsed() });
        }
    }
}

fn of_trial(trial: &TrialRecord) -> Vec<Part> {
    let part = |name: &str, seconds: f64| Part {
        name: name.to_owned(),
        subject: trial.folder(),
        took: Duration::try_from_secs_f64(seconds).unwrap_or_default(),
    };
    match trial.boot_s {
        Some(boot) => vec![part("boot", boot), part("workload", trial.duration_s - boot)],
        None => vec![part("trial", trial.duration_s)],
    }
}

fn left_out(trials: usize) -> String {
    match trials.saturating_sub(MAX_TRIALS) {
        0 => String::new(),
        more => format!("with {more} more trials"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stages_are_listed_once_in_their_order() {
        let watch = Stopwatch::start();
        for (stage, subject) in
            [(Stage::Build, "a"), (Stage::Build, "a"), (Stage::Link, "a"), (Stage::Build, "b"), (Stage::Build, "b")]
        {
            watch.enter(stage, subject);
        }
        let table = watch.table(&[]);
        let words: Vec<Vec<&str>> = table.lines().map(|line| line.split_whitespace().collect()).collect();
        let names: Vec<(&str, Option<&&str>)> = words.iter().map(|words| (words[0], words.get(3))).collect();
        let expected = [("timings", None), ("build", Some(&"a")), ("link", Some(&"a")), ("build", Some(&"b"))];
        assert_eq!(names, [&expected[..], &[("total", None)]].concat(), "{table}");
    }
}
