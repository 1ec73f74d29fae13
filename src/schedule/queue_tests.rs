use super::super::admission::Budget;
use super::*;
use proptest::prelude::*;
use std::collections::BTreeSet;

fn admission(cpus: u32) -> Admission {
    Admission::new(Budget { cpus, ram_mib: 1000, reserve_mib: None, jobs: None, guests: u32::MAX })
}

fn job(id: usize, round: u32, seconds: f64, cpus: u32) -> Job {
    let need = Need { cpus, ram_mib: 10, ..Need::default() };
    Job { id, round, seconds, need, is_ready: true, is_known: true }
}

fn start(admission: &mut Admission, job: &Job, now_s: f64) {
    let (id, need, is_known) = (job.id, job.need, job.is_known);
    admission.take(Active { id, need, resident_mib: 0, started_s: now_s, ends_s: now_s + job.seconds, is_known });
}

/// Starts what fits now.
fn fill(queue: &mut Queue, admission: &mut Admission, now_s: f64) -> Vec<usize> {
    let mut ids = Vec::new();
    while let Ok(job) = queue.pick(now_s, admission, &HostState::default()) {
        start(admission, &job, now_s);
        ids.push(job.id);
    }
    ids
}

#[test]
fn rounds_come_one_after_the_other_and_the_longest_first() {
    let mut admission = admission(1);
    let jobs = [job(0, 1, 5.0, 1), job(1, 1, 9.0, 1), job(2, 2, 5.0, 1), job(3, 2, 9.0, 1)];
    let mut queue = Queue::new(jobs, &admission);
    let mut order = Vec::new();
    while !queue.jobs().is_empty() {
        let ids = fill(&mut queue, &mut admission, 0.0);
        for id in &ids {
            admission.give_back(*id);
        }
        order.extend(ids);
    }
    assert_eq!(order, [1, 0, 3, 2]);
}

#[test]
fn trials_that_need_most_of_the_host_come_first() {
    let mut admission = admission(4);
    let mut queue = Queue::new([job(0, 1, 9.0, 1), job(1, 1, 5.0, 3), job(2, 1, 8.0, 1)], &admission);
    assert_eq!(fill(&mut queue, &mut admission, 0.0), [0, 1], "0 makes the run longer, and 1 runs beside it");
    let mut admission = self::admission(4);
    let mut queue = Queue::new([job(0, 1, 9.0, 1), job(1, 1, 5.0, 4)], &admission);
    assert_eq!(fill(&mut queue, &mut admission, 0.0), [1], "0 would keep it waiting");
}

#[test]
fn trial_that_alone_makes_the_run_longer_leads() {
    let mut admission = admission(2);
    // All cells were seen: of the others there is work for 20 s on two CPUs.
    let jobs = (0..8).map(|id| job(id, 2, 5.0, 1)).chain([job(8, 3, 30.0, 1)]);
    let mut queue = Queue::new(jobs, &admission);
    assert_eq!(fill(&mut queue, &mut admission, 0.0), [8, 0]);
    // A first trial is never passed by a later one.
    let jobs = (0..3).map(|id| job(id, 1, 5.0, 1)).chain([job(8, 2, 30.0, 1)]);
    let mut admission = self::admission(2);
    let mut queue = Queue::new(jobs, &admission);
    assert_eq!(fill(&mut queue, &mut admission, 0.0), [0, 1]);
}

#[test]
fn short_trials_pass_a_big_one_that_does_not_fit_without_delaying_it() {
    let mut admission = admission(4);
    start(&mut admission, &job(9, 1, 10.0, 2), 0.0);
    let jobs = [job(0, 1, 5.0, 4), job(1, 1, 10.0, 1), job(2, 1, 10.5, 1), job(3, 1, 9.0, 1)];
    let mut queue = Queue::new(jobs, &admission);
    assert_eq!(fill(&mut queue, &mut admission, 0.0), [1, 3], "2 would still run when 0 fits");
    for id in [1, 3] {
        admission.give_back(id);
    }
    // The trial that runs takes longer than expected: nothing passes any more.
    assert_eq!(fill(&mut queue, &mut admission, 10.0), [0_usize; 0]);
    admission.give_back(9);
    assert_eq!(fill(&mut queue, &mut admission, 12.0), [0]);
}

