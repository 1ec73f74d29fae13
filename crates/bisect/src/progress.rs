//! The state of a search, for display.

use super::answer::{Candidate, Estimate, Progress, Stage};
use super::beta::{Beta, interval};
use super::bisection::Bisection;
use super::evidence::{Belief, Hypothesis};
use super::information;
use super::trial::Slot;

/// The probability that the remaining commits have together.
const REMAINING: f64 = 0.95;
/// Maximum number of commits in the list.
const MAX_LEADERS: usize = 10;
/// Coverage of the intervals.
const COVERAGE: f64 = 0.9;

impl Bisection {
    /// The state of the search.
    pub fn progress(&self) -> Progress {
        let beliefs = self.beliefs();
        let ranking = self.ranking(&beliefs);
        let commits: f64 = ranking.iter().map(|candidate| candidate.probability).sum();
        let mut total = 0.0;
        let is_needed = |candidate: &&Candidate| {
            let needed = total < REMAINING * commits;
            total += candidate.probability;
            needed
        };
        let remaining = ranking.iter().filter(is_needed).count();
        let posterior = |hypothesis| {
            beliefs.iter().filter(|belief| belief.hypothesis == hypothesis).map(|belief| belief.posterior).sum()
        };
        let others = self.counts.values().map(|counts| counts.others).sum();
        let (expected_trials, expected_s) =
            self.expected(&beliefs, ranking.iter().map(|one| one.probability / commits));
        Progress {
            stage: self.stage(&beliefs),
            remaining,
            leaders: ranking.into_iter().take(MAX_LEADERS).filter(|candidate| candidate.probability > 0.0).collect(),
            all_affected: posterior(Hypothesis::AllAffected),
            none_affected: posterior(Hypothesis::NoneAffected),
            p: estimate(&beliefs, Hypothesis::NoneAffected, |belief| belief.p),
            q: estimate(&beliefs, Hypothesis::AllAffected, |belief| belief.q),
            trials: self.evidence.total().trials() + others,
            others,
            builds: self.builds,
            skipped: self.untestable.len() as u32,
            expected_trials,
            expected_s,
        }
    }

    fn stage(&self, beliefs: &[Belief]) -> Stage {
        let settled = self.leader(beliefs).is_some_and(|leader| leader.posterior >= self.settings.target);
        if settled && self.confirmation.is_some() {
            Stage::Confirmation
        } else if self.premise(beliefs).next(|_| 0).is_some() {
            Stage::Ends
        } else {
            Stage::Search
        }
    }

    /// Trials and seconds until the end, if every further job gained as much as the best one now.
    fn expected(&self, beliefs: &[Belief], probabilities: impl Iterator<Item = f64>) -> (f64, f64) {
        let bits = information::entropy(probabilities);
        let choice = self.choice(beliefs, &[], Slot::Any);
        let best = [choice.best_trial(), choice.best_build()]
            .into_iter()
            .flatten()
            .filter(|gain| gain.bits > 1e-6)
            .max_by(|one, other| one.bits_per_second().total_cmp(&other.bits_per_second()));
        best.map_or((0.0, 0.0), |best| {
            let jobs = bits / best.bits;
            (jobs * f64::from(best.trials), jobs * best.seconds)
        })
    }
}

/// A rate over all hypotheses but `except`, under which no revision has this rate.
fn estimate(beliefs: &[Belief], except: Hypothesis, rate: impl Fn(&Belief) -> Beta) -> Estimate {
    let kept = || beliefs.iter().filter(|belief| belief.hypothesis != except && belief.posterior > 1e-6);
    let total: f64 = kept().map(|belief| belief.posterior).sum();
    let mixture: Vec<(f64, Beta)> = kept().map(|belief| (belief.posterior / total, rate(belief))).collect();
    let (low, high) = interval(&mixture, COVERAGE);
    Estimate { mean: mixture.iter().map(|(weight, beta)| weight * beta.mean()).sum(), low, high }
}
