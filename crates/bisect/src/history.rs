//! The commit graph between the good ends and the bad end, and exact sums over the ancestors of each commit.

use super::trial::Revision;
use std::collections::BTreeMap;

/// Maximum number of entries in the lists of commits that merges bring in. A criss-cross history may need more; the rest of its
/// merges are walked.
const MAX_LISTED: usize = 1 << 24;

/// The position of a revision that is no candidate.
const NO_POSITION: u32 = u32::MAX;

/// Why a history cannot be bisected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HistoryError {
    /// A revision beyond the end of the graph.
    #[error("there is no revision {0}")]
    Unknown(Revision),
    /// A parent that does not come before its child.
    #[error("revision {child} comes before its parent {parent}")]
    Order {
        /// The child.
        child: Revision,
        /// The parent.
        parent: Revision,
    },
    /// No good end.
    #[error("no good end is given")]
    NoGoodEnd,
    /// A good end contains the bad end.
    #[error("a good end contains the bad end: nothing lies between them")]
    NothingBetween,
    /// A weight is missing, negative or not finite, or the candidates weigh nothing.
    #[error("the weights must be one for each revision, none of them negative, and not all of them zero")]
    Weights,
}

/// How the sum over a commit's ancestors follows from those of its parents.
#[derive(Debug, Clone, PartialEq, Eq)]
enum SumPlan {
    /// No parent is a candidate.
    Root,
    /// The sum of one parent, and the commits that the others bring in: a range of `History::listed`.
    Parent(u32, u32, u32),
    /// Too many commits to list: walk the graph.
    Walk,
}

/// A commit graph with good ends and a bad end. *Candidates* are the revisions that may be the culprit: those that the
/// bad end contains and no good end does. They are numbered by *position*, parents first; the last is the bad end. A
/// revision *contains* its ancestors and itself.
#[derive(Debug, Clone)]
pub struct History {
    bad: Revision,
    good: Vec<Revision>,
    /// The revision at each position.
    revisions: Vec<Revision>,
    /// The position of each revision, or [`NO_POSITION`].
    positions: Vec<u32>,
    /// Parents among the candidates.
    parents: Vec<Vec<u32>>,
    children: Vec<Vec<u32>>,
    /// Whether a good end contains a parent.
    touches_good: Vec<bool>,
    /// The prior probability of each position.
    prior: Vec<f64>,
    /// The number of candidates that each position contains.
    sizes: Vec<u32>,
    sum_plans: Vec<SumPlan>,
    listed: Vec<u32>,
}

impl History {
    /// Maximum number of positions that [`History::indistinguishable`] compares.
    pub const MAX_COMPARED: usize = 64;

    /// A history from the parents of each revision, which come before their children. Good ends that the bad end does not
    /// contain are allowed, as in `git bisect`.
    ///
    /// # Errors
    ///
    /// When a child comes before its parent, a revision is unknown, or no revision lies between the ends.
    pub fn new(parents: &[Vec<Revision>], good: &[Revision], bad: Revision) -> Result<Self, HistoryError> {
        let unknown = good.iter().chain([&bad]).find(|revision| **revision as usize >= parents.len());
        if let Some(revision) = unknown {
            return Err(HistoryError::Unknown(*revision));
        }
        if good.is_empty() {
            return Err(HistoryError::NoGoodEnd);
        }
        for (child, parents) in (0..).zip(parents) {
            if let Some(parent) = parents.iter().find(|parent| **parent >= child) {
                return Err(HistoryError::Order { child, parent: *parent });
            }
        }
        let contained = |ends: &[Revision]| {
            let mut contained = vec![false; parents.len()];
            ends.iter().for_each(|end| contained[*end as usize] = true);
            for revision in (0..parents.len()).rev() {
                if contained[revision] {
                    parents[revision].iter().for_each(|parent| contained[*parent as usize] = true);
                }
            }
            contained
        };
        let (beyond, reachable) = (contained(good), contained(&[bad]));
        let revisions: Vec<Revision> =
            (0..parents.len()).filter(|at| reachable[*at] && !beyond[*at]).map(|at| at as Revision).collect();
        if revisions.is_empty() {
            return Err(HistoryError::NothingBetween);
        }
        let mut positions = vec![NO_POSITION; parents.len()];
        (0..).zip(&revisions).for_each(|(position, revision)| positions[*revision as usize] = position);
        let mut history = Self {
            bad,
            good: good.to_vec(),
            parents: Vec::with_capacity(revisions.len()),
            children: vec![Vec::new(); revisions.len()],
            touches_good: Vec::with_capacity(revisions.len()),
            prior: vec![1.0 / revisions.len() as f64; revisions.len()],
            sizes: Vec::with_capacity(revisions.len()),
            sum_plans: Vec::with_capacity(revisions.len()),
            listed: Vec::new(),
            positions,
            revisions,
        };
        history.connect(parents);
        history.plan_sums();
        Ok(history)
    }

