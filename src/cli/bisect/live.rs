//! What a person sees while a bisection goes on: where it stands and what runs, rewritten in place, and each trial as it ends above
//! them. Where the output is no terminal, one plain line a trial.

use crate::session::{self, Ended, Entry, Happened, Observer, Running, Search, Session};
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::time::Duration;

/// Shows a bisection on stderr.
pub struct Live {
    bars: MultiProgress,
    lines: Vec<ProgressBar>,
    terminal: bool,
}

impl Live {
    /// For this bisection.
    pub fn new(session: &Session) -> Self {
        let terminal = console::Term::stderr().features().is_attended();
        let target = if terminal { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let head = session.search.head();
        let done = session.search.entries().len();
        let again = if done == 0 { String::new() } else { format!(" · goes on after {done} trials") };
        eprintln!(
            "{} candidates · {} at a time{again} · {}",
            session.search.candidates(),
            head.jobs,
            head.subject.words()
        );
        Self { bars: MultiProgress::with_draw_target(target), lines: Vec::new(), terminal }
    }

    /// Takes the lines that are rewritten off the screen.
    pub fn close(&mut self) {
        self.lines.drain(..).for_each(|line| line.finish_and_clear());
    }

    fn show(&mut self, search: &Search, running: &[Running]) {
        if !self.terminal {
            return;
        }
        let width = usize::from(console::Term::stderr().size().1);
        let mut texts = session::status(search, width);
        texts.extend(running.iter().map(|job| {
            let commit = search.commit(job.revision);
            format!("  ● {}  {} ({:.0} s)", commit.id.short(), job.why, job.elapsed().as_secs_f64())
        }));
        while self.lines.len() < texts.len() {
            let line = self.bars.add(ProgressBar::new_spinner());
            line.set_style(ProgressStyle::with_template("{msg}").unwrap_or_else(|_| ProgressStyle::default_spinner()));
            line.enable_steady_tick(Duration::from_secs(1));
            self.lines.push(line);
        }
        for line in self.lines.drain(texts.len()..) {
            line.finish_and_clear();
        }
        for (line, text) in self.lines.iter().zip(texts) {
            line.set_message(console::truncate_str(&text, width, "…").into_owned());
        }
    }

    fn line(&self, search: &Search, entry: &Entry) {
        let symbol = match entry.ended {
            Ended::Good => "✓",
            Ended::Bad => "✗",
            Ended::Skip | Ended::Other | Ended::Built => "–",
        };
        let Some(commit) = search.revision(&entry.commit).map(|revision| search.commit(revision)) else { return };
        let (short, ended, seconds) = (commit.id.short(), entry.ended.as_str(), entry.seconds);
        let text = format!("{symbol} {short}  {ended:<5} {seconds:>6.1} s  {}  {}", entry.why, commit.subject);
        if self.terminal {
            let width = usize::from(console::Term::stderr().size().1);
            // The terminal may be gone; the bisection goes on.
            let _ = self.bars.println(console::truncate_str(&text, width, "…"));
        } else {
            eprintln!("{text} · {} left", search.standing().remaining);
        }
    }
}

impl Observer for Live {
    fn happened(&mut self, what: Happened<'_>, search: &Search, running: &[Running]) {
        if let Happened::Ended(entry) = what {
            self.line(search, entry);
        }
        self.show(search, running);
    }
}
