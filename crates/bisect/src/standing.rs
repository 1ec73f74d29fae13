//! The state of a search, for display.

use super::answer::{Estimate, Stage, Standing};
use super::beta::{Beta, interval};
use super::bisection::Bisection;
use super::evidence::{Belief, Case};
use super::information;
use super::sample::Slot;

/// The probability that the remaining commits hold together.
const REMAINING: f64 = 0.95;
/// Commits that are listed.
const LEADERS: usize = 10;
/// How sure the intervals are.
const INTERVAL: f64 = 0.9;

impl Bisection {
    /// Where the search stands.
    pub fn standing(&self) -> Standing {
        let beliefs = self.beliefs();
        let ranking = self.ranking(&beliefs);
        let commits: f64 = ranking.iter().map(|candidate| candidate.probability).sum();
        let mut held = 0.0;
        let is_open = |probability: f64| {
            let open = held < REMAINING * commits;
            held += probability;
            open
        };
        let remaining = ranking.iter().map(|candidate| candidate.probability).map(is_open).filter(|open| *open).count();
        let mass = |case| beliefs.iter().filter(|belief| belief.case == case).map(|belief| belief.mass).sum();
        let others = self.counts.values().map(|counts| counts.others).sum();
        let (expected_trials, expected_s) =
            self.expected(&beliefs, ranking.iter().map(|one| one.probability / commits));
        Standing {
            stage: self.stage(&beliefs),
            remaining,
            leaders: ranking.into_iter().take(LEADERS).filter(|candidate| candidate.probability > 0.0).collect(),
            all_affected: mass(Case::All),
            none_affected: mass(Case::None),
            p: estimate(&beliefs, Case::None, |belief| belief.p),
            q: estimate(&beliefs, Case::All, |belief| belief.q),
            trials: self.evidence.total().trials() + others,
            others,
            builds: self.builds,
            skipped: self.untestable.len() as u32,
            expected_trials,
            expected_s,
        }
    }

    fn stage(&self, beliefs: &[Belief]) -> Stage {
        let settled = self.leader(beliefs).is_some_and(|leader| leader.mass >= self.settings.target);
        if settled && self.confirmation.is_some() {
            Stage::Confirmation
        } else if self.ends(beliefs).next(|_| 0).is_some() {
            Stage::Ends
        } else {
            Stage::Search
        }
    }

    /// Trials and seconds, if every further job told as much as the best one now.
    fn expected(&self, beliefs: &[Belief], probabilities: impl Iterator<Item = f64>) -> (f64, f64) {
        let bits = information::entropy(probabilities);
        let choice = self.choice(beliefs, &[], Slot::Any);
        let best = [choice.best_trial(), choice.best_build()]
            .into_iter()
            .flatten()
            .filter(|prospect| prospect.bits > 1e-6)
            .max_by(|one, other| one.bits_per_second().total_cmp(&other.bits_per_second()));
        best.map_or((0.0, 0.0), |best| {
            let jobs = bits / best.bits;
            (jobs * f64::from(best.trials), jobs * best.seconds)
        })
    }
}

/// A share over all cases but the one that knows nothing of it.
fn estimate(beliefs: &[Belief], but: Case, share: impl Fn(&Belief) -> Beta) -> Estimate {
    let kept = || beliefs.iter().filter(|belief| belief.case != but && belief.mass > 1e-6);
    let mass: f64 = kept().map(|belief| belief.mass).sum();
    let mixture: Vec<(f64, Beta)> = kept().map(|belief| (belief.mass / mass, share(belief))).collect();
    let (low, high) = interval(&mixture, INTERVAL);
    Estimate { mean: mixture.iter().map(|(weight, beta)| weight * beta.mean()).sum(), low, high }
}
