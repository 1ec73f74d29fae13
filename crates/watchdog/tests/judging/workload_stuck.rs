//! The canary allocates, and the workload makes no progress.

use crate::trial::{Trial, profile, top_function};
use model::{
    Caveat, Event, Evidence, Frame, Kind, OomVictim, Outcome, Probe, QmpEvent, RuleId, ShutdownCause, TaskFacts, Tasks,
};

const SLEEPS: &str = "task:writer state:D stack:0 pid:31 ppid:20 flags:0x0\n __schedule+0x1/0x2\n reclaim_throttle+0x1/0x2\n \
                      shrink_node+0x1/0x2\n __alloc_pages_slowpath+0x1/0x2\n ext4_write_begin+0x1/0x2";

/// A workload whose last unit of work is at `until_s`, in a guest with this CPU demand and answer to sysrq-w.
fn alone(until_s: f64, demand: f64, blocked: &str, spots: &[(&str, u32)]) -> Trial {
    let mut trial = Trial::booted();
    trial.answers.profile = Some(profile(spots, &[]));
    trial.answers.sysrq.insert('w', blocked.lines().map(str::to_owned).collect());
    play(trial, until_s, demand)
}

fn play(mut trial: Trial, until_s: f64, demand: f64) -> Trial {
    while trial.watchdog.verdict().is_none() && trial.now_s < 200.0 {
        trial.beat.canary_rounds += 1;
        trial.beat.units += u64::from(trial.now_s < until_s);
        trial.second(demand, 0.0, true);
    }
    trial
}

#[test]
fn blocked_workload_is_reclaim_deadlock() {
    let trial = alone(5.0, 0.1, SLEEPS, &[]);
    let verdict = trial.verdict();
    assert_eq!((verdict.kind, verdict.outcome()), (Kind::ReclaimDeadlock, Outcome::Hang));
    assert_eq!(verdict.rule, RuleId::WorkloadStuck);
    assert_eq!(verdict.task.map(|task| task.comm).as_deref(), Some("writer"));
    assert!(verdict.summary.contains("pid 31 (writer) is blocked in the allocator"), "{}", verdict.summary);
    let frames = ["__schedule", "reclaim_throttle", "shrink_node", "__alloc_pages_slowpath", "ext4_write_begin"];
    let frames = frames.map(str::to_owned).to_vec();
    assert_eq!(verdict.evidence[0], Evidence::BlockedTask { pid: 31, comm: "writer".to_owned(), frames });
    assert_eq!(verdict.onset.unwrap().host.as_secs_f64(), 5.0);
    // The limit is 60 s, and the answer gets the threshold of 4 s.
    assert_eq!(trial.now_s, 64.0);
    assert_eq!(trial.probes, [(17, Probe::Profile), (60, Probe::Sysrq('w'))], "the host looks first");
}

#[test]
fn looping_workload_is_silent_stall() {
    let verdict = alone(5.0, 1.0, "", &[("shrink_lruvec", 50), ("try_charge_memcg", 40)]).verdict();
    assert_eq!((verdict.kind, verdict.outcome()), (Kind::SilentStall, Outcome::Hang));
    assert!(
        verdict.evidence.iter().any(|shown| top_function(shown) == Some("shrink_lruvec")),
        "{:?}",
        verdict.evidence
    );
    assert_eq!(verdict.caveats, [Caveat::CanaryAlive]);
}

/// It may print nothing for long, and a test of memory management allocates all the time.
#[test]
fn silent_script_that_allocates_is_load_timeout() {
    let script = |mut trial: Trial| {
        trial.frame(Frame::Started { workload: "w".to_owned(), pid: 20, results: Some("exit".to_owned()) });
        play(trial, 5.0, 1.0).verdict().kind
    };
    let mut busy = Trial::booted();
    busy.answers.profile = Some(profile(&[("get_page_from_freelist", 90)], &[]));
    assert_eq!(script(busy), Kind::LoadTimeout);
    assert_eq!(script(victim(true)), Kind::LoadTimeout);
    assert_eq!(script(victim(false)), Kind::OomLivelock, "a victim that keeps its memory is a hang");
}

