//! `git bisect run`, by its description in `git-bisect(1)` and in Documentation/git-bisect-lk2009.adoc: the commit that
//! splits the rest most evenly is next; if it cannot be tried, another one is drawn from the list from best to worst, at
//! a random share to the power of 1.5.

use super::super::history::History;
use super::super::sample::{Outcome, Revision};
use super::Found;
use super::random::Random;
use super::world::{BUILD, World};
use std::collections::BTreeSet;

/// Bisects with up to `trials` trials of each revision: bad if any of them fails.
pub(super) fn search(world: &World, trials: u32) -> Found {
    let history = &world.history;
    let mut found = Found::default();
    let mut bad = history.len() - 1;
    let mut rest = vec![true; history.len()];
    let mut skipped = BTreeSet::new();
    loop {
        let Some(next) = next(history, &rest, bad, &skipped) else {
            let mut named: Vec<Revision> =
                skipped.iter().filter(|at| rest[**at]).map(|at| history.revision(*at)).collect();
            named.push(history.revision(bad));
            return Found { named, ..found };
        };
        found.builds += 1;
        found.time += BUILD;
        let revision = history.revision(next);
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

/// What is tried next; `None` when the bad one is all that is left to try.
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
    // As in git, the same list gives the same number.
    let share = Random::new(list.len() as u64).share();
    list.get((list.len() as f64 * share.powf(1.5)) as usize).copied()
}

#[cfg(test)]
mod tests {
    use super::super::world::Shape;
    use super::*;

    #[test]
    fn without_noise_it_finds_the_culprit_in_as_many_builds_as_a_binary_search() {
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
    fn one_pass_of_a_bad_kernel_leads_it_astray() {
        let right = (0..100).filter(|seed| {
            let world = World::new(1024, Shape::Linear, 0.5, 0.0, *seed).unwrap();
            world.is_right(&search(&world, 1).named)
        });
        assert!(right.count() < 30);
    }
}