#[test]
fn trials_that_leave_room_pass() {
    let mut admission = admission(4);
    start(&mut admission, &job(9, 1, 10.0, 2), 0.0);
    let mut queue = Queue::new([job(0, 1, 5.0, 3), job(1, 1, 99.0, 1), job(2, 1, 99.0, 1)], &admission);
    assert_eq!(fill(&mut queue, &mut admission, 0.0), [1], "one CPU is free beside 0");
}

#[test]
fn unready_trials_are_passed() {
    let mut admission = admission(1);
    let mut queue = Queue::new([Job { is_ready: false, ..job(0, 1, 9.0, 1) }, job(1, 2, 1.0, 1)], &admission);
    assert_eq!(fill(&mut queue, &mut admission, 0.0), [1]);
    admission.give_back(1);
    assert_eq!(queue.pick(0.0, &admission, &HostState::default()), Err(None));
    queue.update(&admission, |job| job.is_ready = true);
    assert_eq!(fill(&mut queue, &mut admission, 0.0), [0]);
}

#[test]
fn pressure_keeps_small_trials_too() {
    let admission = admission(4);
    let mut queue = Queue::new([job(0, 1, 9.0, 4), job(1, 1, 1.0, 1)], &admission);
    let mut host = HostState::default();
    host.pressure.memory = 50.0;
    assert!(matches!(queue.pick(0.0, &admission, &host), Err(Some(Shortage::Pressure { .. }))));
    assert_eq!(queue.take_first(&admission, 0.0).unwrap().id, 0);
}

proptest! {
    /// Durations differ from what is expected of them, by any factor.
    #[test]
    fn every_trial_runs_once_within_the_budget(
        jobs in prop::collection::vec((1_u32..4, 1_u32..9, 1_u64..800, 0.1_f64..50.0, 0.1_f64..50.0), 1..40),
        cpus in 1_u32..8,
    ) {
        let mut admission = admission(cpus);
        let actual: Vec<f64> = jobs.iter().map(|job| job.4).collect();
        let jobs = jobs.into_iter().enumerate().map(|(id, (round, cpus, ram_mib, seconds, _))| {
            Job { need: Need { cpus, ram_mib, ..Need::default() }, ..job(id, round, seconds, 1) }
        });
        let mut queue = Queue::new(jobs, &admission);
        let (mut now, mut running, mut seen) = (0.0, Vec::new(), BTreeSet::new());
        loop {
            for id in fill(&mut queue, &mut admission, now) {
                prop_assert!(seen.insert(id));
                running.push((now + actual[id], id));
            }
            let used: u32 = admission.active().iter().map(|active| active.need.cpus).sum();
            let ram: u64 = admission.active().iter().map(|active| active.need.ram_mib).sum();
            prop_assert!(used <= cpus && ram <= 1000);
            running.sort_by(|one, other| one.0.total_cmp(&other.0));
            if running.is_empty() {
                break;
            }
            let (end, id) = running.remove(0);
            admission.give_back(id);
            now = end;
        }
        prop_assert!(queue.jobs().is_empty(), "{:?} never start", queue.jobs());
        prop_assert_eq!(seen.len(), actual.len());
    }

    /// A big trial waits for those that run when it becomes the first, and for those that are expected to end before them, whatever
    /// others come.
    #[test]
    fn big_trial_does_not_starve(seconds in prop::collection::vec(1.0_f64..30.0, 1..60), late in 1.0_f64..4.0) {
        let mut admission = admission(4);
        start(&mut admission, &job(1000, 1, 20.0, 1), 0.0);
        let mut running = vec![(20.0 * late, 1000)];
        let mut queue = Queue::new([job(0, 1, 5.0, 4)], &admission);
        let (mut now, mut arrivals) = (0.0, seconds.iter().enumerate());
        loop {
            // Shorter ones arrive all the time, and take longer than expected.
            if let Some((at, seconds)) = arrivals.next() {
                queue.push(job(at + 1, 1, *seconds, 1), &admission);
            }
            let started = fill(&mut queue, &mut admission, now);
            if started.contains(&0) || running.is_empty() && started.is_empty() {
                break;
            }
            running.extend(started.iter().map(|id| (now + seconds[id - 1] * late, *id)));
            running.sort_by(|one, other| one.0.total_cmp(&other.0));
            let (end, id) = running.remove(0);
            admission.give_back(id);
            now = end;
        }
        prop_assert!(queue.jobs().iter().all(|job| job.id != 0));
        prop_assert!(now <= 20.0 * late + 20.0 * late + 1e-9, "it started at {now}");
    }
}
