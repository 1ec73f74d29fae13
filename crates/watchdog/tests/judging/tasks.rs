//! Guests whose tasks the lab looks at before it gives a verdict on stuck allocations.

use crate::trial::{Trial, counters, memory, phrases, profile};
use model::{
    AllocationRequest, AwaitedLock, Event, Evidence, Kind, OomVictim, Probe, Record, RuleId, Stamp, Task, TaskFacts,
    Tasks,
};
use watchdog::{Action, Watchdog, replay};

const LOOPING: &[(&str, u32)] = &[("get_page_from_freelist", 90)];

/// A victim that waits for the mmap lock of a task in the allocator.
fn tasks() -> Tasks {
    let owner = Some(Task { pid: 31, comm: "dd".to_owned() });
    let words = |words: &[&str]| words.iter().map(ToString::to_string).collect();
    let victim = TaskFacts {
        victim: Some(OomVictim { oom_skip: Some(false) }),
        frames: words(&["rwsem_down_write_slowpath", "down_write", "do_mmap"]),
        lock: Some(AwaitedLock { sort: "rwsem".to_owned(), owner }),
        ..TaskFacts::new(40, "fork", 'D')
    };
    let holder = TaskFacts {
        allocates: true,
        request: Some(AllocationRequest { gfp: "0xcc0(GFP_KERNEL)".to_owned(), order: 3 }),
        frames: words(&["out_of_memory", "__alloc_pages_slowpath"]),
        ..TaskFacts::new(31, "dd", 'R')
    };
    Tasks { tasks: vec![victim, holder], left_out: 0 }
}

/// What the tasks above prove.
const PROVEN: [&str; 3] = [
    "pid 40 (fork), OOM victim without MMF_OOM_SKIP, D in rwsem_down_write_slowpath < down_write < do_mmap",
    "pid 31 (dd) allocates, R in out_of_memory < __alloc_pages_slowpath, gfp_mask=0xcc0(GFP_KERNEL), order=3",
    "pid 40 (fork) waits for the rwsem of pid 31 (dd)",
];

fn livelock() -> Trial {
    let mut trial = Trial::booted();
    trial.kill();
    trial.answers.profile = Some(profile(LOOPING, &[]));
    trial
}

fn has_proven(trial: &Trial) -> bool {
    let phrases = phrases(&trial.verdict());
    PROVEN.iter().all(|proven| phrases.iter().any(|phrase| phrase == proven))
}

#[test]
fn tasks_are_looked_at_before_sysrq_f() {
    let mut trial = livelock();
    trial.answers.tasks = Some(tasks());
    trial.until_verdict(30, 1.0, 0.0, true);
    let verdict = trial.verdict();
    assert_eq!((verdict.kind, verdict.rule), (Kind::OomLivelock, RuleId::CanaryStuck));
    assert!(has_proven(&trial), "{verdict:?}");
    let last: Vec<Probe> = trial.probes.iter().map(|(_, probe)| *probe).rev().take(2).collect();
    assert_eq!(last, [Probe::Sysrq('f'), Probe::Tasks]);
    assert_eq!(trial.probes.iter().filter(|(_, probe)| *probe == Probe::Tasks).count(), 1);
    assert_eq!(verdict.victim.unwrap().pid, 40, "and not pid 26, which the console names");
    assert!(verdict.summary.starts_with("pid 40 (fork) was killed and keeps its memory"), "{}", verdict.summary);
}

#[test]
fn tasks_that_cannot_be_read_change_nothing() {
    let mut trial = livelock();
    let after = trial.until_verdict(30, 1.0, 0.0, true);
    let verdict = trial.verdict();
    assert_eq!((verdict.kind, verdict.victim.unwrap().pid, after), (Kind::OomLivelock, 26, 15));
    let is_of_tasks = |evidence: &Evidence| matches!(evidence, Evidence::Victim { .. } | Evidence::StuckTask { .. });
    assert!(!verdict.evidence.iter().any(is_of_tasks));
}

