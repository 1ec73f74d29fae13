//! `oomlab replay`: judges recorded trials again by the current rules.

use super::completion::trials;
use super::error::CliError;
use super::lookup::{self, Recorded};
use super::output::{print, print_json, style};
use super::parallel;
use crate::report::replay::{self, Comparison, Standing, Trial};
use crate::report::{Style, timeline};
use crate::store::{Events, RunDir, StoreError, read_trial};
use model::{Cell, Course, Record, Verdict, split_trial_folder};
use std::path::{Path, PathBuf};
use watchdog::{Replay, Setup};

/// The file with the events of a trial.
const EVENTS: &str = "events.jsonl";

/// Arguments of `oomlab replay`.
#[derive(Debug, Clone, clap::Args)]
pub struct ReplayArgs {
    /// The run or trial, as reports name it, or the path of its folder
    #[arg(value_name = "RUN[/CELL]", add = trials())]
    pub recorded: String,
    /// Draw each trial on a time axis: stages, console, vCPUs, beats, canary, free memory, kills, probes
    #[arg(long, conflicts_with = "json")]
    pub timeline: bool,
    /// Print one JSON document; see `docs/replay.md`
    #[arg(long)]
    pub json: bool,
}

/// Judges recorded trials again; returns the program's exit status.
///
/// # Errors
/// When there is no such run or trial, or the run cannot be read. A trial that cannot be read is reported, and the others are judged.
pub fn run(args: &ReplayArgs, color: bool) -> Result<u8, CliError> {
    let style = style(color);
    let (folders, in_full) = match lookup::run_or_trial(&args.recorded)? {
        Recorded::Trial(folder) => (vec![folder], true),
        Recorded::Run(dir) => {
            let folders = RunDir::open(&dir)?.trial_folders()?;
            if folders.is_empty() {
                return Err(CliError::Usage(format!("no trial has begun in {}", dir.display())));
            }
            (folders, false)
        }
    };
    let chart = args.timeline.then_some(style);
    let judged = parallel::map(&folders, |folder| judge(folder, chart));
    let charts = judged.iter().filter_map(|(_, chart)| chart.as_deref());
    let charts: String = charts.map(|chart| format!("{chart}\n")).collect();
    let trials: Vec<Trial> = judged.into_iter().map(|(trial, _)| trial).collect();
    if args.json {
        print_json(&replay::json(&trials))?;
    } else {
        let texts: String = trials.iter().map(|trial| replay::text(trial, in_full, style)).collect();
        print(&format!("{charts}{texts}{}", replay::total(&trials, style)))?;
    }
    Ok(Trial::exit_code(&trials))
}

/// Judges one trial, and draws it if that is wanted.
fn judge(folder: &Path, chart: Option<Style>) -> (Trial, Option<String>) {
    let name = folder.file_name().map_or_else(|| "trial".into(), |name| name.to_string_lossy()).into_owned();
    let dir = folder.display().to_string();
    let unreadable = |was: Option<Verdict>, error: StoreError| {
        (Trial::unreadable(name.clone(), dir.clone(), was, error.to_string()), None)
    };
    let (cell, was) = match recorded(folder, &name) {
        Ok(recorded) => recorded,
        Err(error) => return unreadable(None, error),
    };
    let path = folder.join(EVENTS);
    let judged = match &was {
        Some(_) if is_removed(folder, EVENTS) => Err(StoreError::Removed { path: path.clone() }),
        Some(was) if was.verdict.rule.is_lab() && !path.is_file() => Ok(Judged::default()),
        _ => Judged::read(&path, cell.as_ref(), chart.is_some()),
    };
    let Judged { count, drawn: events, course } = match judged {
        Ok(judged) => judged,
        Err(error) => return unreadable(was.map(|was| was.verdict), error),
    };
    let Course { stages, kills, verdict } = course;
    let trial = Trial::compare(name, dir, count, was, verdict.clone());
    let verdict = if trial.standing == Standing::LabFailed { trial.was.clone() } else { verdict };
    let course = Course { stages, kills, verdict };
    let drawn = chart.filter(|_| !events.is_empty()).map(|style| timeline(&trial.name, &events, &course, style));
    (trial, drawn)
}

/// Whether the trial had this file, and the retention of old runs has removed it.
fn is_removed(folder: &Path, file: &str) -> bool {
    !folder.join(file).is_file() && read_trial(folder).is_ok_and(|trial| trial.is_removed(file))
}

/// A record that was judged.
struct Judged {
    /// Number of its events.
    count: usize,
    /// Those that a chart needs; none without a chart.
    drawn: Vec<Record>,
    course: Course,
}

impl Default for Judged {
    fn default() -> Self {
        Self { count: 0, drawn: Vec::new(), course: Course { stages: Vec::new(), kills: Vec::new(), verdict: None } }
    }
}

impl Judged {
    /// Judges events as they are read: only those for a chart are kept. Without a cell they are counted.
    fn read(path: &Path, cell: Option<&Cell>, has_chart: bool) -> Result<Self, StoreError> {
        let mut judged = Self::default();
        let mut replay = cell.map(|cell| Replay::new(Setup::of(cell)));
        for record in Events::open(path)? {
            let record = record?;
            judged.count += 1;
            if let Some(replay) = &mut replay {
                replay.observe(&record);
            }
            if has_chart {
                judged.drawn.push(record);
            }
        }
        if let Some(replay) = replay {
            judged.course = replay.finish();
        }
        Ok(judged)
    }
}

/// The trial's cell and verdict. A trial that has not ended has no verdict, and its cell is only in the run's plan.
fn recorded(folder: &Path, name: &str) -> Result<(Option<Cell>, Option<replay::Recorded>), StoreError> {
    if folder.join("trial.json").is_file() {
        let trial = read_trial(folder)?;
        let was = replay::Recorded { verdict: trial.verdict, comparison: Comparison::of_schema(trial.schema) };
        return Ok((Some(trial.cell), Some(was)));
    }
    let run = folder.parent().and_then(Path::parent).map_or_else(PathBuf::new, Path::to_owned);
    let plan = RunDir::open(&run).and_then(|run| run.plan()).ok();
    let (id, _) = split_trial_folder(name);
    Ok((plan.and_then(|plan| plan.cells.into_iter().find(|cell| cell.id.as_str() == id)), None))
}
