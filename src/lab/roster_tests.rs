use super::super::run::prepared;
use super::*;
use crate::schedule::Budget;
use model::samples::cell;
use model::{Accel, PLAN_SCHEMA};

fn plan(cells: u32, repeat: u32) -> Plan {
    let cell = |number| Cell { repeat, ..cell(&format!("cell-{number}"), arch::find("arm").unwrap(), "idle") };
    Plan { schema: PLAN_SCHEMA, name: "plan".to_owned(), cells: (0..cells).map(cell).collect(), skipped: Vec::new() }
}

fn options() -> RunOptions {
    RunOptions {
        budget: Budget { cpus: 1, ram_mib: 1000, reserve_mib: None, jobs: None, guests: u32::MAX },
        host: Some(HostReader::below(Path::new("/nonexistent"))),
        costs: Costs::default(),
        qemu: None,
        dump: None,
        diagnose_all: false,
    }
}

/// All cells are prepared: nothing is there for them.
fn roster<'p>(plan: &'p Plan, options: &RunOptions) -> Roster<'p> {
    let missing = plan.cells.iter().map(|cell| (cell.id.clone(), Err(Box::new(unprepared()))));
    let mut roster = Roster::new(plan, &[], prepared(missing), options, &std::env::temp_dir());
    roster.receive_all();
    roster
}

fn index(next: Next<'_>) -> Option<usize> {
    match next {
        Next::Start { index, .. } => Some(index),
        Next::Wait(_) => None,
    }
}

fn record(plan: &Plan, kind: Kind, rule: RuleId, duration_s: f64) -> TrialRecord {
    let verdict = Verdict::new(kind, rule, "");
    TrialRecord { duration_s, ..TrialRecord::new(plan.cells[0].clone(), 1, Accel::Tcg, String::new(), verdict) }
}

#[test]
fn guest_that_the_hosts_oom_killer_ended_runs_again() {
    let plan = plan(1, 1);
    let mut roster = roster(&plan, &options());
    let victim = record(&plan, Kind::HostOverloaded, RuleId::MachineDown, 5.0);
    for _ in 0..MAX_RETRIES {
        assert_eq!(index(roster.next(0.0).unwrap()), Some(0));
        assert_eq!(roster.ended(0, &victim, false), Ended::Again);
    }
    assert_eq!(index(roster.next(0.0).unwrap()), Some(0));
    assert_eq!(roster.ended(0, &victim, false), Ended::Finished, "often enough");
    assert!(roster.is_empty());
}

#[test]
fn victim_does_not_run_again_where_others_admit() {
    let plan = plan(1, 1);
    let mut roster = roster(&plan, &RunOptions { host: None, ..options() });
    assert_eq!(index(roster.next(0.0).unwrap()), Some(0));
    let victim = record(&plan, Kind::HostOverloaded, RuleId::MachineDown, 5.0);
    assert_eq!(roster.ended(0, &victim, false), Ended::Finished);
}

#[test]
fn trial_does_not_run_again_when_the_user_stops_the_run() {
    let plan = plan(1, 1);
    let mut roster = roster(&plan, &options());
    assert_eq!(index(roster.next(0.0).unwrap()), Some(0));
    let victim = record(&plan, Kind::HostOverloaded, RuleId::MachineDown, 5.0);
    assert_eq!(roster.ended(0, &victim, true), Ended::Finished);
}

#[test]
fn starved_guest_does_not_run_again() {
    let plan = plan(1, 1);
    let mut roster = roster(&plan, &options());
    assert_eq!(index(roster.next(0.0).unwrap()), Some(0));
    let starved = record(&plan, Kind::HostOverloaded, RuleId::BootDeadline, 5.0);
    assert_eq!(roster.ended(0, &starved, false), Ended::Finished);
}

