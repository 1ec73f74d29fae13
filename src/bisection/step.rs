//! One revision, tried until its verdict is certain enough, for `git bisect run`.

use super::command_trial::{MAX_TRIAL_DURATION, exit_status};
use super::entry::TrialResult;
use super::error::{NoResult, RequestError};
use crate::host::{Orphans, ProcessGroup, supervised};
use bisect::{Beta, Settings, Step, Tally, step};
use std::time::Duration;

/// The weight of the user's failure rate, as a number of trials.
const RATE_TRIALS: f64 = 20.0;

/// A request to judge the revision that is checked out.
#[derive(Debug, Clone, PartialEq)]
pub struct StepRequest {
    /// The program that is a trial, and its arguments.
    pub command: Vec<String>,
    /// The probability that the verdict must reach.
    pub target: f64,
    /// The failure rate of a bad revision, if it is known.
    pub rate: Option<f64>,
    /// Maximum number of trials.
    pub max_trials: u32,
    /// A trial that takes longer counts as bad.
    pub timeout: Option<Duration>,
}

/// A verdict for `git bisect run`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StepOutcome {
    /// The verdict.
    pub verdict: StepVerdict,
    /// The trials it is based on.
    pub seen: Tally,
}

/// The verdict on a revision.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum StepVerdict {
    /// It is bad, with this probability.
    Bad(f64),
    /// It is good, with this probability.
    Good(f64),
    /// No trials are left; it is bad with this probability.
    Undecided(f64),
    /// The command asked to skip it.
    Skipped,
    /// A signal killed the command: evidence for neither side.
    Killed,
}

/// Why a revision cannot be judged.
#[derive(Debug, thiserror::Error)]
pub enum StepError {
    /// The request.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// The command cannot be run.
    #[error("cannot run `{program}`: {source}")]
    Run {
        /// The program.
        program: String,
        /// Why.
        source: std::io::Error,
    },
    /// The command has no result.
    #[error("no result from `{program}`: {reason}")]
    NoResult {
        /// The program.
        program: String,
        /// Why.
        reason: NoResult,
    },
}

impl StepRequest {
    /// Repeats the command until the verdict is certain enough.
    ///
    /// # Errors
    /// When the request is invalid, or the command cannot be run.
    pub async fn run(&self) -> Result<StepOutcome, StepError> {
        let settings = Settings { target: self.target, ..Settings::default() };
        settings.check().map_err(RequestError::from)?;
        let p = self.prior(&settings)?;
        let mut seen = Tally::default();
        loop {
            let verdict = match step(p, settings.unaffected, self.target, seen, self.max_trials) {
                Step::Bad { affected } => StepVerdict::Bad(affected),
                Step::Good { affected } => StepVerdict::Good(1.0 - affected),
                Step::Undecided { affected } => StepVerdict::Undecided(affected),
                Step::Continue { .. } => match self.trial().await? {
                    TrialResult::Bad => {
                        seen.hangs += 1;
                        continue;
                    }
                    TrialResult::Good => {
                        seen.passes += 1;
                        continue;
                    }
                    TrialResult::Skip | TrialResult::Built => StepVerdict::Skipped,
                    TrialResult::Other => StepVerdict::Killed,
                },
            };
            return Ok(StepOutcome { verdict, seen });
        }
    }

    fn prior(&self, settings: &Settings) -> Result<Beta, RequestError> {
        match self.rate {
            None => Ok(settings.affected),
            Some(rate) if rate > 0.0 && rate <= 1.0 => {
                // Even at a rate of one, a single pass is no proof.
                let rate = rate.min(1.0 - 0.5 / RATE_TRIALS);
                Ok(Beta { hangs: rate * RATE_TRIALS, passes: (1.0 - rate) * RATE_TRIALS })
            }
            Some(rate) => Err(RequestError::Rate(rate)),
        }
    }

    async fn trial(&self) -> Result<TrialResult, StepError> {
        let Some((program, rest)) = self.command.split_first() else { return Ok(TrialResult::Skip) };
        let failed = |source: std::io::Error| StepError::Run { program: program.clone(), source };
        let no_result = |reason| StepError::NoResult { program: program.clone(), reason };
        let spawned = ProcessGroup::spawn(supervised(program).args(rest), Orphans::KillDescendants);
        let mut group = spawned.map_err(|error| failed(error.into()))?;
        let status = match tokio::time::timeout(self.timeout.unwrap_or(MAX_TRIAL_DURATION), group.wait()).await {
            Ok(status) => status.map_err(failed)?,
            Err(_) => {
                group.kill().await.map_err(failed)?;
                let too_long = || no_result(NoResult::TooLong(MAX_TRIAL_DURATION));
                return self.timeout.map(|_| TrialResult::Bad).ok_or_else(too_long);
            }
        };
        let exit = exit_status(status);
        TrialResult::from_exit(exit).ok_or_else(|| no_result(NoResult::NotExecutable(exit)))
    }
}
