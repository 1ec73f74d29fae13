//! `oomlab run`.

use super::args::RunArgs;
use super::context::Context;
use super::error::CliError;
use super::execute::Execution;
use super::known::Catalogues;
use super::output;
use crate::matrix::{self, Filter};
use crate::store::read_stream;
use model::{Plan, duration};
use std::path::Path;

/// Maximum length of a matrix in bytes.
const MAX_MATRIX: u64 = 64 << 20;

/// Runs a matrix; returns the program's exit status.
///
/// # Errors
/// When the matrix is wrong or the lab fails.
pub fn run(args: &RunArgs, context: &Context) -> Result<u8, CliError> {
    let catalogues = Catalogues::read(context, args.options.mirror.clone())?;
    let mut plan = load(&args.matrix, args.filter.as_deref(), &catalogues, context)?;
    if let Some(repeat) = args.repeat {
        plan.cells.iter_mut().for_each(|cell| cell.repeat = repeat);
    }
    let bisect = args.bisect_regressions.map(|minutes| duration(60.0 * minutes));
    Execution { context, catalogues, options: &args.options, plan, own: None, prepared: None, bisect }.run()
}

/// Reads a matrix and leaves the cells that match the filter; warnings go to stderr.
///
/// # Errors
/// When the file cannot be read, or anything in it or in the filter is wrong.
pub fn load(path: &Path, filter: Option<&str>, catalogues: &Catalogues, context: &Context) -> Result<Plan, CliError> {
    let text = read_stream(path, MAX_MATRIX)
        .map_err(|error| CliError::Usage(format!("cannot read the matrix {}: {error}", path.display())))?;
    let (mut plan, warnings) = matrix::load(text, &path.display().to_string(), &catalogues.known())?;
    for warning in warnings {
        output::print_err(&format!("{}\n", warning.render(context.color)));
    }
    if let Some(filter) = filter {
        Filter::parse(filter)?.apply(&mut plan)?;
    }
    Ok(plan)
}
