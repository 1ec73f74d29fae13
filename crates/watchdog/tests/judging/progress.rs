//! What is shown of a trial that goes on.

use crate::trial::{Trial, finish};
use model::{Frame, Stage, Stamp};
use watchdog::retrace;

#[test]
fn stage_follows_agent_frames() {
    let mut trial = Trial::new(true);
    let stage = |trial: &Trial| trial.watchdog.stage();
    assert_eq!((stage(&trial), trial.watchdog.booted_at()), (Stage::Booting, None));
    trial.seconds(3, 1.0, 0.0, false);
    trial.frame(Frame::Hello { version: 1, arch: "x".to_owned(), page_bytes: 4096, ram_kib: 30000 });
    assert_eq!((stage(&trial), trial.watchdog.booted_at()), (Stage::Ready, Some(Stamp::from_secs_f64(3.0))));
    trial.frame(Frame::Started { workload: "w".to_owned(), pid: 20, results: None });
    assert_eq!(stage(&trial), Stage::Loading);
    trial.frame(finish(0));
    assert_eq!(stage(&trial), Stage::Finishing);
    trial.power_off();
    assert_eq!(stage(&trial), Stage::Judged);
}

#[test]
fn canary_stuck_s_starts_at_half_the_threshold() {
    let mut trial = Trial::booted();
    trial.frame(Frame::Speed { loop_us: 8000 });
    trial.beat.canary_rounds += 1;
    trial.second(1.0, 0.0, true);
    // It may be stuck for 4 s, and this guest is twice as slow as usual.
    for (seconds, late) in [(0, None), (4, None), (1, Some(5.0)), (2, Some(7.0))] {
        trial.seconds(seconds, 1.0, 0.0, true);
        assert_eq!(trial.watchdog.canary_stuck_s(), late);
    }
    trial.beat.canary_rounds += 1;
    trial.second(1.0, 0.0, true);
    assert_eq!(trial.watchdog.canary_stuck_s(), None);
    assert_eq!(Trial::new(true).watchdog.canary_stuck_s(), None);
}

#[test]
fn oom_kills_counts_printed_and_counted() {
    let mut trial = Trial::booted();
    assert_eq!(trial.watchdog.oom_kills(), 0);
    trial.kill();
    assert_eq!(trial.watchdog.oom_kills(), 1);
    trial.beat.oom_kills = 3;
    trial.second(1.0, 0.0, true);
    assert_eq!(trial.watchdog.oom_kills(), 3, "a slow console tells them later");
}

/// When the watchdog evaluates again.
fn deadline(trial: &Trial) -> f64 {
    trial.watchdog.deadline().expect("a deadline").as_secs_f64()
}

fn assert_near(actual: f64, expected: f64) {
    assert!((actual - expected).abs() < 0.002, "{actual} instead of {expected}");
}

#[test]
fn deadline_follows_granted_time() {
    let mut trial = Trial::new(true);
    assert_near(deadline(&trial), 30.0);
    trial.seconds(10, 0.5, 0.5, false);
    assert_near(deadline(&trial), 10.0 + 25.0 / 0.5);
    // A host that gives the guest next to nothing has ten times the limit.
    trial.seconds(1, 0.0, 1.0, false);
    assert_near(deadline(&trial), 300.0);
    // Once it has begun, a story is waited for until it is told.
    let mut trial = Trial::booted();
    trial.seconds(2, 1.0, 0.0, true);
    trial.line("[    2.000000] Kernel panic - not syncing: Fatal exception");
    assert_near(deadline(&trial), 5.0);
    trial.second(1.0, 0.0, true);
    assert_near(deadline(&trial), 5.0);
    // A beat may be silent for 4 s.
    let mut trial = Trial::booted();
    trial.beat.canary_rounds += 1;
    trial.second(1.0, 0.0, true);
    trial.second(1.0, 0.0, false);
    assert_near(deadline(&trial), 5.0);
}

#[test]
fn course_ends_with_the_verdict() {
    let mut trial = Trial::booted();
    trial.second(1.0, 0.0, true);
    trial.kill();
    trial.second(1.0, 0.0, true);
    trial.kill();
    trial.kill();
    trial.second(1.0, 0.0, true);
    trial.frame(finish(0));
    trial.power_off();
    trial.kill();
    let course = retrace(trial.setup.clone(), &trial.records);
    let at = Stamp::from_secs_f64;
    let stages = [(at(0.0), Stage::Booting), (at(0.0), Stage::Ready), (at(0.0), Stage::Loading)];
    assert_eq!(course.stages[..3], stages);
    assert_eq!(course.stages[3..], [(at(3.0), Stage::Finishing), (at(3.0), Stage::Judged)]);
    assert_eq!(course.kills, [(at(1.0), 1), (at(2.0), 2), (at(2.0), 3)]);
    assert_eq!(course.verdict, Some(trial.verdict()));
}
