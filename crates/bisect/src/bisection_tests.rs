use super::super::answer::{Answer, InvalidPremise};
use super::super::beta::Beta;
use super::*;

/// Searches with one job at a time; `trial` gives the outcome of the nth trial of a revision.
fn search(history: History, settings: Settings, trial: impl Fn(Revision, u32) -> Outcome) -> (Answer, Vec<Sample>) {
    let mut bisection = Bisection::new(history, settings).unwrap();
    let mut samples: Vec<Sample> = Vec::new();
    while samples.len() < 2000 {
        match bisection.decide(Slot::Any, &[]) {
            Decision::Run { revision, task: Task::Trial, .. } => {
                let nth = samples.iter().filter(|sample| sample.revision == revision).count();
                let sample = Sample { revision, outcome: trial(revision, nth as u32), seconds: 1.0 };
                bisection.record(sample).unwrap();
                samples.push(sample);
            }
            Decision::Done(answer) => return (answer, samples),
            other => panic!("{other:?} for a free slot while nothing runs"),
        }
    }
    panic!("no answer after {} trials: {:?}", samples.len(), bisection.progress());
}

fn line(commits: u32) -> History {
    History::line(commits + 1).unwrap()
}

/// Always fails from `culprit` on.
fn certain(culprit: Revision) -> impl Fn(Revision, u32) -> Outcome {
    move |revision, _| if revision >= culprit { Outcome::Hang } else { Outcome::Pass }
}

#[test]
fn certain_failure_is_found_in_few_trials() {
    for culprit in [1, 2, 500, 777, 1023, 1024] {
        let (answer, samples) = search(line(1024), Settings::default(), certain(culprit));
        assert!(matches!(answer, Answer::Culprit { commit, confirmed: true, .. } if commit == culprit), "{answer:?}");
        assert!(samples.len() <= 50, "{} trials for {culprit}", samples.len());
    }
}

#[test]
fn single_candidate_is_confirmed() {
    let (answer, samples) = search(line(1), Settings::default(), certain(1));
    assert!(matches!(answer, Answer::Culprit { commit: 1, confirmed: true, .. }));
    assert!(samples.len() >= 4);
}

#[test]
fn culprit_may_be_a_merge() {
    // Two branches of two commits each, and their merge.
    let graph = [vec![], vec![0], vec![1], vec![0], vec![3], vec![2, 4], vec![5]];
    let history = || History::new(&graph, &[0], 6).unwrap();
    for culprit in 1..=6 {
        let affected = |revision: Revision| {
            history().position(revision).is_some_and(|at| history().contained(at)[culprit as usize - 1])
        };
        let trial = |revision, _| if affected(revision) { Outcome::Hang } else { Outcome::Pass };
        let (answer, _) = search(history(), Settings::default(), trial);
        assert!(matches!(answer, Answer::Culprit { commit, .. } if commit == culprit), "{culprit}: {answer:?}");
    }
}

#[test]
fn untestable_parent_is_confirmed_by_its_descendant() {
    // The culprit 2 and the commit 3 have the same parent, and are merged.
    let history = History::new(&[vec![], vec![0], vec![1], vec![1], vec![2, 3]], &[0], 4).unwrap();
    let trial = |revision, _| match revision {
        1 => Outcome::Skipped,
        2 | 4 => Outcome::Hang,
        _ => Outcome::Pass,
    };
    let (answer, _) = search(history, Settings::default(), trial);
    assert!(matches!(answer, Answer::Culprit { commit: 2, confirmed: true, .. }), "{answer:?}");
}

#[test]
fn invalid_premise_is_found_in_few_trials() {
    type Trial = fn(Revision, u32) -> Outcome;
    let cases: [(Trial, InvalidPremise, usize); 5] = [
        (|_, _| Outcome::Hang, InvalidPremise::GoodEndHangs, 6),
        (|_, nth| if nth % 3 == 0 { Outcome::Hang } else { Outcome::Pass }, InvalidPremise::GoodEndHangs, 20),
        (|_, _| Outcome::Pass, InvalidPremise::BadEndPasses, 30),
        (|_, _| Outcome::Other, InvalidPremise::OtherFailures(100), 4),
        (|_, _| Outcome::Skipped, InvalidPremise::EndSkipped(100), 1),
    ];
    for (trial, expected, max) in cases {
        let (answer, samples) = search(line(100), Settings::default(), trial);
        assert!(
            matches!(answer, Answer::InvalidPremise { reason, .. } if reason == expected),
            "{answer:?} for {expected:?}"
        );
        assert!(samples.len() <= max, "{} trials for {expected:?}", samples.len());
    }
}

