//! Failures that show rarely, without builds: each trial counts.

use crate::world::{Found, Shape, World};
use crate::{bayesect, engine};
use bisect::{HistoryError, Settings};
use std::fmt::Write;

/// Number of candidates, in a line.
const COMMITS: u32 = 120;
/// Failure rates of affected revisions.
const RATES: [f64; 3] = [0.03, 0.15, 0.35];

/// A policy.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Policy {
    /// This crate, for failures of at least this rate.
    Oomlab(f64),
    /// `git bayesect`.
    Bayesect,
}

impl Policy {
    /// All policies.
    fn all() -> [Self; 3] {
        [Self::Oomlab(Settings::default().min_p), Self::Oomlab(0.01), Self::Bayesect]
    }

    /// Its name in tables.
    fn name(self) -> String {
        match self {
            Self::Oomlab(rate) if rate >= Settings::default().min_p => "oomlab bisect".to_owned(),
            Self::Oomlab(rate) => format!("oomlab bisect --rate {rate}"),
            Self::Bayesect => "git bayesect".to_owned(),
        }
    }

    fn search(self, world: &World) -> Found {
        match self {
            Self::Oomlab(rate) => engine::search(world, rate),
            Self::Bayesect => bayesect::search(world),
        }
    }
}

/// The answers of a policy in several worlds.
#[derive(Debug, Clone, PartialEq, Default)]
struct Answers {
    right: u32,
    wrong: u32,
    none: u32,
    trials: Vec<u32>,
}

/// The worlds with these seeds, searched by one policy.
fn search(policy: Policy, p: f64, seeds: impl Iterator<Item = u64>) -> Result<Answers, HistoryError> {
    let mut answers = Answers::default();
    for seed in seeds {
        let world = World::new(COMMITS, Shape::Linear, p, 0.0, seed)?.without_builds();
        let found = policy.search(&world);
        let count = match &found.named[..] {
            [] => &mut answers.none,
            named if world.is_right(named) => &mut answers.right,
            _ => &mut answers.wrong,
        };
        *count += 1;
        answers.trials.push(found.trials);
    }
    answers.trials.sort_unstable();
    Ok(answers)
}

/// The table as markdown.
///
/// # Errors
///
/// Never: the worlds have commits.
pub fn table(worlds: u32, seed: u64) -> Result<String, HistoryError> {
    let mut text = format!(
        "### {COMMITS} commits, a line, without builds\n\n| p | policy | right | wrong | none | trials | median | 90 % within |\n\
         |--:|---|--:|--:|--:|--:|--:|--:|\n"
    );
    for p in RATES {
        for policy in Policy::all() {
            let Answers { right, wrong, none, trials } = search(policy, p, seed..seed + u64::from(worlds))?;
            let mean = f64::from(trials.iter().sum::<u32>()) / f64::from(worlds);
            let at = |share: usize| trials[(trials.len() - 1) * share / 100];
            let name = policy.name();
            // Writing to a string cannot fail.
            let _ =
                writeln!(text, "| {p} | {name} | {right} | {wrong} | {none} | {mean:.0} | {} | {} |", at(50), at(90));
        }
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failure_in_three_of_a_hundred_trials_is_found_at_a_low_rate() {
        let answers = search(Policy::Oomlab(0.01), 0.03, 1..13).unwrap();
        assert!(answers.right >= 11, "{answers:?}");
    }
}
