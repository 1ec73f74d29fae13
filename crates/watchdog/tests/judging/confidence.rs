//! What speaks for a stall and against it, and where one kind of it ends and the next begins.

use crate::trial::{Trial, memory, profile};
use model::{Caveat, Kind, Verdict};

/// A guest that has been stuck since a kill, or without one, until the verdict on it.
fn stuck(killed: bool, prepare: impl FnOnce(&mut Trial)) -> Verdict {
    let mut trial = Trial::booted();
    prepare(&mut trial);
    if killed {
        trial.kill();
    }
    trial.until_verdict(60, 1.0, 0.0, true);
    trial.verdict()
}

const IN_RECLAIM: &[(&str, u32)] = &[("shrink_node", 51)];

#[test]
fn majority_is_more_than_half() {
    for (samples, kind) in [(50, Kind::SilentStall), (51, Kind::ReclaimLivelock)] {
        let verdict = stuck(false, |trial| {
            trial.answers.profile = Some(profile(&[("shrink_node", samples)], &[]));
            trial.answers.memory = [memory(900, 1000, 5000), memory(900, 1000, 5000)].into();
        });
        assert_eq!(verdict.kind, kind, "{samples}");
    }
    for (user, kind) in [(50, Kind::SilentStall), (51, Kind::Unproven)] {
        let verdict = stuck(false, |trial| {
            let mut profile = profile(&[("get_page_from_freelist", 40)], &[]);
            profile.user = user;
            trial.answers.profile = Some(profile);
        });
        assert_eq!(verdict.kind, kind, "{user} outside the kernel");
    }
}

#[test]
fn reclaim_livelock_needs_unchanged_lru() {
    let with = |spots: &[(&str, u32)], callers: &[(&str, u32)], lru_kib: [u64; 2]| {
        stuck(false, |trial| {
            trial.answers.profile = Some(profile(spots, callers));
            trial.answers.memory = lru_kib.map(|kib| memory(900, 1000, kib)).into();
        })
        .kind
    };
    assert_eq!(with(IN_RECLAIM, &[], [10_000, 10_000]), Kind::ReclaimLivelock);
    // A callee of reclaim may make progress.
    assert_eq!(with(&[("memcpy", 90)], &[("shrink_node", 25)], [10_000, 10_000]), Kind::SilentStall);
    // A hundredth may move.
    assert_eq!(with(IN_RECLAIM, &[], [9_900, 10_000]), Kind::ReclaimLivelock);
    assert_eq!(with(IN_RECLAIM, &[], [9_899, 10_000]), Kind::SilentStall);
    // Where nothing is left that could be reclaimed, it is not reclaim that fails.
    assert_eq!(with(IN_RECLAIM, &[], [0, 0]), Kind::SilentStall);
}

#[test]
fn unknown_cpu_time_lowers_confidence() {
    let mut trial = Trial::booted();
    trial.kill();
    for _ in 0..60 {
        trial.now_s += 1.0;
        trial.beat.mono_ms += 1000;
        trial.frame(model::Frame::Beat(trial.beat));
        if trial.watchdog.verdict().is_some() {
            break;
        }
    }
    let verdict = trial.verdict();
    assert_eq!(verdict.kind, Kind::OomLivelock);
    assert!((verdict.confidence - 0.55).abs() < 1e-6, "{}", verdict.confidence);
    assert!(verdict.caveats.contains(&Caveat::CpuTimeUnknown), "{:?}", verdict.caveats);
}

#[test]
fn profile_location_changes_confidence() {
    let with = |spots: &[(&str, u32)]| {
        let verdict = stuck(true, |trial| trial.answers.profile = Some(profile(spots, &[])));
        (verdict.confidence, verdict.caveats.len())
    };
    for (samples, confidence, caveats) in [(50, 0.65, 1), (51, 0.9, 0)] {
        let (found, count) = with(&[("get_page_from_freelist", samples)]);
        assert!((found - confidence).abs() < 1e-6 && count == caveats, "{samples}: {found} {count}");
    }
}

#[test]
fn onset_is_the_kill_without_later_progress() {
    let after = stuck(true, |_| {});
    assert_eq!(after.onset.unwrap().guest_s, Some(0.564737));
    let mut trial = Trial::booted();
    trial.kill();
    trial.second(1.0, 0.0, true);
    trial.beat.canary_rounds += 1;
    trial.second(1.0, 0.0, true);
    trial.until_verdict(60, 1.0, 0.0, true);
    let onset = trial.verdict().onset.unwrap();
    assert_eq!((onset.host.as_secs_f64(), onset.guest_s), (2.0, None));
}
