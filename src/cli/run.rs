//! `oomlab run`.

use super::args::RunArgs;
use super::bisect::{self, LabArgs};
use super::context::Context;
use super::error::CliError;
use super::execute::Execution;
use super::known::Catalogues;
use super::output;
use crate::matrix::{self, Filter};
use crate::store::read_stream;
use model::{Plan, duration};
use std::path::Path;

/// Exit status of a run with something unexpected in it.
const EXIT_UNEXPECTED: u8 = 1;

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
    let options = &args.options;
    let execution = Execution { context, catalogues, options, plan, own: None, prepared: None };
    let (code, run) = execution.run_into()?;
    match args.bisect_regressions {
        Some(minutes) if code == EXIT_UNEXPECTED => {
            let lab = LabArgs { qemu: options.qemu.clone(), mirror: options.mirror.clone() };
            let budget = duration(60.0 * minutes);
            bisect::regressions(&run, budget, options.jobs, &lab, context)?;
        }
        _ => {}
    }
    Ok(code)
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
