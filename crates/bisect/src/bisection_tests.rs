use super::super::answer::{Answer, Wrong};
use super::super::beta::Beta;
use super::*;

/// Searches with one job at a time; `trial` says how the nth trial of a revision ends.
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
            other => panic!("{other:?} of a free slot while nothing runs"),
        }
    }
    panic!("no answer after {} trials: {:?}", samples.len(), bisection.standing());
}

fn line(commits: u32) -> History {
    History::line(commits + 1).unwrap()
}

/// Hangs from `culprit` on.
fn sure(culprit: Revision) -> impl Fn(Revision, u32) -> Outcome {
    move |revision, _| if revision >= culprit { Outcome::Hang } else { Outcome::Pass }
}

#[test]
fn a_sure_hang_is_found_in_few_trials() {
    for culprit in [1, 2, 500, 777, 1023, 1024] {
        let (answer, samples) = search(line(1024), Settings::default(), sure(culprit));
        assert!(matches!(answer, Answer::Culprit { commit, confirmed: true, .. } if commit == culprit), "{answer:?}");
        assert!(samples.len() <= 50, "{} trials for {culprit}", samples.len());
    }
}

#[test]
fn a_single_candidate_is_confirmed_too() {
    let (answer, samples) = search(line(1), Settings::default(), sure(1));
    assert!(matches!(answer, Answer::Culprit { commit: 1, confirmed: true, .. }));
    assert!(samples.len() >= 4);
}

#[test]
fn a_merge_may_be_the_culprit() {
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
fn a_parent_that_cannot_be_tried_is_confirmed_by_what_contains_it() {
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
fn wrong_premises_are_said_within_the_first_trials() {
    type Trial = fn(Revision, u32) -> Outcome;
    let cases: [(Trial, Wrong, usize); 5] = [
        (|_, _| Outcome::Hang, Wrong::GoodEndHangs, 6),
        (|_, nth| if nth % 3 == 0 { Outcome::Hang } else { Outcome::Pass }, Wrong::GoodEndHangs, 20),
        (|_, _| Outcome::Pass, Wrong::BadEndPasses, 30),
        (|_, _| Outcome::Other, Wrong::OtherFailures(100), 4),
        (|_, _| Outcome::Skipped, Wrong::EndSkipped(100), 1),
    ];
    for (trial, expected, most) in cases {
        let (answer, samples) = search(line(100), Settings::default(), trial);
        assert!(matches!(answer, Answer::Premise { wrong, .. } if wrong == expected), "{answer:?} for {expected:?}");
        assert!(samples.len() <= most, "{} trials for {expected:?}", samples.len());
    }
}

#[test]
fn what_cannot_be_tried_leaves_a_set_and_no_more_than_it_must() {
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
        // A long set is named without its last few per cent.
        assert!(
            named == expected || expected.len() > 64 && named.iter().all(|one| expected.contains(one)),
            "{named:?}"
        );
    }
}

#[test]
fn a_revision_that_fails_in_another_way_is_passed_by() {
    let trial = |revision, nth| if revision == 50 { Outcome::Other } else { sure(45)(revision, nth) };
    let (answer, samples) = search(line(100), Settings::default(), trial);
    assert!(matches!(answer, Answer::Culprit { commit: 45, .. }));
    assert!(samples.iter().filter(|sample| sample.outcome == Outcome::Other).count() <= 4);
}

#[test]
fn a_confirmation_that_disagrees_reopens_the_search() {
    // The culprit's parent passes at first; in truth it is affected too.
    let trial = |revision, nth| match revision {
        63 if nth < 1 => Outcome::Pass,
        _ => sure(60)(revision, nth),
    };
    let (answer, _) = search(line(100), Settings::default(), trial);
    assert!(matches!(answer, Answer::Culprit { commit: 60, .. }), "{answer:?}");
}

#[test]
fn the_search_ends_after_the_most_trials_it_may_make() {
    let settings = Settings { most_trials: Some(5), ..Settings::default() };
    let (answer, samples) = search(line(1000), settings, sure(500));
    assert_eq!(samples.len(), 5);
    assert!(matches!(answer, Answer::Set { confirmed: false, .. }));
}

#[test]
fn a_journal_replays_to_the_same_decisions() {
    let trial = |revision: Revision, nth: u32| match (revision * 7919 + nth * 104_729) % 10 {
        0..4 if revision >= 700 => Outcome::Hang,
        9 if revision.is_multiple_of(13) => Outcome::Skipped,
        _ => Outcome::Pass,
    };
    let (answer, samples) = search(line(1000), Settings::default(), trial);
    let mut replayed = Bisection::new(line(1000), Settings::default()).unwrap();
    for sample in &samples {
        let Decision::Run { revision, .. } = replayed.decide(Slot::Any, &[]) else { panic!("it ended early") };
        assert_eq!(revision, sample.revision);
        let written = serde_json::to_string(sample).unwrap();
        replayed.record(serde_json::from_str(&written).unwrap()).unwrap();
    }
    assert_eq!(replayed.decide(Slot::Any, &[]), Decision::Done(answer));
}

#[test]
fn four_jobs_never_do_the_same_build_and_always_come_to_an_end() {
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
        assert!(!running.is_empty(), "all wait: {:?}", bisection.standing());
        let Running { revision, task, .. } = running.remove(0);
        let (outcome, seconds) = match task {
            Task::Build => (Outcome::Built, 600.0),
            Task::Trial => (sure(321)(revision, 0), 60.0),
        };
        bisection.record(Sample { revision, outcome, seconds }).unwrap();
    }
    panic!("no answer");
}

#[test]
fn unknown_revisions_and_senseless_settings_are_refused() {
    let mut bisection = Bisection::new(line(10), Settings::default()).unwrap();
    let sample = Sample { revision: 11, outcome: Outcome::Pass, seconds: 1.0 };
    assert_eq!(bisection.record(sample), Err(HistoryError::Unknown(11)));
    let settings = Settings { affected: Beta { hangs: 0.0, passes: 1.0 }, ..Settings::default() };
    assert_eq!(Bisection::new(line(10), settings).unwrap_err().name, "affected");
}
