//! A history with a known culprit, and the outcomes of its trials.

use crate::random::Random;
use bisect::{History, HistoryError, Outcome, Revision};

/// Duration of a build, in trials.
const BUILD: f64 = 60.0;
/// The fraction of revisions that cannot be built.
const BROKEN: f64 = 0.05;

/// The shape of a history.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// A line.
    Linear,
    /// Topic branches and their merges: about 18 % of the commits are merges, as in Linux.
    Merges,
}

impl Shape {
    /// Its name in tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Linear => "a line",
            Self::Merges => "with merges",
        }
    }
}

/// The answer of a policy in one world, and its cost.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Found {
    /// The commits that it names; none if it gave up.
    pub named: Vec<Revision>,
    /// Trials.
    pub trials: u32,
    /// Builds that were started, failed ones included.
    pub builds: u32,
    /// Time until the answer, in trials.
    pub time: f64,
}

/// A world with a known culprit, generated from its seed. The *n*th trial of a revision has the same outcome for all
/// policies.
#[derive(Debug, Clone)]
pub struct World {
    pub parents: Vec<Vec<Revision>>,
    pub history: History,
    culprit: Revision,
    affected: Vec<bool>,
    broken: Vec<bool>,
    /// Duration of a build, in trials.
    pub build: f64,
    p: f64,
    q: f64,
    seed: u64,
}

impl World {
    /// A world of `commits` candidates, in which trials of affected revisions fail with probability `p` and others with
    /// probability `q`.
    ///
    /// # Errors
    ///
    /// Without commits.
    pub fn new(commits: u32, shape: Shape, p: f64, q: f64, seed: u64) -> Result<Self, HistoryError> {
        let mut random = Random::new(seed);
        let parents = match shape {
            Shape::Linear => (0..=commits).map(|at| at.checked_sub(1).into_iter().collect()).collect(),
            Shape::Merges => merges(commits, &mut random),
        };
        let history = History::new(&parents, &[0], commits)?;
        let culprit = 1 + random.below(u64::from(commits)) as Revision;
        let mut affected = vec![false; parents.len()];
        for (at, parents) in parents.iter().enumerate() {
            affected[at] = at == culprit as usize || parents.iter().any(|parent| affected[*parent as usize]);
        }
        let ends = [0, commits];
        let broken = (0..=commits).map(|at| random.fraction() < BROKEN && !ends.contains(&at)).collect();
        Ok(Self { parents, history, culprit, affected, broken, build: BUILD, p, q, seed })
    }

    /// The same world in which trials need no builds, and all revisions can be tried.
    pub fn without_builds(self) -> Self {
        let broken = vec![false; self.broken.len()];
        Self { build: 0.0, broken, ..self }
    }

    /// Whether a revision can be built.
    pub fn builds(&self, revision: Revision) -> bool {
        !self.broken[revision as usize]
    }

    /// The outcome of the `nth` trial of a revision.
    pub fn trial(&self, revision: Revision, nth: u32) -> Outcome {
        let rate = if self.affected[revision as usize] { self.p } else { self.q };
        let mut random =
            Random::new(self.seed ^ (u64::from(revision) << 32) ^ u64::from(nth).wrapping_mul(0x9e37_79b9));
        // From the second number on, neighbouring seeds have nothing in common.
        random.next();
        if random.fraction() < rate { Outcome::Hang } else { Outcome::Pass }
    }

    /// Whether an answer is right: it names the culprit, or only commits that no trial can distinguish from it, since the
    /// revisions between them cannot be built.
    pub fn is_right(&self, named: &[Revision]) -> bool {
        let twins = self.twins();
        named.contains(&self.culprit) || !named.is_empty() && named.iter().all(|one| twins.contains(one))
    }

