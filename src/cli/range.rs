//! `oomlab run --range`: each commit of a range × each cell of a matrix.

use super::args::RunArgs;
use super::bisect;
use super::context::Context;
use super::error::CliError;
use super::execute::Execution;
use super::known::Catalogues;
use super::output;
use super::plan::image_path;
use super::run::{read, repeat, select};
use super::timings::Stopwatch;
use crate::bisection::VerdictPattern;
use crate::git::{Commit, Repository};
use crate::host::run_blocking;
use crate::kernel::{KernelError, digest_of};
use crate::matrix;
use crate::report::{self, GridCell, GridRow, first_red, grid};
use crate::store::{Results, TrialResult};
use model::{Axes, Cell, CellId, Digest, Expectation, KernelName, Outcome, Payload, Plan, TrialRecord, duration};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

/// Maximum number of commits.
const MAX_COMMITS: usize = 500;

/// A cell of the matrix at a commit.
struct Point {
    row: usize,
    column: usize,
    cell: Cell,
    /// What its verdicts depend on.
    key: Digest,
}

/// All points of a range.
struct Range {
    repository: PathBuf,
    /// Newest first.
    commits: Vec<Commit>,
    /// The cells of the matrix.
    columns: Vec<Cell>,
    points: Vec<Point>,
}

/// Runs a matrix on a range of commits; trials of an earlier run on the same kernel count. Returns the program's exit status.
///
/// # Errors
/// When the matrix or the range is wrong, or the lab fails.
pub fn run(args: &RunArgs, range: &str, context: &Context) -> Result<u8, CliError> {
    let mut catalogues = Catalogues::read(context, args.options.lab.mirror.clone())?;
    let mut plan = read(args.matrix_path(), &catalogues, context)?;
    select(&mut plan, args.filter.as_deref())?;
    repeat(&mut plan, args.repeat);
    let range = Range::new(range, args, plan, &mut catalogues)?;
    let results = Results::new(context.cache.join("results"));
    let missing = range.missing(&results);
    let mut status = 0;
    if missing.cells.is_empty() {
        output::notify(&format!("{} commits · nothing to run: all trials are known", range.commits.len()));
    } else {
        let (options, stopwatch) = (&args.options, Stopwatch::start());
        let execution = Execution {
            context,
            catalogues,
            options,
            plan: missing,
            part: None,
            own: None,
            prepared: None,
            resumed: None,
            bisect: None,
            stopwatch,
        };
        let (run, code) = execution.execute()?;
        let record = run.record()?;
        let folder = std::path::absolute(run.path()).unwrap_or_else(|_| run.path().to_owned());
        range.store(&results, &record.trials, &folder.join("cells"))?;
        status = code;
    }
    let rows = range.rows(&results);
    let columns: Vec<String> = range.columns.iter().map(label).collect();
    output::write_stdout(&grid(&rows, &columns, output::style(context.color)))?;
    output::write_stdout(&range.verdicts(&rows, &columns))?;
    let is_red = rows.iter().flat_map(|row| &row.cells).any(|cell| matches!(cell, GridCell::Red { .. }));
    if let Some(minutes) = args.bisect.filter(|_| is_red && status <= 1) {
        range.bisect(&rows, duration(60.0 * minutes), args, context)?;
    }
    // 3 and 130 tell more than 1: not all was tried.
    Ok(if status <= 1 { u8::from(is_red) } else { status })
}

/// A cell without its kernel.
fn label(cell: &Cell) -> String {
    format!("{} {} {}", cell.arch, cell.ram, report::variant(cell))
}

impl Range {
    fn new(range: &str, args: &RunArgs, plan: Plan, catalogues: &mut Catalogues) -> Result<Self, CliError> {
        let found: Result<_, CliError> = run_blocking(|| async {
            let repository = Repository::open(&args.repo).await?;
            let commits = repository.range(range, MAX_COMMITS).await?;
            Ok((repository.path().to_owned(), commits))
        })?;
        let (repository, commits) = found?;
        if commits.is_empty() || commits.len() > MAX_COMMITS {
            let count =
                if commits.is_empty() { "no commits".to_owned() } else { format!("more than {MAX_COMMITS} commits") };
            return Err(CliError::Usage(format!("`--range {range}` has {count}: write OLD..NEW, as for git log")));
        }
        let kernels: BTreeSet<KernelName> = plan.cells.iter().map(|cell| cell.kernel.clone()).collect();
        let name = |commit: &Commit, kernel: &KernelName| match kernels.len() {
            1 => KernelName::new(format!("commit-{}", commit.id.short())),
            _ => KernelName::new(format!("commit-{}-{kernel}", commit.id.short())),
        };
        let mut entries = Vec::new();
        for commit in &commits {
            for kernel in &kernels {
                let entry = catalogues.kernels.of_commit(kernel.as_str(), &repository, commit.id.as_str());
                let mut entry = entry.map_err(|error| match error {
                    KernelError::NotBuilt { .. } => {
                        CliError::Usage(format!("{error}: leave it out with `--filter 'kernel!={kernel}'`"))
                    }
                    error => error.into(),
                })?;
                entry.name = name(commit, kernel);
                entries.push(entry);
            }
        }
        catalogues.add(entries);
        let mut points = Vec::new();
        for (row, commit) in commits.iter().enumerate() {
            for (column, cell) in plan.cells.iter().enumerate() {
                let cell = matrix::with_kernel(cell, name(commit, &cell.kernel));
                let key = key(&cell, catalogues)?;
                points.push(Point { row, column, cell, key });
            }
        }
        Ok(Self { repository, commits, columns: plan.cells, points })
    }

