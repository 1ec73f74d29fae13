//! The commits between good and bad, and exact sums over what each of them contains.

use super::sample::Revision;

/// Entries in all lists of what merges bring in; a history that needs more is criss-crossed, and its merges are walked.
const MOST_LISTED: usize = 1 << 24;

/// No position: not a candidate.
const NOWHERE: u32 = u32::MAX;

/// Why a history cannot be bisected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HistoryError {
    /// A revision is named that is not there.
    #[error("there is no revision {0}")]
    Unknown(Revision),
    /// A parent does not stand before its child.
    #[error("revision {child} stands before its parent {parent}")]
    Order {
        /// The revision whose parent comes too late.
        child: Revision,
        /// That parent.
        parent: Revision,
    },
    /// There is no good end.
    #[error("no good end is given")]
    NoGoodEnd,
    /// The good ends contain the bad end.
    #[error("a good end contains the bad end: nothing lies between them")]
    NothingBetween,
    /// A weight is missing, negative or not finite, or the candidates weigh nothing.
    #[error("the weights must be one for each revision, none of them negative, and not all of them zero")]
    Weights,
}

/// How the sum over a commit's ancestors follows from its parents'.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    /// No parent is a candidate.
    Root,
    /// All of one parent's, and what the others bring in: a range of `History::listed`.
    Parent(u32, u32, u32),
    /// Too long to be listed: walk.
    Walk,
}

/// A commit graph with good ends and a bad one. *Candidates* are the revisions that may be the culprit: what the bad
/// end contains and no good end does. Inside the engine they are numbered by *position*, parents first; the last is the
/// bad end.
#[derive(Debug, Clone)]
pub struct History {
    bad: Revision,
    good: Vec<Revision>,
    /// The revision at each position.
    revisions: Vec<Revision>,
    /// The position of each revision, or [`NOWHERE`].
    positions: Vec<u32>,
    /// Parents among the candidates.
    parents: Vec<Vec<u32>>,
    children: Vec<Vec<u32>>,
    /// Whether a parent lies beyond the candidates: the good ends contain it.
    rooted: Vec<bool>,
    /// The share of each position, before any trial.
    prior: Vec<f64>,
    /// How many candidates each position contains, itself included.
    sizes: Vec<u32>,
    steps: Vec<Step>,
    listed: Vec<u32>,
}

