//! The events of a bisection on standard error: on a terminal its state and running jobs, redrawn in place; elsewhere one
//! line per trial, and one when a build or the first trial of a revision starts.

use super::print::{findings, relative};
use super::status::{left, percent, status_lines};
use crate::bisection::{
    JournalEntry, RunningJob, Search, SearchOutcome, SessionEvent, SessionListener, TrialResult, format_probability,
};
use crate::cli::output;
use crate::cli::runtime::can_start_thread;
use bisect::{Answer, Progress, Task};
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use model::printable;
use std::time::Duration;

/// A candidate stands out with at least this probability.
const MIN_LEADER: f64 = 0.05;

/// Draws events.
pub(super) struct Live {
    bars: MultiProgress,
    lines: Vec<ProgressBar>,
    is_terminal: bool,
}

impl Default for Live {
    fn default() -> Self {
        let is_terminal = console::Term::stderr().features().is_attended();
        let target = if is_terminal { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        Self { bars: MultiProgress::with_draw_target(target), lines: Vec::new(), is_terminal }
    }
}

impl SessionListener for Live {
    fn on_event(&mut self, event: SessionEvent<'_>) {
        match event {
            SessionEvent::JobStarted { search, running } => {
                self.print_start(search, running);
                self.draw(search, running);
            }
            SessionEvent::JobFinished { entry, search, running } => {
                self.print_entry(search, entry);
                self.draw(search, running);
            }
            SessionEvent::SearchEnded => self.lines.drain(..).for_each(|line| line.finish_and_clear()),
            SessionEvent::RegressionFinished { cell, outcome } => {
                // Standard output may be gone; the other regressions are still bisected.
                let _ = output::print_plain(&format!("{}{cell}: {}\n", findings(&outcome.session), culprit(outcome)));
            }
            event => message(&event).into_iter().for_each(|text| output::notify(&text)),
        }
    }
}

/// An event in one line; `None` for jobs, which are drawn.
fn message(event: &SessionEvent<'_>) -> Option<String> {
    Some(match event {
        SessionEvent::MergeBase { end, new, base } => {
            let (end, new, base) = (end.short(), new.short(), base.short());
            format!("{end} is not an ancestor of {new}; starting from their merge base {base}")
        }
        SessionEvent::SearchStarted { search } => {
            let (config, done) = (search.config(), search.entries().len());
            let resumed = if done == 0 { String::new() } else { format!(" · resuming after {done} results") };
            let (candidates, jobs) = (search.candidates(), config.jobs);
            format!("{candidates} candidates · {jobs} parallel trials{resumed} · {}", config.subject.describe())
        }
        SessionEvent::SearchInverted => "the good end already fails; searching for the fix instead".to_owned(),
        SessionEvent::Stopped { session } => {
            format!("stopped; `oomlab bisect resume {}` continues", relative(session).display())
        }
        SessionEvent::RoundsStarted { options, dir } => {
            format!("{options} options differ · rounds in {}", dir.display())
        }
        SessionEvent::RegressionSkipped { cell, reason } => format!("{cell}: not bisected: {reason}"),
        SessionEvent::RegressionStarted { cell, run, good, bad } => {
            format!("{cell} was as expected in {run}: bisecting {}..{}", good.short(), bad.short())
        }
        SessionEvent::JobStarted { .. }
        | SessionEvent::JobFinished { .. }
        | SessionEvent::SearchEnded
        | SessionEvent::RegressionFinished { .. } => return None,
    })
}

fn culprit(outcome: &SearchOutcome) -> String {
    match &outcome.answer {
        Some(Answer::Culprit { commit, probability, .. }) => {
            let culprit = outcome.session.search.commit(*commit);
            format!("{} {} ({})", culprit.id, culprit.subject, format_probability(*probability))
        }
        _ => "no single commit was found".to_owned(),
    }
}

/// The most probable candidate, once one stands out.
fn leader(search: &Search, progress: &Progress) -> String {
    let leader = progress.leaders.first().filter(|leader| leader.probability >= MIN_LEADER);
    leader.map_or_else(String::new, |leader| {
        let (commit, probability) = (search.commit(leader.revision), percent(leader.probability));
        format!(", most probable {} {} ({probability})", commit.id.short(), commit.subject)
    })
}

impl Live {
    fn draw(&mut self, search: &Search, running: &[RunningJob]) {
        if !self.is_terminal {
            return;
        }
        let width = usize::from(console::Term::stderr().size().1);
        let mut texts = status_lines(search, width);
        texts.extend(running.iter().map(|job| {
            let commit = search.commit(job.revision);
            let (short, subject, seconds) = (commit.id.short(), &commit.subject, job.elapsed.as_secs_f64());
            format!("  ● {short}  {seconds:.0} s  {}  {subject}", job.purpose)
        }));
        while self.lines.len() < texts.len() {
            let line = self.bars.add(ProgressBar::new_spinner());
            line.set_style(ProgressStyle::with_template("{msg}").unwrap_or_else(|_| ProgressStyle::default_spinner()));
            if can_start_thread().is_ok() {
                line.enable_steady_tick(Duration::from_secs(1));
            }
            self.lines.push(line);
        }
        for line in self.lines.drain(texts.len()..) {
            line.finish_and_clear();
        }
        for (line, text) in self.lines.iter().zip(texts) {
            line.set_message(console::truncate_str(&printable(&text), width, "…").into_owned());
        }
    }

    /// Where nothing is redrawn, a build and the first trial of a revision are announced: they may take minutes.
    fn print_start(&self, search: &Search, running: &[RunningJob]) {
        let Some(RunningJob { revision, task, purpose, .. }) = running.last().filter(|_| !self.is_terminal) else {
            return;
        };
        let commit = search.commit(*revision);
        let is_first = search.trials_of(&commit.id) == 0
            && running.iter().filter(|job| job.revision == *revision && job.task == Task::Trial).count() == 1;
        let (short, subject) = (commit.id.short(), &commit.subject);
        match task {
            Task::Build => output::notify(&format!("▸ {short}  build  {purpose}  {subject}")),
            Task::Trial if is_first => output::notify(&format!("▸ {short}  trial  {purpose}  {subject}")),
            Task::Trial => {}
        }
    }

    fn print_entry(&self, search: &Search, entry: &JournalEntry) {
        let symbol = match entry.result {
            TrialResult::Good => "✓",
            TrialResult::Bad => "✗",
            TrialResult::Skip | TrialResult::Other | TrialResult::Built => "–",
        };
        let Some(commit) = search.revision(&entry.commit).map(|revision| search.commit(revision)) else { return };
        let (short, result, seconds) = (commit.id.short(), entry.result.as_str(), entry.seconds);
        let text = format!("{symbol} {short}  {result:<5} {seconds:>6.1} s  {}  {}", entry.purpose, commit.subject);
        let text = printable(&text);
        if self.is_terminal {
            let width = usize::from(console::Term::stderr().size().1);
            // The terminal may be gone; the bisection continues.
            let _ = self.bars.println(console::truncate_str(&text, width, "…"));
        } else {
            let progress = search.progress();
            output::notify(&format!("{text} · {}{}", left(search, &progress), leader(search, &progress)));
        }
    }
}
