//! What a person sees while a run goes on: one line a running cell, finished cells scrolling up above them. Where the
//! output is no terminal, one plain line a finished cell.

use super::kernel::View;
use super::output;
use super::runtime::can_start_thread;
use super::time;
use crate::lab::{Observer, Status};
use crate::report;
use crate::schedule::TimeLeft;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use model::{Cell, Outcome, TrialRecord, printable};
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Values of free memory that the small chart shows.
const CHART: usize = 8;

/// Maximum columns of a line without a terminal.
const MAX_LINE: usize = 2000;

/// What stands before a running cell.
const BULLET: &str = "● ";

/// Shows a run's progress on stderr.
pub struct Live {
    bars: MultiProgress,
    total: ProgressBar,
    terminal: bool,
    color: bool,
    planned: usize,
    widths: Widths,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    running: BTreeMap<usize, Running>,
    done: usize,
    left: Option<Estimate>,
    expected_failures: usize,
    quarantined: usize,
    unexpected: usize,
    queued: usize,
}

/// The time left, and when that was so.
#[derive(Clone, Copy)]
struct Estimate {
    left: TimeLeft,
    at: Duration,
}

struct Running {
    /// None while it waits in a queue outside of the lab.
    bar: Option<ProgressBar>,
    what: String,
    ram_kib: u64,
    free: VecDeque<u64>,
}

#[derive(Clone, Copy)]
struct Widths {
    kernel: usize,
    arch: usize,
    workload: usize,
}

impl Live {
    /// For a run of these cells; `trials` is how many there are with their repetitions.
    pub fn new(cells: &[Cell], trials: usize, color: bool) -> Self {
        let terminal = console::Term::stderr().features().is_attended();
        let target = if terminal { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bars = MultiProgress::with_draw_target(target);
        let total = bars.add(ProgressBar::new(trials as u64));
        total.set_style(style("{wide_msg}"));
        if terminal && can_start_thread().is_ok() {
            total.enable_steady_tick(Duration::from_secs(1));
        }
        let widest = |text: fn(&Cell) -> usize| cells.iter().map(text).max().unwrap_or(0);
        let widths = Widths {
            kernel: widest(|cell| cell.kernel.as_str().len()).min(16),
            arch: widest(|cell| cell.arch.name.len()),
            workload: widest(|cell| report::variant(cell).len()).min(30),
        };
        Self { bars, total, terminal, color, planned: trials, widths, state: Mutex::default() }
    }

    /// Shows the preparation of cells above the total.
    pub(super) fn preparation(&self) -> View {
        View::above(&self.bars, &self.total)
    }

    /// Takes the running lines off the screen; the report follows.
    pub fn close(&self) {
        self.total.finish_and_clear();
    }

    fn what(&self, cell: &Cell, trial: u32) -> String {
        let Widths { kernel, arch, workload } = self.widths;
        let again = if trial == 1 { String::new() } else { format!(" #{trial}") };
        let name = format!("{}{again}", report::variant(cell));
        printable(&format!("{:kernel$}  {:arch$}  {:>5}  {name:workload$}", cell.kernel, cell.arch, cell.ram))
    }

    /// A line of at most the terminal's width: as many facts as fit, each whole.
    fn fit(&self, start: String, facts: &[String]) -> String {
        let columns = if self.terminal { usize::from(console::Term::stderr().size().1) } else { MAX_LINE };
        let room = columns.saturating_sub(console::measure_text_width(&start));
        format!("{start}{}", report::Style::default().fit_facts(facts, room)).trim_end().to_owned()
    }

    fn line(&self, text: String) {
        if self.terminal {
            // The terminal may be gone; the run goes on and its record is on disk.
            let _ = self.bars.println(text);
        } else {
            output::print_err(&format!("{text}\n"));
        }
    }

    /// A line for a trial that runs.
    fn bar(&self, message: String) -> ProgressBar {
        let bar = self.bars.insert_before(&self.total, ProgressBar::new_spinner());
        bar.set_style(style(&format!("{BULLET}{{wide_msg}}")));
        bar.set_message(message);
        bar
    }

    fn show_total(&self, state: &State) {
        let mut text = format!("{} / {}", state.done, self.planned);
        if state.expected_failures > 0 {
            text += &format!(" · {} expected", state.expected_failures);
        }
        if state.quarantined > 0 {
            text += &format!(" · {} quarantined", state.quarantined);
        }
        if state.unexpected > 0 {
            text += &format!(" · {} unexpected", state.unexpected);
        }
        if state.queued > 0 {
            text += &format!(" · {} in the queue", state.queued);
        }
        if let Some(Estimate { left, at }) = state.left.filter(|_| state.done < self.planned) {
            let since_s = self.total.elapsed().saturating_sub(at).as_secs_f64();
            text += &format!(" · {} left", time::range(left.after(since_s)));
        }
        self.total.set_message(text);
    }
}

impl Observer for Live {
    fn started(&self, index: usize, cell: &Cell, trial: u32) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let what = self.what(cell, trial);
        let bar = Some(self.bar(format!("{what}  starting")));
        let ram_kib = u64::from(cell.ram.0) * 1024;
        state.running.insert(index, Running { bar, what, ram_kib, free: VecDeque::new() });
    }