impl History {
    /// A history from the parents of each revision, which stand before their children. Good ends that the bad end does
    /// not contain are allowed, as in `git bisect`.
    ///
    /// # Errors
    ///
    /// When the order is wrong, a revision is unknown, or nothing lies between the ends.
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
        let mut positions = vec![NOWHERE; parents.len()];
        (0..).zip(&revisions).for_each(|(position, revision)| positions[*revision as usize] = position);
        let mut history = Self {
            bad,
            good: good.to_vec(),
            parents: Vec::with_capacity(revisions.len()),
            children: vec![Vec::new(); revisions.len()],
            rooted: Vec::with_capacity(revisions.len()),
            prior: vec![1.0 / revisions.len() as f64; revisions.len()],
            sizes: Vec::with_capacity(revisions.len()),
            steps: Vec::with_capacity(revisions.len()),
            listed: Vec::new(),
            positions,
            revisions,
        };
        history.connect(parents);
        history.plan_sums();
        Ok(history)
    }

    /// A line of revisions, of which the first is good and the last is bad: versions, or any ordered axis.
    ///
    /// # Errors
    ///
    /// With fewer than two revisions.
    pub fn line(revisions: u32) -> Result<Self, HistoryError> {
        let parents: Vec<Vec<Revision>> =
            (0..revisions).map(|at| at.checked_sub(1).into_iter().collect::<Vec<_>>()).collect();
        Self::new(&parents, &[0], revisions.saturating_sub(1))
    }

    /// Weighs the candidates, one weight for each revision of the history; what is no candidate weighs nothing anyway.
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

    /// How many revisions there are at all: candidates, good ends, and what lies behind them.
    pub fn revisions(&self) -> usize {
        self.positions.len()
    }

    /// How many revisions may be the culprit.
    pub(super) fn len(&self) -> usize {
        self.revisions.len()
    }

    /// The position of a candidate.
    pub(super) fn position(&self, revision: Revision) -> Option<usize> {
        self.positions
            .get(revision as usize)
            .filter(|position| **position != NOWHERE)
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

    /// How many candidates the revision at `position` contains, itself included.
    pub(super) fn size(&self, position: usize) -> u32 {
        self.sizes[position]
    }

    /// Parents and children that are candidates.
    pub(super) fn neighbours(&self, position: usize) -> impl Iterator<Item = usize> + '_ {
        self.parents[position].iter().chain(&self.children[position]).map(|other| *other as usize)
    }

    /// Whether a parent is no candidate.
    pub(super) fn rooted(&self, position: usize) -> bool {
        self.rooted[position]
    }

    /// For each position, whether the revision at `position` contains it.
    pub(super) fn contained(&self, position: usize) -> Vec<bool> {
        let mut contained = vec![false; self.len()];
        contained[position] = true;
        for at in (0..=position).rev() {
            if contained[at] {
                self.parents[at].iter().for_each(|parent| contained[*parent as usize] = true);
            }
        }
        contained
    }

    /// For each position, the sum of `weights` over what it contains, itself included. Nothing is subtracted: where all
    /// weights are exact, so are the sums.
    pub(super) fn sums(&self, weights: &[f64]) -> Vec<f64> {
        let mut sums: Vec<f64> = Vec::with_capacity(weights.len());
        for (at, step) in self.steps.iter().enumerate() {
            let others = match step {
                Step::Root => 0.0,
                Step::Parent(parent, from, to) => {
                    let listed = &self.listed[*from as usize..*to as usize];
                    sums[*parent as usize] + listed.iter().map(|other| weights[*other as usize]).sum::<f64>()
                }
                Step::Walk => {
                    let contained = self.contained(at);
                    (0..at).filter(|other| contained[*other]).map(|other| weights[other]).sum()
                }
            };
            sums.push(others + weights[at]);
        }
        sums
    }

    fn connect(&mut self, parents: &[Vec<Revision>]) {
        for (position, revision) in (0..).zip(&self.revisions) {
            let all = &parents[*revision as usize];
            let mut inside: Vec<u32> =
                all.iter().map(|parent| self.positions[*parent as usize]).filter(|at| *at != NOWHERE).collect();
            self.rooted.push(inside.len() < all.len() || all.is_empty());
            inside.sort_unstable();
            inside.dedup();
            inside.iter().for_each(|parent| self.children[*parent as usize].push(position));
            self.parents.push(inside);
        }
    }

    /// Of a merge's parents, starts from the one that contains most: what the others bring in beside it is short in
    /// real histories.
    fn plan_sums(&mut self) {
        let mut brush = Brush::new(self.len());
        for at in 0..self.len() {
            let parents = &self.parents[at];
            let Some(trunk) = parents.iter().copied().max_by_key(|parent| (self.sizes[*parent as usize], *parent))
            else {
                self.sizes.push(1);
                self.steps.push(Step::Root);
                continue;
            };
            let from = self.listed.len();
            if parents.len() > 1 {
                brush.beside(&self.parents, trunk, parents, &mut self.listed);
            }
            self.sizes.push(self.sizes[trunk as usize] + (self.listed.len() - from) as u32 + 1);
            if self.listed.len() > MOST_LISTED {
                self.listed.truncate(from);
                self.steps.push(Step::Walk);
            } else {
                self.steps.push(Step::Parent(trunk, from as u32, self.listed.len() as u32));
            }
        }
        self.listed.shrink_to_fit();
    }
}

/// Paints what a merge's parents contain, from the newest down, until nothing is left that only the others contain.
struct Brush {
    paint: Vec<u8>,
}

impl Brush {
    const TRUNK: u8 = 1;
    const OTHER: u8 = 2;

    fn new(len: usize) -> Self {
        Self { paint: vec![0; len] }
    }

    /// Adds to `found` what the parents contain and `trunk` does not.
    fn beside(&mut self, graph: &[Vec<u32>], trunk: u32, parents: &[u32], found: &mut Vec<u32>) {
        // How many are painted as the others' alone and are not yet visited.
        let mut open = 0_usize;
        let paint = |paint: &mut Vec<u8>, at: u32, colour: u8, open: &mut usize| {
            let before = paint[at as usize];
            paint[at as usize] = before | colour;
            *open += usize::from(before == 0 && colour == Self::OTHER);
            *open -= usize::from(before == Self::OTHER && colour & Self::TRUNK != 0);
        };
        paint(&mut self.paint, trunk, Self::TRUNK, &mut open);
        for parent in parents.iter().filter(|parent| **parent != trunk) {
            paint(&mut self.paint, *parent, Self::OTHER, &mut open);
        }
        let mut at = parents.iter().copied().max().unwrap_or(trunk) + 1;
        while open > 0 {
            at -= 1;
            let colour = std::mem::take(&mut self.paint[at as usize]);
            if colour == 0 {
                continue;
            }
            if colour == Self::OTHER {
                found.push(at);
                open -= 1;
            }
            graph[at as usize].iter().for_each(|parent| paint(&mut self.paint, *parent, colour, &mut open));
        }
        // What is painted still is painted as the trunk's.
        self.paint[..at as usize].fill(0);
    }
}

#[cfg(test)]
#[path = "history_tests.rs"]
mod tests;
