//! `oomlab step`, for `git bisect run`.

use super::args::StepArgs;
use crate::bisection::{StepOutcome, StepRequest, StepVerdict};
use crate::cli::error::CliError;
use crate::cli::output;
use crate::cli::runtime::runtime;
use model::duration;

/// Exit statuses that `git bisect run` reads.
const GOOD: u8 = 0;
const BAD: u8 = 1;
const SKIP: u8 = 125;
/// Aborts `git bisect run`.
const ABORT: u8 = 128;

/// Judges the checked-out revision; returns the exit status for `git bisect run`.
///
/// # Errors
/// When the arguments are invalid, or the command cannot be run.
pub fn run(args: &StepArgs) -> Result<u8, CliError> {
    let request = StepRequest {
        command: args.command.clone(),
        target: args.sure,
        rate: args.rate,
        max_trials: args.max_trials,
        timeout: args.timeout.map(duration),
    };
    let runtime = runtime()?;
    let StepOutcome { verdict, seen } = runtime.block_on(request.run())?;
    let percent = |probability: f64| format!("{:.1} %", 100.0 * probability);
    let (text, code) = match verdict {
        StepVerdict::Bad(probability) => (format!("bad with {}", percent(probability)), BAD),
        StepVerdict::Good(probability) => (format!("good with {}", percent(probability)), GOOD),
        StepVerdict::Undecided(bad) => (format!("undecided: bad with {}", percent(bad)), SKIP),
        StepVerdict::Skipped => ("skipped by the command".to_owned(), SKIP),
        StepVerdict::Killed => ("killed by a signal: no evidence".to_owned(), ABORT),
    };
    output::print_err(&format!("oomlab step: {} of {} trials failed: {text}\n", seen.hangs, seen.trials()));
    Ok(code)
}