#[test]
fn workload_outside_allocator_is_load_timeout() {
    let reclaimer = SLEEPS.replace("writer", "kswapd0");
    let elsewhere = SLEEPS.replace("reclaim_throttle", "io_schedule").replace("shrink_node", "bio_wait");
    let elsewhere = elsewhere.replace("__alloc_pages_slowpath", "submit_bio_wait");
    for (demand, blocked, spots) in [
        (0.1, "", &[][..]),
        (0.1, &reclaimer, &[]),
        (0.1, &elsewhere, &[]),
        (1.0, SLEEPS, &[("memcpy", 90)]),
        (1.0, SLEEPS, &[]),
    ] {
        let verdict = alone(5.0, demand, blocked, spots).verdict();
        assert_eq!((verdict.kind, verdict.rule), (Kind::LoadTimeout, RuleId::LoadDeadline), "{blocked}");
    }
}

#[test]
fn briefly_stuck_workload_is_not_probed() {
    let trial = alone(50.0, 0.1, SLEEPS, &[]);
    assert_eq!((trial.verdict().kind, trial.now_s), (Kind::LoadTimeout, 60.0));
    assert_eq!(trial.probes, []);
}

/// A guest whose only OOM victim is in this state, and whose workload loops in the allocator from second 5 on.
fn with_victim(oom_skip: bool) -> Trial {
    play(victim(oom_skip), 5.0, 1.0)
}

/// The same, when the lab asks it for its blocked tasks.
fn with_victim_at_question() -> Trial {
    let mut trial = victim(false);
    while !trial.probes.iter().any(|(_, probe)| *probe == Probe::Sysrq('w')) {
        trial.beat.canary_rounds += 1;
        trial.beat.units += u64::from(trial.now_s < 5.0);
        trial.second(1.0, 0.0, true);
        assert!(trial.watchdog.verdict().is_none() && trial.now_s < 200.0);
    }
    trial
}

fn victim(oom_skip: bool) -> Trial {
    let mut trial = Trial::booted();
    trial.kill();
    let victim = TaskFacts { victim: Some(OomVictim { oom_skip: Some(oom_skip) }), ..TaskFacts::new(26, "hog", 'D') };
    trial.answers.tasks = Some(Tasks { tasks: vec![victim], left_out: 0 });
    trial.answers.profile = Some(profile(&[("get_page_from_freelist", 90)], &[]));
    trial
}

#[test]
fn victim_that_keeps_its_memory_is_not_given_all_the_time() {
    let trial = with_victim(false);
    let verdict = trial.verdict();
    assert_eq!((verdict.kind, verdict.rule), (Kind::OomLivelock, RuleId::WorkloadStuck));
    assert!(verdict.summary.contains("pid 26 (hog) was killed and keeps its memory"), "{}", verdict.summary);
    // 12 thresholds of 4 s, and one for the answer to sysrq-w.
    assert_eq!(trial.now_s, 57.0);
    let tasks = trial.probes.iter().filter(|(_, probe)| *probe == Probe::Tasks).map(|(at_s, _)| *at_s);
    assert_eq!(tasks.collect::<Vec<_>>(), [17, 53]);
    let trial = with_victim(true);
    assert_eq!((trial.verdict().kind, trial.now_s), (Kind::SilentStall, 64.0), "the OOM killer may go on");
}

/// Seen with 5.10 without an MMU, whose unwinder reads through a pointer of a blocked task.
#[test]
fn machine_that_goes_down_at_the_last_question_was_stuck() {
    let mut trial = with_victim_at_question();
    for line in
        ["sysrq: Show Blocked State", "Oops - load access fault [#1]", "Kernel panic - not syncing: Fatal exception"]
    {
        trial.line(&format!("[   53.000000] {line}"));
    }
    trial.event(Event::Qmp { what: QmpEvent::Shutdown(ShutdownCause::GuestReset) });
    trial.event(Event::Down);
    let verdict = trial.verdict();
    assert_eq!((verdict.kind, verdict.rule), (Kind::OomLivelock, RuleId::WorkloadStuck));
    assert!(verdict.summary.ends_with("; the machine went down at the lab's sysrq-w"), "{}", verdict.summary);
}

#[test]
fn workload_that_recovers_is_load_timeout() {
    let mut trial = Trial::booted();
    trial.answers.sysrq.insert('w', SLEEPS.lines().map(str::to_owned).collect());
    while trial.watchdog.verdict().is_none() && trial.now_s < 200.0 {
        trial.beat.canary_rounds += 1;
        trial.beat.units += u64::from(trial.now_s < 5.0 || trial.now_s > 61.0);
        trial.second(0.1, 0.0, true);
    }
    assert_eq!(trial.verdict().kind, Kind::LoadTimeout);
}
