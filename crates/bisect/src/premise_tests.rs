use super::super::bisection::Bisection;
use super::super::trial::{Outcome, Sample, Slot};
use super::super::{Decision, Settings};
use super::*;

const COMMITS: Revision = 100;

/// Searches with one job at a time until there is an answer; `fails` tells whether the nth trial of a revision fails.
fn search(settings: Settings, fails: impl Fn(Revision, u32) -> bool) -> (Answer, u32) {
    let inverted = settings.inverted;
    let mut bisection = Bisection::new(History::line(COMMITS + 1).unwrap(), settings).unwrap();
    let mut tried: BTreeMap<Revision, u32> = BTreeMap::new();
    for trials in 0..4000 {
        match bisection.decide(Slot::Any, &[]) {
            Decision::Run { revision, .. } => {
                let nth = tried.entry(revision).or_default();
                let outcome = if fails(revision, *nth) == inverted { Outcome::Pass } else { Outcome::Hang };
                bisection.record(Sample { revision, outcome, seconds: 1.0 }).unwrap();
                *nth += 1;
            }
            Decision::Done(answer) => return (answer, trials),
            Decision::Wait => panic!("nothing runs"),
        }
    }
    panic!("no answer: {:?}", bisection.progress());
}

fn invalid(answer: &Answer) -> (InvalidPremise, Counts, Counts) {
    let Answer::InvalidPremise { reason, bad, good } = answer else { panic!("{answer:?}") };
    (*reason, *bad, *good)
}

/// Fails in every `period`th trial from `culprit` on, at another time of each revision.
fn rare(culprit: Revision, period: u32) -> impl Fn(Revision, u32) -> bool {
    move |revision, nth| revision >= culprit && (nth + 1 + revision * 7).is_multiple_of(period)
}

#[test]
fn bad_end_is_good_once_the_least_rate_is_excluded() {
    for (rate, passes) in [(0.2, 14), (0.1, 29), (0.01, 299)] {
        let (answer, trials) = search(Settings::default().at_rate(rate), |_, _| false);
        let (reason, bad, good) = invalid(&answer);
        assert_eq!((reason, bad.passes, good.trials(), trials), (InvalidPremise::BadEndPasses, passes, 0, passes));
    }
}

#[test]
fn rare_failure_of_the_bad_end_is_searched() {
    // The bad end fails first in its 60th trial.
    let fails = |revision, nth| rare(40, 60)(revision, if revision == COMMITS { nth + 20 } else { nth });
    assert!(!(0..50).any(|nth| fails(COMMITS, nth)), "the default rate is excluded before a failure");
    let (answer, _) = search(Settings::default(), fails);
    assert_eq!(invalid(&answer).0, InvalidPremise::BadEndPasses);
    let (answer, trials) = search(Settings::default().at_rate(0.01), fails);
    assert!(matches!(answer, Answer::Culprit { commit: 40, confirmed: true, .. }), "{answer:?} after {trials}");
}

#[test]
fn end_that_fails_as_rarely_as_the_other_does_not_differ() {
    let (answer, trials) = search(Settings::default().at_rate(0.01), rare(0, 30));
    assert_eq!(invalid(&answer).0, InvalidPremise::GoodEndHangs, "after {trials}");
}

#[test]
fn fix_of_a_rare_failure_is_searched() {
    // Revisions before 40 fail.
    let fails = |revision, nth| revision < 40 && rare(0, 20)(revision, nth);
    let (answer, trials) = search(Settings::default().at_rate(0.01).inverted(), fails);
    assert!(matches!(answer, Answer::Culprit { commit: 40, confirmed: true, .. }), "{answer:?} after {trials}");
}

#[test]
fn end_before_a_fix_is_good_once_the_least_rate_is_excluded() {
    for (rate, passes) in [(0.1, 29), (0.01, 299)] {
        let (answer, trials) = search(Settings::default().at_rate(rate).inverted(), |_, _| false);
        let (reason, _, good) = invalid(&answer);
        assert_eq!((reason, good.hangs, good.passes), (InvalidPremise::GoodEndHangs, passes, 0), "after {trials}");
        assert!(trials < 2 * passes, "{trials}");
    }
}

#[test]
fn fixed_end_that_fails_too_is_found_in_few_trials() {
    let (answer, trials) = search(Settings::default().inverted(), |_, _| true);
    assert_eq!(invalid(&answer).0, InvalidPremise::BadEndPasses);
    assert!(trials <= 6, "{trials}");
}

#[test]
fn failing_good_end_of_exchangeable_ends_is_found_at_once() {
    let settings = Settings { either_end: true, ..Settings::default() };
    let (answer, trials) = search(settings.clone(), |revision, _| revision < 40);
    let (reason, bad, good) = invalid(&answer);
    assert_eq!((reason, bad.hangs, good.hangs, trials), (InvalidPremise::BadEndPasses, 0, 1, 2));
    let (answer, _) = search(settings, |revision, _| revision >= 40);
    assert!(matches!(answer, Answer::Culprit { commit: 40, .. }), "{answer:?}");
}

#[test]
fn both_exchangeable_ends_exclude_the_least_rate() {
    let (answer, trials) = search(Settings { either_end: true, ..Settings::default() }.at_rate(0.2), |_, _| false);
    let (reason, bad, good) = invalid(&answer);
    assert_eq!((reason, bad.passes, good.passes, trials), (InvalidPremise::BadEndPasses, 14, 14, 28));
}
