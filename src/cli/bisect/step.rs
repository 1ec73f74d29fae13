//! `oomlab step`: one revision, tried until the answer is as sure as asked, for `git bisect run`.

use super::args::StepArgs;
use crate::cli::error::CliError;
use crate::session::{Ended, LONGEST, too_long};
use bisect::{Beta, Settings, Step, Tally, step};
use std::os::unix::process::ExitStatusExt;
use std::process::Stdio;
use std::time::Duration;
use tokio::process::Command;

/// Exit statuses that `git bisect run` reads.
const GOOD: u8 = 0;
const BAD: u8 = 1;
const SKIP: u8 = 125;
/// Ends `git bisect run`.
const ABORT: u8 = 128;

/// How firmly the user's word on how often a bad revision fails is believed: as this many trials.
const RATE_TRIALS: f64 = 20.0;

/// Tries; gives the exit status for `git bisect run`.
///
/// # Errors
/// When the words make no sense, or the command cannot be run.
pub fn run(args: &StepArgs) -> Result<u8, CliError> {
    let defaults = Settings { target: args.sure, ..Settings::default() };
    defaults.check().map_err(|error| CliError::Usage(error.to_string().replace("target", "`--sure`")))?;
    let p = match args.rate {
        None => defaults.affected,
        Some(rate) if rate > 0.0 && rate <= 1.0 => {
            // A rate of one is believed, too, but not so that a single pass is a proof.
            let rate = rate.min(1.0 - 0.5 / RATE_TRIALS);
            Beta { hangs: rate * RATE_TRIALS, passes: (1.0 - rate) * RATE_TRIALS }
        }
        Some(rate) => return Err(CliError::Usage(format!("`--rate {rate}` is no share above 0 and up to 1"))),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(decide(args, p, &defaults))
}

async fn decide(args: &StepArgs, p: Beta, settings: &Settings) -> Result<u8, CliError> {
    let mut seen = Tally::default();
    loop {
        let (word, code) = match step(p, settings.unaffected, args.sure, seen, args.most_trials) {
            Step::Bad { affected } => (format!("bad, sure to {:.1} %", 100.0 * affected), BAD),
            Step::Good { affected } => (format!("good, sure to {:.1} %", 100.0 * (1.0 - affected)), GOOD),
            Step::Open { affected } => (format!("open: bad with {:.1} %", 100.0 * affected), SKIP),
            Step::Continue { .. } => match once(args).await? {
                Ended::Bad => {
                    seen.hangs += 1;
                    continue;
                }
                Ended::Good => {
                    seen.passes += 1;
                    continue;
                }
                Ended::Skip | Ended::Built => ("skip, says the command".to_owned(), SKIP),
                Ended::Other => ("ended by a signal, which is evidence for nothing".to_owned(), ABORT),
            },
        };
        eprintln!("oomlab step: {} of {} trials failed: {word}", seen.hangs, seen.trials());
        return Ok(code);
    }
}

async fn once(args: &StepArgs) -> Result<Ended, CliError> {
    let Some((program, rest)) = args.command.split_first() else { return Ok(Ended::Skip) };
    let failed = |error: std::io::Error| CliError::Lab(format!("cannot run `{program}`: {error}"));
    let mut child = Command::new(program).args(rest).stdin(Stdio::null()).kill_on_drop(true).spawn().map_err(failed)?;
    let limit = args.timeout.map(Duration::from_secs_f64);
    let status = match tokio::time::timeout(limit.unwrap_or(LONGEST), child.wait()).await {
        Ok(status) => status.map_err(failed)?,
        Err(_) => {
            child.kill().await.map_err(failed)?;
            let useless = || CliError::Lab(format!("`{program}` said nothing: {}", too_long()));
            return limit.map(|_| Ended::Bad).ok_or_else(useless);
        }
    };
    let exit = status.code().or_else(|| status.signal().map(|signal| 128 + signal)).unwrap_or(128);
    Ended::of(exit).ok_or_else(|| CliError::Lab(format!("`{program}` ended with status {exit}: it cannot be run")))
}
