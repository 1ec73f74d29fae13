use super::super::admission::Budget;
use super::super::host_state::HostState;
use super::super::need::Need;
use super::super::simulation::tests::{Random, jobs, machine, night};
use super::*;

fn job(id: usize, seconds: f64, is_known: bool) -> Job {
    let need = Need { cpus: 1, ram_mib: 1, ..Need::default() };
    Job { id, round: 1, seconds, need, is_ready: true, is_known }
}

fn left(jobs: impl IntoIterator<Item = Job>, cpus: u32, pace: &Pace) -> Option<TimeLeft> {
    let budget = Budget { cpus, ram_mib: 99, reserve_mib: None, jobs: None, guests: u32::MAX };
    let admission = Admission::new(budget);
    time_left(&Queue::new(jobs, &admission), &admission, 0.0, pace)
}

#[test]
fn known_cells_have_one_figure() {
    let all = [job(0, 10.0, true), job(1, 4.0, true), job(2, 5.0, true)];
    assert_eq!(left(all, 2, &Pace::default()), Some(TimeLeft { min_s: 10.0, max_s: 10.0 }));
}

#[test]
fn unknown_cells_have_a_range_once_some_have_ended() {
    let all = || [job(0, 15.0, false), job(1, 15.0, false)];
    let mut pace = Pace::default();
    assert_eq!(left(all(), 1, &pace), None);
    (0..4).for_each(|_| pace.add(false, 15.0, 5.0));
    assert_eq!(left(all(), 1, &pace), Some(TimeLeft { min_s: 5.0, max_s: 15.0 }));
    let mixed = [job(0, 30.0, true), job(1, 10.0, false)];
    assert_eq!(left(mixed, 1, &Pace::default()), Some(TimeLeft { min_s: 30.0, max_s: 50.0 }));
}

#[test]
fn slow_host_makes_the_rest_longer() {
    let mut pace = Pace::default();
    (0..10).for_each(|_| pace.add(true, 60.0, 123.0));
    assert_eq!(left([job(0, 10.0, true)], 1, &pace), Some(TimeLeft { min_s: 20.0, max_s: 20.0 }));
}

#[test]
fn trial_that_overruns_is_not_over() {
    let budget = Budget { cpus: 1, ram_mib: 99, reserve_mib: None, jobs: None, guests: u32::MAX };
    let mut admission = Admission::new(budget);
    let need = Need { cpus: 1, ram_mib: 1, ..Need::default() };
    admission.take(Active { id: 0, need, resident_mib: 0, started_s: 0.0, ends_s: 10.0, is_known: true });
    let at = |now_s| time_left(&Queue::default(), &admission, now_s, &Pace::default()).map(|left| left.min_s);
    assert_eq!((at(4.0), at(50.0)), (Some(6.0), Some(5.0)));
}

#[test]
fn many_trials_are_summed_up() {
    let all = (0..5000).map(|id| job(id, 1.0, true));
    assert_eq!(left(all, 4, &Pace::default()).unwrap().min_s, 1250.0);
    assert_eq!(left([], 4, &Pace::default()), None);
}

/// A run in which the trials take `actual` seconds: when it ends, and what was forecast at these times, each with the time.
fn run(cells: &[(u32, u64, f64)], cpus: u32, actual: &[f64], times: &[f64]) -> (f64, Vec<(f64, TimeLeft)>) {
    let mut admission = machine(cpus);
    let mut queue = Queue::new(jobs(cells, 2, |at| cells[at].2), &admission);
    let (mut now, mut pace, mut forecasts) = (0.0, Pace::default(), Vec::new());
    loop {
        while let Ok(job) = queue.pick(now, &admission, &HostState::default()) {
            let (id, need, ends_s) = (job.id, job.need, now + job.seconds);
            admission.take(Active { id, need, resident_mib: 0, started_s: now, ends_s, is_known: true });
        }
        if times.get(forecasts.len()).is_some_and(|time| now >= *time) {
            forecasts.extend(time_left(&queue, &admission, now, &pace).map(|left| (now, left)));
        }
        let ends = admission.active().iter().map(|active| (active.started_s + actual[active.id], active.id));
        let Some((end, id)) = ends.min_by(|one, other| one.0.total_cmp(&other.0)) else { return (now, forecasts) };
        now = end;
        if let Some(ended) = admission.give_back(id) {
            pace.add(true, ended.ends_s - ended.started_s, actual[id]);
        }
    }
}

/// The host is a third slower than when the costs were learned, and each trial differs from its cost by up to a third.
#[test]
fn forecasts_of_known_cells_come_true() {
    let cells = night();
    for cpus in [1, 2, 8] {
        let mut random = Random(cpus.into());
        let actual: Vec<f64> = (0..2 * cells.len())
            .map(|id| cells[id % cells.len()].2 * 4.0 / 3.0 * (2.0 / 3.0 + random.share() * 2.0 / 3.0))
            .collect();
        let (end, _) = run(&cells, cpus, &actual, &[]);
        let times = [0.25, 0.5, 0.75].map(|share| share * end);
        let (_, forecasts) = run(&cells, cpus, &actual, &times);
        assert_eq!(forecasts.len(), times.len());
        for (at, left) in forecasts {
            let error = left.min_s / (end - at) - 1.0;
            println!("{cpus} CPUs, at {:.0} %: {:.0} s are left, {:+.1} %", 100.0 * at / end, end - at, 100.0 * error);
            assert!(error.abs() <= 0.15, "{cpus} CPUs, at {at:.0} s: {error:+.3}");
        }
    }
}