    /// A linear history whose first revision is good and whose last is bad: versions, or any ordered axis.
    ///
    /// # Errors
    ///
    /// With fewer than two revisions.
    pub fn line(revisions: u32) -> Result<Self, HistoryError> {
        let parents: Vec<Vec<Revision>> =
            (0..revisions).map(|at| at.checked_sub(1).into_iter().collect::<Vec<_>>()).collect();
        Self::new(&parents, &[0], revisions.saturating_sub(1))
    }

    /// The same history with another prior: a weight for each revision, in proportion to the probability that it is the
    /// culprit. Weights of other revisions than candidates are ignored.
    ///
    /// # Errors
    ///
    /// When a weight is missing, negative or not finite, or when the candidates weigh nothing.
    pub fn weighted(mut self, weights: &[f64]) -> Result<Self, HistoryError> {
        if weights.len() != self.positions.len() || weights.iter().any(|weight| !weight.is_finite() || *weight < 0.0) {
            return Err(HistoryError::Weights);
        }
        let sum: f64 = self.revisions.iter().map(|revision| weights[*revision as usize]).sum();
        if sum <= 0.0 || !sum.is_finite() {
            return Err(HistoryError::Weights);
        }
        self.prior = self.revisions.iter().map(|revision| weights[*revision as usize] / sum).collect();
        Ok(self)
    }

    /// The bad end.
    pub fn bad(&self) -> Revision {
        self.bad
    }

    /// The good ends.
    pub fn good(&self) -> &[Revision] {
        &self.good
    }

    /// The revisions that may be the culprit, parents first; the last is the bad end.
    pub fn candidates(&self) -> &[Revision] {
        &self.revisions
    }

    /// The number of all revisions: candidates, good ends and their ancestors.
    pub fn revisions(&self) -> usize {
        self.positions.len()
    }

    /// The number of candidates.
    pub(super) fn len(&self) -> usize {
        self.revisions.len()
    }

    /// The position of a revision in [`History::candidates`]; `None` where it is no candidate.
    pub fn position(&self, revision: Revision) -> Option<usize> {
        self.positions
            .get(revision as usize)
            .filter(|position| **position != NO_POSITION)
            .map(|position| *position as usize)
    }

    pub(super) fn revision(&self, position: usize) -> Revision {
        self.revisions[position]
    }

    pub(super) fn prior(&self) -> &[f64] {
        &self.prior
    }

    /// The parents that are candidates.
    pub(super) fn parents(&self, position: usize) -> &[u32] {
        &self.parents[position]
    }

    /// The number of candidates that the revision at `position` contains.
    pub(super) fn size(&self, position: usize) -> u32 {
        self.sizes[position]
    }

