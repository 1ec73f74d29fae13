//! `oomlab run`.

use super::args::RunArgs;
use super::context::Context;
use super::error::CliError;
use super::execute::Execution;
use super::known::Catalogues;
use super::output;
use super::range;
use super::resume;
use super::shard::{Planned, Selection};
use super::timings::Stopwatch;
use crate::diagnostic::closest;
use crate::matrix::{self, Filter, Known, Purpose};
use crate::store::read_stream;
use model::{Plan, duration};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// Maximum length of a matrix in bytes.
const MAX_MATRIX: u64 = 64 << 20;

/// Runs a matrix; returns the program's exit status.
///
/// # Errors
/// When the matrix is wrong or the lab fails.
pub fn run(args: &RunArgs, context: &Context) -> Result<u8, CliError> {
    if let Some(commits) = &args.range {
        return range::run(args, commits, context);
    }
    if let Some(named) = &args.resume {
        return resume::run(args, named, context);
    }
    let catalogues = Catalogues::read(context, args.options.lab.mirror.clone())?;
    let Planned { plan, part } = planned(args, &catalogues, context)?;
    let bisect = args.bisect_regressions.map(|minutes| duration(60.0 * minutes));
    let (options, stopwatch) = (&args.options, Stopwatch::start());
    Execution { context, catalogues, options, plan, part, own: None, prepared: None, resumed: None, bisect, stopwatch }
        .run()
}

/// The plan that the arguments ask for.
///
/// # Errors
/// When a file cannot be read, or anything in it or in the filter is wrong.
pub(super) fn planned(args: &RunArgs, catalogues: &Catalogues, context: &Context) -> Result<Planned, CliError> {
    let matrix = args.matrix_path();
    let selection =
        Selection { filter: args.filter.as_deref(), shard: args.shard, costs: args.options.costs.as_deref() };
    let mut plan = read_known(matrix, &selection.known(catalogues), context)?;
    repeat(&mut plan, args.repeat);
    let purpose = if args.quarantine_verify { Purpose::Verify } else { Purpose::Test };
    args.quarantine.apply(matrix, &mut plan, purpose, catalogues, context)?;
    selection.apply(plan, Some(&catalogues.known()))
}

/// Gives every cell this number of trials, if there is one.
pub(super) fn repeat(plan: &mut Plan, trials: Option<u32>) {
    if let Some(trials) = trials {
        plan.cells.iter_mut().for_each(|cell| cell.repeat = trials);
    }
}

/// Leaves the cells that match the filter, if there is one.
///
/// # Errors
/// When anything in the filter is wrong, or it matches no cell.
pub(super) fn select(plan: &mut Plan, filter: Option<&str>) -> Result<(), CliError> {
    filter.map_or(Ok(()), |filter| Ok(Filter::parse(filter)?.apply(plan)?))
}

/// Reads a matrix; warnings go to stderr.
///
/// # Errors
/// When the file cannot be read, or anything in it is wrong.
pub(super) fn read(path: &Path, catalogues: &Catalogues, context: &Context) -> Result<Plan, CliError> {
    read_known(path, &catalogues.known(), context)
}

/// The same by what is known of kernels and workloads.
///
/// # Errors
/// See [`read`].
pub(super) fn read_known(path: &Path, known: &Known<'_>, context: &Context) -> Result<Plan, CliError> {
    let text = read_stream(path, MAX_MATRIX).map_err(|error| {
        let hint = similar(path).filter(|_| error.kind() == ErrorKind::NotFound);
        let hint = hint.map(|meant| format!("; did you mean `{}`?", meant.display())).unwrap_or_default();
        CliError::Usage(format!("cannot read the matrix {}: {error}{hint}", path.display()))
    })?;
    let (plan, warnings) = matrix::load(text, &path.display().to_string(), known)?;
    for warning in warnings {
        output::print_err(&format!("{}\n", warning.render(context.color)));
    }
    Ok(plan)
}

/// The matrix of a similar name, beside the one that is not there or in `matrices`.
fn similar(path: &Path) -> Option<PathBuf> {
    let beside = path.parent().unwrap_or(Path::new(""));
    let here =
        |folder: &Path| if folder.as_os_str().is_empty() { Path::new(".").read_dir() } else { folder.read_dir() };
    let folders = [beside.to_owned(), beside.join("matrices"), PathBuf::from("matrices")];
    let files = folders.iter().flat_map(|folder| {
        let entries = here(folder).into_iter().flatten().flatten();
        entries.map(|entry| folder.join(entry.file_name())).collect::<Vec<_>>()
    });
    let matrices: Vec<PathBuf> =
        files.filter(|file| file.extension().is_some_and(|end| end == "yaml" || end == "yml")).collect();
    let stem = |file: &PathBuf| file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let stems: Vec<String> = matrices.iter().map(stem).collect();
    let meant = closest(&stem(&path.to_owned()), stems.iter().map(String::as_str))?;
    matrices.into_iter().find(|file| stem(file) == meant)
}