    fn queued(&self, index: usize) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(bar) = state.running.get_mut(&index).and_then(|running| running.bar.take()) {
            bar.finish_and_clear();
            self.bars.remove(&bar);
            state.queued += 1;
        }
        self.show_total(&state);
    }

    fn note(&self, text: &str) {
        self.line(self.fit(String::new(), &[printable(text)]));
    }

    fn status(&self, index: usize, status: Status) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(running) = state.running.get_mut(&index) {
            let starts = running.bar.is_none();
            let bar = running.bar.get_or_insert_with(|| self.bar(String::new())).clone();
            if let Some(free) = status.free_kib {
                running.free.push_back(free);
                if running.free.len() > CHART {
                    running.free.pop_front();
                }
            }
            let start = format!("{BULLET}{} {:>6.1} s  ", running.what, status.elapsed_s);
            let line = self.fit(start, &describe(&status, running));
            bar.set_message(line[BULLET.len()..].to_owned());
            state.queued -= usize::from(starts);
        }
        self.show_total(&state);
    }

    fn restarted_under_tcg(&self, index: usize, record: &TrialRecord) {
        let what = self.what(&record.cell, record.trial);
        self.line(self.fit(format!("! {what}  "), &["KVM cannot continue; restarting under TCG".to_owned()]));
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((running, bar)) =
            state.running.get(&index).and_then(|running| Some((running, running.bar.as_ref()?)))
        {
            bar.set_message(format!("{}  restarting", running.what));
        }
    }

    fn requeued(&self, index: usize, record: &TrialRecord) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match state.running.remove(&index) {
            Some(Running { bar: Some(bar), .. }) => {
                bar.finish_and_clear();
                self.bars.remove(&bar);
            }
            Some(Running { bar: None, .. }) => state.queued -= 1,
            None => {}
        }
        let what = self.what(&record.cell, record.trial);
        let why = "the host was short of memory; it runs again";
        self.line(self.fit(format!("! {what}  "), &[why.to_owned()]));
    }

    fn time_left(&self, left: Option<TimeLeft>) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.left = left.map(|left| Estimate { left, at: self.total.elapsed() });
        self.show_total(&state);
    }

    fn finished(&self, index: usize, record: &TrialRecord) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match state.running.remove(&index) {
            Some(Running { bar: Some(bar), .. }) => {
                bar.finish_and_clear();
                self.bars.remove(&bar);
            }
            Some(Running { bar: None, .. }) => {
                state.queued -= 1;
                if record.is_interrupted() {
                    return self.show_total(&state);
                }
            }
            None => {}
        }
        state.done += 1;
        let (symbol, style) = match (record.as_expected(), record.verdict.outcome()) {
            (true, Outcome::Pass) => ("✓", console::Style::new().green()),
            (true, _) => {
                state.expected_failures += 1;
                ("●", console::Style::new().yellow())
            }
            (false, _) if record.quarantine().is_some() => {
                state.quarantined += 1;
                ("○", console::Style::new().yellow())
            }
            (false, _) if record.is_interrupted() => ("–", console::Style::new().dim()),
            (false, _) => {
                state.unexpected += 1;
                ("✗", console::Style::new().red())
            }
        };
        let symbol = style.force_styling(self.color).apply_to(symbol);
        let what = self.what(&record.cell, record.trial);
        self.line(self.fit(format!("{symbol} {what}{:>7.1} s  ", record.duration_s), &remarks(record)));
        self.show_total(&state);
    }
}

fn style(template: &str) -> ProgressStyle {
    // The templates are constants of this file; a wrong one would show as the default bar.
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

/// `1 kill · canary stuck 5.9 s · free 0.7M ▂▁▁▁▁`.
fn describe(status: &Status, running: &Running) -> Vec<String> {
    let mut parts = Vec::new();
    if status.oom_kills > 0 {
        parts.push(kills(status.oom_kills));
    }
    if let Some(stuck) = status.canary_stuck_s {
        parts.push(format!("canary stuck {stuck:.1} s"));
    }
    match status.free_kib {
        Some(free) => {
            let chart: String = running.free.iter().map(|&free| bar(free, running.ram_kib)).collect();
            parts.push(format!("free {:.1}M {chart}", free as f64 / 1024.0));
        }
        None => parts.push(status.stage.as_str().to_owned()),
    }
    parts
}

fn bar(free: u64, ram: u64) -> char {
    const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    BARS[usize::try_from(free * 8 / ram.max(1)).unwrap_or(7).min(7)]
}

fn kills(count: u64) -> String {
    if count == 1 { "1 kill".to_owned() } else { format!("{count} kills") }
}

fn remarks(record: &TrialRecord) -> Vec<String> {
    let kill_text = if record.oom_kills > 0 { kills(record.oom_kills) } else { String::new() };
    let verdict = &record.verdict;
    let ended = match (record.as_expected(), verdict.outcome()) {
        (true, Outcome::Pass) => kill_text,
        (true, outcome) => format!("expected {outcome} {}", verdict.kind),
        (false, outcome) if record.quarantine().is_some() => format!("quarantined {outcome} {}", verdict.kind),
        (false, outcome) => format!("{outcome} {}", verdict.kind),
    };
    let parts = [Some(ended).filter(|text| !text.is_empty()), record.also_line().map(|also| printable(&also))];
    parts.into_iter().flatten().collect()
}
