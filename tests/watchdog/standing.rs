//! What is shown of a trial that goes on.

use crate::trial::{Trial, finish};
use oomlab::model::{Frame, Stage, Stamp};

#[test]
fn stages_follow_what_the_agent_says() {
    let mut trial = Trial::new(true);
    let stage = |trial: &Trial| trial.watchdog.stage();
    assert_eq!((stage(&trial), trial.watchdog.booted_at()), (Stage::Booting, None));
    trial.seconds(3, 1.0, 0.0, false);
    trial.frame(Frame::Hello { version: 1, arch: "x".to_owned(), page_bytes: 4096, ram_kib: 30000 });
    assert_eq!((stage(&trial), trial.watchdog.booted_at()), (Stage::Ready, Some(Stamp::from_secs_f64(3.0))));
    trial.frame(Frame::Started { workload: "w".to_owned(), pid: 20 });
    assert_eq!(stage(&trial), Stage::Loading);
    trial.frame(finish(0));
    assert_eq!(stage(&trial), Stage::Finishing);
    trial.power_off();
    assert_eq!(stage(&trial), Stage::Judged);
}

#[test]
fn a_canary_is_late_after_half_the_time_for_which_it_may_be_stuck() {
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
fn kills_that_were_printed_or_counted_are_shown() {
    let mut trial = Trial::booted();
    assert_eq!(trial.watchdog.oom_kills(), 0);
    trial.kill();
    assert_eq!(trial.watchdog.oom_kills(), 1);
    trial.beat.oom_kills = 3;
    trial.second(1.0, 0.0, true);
    assert_eq!(trial.watchdog.oom_kills(), 3, "a slow console tells them later");
}
