//! From runs in which a failure may have begun to the commits that may have introduced it.

use crate::git::{Commit, CommitId};
use bisect::Revision;
use model::StartWeight;
use std::collections::HashMap;

/// Share of the probability that all commits have alike: the runs' interval holds the change with 99 %, and a run may have been
/// named by another cause.
const FLOOR: f64 = 0.02;

/// A weight for each commit of a history with parents first. A run's weight is that of the commits that its kernel has and those
/// of the runs before it have not; runs whose commits are not in the history count for nothing. `None` where none is in it.
pub(super) fn weights(
    commits: &[Commit],
    index: &HashMap<CommitId, Revision>,
    old: &[Revision],
    starts: &[StartWeight],
) -> Option<Vec<f64>> {
    let mut seen = vec![false; commits.len()];
    old.iter().for_each(|end| seen[*end as usize] = true);
    let mut weights = vec![0.0; commits.len()];
    for start in starts {
        let Some(end) = index.get(&CommitId::new(&start.commit)) else { continue };
        let new = ancestors(commits, index, *end, &mut seen);
        for commit in &new {
            weights[*commit] += start.weight / new.len() as f64;
        }
    }
    let sum: f64 = weights.iter().sum();
    let even = 1.0 / commits.len() as f64;
    (sum > 0.0).then(|| weights.iter().map(|weight| (1.0 - FLOOR) * weight / sum + FLOOR * even).collect())
}

/// The commit and its ancestors that were not seen before.
fn ancestors(commits: &[Commit], index: &HashMap<CommitId, Revision>, end: Revision, seen: &mut [bool]) -> Vec<usize> {
    let mut found = Vec::new();
    let mut pending = vec![end];
    while let Some(at) = pending.pop() {
        let at = at as usize;
        if !std::mem::replace(&mut seen[at], true) {
            found.push(at);
            pending.extend(commits[at].parents.iter().filter_map(|parent| index.get(parent)));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn commit(id: &str, parents: &[&str]) -> Commit {
        Commit {
            id: CommitId::new(id),
            parents: parents.iter().map(|parent| CommitId::new(*parent)).collect(),
            author: String::new(),
            date: String::new(),
            subject: String::new(),
        }
    }

    fn weights_of(commits: &[Commit], starts: &[(&str, f64)]) -> Option<Vec<f64>> {
        let index = commits.iter().enumerate().map(|(at, commit)| (commit.id.clone(), at as Revision)).collect();
        let starts: Vec<StartWeight> = starts
            .iter()
            .map(|(commit, weight)| StartWeight { commit: (*commit).to_owned(), weight: *weight })
            .collect();
        weights(commits, &index, &[0], &starts)
    }

    #[test]
    fn weight_of_a_run_is_that_of_its_new_commits() {
        // a — b — d — e, and c beside b.
        let commits =
            [commit("a", &[]), commit("b", &["a"]), commit("c", &["a"]), commit("d", &["b", "c"]), commit("e", &["d"])];
        let weights = weights_of(&commits, &[("b", 0.25), ("d", 0.75)]).unwrap();
        let floor = FLOOR / 5.0;
        let expected = [0.0, 0.25, 0.375, 0.375, 0.0].map(|weight| (1.0 - FLOOR) * weight + floor);
        for (weight, expected) in weights.iter().zip(expected) {
            assert!((weight - expected).abs() < 1e-12, "{weights:?}");
        }
        assert!((weights.iter().sum::<f64>() - 1.0).abs() < 1e-12);
    }

    #[test]
    fn runs_of_other_histories_count_for_nothing() {
        let commits = [commit("a", &[]), commit("b", &["a"])];
        assert_eq!(weights_of(&commits, &[("x", 1.0)]), None);
        assert_eq!(weights_of(&commits, &[]), None);
        let weights = weights_of(&commits, &[("x", 0.9), ("b", 0.1)]).unwrap();
        assert!(weights[1] > 0.98, "{weights:?}");
    }
}
