//! All policies in all kinds of worlds.

use crate::world::{Found, Shape, World};
use crate::{bayesect, engine, git};
use bisect::{HistoryError, Settings};

/// A kind of world.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Row {
    /// Number of candidates.
    pub commits: u32,
    /// Shape of the history.
    pub shape: Shape,
    /// Failure rate of affected revisions.
    pub p: f64,
    /// Failure rate of unaffected revisions.
    pub q: f64,
}

/// All kinds of worlds.
pub const ROWS: [Row; 36] = {
    let (commits, shapes, ps, qs) = ([64, 1024, 16_384], [Shape::Linear, Shape::Merges], [1.0, 0.5, 0.2], [0.0, 0.02]);
    let mut rows = [Row { commits: 0, shape: Shape::Linear, p: 0.0, q: 0.0 }; 36];
    let mut at = 0;
    while at < 36 {
        rows[at] = Row { commits: commits[at / 12], shape: shapes[at / 6 % 2], p: ps[at / 2 % 3], q: qs[at % 2] };
        at += 1;
    }
    rows
};

/// A policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Policy {
    /// This crate.
    Oomlab,
    /// `git bisect run` with a step that is bad if any of so many trials fails.
    Git(u32),
    /// `git bayesect`.
    Bayesect,
}

impl Policy {
    /// All policies.
    pub const ALL: [Self; 5] = [Self::Oomlab, Self::Git(1), Self::Git(3), Self::Git(10), Self::Bayesect];

    /// Its name in tables.
    pub fn name(self) -> String {
        match self {
            Self::Oomlab => "oomlab bisect".to_owned(),
            Self::Git(1) => "git bisect run".to_owned(),
            Self::Git(trials) => format!("git bisect run, any of {trials}"),
            Self::Bayesect => "git bayesect".to_owned(),
        }
    }

    fn search(self, world: &World) -> Found {
        match self {
            Self::Oomlab => engine::search(world, Settings::default().min_p),
            Self::Git(trials) => git::search(world, trials),
            Self::Bayesect => bayesect::search(world),
        }
    }
}

/// The results of one policy in the worlds of one row; figures are means over the worlds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Measured {
    /// The kind of world.
    pub row: Row,
    /// The policy.
    pub policy: Policy,
    /// Number of worlds.
    pub worlds: u32,
    /// Worlds with a right answer.
    pub right: u32,
    /// Worlds with an answer.
    pub answered: u32,
    /// Trials.
    pub trials: f64,
    /// Builds that were started.
    pub builds: f64,
    /// Time to the answer, in trials.
    pub time: f64,
}

impl Measured {
    /// The share of right answers.
    pub fn share(&self) -> f64 {
        f64::from(self.right) / f64::from(self.worlds)
    }

    /// Wilson's 95 % interval of that share.
    pub fn interval(&self) -> (f64, f64) {
        bisect::wilson(self.right, self.worlds)
    }
}

/// Measures every policy in `worlds` worlds of this kind, with the seeds from `seed` on.
///
/// # Errors
///
/// When the row has no commits.
pub fn table(row: Row, worlds: u32, seed: u64) -> Result<Vec<Measured>, HistoryError> {
    let nothing = |policy| Measured { row, policy, worlds, right: 0, answered: 0, trials: 0.0, builds: 0.0, time: 0.0 };
    let mut measured = Policy::ALL.map(nothing).to_vec();
    for seed in seed..seed + u64::from(worlds) {
        let world = World::new(row.commits, row.shape, row.p, row.q, seed)?;
        for one in &mut measured {
            let found = one.policy.search(&world);
            one.right += u32::from(world.is_right(&found.named));
            one.answered += u32::from(!found.named.is_empty());
            one.trials += f64::from(found.trials) / f64::from(worlds);
            one.builds += f64::from(found.builds) / f64::from(worlds);
            one.time += found.time / f64::from(worlds);
        }
    }
    Ok(measured)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn engine_is_right_where_other_policies_are_not() {
        for shape in [Shape::Linear, Shape::Merges] {
            let measured = table(Row { commits: 64, shape, p: 0.5, q: 0.02 }, 20, 1000).unwrap();
            let [engine, git, _, git_of_ten, bayesect] = &measured[..] else { panic!("{measured:?}") };
            assert!(engine.right >= 19 && engine.right + 1 >= engine.answered, "{engine:?}");
            assert!(git.right < 10 && git_of_ten.right < 17, "{git:?} {git_of_ten:?}");
            assert!(engine.time < bayesect.time, "{engine:?} {bayesect:?}");
        }
    }

    #[test]
    fn same_seeds_give_the_same_table() {
        let row = Row { commits: 200, shape: Shape::Merges, p: 0.2, q: 0.0 };
        assert_eq!(table(row, 2, 5), table(row, 2, 5));
    }

    #[test]
    fn interval_contains_the_share() {
        let mut one = Measured {
            row: ROWS[0],
            policy: Policy::Oomlab,
            worlds: 200,
            right: 190,
            answered: 200,
            trials: 0.0,
            builds: 0.0,
            time: 0.0,
        };
        let (low, high) = one.interval();
        assert!((low - 0.9104).abs() < 1e-3 && (high - 0.9726).abs() < 1e-3, "{low} {high}");
        one.right = 200;
        assert!(one.interval().0 > 0.98 && one.interval().1 == 1.0);
    }
}
