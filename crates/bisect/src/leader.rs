//! The candidates that no further trial can tell apart, and hold most.

use super::breakage::Breakage;
use super::evidence::{Belief, Case, Evidence};
use super::history::History;
use std::collections::BTreeMap;

/// Candidates that are looked at one by one, the most probable ones.
const MOST: usize = 64;

/// Candidates, most often one, between which only revisions lie that cannot be tried.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Leader {
    /// Positions, in order.
    pub members: Vec<usize>,
    pub mass: f64,
}

/// The most probable such candidates, if they hold more than all that is not looked at.
pub(super) fn leader(
    history: &History,
    breakage: &Breakage,
    evidence: &Evidence,
    beliefs: &[Belief],
) -> Option<Leader> {
    let mut groups: Vec<(usize, f64)> = beliefs
        .iter()
        .filter_map(|belief| match belief.case {
            Case::Group(group) => Some((group, belief.mass)),
            Case::All | Case::None => None,
        })
        .collect();
    groups.sort_by(|one, other| other.1.total_cmp(&one.1));
    let mut members = 0;
    let is_looked_at = |group: &(usize, f64)| {
        members += evidence.members(group.0);
        members <= MOST
    };
    let looked_at = groups.iter().copied().take_while(is_looked_at).count();
    let (kept, left) = groups.split_at(looked_at);
    let left: f64 = left.iter().map(|group| group.1).sum();
    if kept.iter().map(|group| group.1).sum::<f64>() <= left {
        return None;
    }
    let mut is_kept = vec![false; groups.len()];
    kept.iter().for_each(|(group, _)| is_kept[*group] = true);
    let heavy: Vec<usize> = (0..history.len()).filter(|at| is_kept[evidence.groups()[*at] as usize]).collect();
    let weights = evidence.weights(history, beliefs);
    let classes = if breakage.any() {
        classes(history, &heavy, |at| breakage.is_broken(at))
    } else {
        heavy.iter().map(|at| vec![*at]).collect()
    };
    let weigh = |members: Vec<usize>| Leader { mass: members.iter().map(|at| weights[*at]).sum(), members };
    // Of equals the first, so that the same journal names the same.
    let leader = classes.into_iter().map(weigh).reduce(|best, next| if next.mass > best.mass { next } else { best });
    leader.filter(|leader| leader.mass > left)
}

/// Splits positions, at most 64, by which revisions that can be tried contain them.
pub(super) fn classes(history: &History, heavy: &[usize], is_broken: impl Fn(usize) -> bool) -> Vec<Vec<usize>> {
    let mut contained = vec![0_u64; history.len()];
    heavy.iter().enumerate().for_each(|(bit, at)| contained[*at] |= 1 << bit);
    let mut sets = Vec::new();
    for at in 0..history.len() {
        let own = history.parents(at).iter().fold(contained[at], |own, parent| own | contained[*parent as usize]);
        contained[at] = own;
        if own != 0 && !is_broken(at) {
            sets.push(own);
        }
    }
    sets.sort_unstable();
    sets.dedup();
    let mut classes: BTreeMap<Vec<bool>, Vec<usize>> = BTreeMap::new();
    for (bit, at) in heavy.iter().enumerate() {
        let signature = sets.iter().map(|set| set >> bit & 1 == 1).collect();
        classes.entry(signature).or_default().push(*at);
    }
    let mut classes: Vec<_> = classes.into_values().collect();
    classes.sort();
    classes
}