#[test]
fn victim_of_sleeping_allocator_is_a_livelock() {
    // The tasks sleep between their attempts: on one vCPU, beside other work on the host.
    let mut trial = livelock();
    trial.answers.tasks = Some(tasks());
    trial.until_verdict(30, 0.55, 0.0, true);
    let verdict = trial.verdict();
    assert_eq!((verdict.kind, verdict.rule), (Kind::OomLivelock, RuleId::CanaryStuck));
    assert!(verdict.summary.contains("waits for the lock of pid 31 (dd)"), "{}", verdict.summary);
    assert!(has_proven(&trial), "{verdict:?}");
    let last = trial.probes.last().map(|(_, probe)| *probe);
    assert_eq!(last, Some(Probe::Sysrq('f')), "another kill confirms it");

    let mut waiting = livelock();
    let mut other = tasks();
    other.tasks[1].allocates = false;
    waiting.answers.tasks = Some(other);
    waiting.until_verdict(30, 0.55, 0.0, true);
    assert_eq!(waiting.verdict().kind, Kind::ReclaimDeadlock, "the holder may wait for a disk");
}

#[test]
fn two_victims_leave_the_one_of_the_console() {
    let mut trial = livelock();
    let mut both = tasks();
    both.tasks.push(TaskFacts { victim: both.tasks[0].victim, ..TaskFacts::new(41, "fork", 'D') });
    trial.answers.tasks = Some(both);
    trial.until_verdict(30, 1.0, 0.0, true);
    assert_eq!(trial.verdict().victim.unwrap().pid, 26);
}

#[test]
fn a_victim_in_memory_is_one_without_a_line() {
    let mut trial = Trial::booted();
    trial.answers.profile = Some(profile(LOOPING, &[]));
    trial.answers.memory = [memory(900, 1000, 0)].into();
    trial.answers.tasks = Some(tasks());
    trial.until_verdict(30, 1.0, 0.0, true);
    assert_eq!((trial.verdict().kind, trial.verdict().victim.unwrap().pid), (Kind::OomLivelock, 40));
}

#[test]
fn tasks_without_fs_stall_silently() {
    for (gfp, kind) in [("0xc00(GFP_NOIO)", Kind::SilentStall), ("0xcc0(GFP_KERNEL)", Kind::ReclaimLivelock)] {
        let mut trial = Trial::booted();
        trial.answers.profile = Some(profile(&[("shrink_node", 90)], &[]));
        trial.answers.memory = [memory(900, 1000, 500), memory(900, 1000, 500)].into();
        let request = Some(AllocationRequest { gfp: gfp.to_owned(), order: 0 });
        let hog = TaskFacts { allocates: true, request, ..TaskFacts::new(31, "hog", 'R') };
        let canary = TaskFacts { comm: "init".to_owned(), ..hog.clone() };
        trial.answers.tasks = Some(Tasks { tasks: vec![hog, canary], left_out: 0 });
        trial.until_verdict(30, 1.0, 0.0, true);
        assert_eq!(trial.verdict().kind, kind, "{gfp}: {:?}", trial.verdict());
    }
}

#[test]
fn guests_without_the_agent_have_their_tasks_too() {
    let mut trial = Trial::new(false);
    trial.line("[    0.000000] Linux version 6.1");
    trial.kill();
    trial.answers.counters = Some(counters(800, 0, 50, 250));
    trial.answers.profile = Some(profile(LOOPING, &[]));
    trial.answers.tasks = Some(tasks());
    trial.until_verdict(60, 1.0, 0.0, false);
    assert_eq!((trial.verdict().kind, trial.verdict().rule), (Kind::OomLivelock, RuleId::NoAgent));
    assert!(has_proven(&trial));
}

