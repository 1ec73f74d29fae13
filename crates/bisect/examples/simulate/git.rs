//! `git bisect run`, as described in `git-bisect(1)` and Documentation/git-bisect-lk2009.adoc: the next commit splits the
//! rest most evenly; if it is untestable, one is drawn from the list from best to worst, at a random fraction to the power
//! of 1.5.

use crate::random::Random;
use crate::world::{Found, World};
use bisect::{History, Outcome, Revision};
use std::collections::BTreeSet;

/// Bisects with up to `trials` trials of each revision: bad if any of them fails.
pub fn search(world: &World, trials: u32) -> Found {
    let history = &world.history;
    let mut found = Found::default();
    let mut bad = history.candidates().len() - 1;
    let mut rest = vec![true; history.candidates().len()];
    let mut skipped = BTreeSet::new();
    loop {
        let Some(next) = next(history, &rest, bad, &skipped) else {
            let mut named: Vec<Revision> =
                skipped.iter().filter(|at| rest[**at]).map(|at| history.candidates()[*at]).collect();
            named.push(history.candidates()[bad]);
            return Found { named, ..found };
        };
        found.builds += 1;
        found.time += world.build;
        let revision = history.candidates()[next];
        if !world.builds(revision) {
            skipped.insert(next);
            continue;
        }
        let passes = (0..trials).take_while(|nth| world.trial(revision, *nth) == Outcome::Pass).count() as u32;
        let is_bad = passes < trials;
        let tried = passes + u32::from(is_bad);
        found.trials += tried;
        found.time += f64::from(tried);
        let contained = history.contained(next);
        rest.iter_mut().zip(contained).for_each(|(rest, contained)| *rest &= contained == is_bad);
        if is_bad {
            bad = next;
        }
    }
}

/// The next position; `None` when only the bad one is left.
fn next(history: &History, rest: &[bool], bad: usize, skipped: &BTreeSet<usize>) -> Option<usize> {
    let weights: Vec<f64> = rest.iter().map(|rest| f64::from(u8::from(*rest))).collect();
    let sums = history.sums(&weights);
    let all = sums[bad];
    let value = |at: usize| sums[at].min(all - sums[at]);
    let mut list: Vec<usize> = (0..rest.len()).filter(|at| rest[*at] && *at != bad).collect();
    let is_best = |best: usize, at: usize| if value(at) > value(best) { at } else { best };
    let best = list.iter().copied().reduce(is_best)?;
    if !skipped.contains(&best) {
        return Some(best);
    }
    list.retain(|at| !skipped.contains(at));
    list.sort_by(|one, other| value(*other).total_cmp(&value(*one)).then(one.cmp(other)));
    // As in git, the length of the list seeds the random number.
    let fraction = Random::new(list.len() as u64).fraction();
    list.get((list.len() as f64 * fraction.powf(1.5)) as usize).copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::Shape;

    #[test]
    fn git_needs_the_builds_of_a_binary_search_without_noise() {
        for shape in [Shape::Linear, Shape::Merges] {
            for seed in 0..50 {
                let world = World::new(64, shape, 1.0, 0.0, seed).unwrap();
                let found = search(&world, 1);
                assert!(world.is_right(&found.named), "seed {seed}: {found:?}");
                assert!((5..=20).contains(&found.builds), "seed {seed}: {found:?}");
            }
        }
    }

    #[test]
    fn git_is_misled_by_one_pass_of_a_bad_revision() {
        let right = (0..100).filter(|seed| {
            let world = World::new(1024, Shape::Linear, 0.5, 0.0, *seed).unwrap();
            world.is_right(&search(&world, 1).named)
        });
        assert!(right.count() < 30);
    }
}