#[test]
fn untestable_range_leaves_the_smallest_set() {
    for broken in [40..42, 40..60, 2..99] {
        let trial = |revision, _| match revision {
            _ if broken.contains(&revision) => Outcome::Skipped,
            _ if revision > broken.start => Outcome::Hang,
            _ => Outcome::Pass,
        };
        let (answer, _) = search(line(100), Settings::default(), trial);
        let Answer::Set { candidates, .. } = &answer else { panic!("{answer:?}") };
        let mut named: Vec<Revision> = candidates.iter().map(|candidate| candidate.revision).collect();
        named.sort_unstable();
        let expected: Vec<Revision> = (broken.start..=broken.end).collect();
        // A long set lacks its last few per cent.
        assert!(
            named == expected || expected.len() > 64 && named.iter().all(|one| expected.contains(one)),
            "{named:?}"
        );
    }
}

#[test]
fn revision_with_other_failures_is_skipped() {
    let trial = |revision, nth| if revision == 50 { Outcome::Other } else { certain(45)(revision, nth) };
    let (answer, samples) = search(line(100), Settings::default(), trial);
    assert!(matches!(answer, Answer::Culprit { commit: 45, .. }));
    assert!(samples.iter().filter(|sample| sample.outcome == Outcome::Other).count() <= 4);
}

#[test]
fn failed_confirmation_reopens_the_search() {
    // The parent of the first leader passes once, but is affected.
    let trial = |revision, nth| match revision {
        63 if nth < 1 => Outcome::Pass,
        _ => certain(60)(revision, nth),
    };
    let (answer, _) = search(line(100), Settings::default(), trial);
    assert!(matches!(answer, Answer::Culprit { commit: 60, .. }), "{answer:?}");
}

#[test]
fn search_stops_after_max_trials() {
    let settings = Settings { max_trials: Some(5), ..Settings::default() };
    let (answer, samples) = search(line(1000), settings, certain(500));
    assert_eq!(samples.len(), 5);
    assert!(matches!(answer, Answer::Set { confirmed: false, .. }));
}

#[test]
fn journal_replays_to_the_same_decisions() {
    let trial = |revision: Revision, nth: u32| match (revision * 7919 + nth * 104_729) % 10 {
        0..4 if revision >= 700 => Outcome::Hang,
        9 if revision.is_multiple_of(13) => Outcome::Skipped,
        _ => Outcome::Pass,
    };
    let (answer, samples) = search(line(1000), Settings::default(), trial);
    let mut replayed = Bisection::new(line(1000), Settings::default()).unwrap();
    for sample in &samples {
        let Decision::Run { revision, .. } = replayed.decide(Slot::Any, &[]) else { panic!("the search ended early") };
        assert_eq!(revision, sample.revision);
        let written = serde_json::to_string(sample).unwrap();
        replayed.record(serde_json::from_str(&written).unwrap()).unwrap();
    }
    assert_eq!(replayed.decide(Slot::Any, &[]), Decision::Done(answer));
}

#[test]
fn parallel_jobs_never_repeat_a_build_and_terminate() {
    let mut bisection = Bisection::new(line(1000), Settings { build_s: 600.0, ..Settings::default() }).unwrap();
    let mut running: Vec<Running> = Vec::new();
    for _ in 0..1000 {
        // Two builders and two runners.
        for (slot, task) in [(Slot::Trial, Task::Trial), (Slot::Build, Task::Build)].repeat(2) {
            if running.iter().filter(|job| job.task == task).count() == 2 {
                continue;
            }
            match bisection.decide(slot, &running) {
                Decision::Run { revision, task, .. } => {
                    let same = |job: &Running| job.revision == revision && job.task == Task::Build;
                    assert!(task == Task::Trial || !running.iter().any(same));
                    running.push(Running { revision, task, elapsed_s: 0.0 });
                }
                Decision::Wait => {}
                Decision::Done(answer) => {
                    assert!(matches!(answer, Answer::Culprit { commit: 321, .. }), "{answer:?}");
                    return;
                }
            }
        }
        assert!(!running.is_empty(), "all slots wait: {:?}", bisection.progress());
        let Running { revision, task, .. } = running.remove(0);
        let (outcome, seconds) = match task {
            Task::Build => (Outcome::Built, 600.0),
            Task::Trial => (certain(321)(revision, 0), 60.0),
        };
        bisection.record(Sample { revision, outcome, seconds }).unwrap();
    }
    panic!("no answer");
}

#[test]
fn unknown_revision_and_invalid_setting_are_refused() {
    let mut bisection = Bisection::new(line(10), Settings::default()).unwrap();
    let sample = Sample { revision: 11, outcome: Outcome::Pass, seconds: 1.0 };
    assert_eq!(bisection.record(sample), Err(HistoryError::Unknown(11)));
    let settings = Settings { affected: Beta { hangs: 0.0, passes: 1.0 }, ..Settings::default() };
    assert_eq!(Bisection::new(line(10), settings).unwrap_err().name, "affected");
}