#[test]
fn a_canary_that_recovers_meanwhile_is_not_put_to_the_proof() {
    let mut trial = livelock();
    trial.seconds(11, 1.0, 0.0, true);
    let mut watchdog = trial.watchdog.clone();
    let mut requested = false;
    for second in 12..40_u32 {
        let at = |part: f64| Stamp::from_secs_f64(f64::from(second) + part);
        trial.beat.canary_rounds += u64::from(requested);
        let beat = Event::Agent { seq: 0, frame: model::Frame::Beat(trial.beat) };
        let actions = watchdog.observe(at(0.0), &beat);
        assert!(!actions.contains(&Action::Probe(Probe::Sysrq('f'))), "{second}");
        if actions.contains(&Action::Probe(Probe::Tasks)) {
            requested = true;
            watchdog.observe(at(0.0), &Event::Probed { probe: Probe::Tasks });
        }
        if second == 18 {
            watchdog.observe(at(0.5), &Event::Tasks { tasks: Box::new(tasks()) });
        }
    }
    assert!(requested && watchdog.verdict().is_none());
}

#[test]
fn the_answer_is_not_waited_for_without_end() {
    let mut trial = livelock();
    trial.seconds(11, 1.0, 0.0, true);
    let mut watchdog = trial.watchdog.clone();
    let mut requested_at = None;
    let mut confirmed_at = None;
    for second in 12..40_u32 {
        let at = Stamp::from_secs_f64(f64::from(second));
        let beat = Event::Agent { seq: 0, frame: model::Frame::Beat(trial.beat) };
        for action in watchdog.observe(at, &beat) {
            if action == Action::Probe(Probe::Tasks) {
                requested_at = Some(second);
                watchdog.observe(at, &Event::Probed { probe: Probe::Tasks });
            } else if action == Action::Probe(Probe::Sysrq('f')) {
                confirmed_at = confirmed_at.or(Some(second));
            }
        }
    }
    assert_eq!(confirmed_at.unwrap() - requested_at.unwrap(), 8);
}

/// A record as it was before there was this probe.
fn without_tasks(records: &[Record]) -> Vec<Record> {
    let is_of_tasks = |event: &Event| match event {
        Event::Probed { probe } | Event::ProbeFailed { probe, .. } => *probe == Probe::Tasks,
        _ => false,
    };
    records.iter().filter(|record| !is_of_tasks(&record.event)).cloned().collect()
}

#[test]
fn a_record_without_the_probe_gives_the_same_verdict() {
    let mut confirmed = livelock();
    confirmed.until_verdict(30, 1.0, 0.0, true);
    let mut idle = Trial::booted();
    idle.kill();
    idle.until_verdict(20, 0.02, 0.0, true);
    for trial in [confirmed, idle] {
        let mut records = without_tasks(&trial.records);
        assert!(records.len() < trial.records.len());
        let verdict = trial.verdict();
        assert_eq!(replay(trial.setup.clone(), &records).as_ref(), Some(&verdict), "to the end");
        // What the lab did after its verdict was later.
        let at = records.last().unwrap().at.as_secs_f64() + 9.0;
        records.push(Record { at: Stamp::from_secs_f64(at), event: Event::Line { text: "sysrq: HELP".to_owned() } });
        assert_eq!(replay(trial.setup.clone(), &records), Some(verdict));
    }
}

#[test]
fn a_probe_that_waits_for_its_turn_is_waited_for() {
    let mut trial = livelock();
    trial.seconds(11, 1.0, 0.0, true);
    let mut watchdog: Watchdog = trial.watchdog.clone();
    let at = |seconds: f64| Stamp::from_secs_f64(seconds);
    let actions = watchdog.observe(at(12.0), &Event::Tick);
    assert_eq!(actions, [Action::Probe(Probe::Counters), Action::Probe(Probe::Tasks)]);
    assert_eq!(watchdog.observe(at(12.0), &Event::Probed { probe: Probe::Counters }), []);
    for second in [12.0, 12.5, 13.0] {
        assert_eq!(watchdog.observe(at(second), &Event::Tick), []);
    }
    assert_eq!(watchdog.observe(at(13.2), &Event::ProbeFailed { probe: Probe::Counters, why: "x".to_owned() }), []);
    assert_eq!(watchdog.observe(at(13.2), &Event::Probed { probe: Probe::Tasks }), []);
    let actions = watchdog.observe(at(13.5), &Event::Tasks { tasks: Box::new(tasks()) });
    assert_eq!(actions, [Action::Probe(Probe::Sysrq('f'))]);
}