    /// The culprit and the commits that no trial can distinguish from it.
    fn twins(&self) -> Vec<Revision> {
        let is_broken = |at: usize| !self.builds(self.history.candidates()[at]);
        // Twins are connected by revisions that cannot be built.
        let Some(start) = self.history.position(self.culprit) else { return Vec::new() };
        let (mut found, mut at) = (vec![start], 0);
        while at < found.len() && found.len() < 48 {
            let here = found[at];
            for next in self.history.neighbours(here) {
                let linked = is_broken(here) || is_broken(next);
                if linked && !found.contains(&next) && found.len() < History::MAX_COMPARED {
                    found.push(next);
                }
            }
            at += 1;
        }
        let own = self.history.indistinguishable(&found, is_broken).into_iter().find(|class| class.contains(&start));
        own.unwrap_or_default().into_iter().map(|position| self.history.candidates()[position]).collect()
    }
}

/// A mainline with topic branches: the parents of a good end and of `commits` candidates. The last contains all of them.
fn merges(commits: u32, random: &mut Random) -> Vec<Vec<Revision>> {
    const MERGES: f64 = 0.19;
    const TOPICS: f64 = 0.62;
    /// Of the commits on topics, those that start one: as many as are merged.
    const START: f64 = MERGES / TOPICS;
    /// How far back on the mainline a topic may start.
    const BACK: u64 = 60;
    let mut parents = vec![Vec::new()];
    let mut mainline: Vec<Revision> = vec![0];
    let mut topics: Vec<Revision> = Vec::new();
    for at in 1..=commits {
        let tip = mainline[mainline.len() - 1];
        let left = (commits - at) as usize;
        let pick = random.fraction();
        // At the end, all open topics are merged.
        let must_merge = topics.len() > left;
        if must_merge || pick < MERGES && !topics.is_empty() {
            let topic = topics.swap_remove(random.below(topics.len() as u64) as usize);
            parents.push(vec![tip, topic]);
            mainline.push(at);
        } else if pick < MERGES + TOPICS && left > topics.len() + 1 {
            if topics.is_empty() || random.fraction() < START {
                let back = random.below(BACK.min(mainline.len() as u64)) as usize;
                parents.push(vec![mainline[mainline.len() - 1 - back]]);
                topics.push(at);
            } else {
                let topic = random.below(topics.len() as u64) as usize;
                parents.push(vec![topics[topic]]);
                topics[topic] = at;
            }
        } else {
            parents.push(vec![tip]);
            mainline.push(at);
        }
    }
    parents
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn world_has_only_candidates_and_the_share_of_merges() {
        for commits in [1, 2, 3, 64, 1024] {
            for seed in 0..20 {
                let world = World::new(commits, Shape::Merges, 1.0, 0.0, seed).unwrap();
                assert_eq!(world.history.candidates().len(), commits as usize, "seed {seed}");
            }
        }
        let world = World::new(16_384, Shape::Merges, 1.0, 0.0, 1).unwrap();
        let merges = world.parents.iter().filter(|parents| parents.len() > 1).count();
        assert!((2700..3300).contains(&merges), "{merges} merges");
    }

    #[test]
    fn trials_fail_at_their_rate_and_repeatably() {
        let world = World::new(64, Shape::Linear, 0.2, 0.02, 7).unwrap();
        let hangs = |revision| (0..10_000).filter(|nth| world.trial(revision, *nth) == Outcome::Hang).count();
        assert!((1880..2120).contains(&hangs(64)), "{}", hangs(64));
        assert!((150..250).contains(&hangs(0)), "{}", hangs(0));
        assert_eq!(world.trial(64, 3), world.clone().trial(64, 3));
    }

    #[test]
    fn commits_indistinguishable_from_the_culprit_are_right() {
        let mut world = World::new(10, Shape::Linear, 1.0, 0.0, 7).unwrap();
        world.broken.fill(false);
        world.culprit = 5;
        assert!(world.is_right(&[5]) && !world.is_right(&[4]) && !world.is_right(&[]));
        (world.broken[4], world.broken[3]) = (true, true);
        assert!(world.is_right(&[4]) && world.is_right(&[3, 4, 5]) && !world.is_right(&[2, 3]));
    }
}
