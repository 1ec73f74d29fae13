//! A history, its culprit, and how trials come out.

use super::super::history::{History, HistoryError};
use super::super::leader::classes;
use super::super::sample::{Outcome, Revision};
use super::random::Random;

/// How long a build takes, in trials.
pub const BUILD: f64 = 60.0;
/// The share of revisions that cannot be built.
const BROKEN: f64 = 0.05;

/// What a history looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// One line.
    Linear,
    /// Topic branches that are merged: about 18 % of the commits are merges, as in Linux.
    Merges,
}

/// A world with a known culprit. All of it follows from its seed; the *n*th trial of a revision ends the same for
/// everybody.
#[derive(Debug, Clone)]
pub struct World {
    pub(super) parents: Vec<Vec<Revision>>,
    pub(super) history: History,
    culprit: Revision,
    affected: Vec<bool>,
    broken: Vec<bool>,
    p: f64,
    q: f64,
    seed: u64,
}

impl World {
    /// A world of `commits` candidates, where trials of affected revisions hang with probability `p` and others with
    /// probability `q`.
    ///
    /// # Errors
    ///
    /// With no commits.
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
        let broken = (0..=commits).map(|at| random.share() < BROKEN && !ends.contains(&at)).collect();
        Ok(Self { parents, history, culprit, affected, broken, p, q, seed })
    }

    /// The commit that is looked for.
    pub fn culprit(&self) -> Revision {
        self.culprit
    }

    /// The commits and their ends.
    pub fn history(&self) -> &History {
        &self.history
    }

    /// Whether a revision can be built.
    pub(super) fn builds(&self, revision: Revision) -> bool {
        !self.broken[revision as usize]
    }

    /// How the trial number `nth` of a revision ends.
    pub(super) fn trial(&self, revision: Revision, nth: u32) -> Outcome {
        let share = if self.affected[revision as usize] { self.p } else { self.q };
        let mut random =
            Random::new(self.seed ^ (u64::from(revision) << 32) ^ u64::from(nth).wrapping_mul(0x9e37_79b9));
        // Neighbouring seeds share no numbers after the first.
        random.next();
        if random.share() < share { Outcome::Hang } else { Outcome::Pass }
    }

    /// Whether an answer is right: it holds the culprit, or only what nobody can tell from it, since the revisions
    /// between cannot be built.
    pub(super) fn is_right(&self, named: &[Revision]) -> bool {
        let twins = self.twins();
        named.contains(&self.culprit) || !named.is_empty() && named.iter().all(|one| twins.contains(one))
    }

    /// The culprit and what no trial can tell from it.
    fn twins(&self) -> Vec<Revision> {
        let is_broken = |at: usize| !self.builds(self.history.revision(at));
        // Twins hang together by revisions that cannot be built.
        let Some(start) = self.history.position(self.culprit) else { return Vec::new() };
        let (mut found, mut at) = (vec![start], 0);
        while at < found.len() && found.len() < 48 {
            let here = found[at];
            for next in self.history.neighbours(here) {
                let linked = is_broken(here) || is_broken(next);
                if linked && !found.contains(&next) && found.len() < 64 {
                    found.push(next);
                }
            }
            at += 1;
        }
        let own = classes(&self.history, &found, is_broken).into_iter().find(|class| class.contains(&start));
        own.unwrap_or_default().into_iter().map(|position| self.history.revision(position)).collect()
    }
}

/// A mainline with topic branches: the parents of a good end and `commits` candidates, all of which the last contains.
fn merges(commits: u32, random: &mut Random) -> Vec<Vec<Revision>> {
    const MERGES: f64 = 0.19;
    const TOPICS: f64 = 0.62;
    /// Of the commits on topics, those that begin one: as many as are merged.
    const BEGIN: f64 = MERGES / TOPICS;
    /// How far back on the mainline a topic may begin.
    const BACK: u64 = 60;
    let mut parents = vec![Vec::new()];
    let mut mainline: Vec<Revision> = vec![0];
    let mut topics: Vec<Revision> = Vec::new();
    for at in 1..=commits {
        let tip = mainline[mainline.len() - 1];
        let left = (commits - at) as usize;
        let pick = random.share();
        // At the end, all that is open is merged.
        let must_merge = topics.len() > left;
        if must_merge || pick < MERGES && !topics.is_empty() {
            let topic = topics.swap_remove(random.below(topics.len() as u64) as usize);
            parents.push(vec![tip, topic]);
            mainline.push(at);
        } else if pick < MERGES + TOPICS && left > topics.len() + 1 {
            if topics.is_empty() || random.share() < BEGIN {
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
    fn all_commits_of_a_world_are_candidates_and_some_are_merges() {
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
    fn trials_hang_as_often_as_they_should_and_the_same_for_everybody() {
        let world = World::new(64, Shape::Linear, 0.2, 0.02, 7).unwrap();
        let hangs = |revision| (0..10_000).filter(|nth| world.trial(revision, *nth) == Outcome::Hang).count();
        assert!((1880..2120).contains(&hangs(64)), "{}", hangs(64));
        assert!((150..250).contains(&hangs(0)), "{}", hangs(0));
        assert_eq!(world.trial(64, 3), world.clone().trial(64, 3));
    }

    #[test]
    fn what_cannot_be_told_from_the_culprit_is_right_too() {
        let mut world = World::new(10, Shape::Linear, 1.0, 0.0, 7).unwrap();
        world.broken.fill(false);
        world.culprit = 5;
        assert!(world.is_right(&[5]) && !world.is_right(&[4]) && !world.is_right(&[]));
        (world.broken[4], world.broken[3]) = (true, true);
        assert!(world.is_right(&[4]) && world.is_right(&[3, 4, 5]) && !world.is_right(&[2, 3]));
    }
}