#[test]
fn full_disk_ends_the_run_and_says_so_before() {
    let mut plan = plan(1, 1);
    // Its memory may be kept: no disk has room for that.
    plan.cells[0].ram = RamMib(u32::MAX);
    let mut options = options();
    options.dump = Some(RamMib(u32::MAX));
    options.budget.ram_mib = u64::MAX;
    let mut roster = roster(&plan, &options);
    assert!(matches!(roster.next(10.0), Ok(Next::Wait(None))));
    assert!(roster.watches_host());
    let Ok(Next::Wait(Some(said))) = roster.next(16.0) else { panic!("nothing is said") };
    assert!(said.starts_with("waiting for disk space for the run's folder: "), "{said}");
    assert!(said.ends_with("; the run ends in a minute otherwise"), "{said}");
    assert!(matches!(roster.next(20.0), Ok(Next::Wait(None))), "it is said once");
    let Err(error) = roster.next(70.0) else { panic!("it goes on") };
    assert!(error.to_string().ends_with("; make room, and resume the run"), "{error}");
    assert_eq!(error.verdict().outcome(), model::Outcome::LabError);
}

#[test]
fn full_disk_does_not_end_the_run_while_cells_are_prepared() {
    let mut plan = plan(2, 1);
    plan.cells[0].ram = RamMib(u32::MAX);
    let mut options = options();
    options.dump = Some(RamMib(u32::MAX));
    options.budget.ram_mib = u64::MAX;
    let ready = (plan.cells[0].id.clone(), Err(Box::new(unprepared())));
    let mut roster = Roster::new(&plan, &[], prepared([ready]), &options, &std::env::temp_dir());
    roster.receive_all();
    assert!(matches!(roster.next(10.0), Ok(Next::Wait(None))));
    let Ok(Next::Wait(Some(said))) = roster.next(16.0) else { panic!("nothing is said") };
    assert!(said.ends_with("; the run ends once all cells are prepared, if none of them fits"), "{said}");
    assert!(matches!(roster.next(700.0), Ok(Next::Wait(None))));
}

#[test]
fn host_that_stalls_on_storage_runs_one_trial_at_a_time() {
    let root = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(root.path().join("proc/pressure")).unwrap();
    std::fs::write(root.path().join("proc/pressure/io"), "full avg10=97.00 avg60=0.00 avg300=0.00 total=1\n").unwrap();
    let plan = plan(3, 1);
    let mut options = RunOptions { host: Some(HostReader::below(root.path())), ..options() };
    options.budget.cpus = 2;
    let mut roster = roster(&plan, &options);
    assert_eq!(index(roster.next(0.0).unwrap()), Some(0), "one runs");
    assert_eq!(index(roster.next(0.0).unwrap()), None);
    let Ok(Next::Wait(Some(said))) = roster.next(5.0) else { panic!("nothing is said") };
    assert_eq!(
        said,
        "waiting for the host: its tasks wait for storage 97 % of the time; no further trial starts until then"
    );
}

#[test]
fn first_trial_tells_what_the_others_take() {
    let plan = plan(2, 3);
    let mut roster = roster(&plan, &options());
    assert_eq!(index(roster.next(0.0).unwrap()), Some(0));
    assert_eq!(roster.ended(0, &record(&plan, Kind::Finished, RuleId::WorkloadEnded, 90.0), false), Ended::Finished);
    assert_eq!(index(roster.next(90.0).unwrap()), Some(1), "the other cell was not seen yet");
    roster.failed(1);
    let rest: Vec<f64> = roster.queue.jobs().iter().map(|job| job.seconds).collect();
    let unknown = Costs::default().trial_s(&plan.cells[1]);
    assert_eq!(rest, [90.0, unknown, 90.0, unknown], "in each round the longest first");
}

#[test]
fn forecasts_are_made_once_a_second() {
    let plan = plan(1, 1);
    let mut options = options();
    options.costs = Costs::of(&[record(&plan, Kind::Finished, RuleId::WorkloadEnded, 8.0)]);
    let mut roster = roster(&plan, &options);
    assert_eq!(roster.time_left(0.0), Some(Some(TimeLeft { min_s: 8.0, max_s: 8.0 })));
    assert_eq!(roster.time_left(0.5), None);
    assert!(roster.time_left(1.0).is_some());
}
