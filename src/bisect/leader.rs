//! The candidates that no further trial can tell apart, and hold most.

use super::breakage::Breakage;
use super::evidence::{Belief, Case, Evidence};
use super::history::History;
use std::collections::{BTreeMap, BTreeSet};

/// Candidates that are looked at one by one. If more than these hold what matters, no leader is near.
const MOST: usize = 64;
/// The part of the commits' probability that those candidates must hold.
const HELD: f64 = 0.999;

/// Who holds so much leads, however many the others are.
const LEADS: f64 = 0.5;

/// Candidates, most often one, between which only revisions lie that cannot be tried.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Leader {
    /// Positions, in order.
    pub members: Vec<usize>,
    pub mass: f64,
}

/// The most probable such candidates, once few enough are left to say.
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
    let enough = HELD * groups.iter().map(|group| group.1).sum::<f64>();
    let (mut held, mut members, mut kept) = (0.0, 0, BTreeSet::new());
    for (group, mass) in groups {
        if held >= enough {
            break;
        }
        members += evidence.members(group);
        if members > MOST {
            // A long tail of the improbable leaves one commit the leader that it is.
            if held < LEADS {
                return None;
            }
            break;
        }
        held += mass;
        kept.insert(group as u32);
    }
    let heavy: Vec<usize> = (0..history.len()).filter(|at| kept.contains(&evidence.groups()[*at])).collect();
    let weights = evidence.weights(history, beliefs);
    let classes =
        if breakage.any() { classes(history, breakage, &heavy) } else { heavy.iter().map(|at| vec![*at]).collect() };
    let weigh = |members: Vec<usize>| Leader { mass: members.iter().map(|at| weights[*at]).sum(), members };
    // Of equals the first, so that the same journal names the same.
    classes.into_iter().map(weigh).reduce(|best, next| if next.mass > best.mass { next } else { best })
}

/// Splits positions, at most 64, by which revisions that can be tried contain them.
pub(super) fn classes(history: &History, breakage: &Breakage, heavy: &[usize]) -> Vec<Vec<usize>> {
    let mut contained = vec![0_u64; history.len()];
    heavy.iter().enumerate().for_each(|(bit, at)| contained[*at] |= 1 << bit);
    let mut sets = BTreeSet::new();
    for at in 0..history.len() {
        let own = history.parents(at).iter().fold(contained[at], |own, parent| own | contained[*parent as usize]);
        contained[at] = own;
        if !breakage.is_broken(at) {
            sets.insert(own);
        }
    }
    let mut classes: BTreeMap<Vec<bool>, Vec<usize>> = BTreeMap::new();
    for (bit, at) in heavy.iter().enumerate() {
        let signature = sets.iter().map(|set| set >> bit & 1 == 1).collect();
        classes.entry(signature).or_default().push(*at);
    }
    let mut classes: Vec<_> = classes.into_values().collect();
    classes.sort();
    classes
}
