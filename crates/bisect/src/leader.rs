//! The most probable candidate, or candidates that no trial can distinguish.

use super::breakage::Breakage;
use super::evidence::{Belief, Evidence, Hypothesis};
use super::history::History;

/// The most probable candidates that are considered one by one.
const MAX_CONSIDERED: usize = History::MAX_COMPARED;

/// Candidates, most often one, between which all revisions are untestable.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Leader {
    /// Positions, in order.
    pub members: Vec<usize>,
    pub posterior: f64,
}

/// The most probable such candidates, if they are more probable than all candidates that are not considered.
pub(super) fn leader(
    history: &History,
    breakage: &Breakage,
    evidence: &Evidence,
    beliefs: &[Belief],
) -> Option<Leader> {
    let mut groups: Vec<(usize, f64)> = beliefs
        .iter()
        .filter_map(|belief| match belief.hypothesis {
            Hypothesis::Group(group) => Some((group, belief.posterior)),
            Hypothesis::AllAffected | Hypothesis::NoneAffected => None,
        })
        .collect();
    groups.sort_by(|one, other| other.1.total_cmp(&one.1));
    let mut members = 0;
    let is_considered = |group: &(usize, f64)| {
        members += evidence.members(group.0);
        members <= MAX_CONSIDERED
    };
    let considered = groups.iter().copied().take_while(is_considered).count();
    let (kept, left) = groups.split_at(considered);
    let left: f64 = left.iter().map(|group| group.1).sum();
    if kept.iter().map(|group| group.1).sum::<f64>() <= left {
        return None;
    }
    let mut is_kept = vec![false; groups.len()];
    kept.iter().for_each(|(group, _)| is_kept[*group] = true);
    let heavy: Vec<usize> = (0..history.len()).filter(|at| is_kept[evidence.groups()[*at] as usize]).collect();
    let weights = evidence.weights(history, beliefs);
    let classes = if breakage.any() {
        history.indistinguishable(&heavy, |at| breakage.is_broken(at))
    } else {
        heavy.iter().map(|at| vec![*at]).collect()
    };
    let weigh = |members: Vec<usize>| Leader { posterior: members.iter().map(|at| weights[*at]).sum(), members };
    // Of equals the first: the same journal leads to the same answer.
    let leader =
        classes.into_iter().map(weigh).reduce(|best, next| if next.posterior > best.posterior { next } else { best });
    leader.filter(|leader| leader.posterior > left)
}