    /// The positions of the parents and children of the revision at `position`.
    ///
    /// # Panics
    ///
    /// When no candidate has this position.
    pub fn neighbours(&self, position: usize) -> impl Iterator<Item = usize> + '_ {
        self.parents[position].iter().chain(&self.children[position]).map(|other| *other as usize)
    }

    /// Whether a good end contains a parent.
    pub(super) fn touches_good(&self, position: usize) -> bool {
        self.touches_good[position]
    }

    /// For each position, whether the revision at `position` contains it.
    ///
    /// # Panics
    ///
    /// When no candidate has this position.
    pub fn contained(&self, position: usize) -> Vec<bool> {
        let mut contained = vec![false; self.len()];
        contained[position] = true;
        for at in (0..=position).rev() {
            if contained[at] {
                self.parents[at].iter().for_each(|parent| contained[*parent as usize] = true);
            }
        }
        contained
    }

    /// For each position, the sum of `weights` over the candidates that it contains. Only adds: where the weights are
    /// exact, so are the sums.
    ///
    /// # Panics
    ///
    /// When there are fewer weights than candidates.
    pub fn sums(&self, weights: &[f64]) -> Vec<f64> {
        let mut sums: Vec<f64> = Vec::with_capacity(weights.len());
        for (at, plan) in self.sum_plans.iter().enumerate() {
            let others = match plan {
                SumPlan::Root => 0.0,
                SumPlan::Parent(parent, from, to) => {
                    let listed = &self.listed[*from as usize..*to as usize];
                    sums[*parent as usize] + listed.iter().map(|other| weights[*other as usize]).sum::<f64>()
                }
                SumPlan::Walk => {
                    let contained = self.contained(at);
                    (0..at).filter(|other| contained[*other]).map(|other| weights[other]).sum()
                }
            };
            sums.push(others + weights[at]);
        }
        sums
    }

    /// Splits `positions` into classes that no trial can distinguish, since exactly the same testable revisions contain
    /// them; `is_untestable` is asked by position.
    ///
    /// # Panics
    ///
    /// With more than [`History::MAX_COMPARED`] positions.
    pub fn indistinguishable(&self, positions: &[usize], is_untestable: impl Fn(usize) -> bool) -> Vec<Vec<usize>> {
        assert!(positions.len() <= Self::MAX_COMPARED, "{} positions", positions.len());
        // For each position, the set of compared positions that it contains.
        let mut contained = vec![0_u64; self.len()];
        positions.iter().enumerate().for_each(|(bit, at)| contained[*at] |= 1 << bit);
        let mut sets = Vec::new();
        for at in 0..self.len() {
            let own = self.parents(at).iter().fold(contained[at], |own, parent| own | contained[*parent as usize]);
            contained[at] = own;
            if own != 0 && !is_untestable(at) {
                sets.push(own);
            }
        }
        sets.sort_unstable();
        sets.dedup();
        let mut classes: BTreeMap<Vec<bool>, Vec<usize>> = BTreeMap::new();
        for (bit, at) in positions.iter().enumerate() {
            let signature = sets.iter().map(|set| set >> bit & 1 == 1).collect();
            classes.entry(signature).or_default().push(*at);
        }
        let mut classes: Vec<_> = classes.into_values().collect();
        classes.sort();
        classes
    }

    fn connect(&mut self, parents: &[Vec<Revision>]) {
        for (position, revision) in (0..).zip(&self.revisions) {
            let all = &parents[*revision as usize];
            let mut inside: Vec<u32> =
                all.iter().map(|parent| self.positions[*parent as usize]).filter(|at| *at != NO_POSITION).collect();
            self.touches_good.push(inside.len() < all.len() || all.is_empty());
            inside.sort_unstable();
            inside.dedup();
            inside.iter().for_each(|parent| self.children[*parent as usize].push(position));
            self.parents.push(inside);
        }
    }

    /// The sum of a merge starts from the parent that contains most: in real histories the other parents bring in few
    /// commits.
    fn plan_sums(&mut self) {
        let mut walker = MergeWalker::new(self.len());
        for at in 0..self.len() {
            let parents = &self.parents[at];
            let Some(trunk) = parents.iter().copied().max_by_key(|parent| (self.sizes[*parent as usize], *parent))
            else {
                self.sizes.push(1);
                self.sum_plans.push(SumPlan::Root);
                continue;
            };
            let from = self.listed.len();
            if parents.len() > 1 {
                walker.list_merged(&self.parents, trunk, parents, &mut self.listed);
            }
            self.sizes.push(self.sizes[trunk as usize] + (self.listed.len() - from) as u32 + 1);
            if self.listed.len() > MAX_LISTED {
                self.listed.truncate(from);
                self.sum_plans.push(SumPlan::Walk);
            } else {
                self.sum_plans.push(SumPlan::Parent(trunk, from as u32, self.listed.len() as u32));
            }
        }
        self.listed.shrink_to_fit();
    }
}

/// Walks the ancestors of a merge's parents, newest first, until the trunk contains all that are left.
struct MergeWalker {
    /// For each position, which parents contain it.
    reached_from: Vec<u8>,
}

impl MergeWalker {
    const TRUNK: u8 = 1;
    const OTHER: u8 = 2;

    fn new(len: usize) -> Self {
        Self { reached_from: vec![0; len] }
    }

    /// Adds to `found` the positions that the parents contain and `trunk` does not.
    fn list_merged(&mut self, graph: &[Vec<u32>], trunk: u32, parents: &[u32], found: &mut Vec<u32>) {
        // Positions that are reached from other parents alone and not yet visited.
        let mut pending = 0_usize;
        let mark = |reached_from: &mut Vec<u8>, at: u32, from: u8, pending: &mut usize| {
            let before = reached_from[at as usize];
            reached_from[at as usize] = before | from;
            *pending += usize::from(before == 0 && from == Self::OTHER);
            *pending -= usize::from(before == Self::OTHER && from & Self::TRUNK != 0);
        };
        mark(&mut self.reached_from, trunk, Self::TRUNK, &mut pending);
        for parent in parents.iter().filter(|parent| **parent != trunk) {
            mark(&mut self.reached_from, *parent, Self::OTHER, &mut pending);
        }
        let mut at = parents.iter().copied().max().unwrap_or(trunk) + 1;
        while pending > 0 {
            at -= 1;
            let from = std::mem::take(&mut self.reached_from[at as usize]);
            if from == 0 {
                continue;
            }
            if from == Self::OTHER {
                found.push(at);
                pending -= 1;
            }
            graph[at as usize].iter().for_each(|parent| mark(&mut self.reached_from, *parent, from, &mut pending));
        }
        // Marks that are left are from the trunk.
        self.reached_from[..at as usize].fill(0);
    }
}

#[cfg(test)]
#[path = "history_tests.rs"]
mod tests;