    /// The plan of the trials that are not known.
    fn missing(&self, results: &Results) -> Plan {
        // Commits with the same files are tried once.
        let mut planned = BTreeSet::new();
        let cell = |point: &Point| {
            let known = u32::try_from(results.trials(&point.key).len()).unwrap_or(u32::MAX);
            let repeat = point.cell.repeat.saturating_sub(known);
            (repeat > 0 && planned.insert(point.key.clone())).then(|| Cell { repeat, ..point.cell.clone() })
        };
        let cells = self.points.iter().filter_map(cell).collect();
        Plan { schema: model::PLAN_SCHEMA, name: "range".to_owned(), cells, skipped: Vec::new() }
    }

    /// Stores verdicts on kernels; what the lab could not do may go well next time.
    fn store(&self, results: &Results, trials: &[TrialRecord], cells: &std::path::Path) -> Result<(), CliError> {
        let keys: BTreeMap<&CellId, &Digest> = self.points.iter().map(|point| (&point.cell.id, &point.key)).collect();
        for trial in trials.iter().filter(|trial| trial.verdict.outcome() != Outcome::LabError) {
            let Some(key) = keys.get(&trial.cell.id) else { continue };
            let result = TrialResult { verdict: trial.verdict.clone(), folder: cells.join(trial.folder()) };
            results.add(key, [result])?;
        }
        Ok(())
    }

    fn rows(&self, results: &Results) -> Vec<GridRow> {
        let mut rows: Vec<GridRow> = self
            .commits
            .iter()
            .map(|commit| GridRow {
                commit: commit.id.short().to_owned(),
                subject: commit.subject.clone(),
                cells: vec![GridCell::Unknown; self.columns.len()],
            })
            .collect();
        for point in &self.points {
            rows[point.row].cells[point.column] = judged(&point.cell.expect, &results.trials(&point.key));
        }
        rows
    }

    /// What is to be said of each cell that is red somewhere.
    fn verdicts(&self, rows: &[GridRow], columns: &[String]) -> String {
        let mut text = String::new();
        for (column, name) in columns.iter().enumerate() {
            let Some((red, green)) = first_red(rows, column) else { continue };
            let GridCell::Red { failed, trials, verdict, evidence } = &rows[red].cells[column] else { continue };
            let title = verdict.title.clone().unwrap_or_else(|| verdict.kind.to_string());
            let before = match green {
                Some(green) => format!("{} before it is green", rows[green].commit),
                None => "no commit before it in this range is green".to_owned(),
            };
            text += &format!(
                "first red: {} {}\n  {name}: {title} in {failed} of {trials}; {before}\n  {}\n",
                rows[red].commit,
                rows[red].subject,
                evidence.display()
            );
        }
        model::printable_lines(&text)
    }

    /// Bisects each cell between its oldest red commit and the green one before it.
    fn bisect(
        &self,
        rows: &[GridRow],
        budget: std::time::Duration,
        args: &RunArgs,
        context: &Context,
    ) -> Result<(), CliError> {
        let mut searches = Vec::new();
        for (column, cell) in self.columns.iter().enumerate() {
            let Some((red, Some(green))) = first_red(rows, column) else { continue };
            let GridCell::Red { verdict, .. } = &rows[red].cells[column] else { continue };
            searches.push(bisect::Search {
                repository: self.repository.clone(),
                good: self.commits[green].id.clone(),
                bad: self.commits[red].id.clone(),
                cell: cell.clone(),
                verdict: VerdictPattern::of(verdict),
            });
        }
        bisect::range(searches, budget, args.options.host.jobs, &args.options.lab, context)
    }
}

/// What became of a cell with these trials.
fn judged(expect: &Expectation, trials: &[TrialResult]) -> GridCell {
    let as_expected = |trial: &&TrialResult| expect.matches(trial.verdict.outcome(), trial.verdict.kind);
    let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    match trials.iter().find(|trial| !as_expected(trial)) {
        _ if trials.is_empty() => GridCell::Unknown,
        None => GridCell::Green { is_failure: expect.is_failure() },
        Some(unexpected) => GridCell::Red {
            failed: count(trials.iter().filter(|trial| !as_expected(trial)).count()),
            trials: count(trials.len()),
            verdict: Box::new(unexpected.verdict.clone()),
            evidence: unexpected.folder.clone(),
        },
    }
}

/// Digest of what a verdict depends on: the kernel, the initramfs, the cell's own values, this program's version.
fn key(cell: &Cell, catalogues: &Catalogues) -> Result<Digest, CliError> {
    let kernel = catalogues.kernels.digest(cell.kernel.as_str(), cell.arch)?;
    let image = match &cell.payload {
        Payload::Workload { name, .. } => match catalogues.workloads.get(name) {
            Some(manifest) => image_path(cell, cell.arch, manifest, catalogues)?.display().to_string(),
            None => String::new(),
        },
        Payload::Initrd(initrd) => match &initrd.path {
            Some(path) => crate::store::digest_file(path)?.1.to_string(),
            None => String::new(),
        },
    };
    // What is on a root disk follows from its description.
    let disk = match cell.needs.root_disk() {
        Some(image) => format!("{:?}", catalogues.images.root_disk_spec(image)?),
        None => String::new(),
    };
    let values = Cell {
        id: CellId::new(""),
        kernel: KernelName::new(""),
        axes: Axes::default(),
        repeat: 1,
        expect: Expectation::pass(),
        ..cell.clone()
    };
    let values = serde_json::to_string(&values).map_err(std::io::Error::from)?;
    Ok(digest_of([kernel.as_str(), &image, &disk, &values, env!("CARGO_PKG_VERSION")]))
}
