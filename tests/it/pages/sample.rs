//! A run with a bit of everything, its pages, and a history.

use crate::support::recorded;

use model::{
    CellTrend, ChangeInterval, Culprit, Expectation, Failure, Kind, Plan, Quarantine, RUN_SCHEMA, RamMib, RateInterval,
    Regression, RuleId, RunRecord, Skipped, Subtest, SubtestStatus, Trend, TrialRecord, Verdict,
};
use oomlab::report::html::{
    Base, CellHistory, HistoryPage, HistoryRun, MatrixHistory, Observed, RunCount, RunPage, Segment, TrialPage,
    history, run_page, trial_page,
};
use std::collections::BTreeMap;
use std::sync::LazyLock;
use watchdog::{Setup, retrace};

pub const LIVELOCK: &str = "livelock-riscv64-nommu";

/// A trial of this cell with the verdict of a recorded one.
pub fn trial(kernel: &str, arch: &str, ram: u32, workload: &str, number: u32) -> TrialRecord {
    static PASSED: LazyLock<TrialRecord> = LazyLock::new(|| recorded::trial("one-kill-riscv64-nommu"));
    let mut record = PASSED.clone();
    record.cell.kernel = kernel.into();
    record.cell.arch = arch::find(arch).unwrap();
    record.cell.ram = RamMib(ram);
    record.cell.payload = model::Payload::Workload { name: workload.into(), options: BTreeMap::new() };
    record.cell.id = format!("{kernel}.{arch}.{}.{workload}", RamMib(ram)).as_str().into();
    record.trial = number;
    record.verdict = Verdict::new(Kind::Finished, RuleId::WorkloadEnded, "the workload finished");
    record
}

/// The same as the recorded livelock.
pub fn livelock(mut trial: TrialRecord) -> TrialRecord {
    static LIVELOCKED: LazyLock<Verdict> = LazyLock::new(|| recorded::trial(LIVELOCK).verdict);
    trial.verdict = LIVELOCKED.clone();
    trial.verdict.title = Some("oom-livelock in __alloc_pages".to_owned());
    trial
}

/// Known livelocks, unexpected ones, passes with one trial, five and thirty, subtests, a lab error, cells that did not run.
pub fn run() -> RunRecord {
    let mut trials = Vec::new();
    for number in 1..=30 {
        let trial = trial("linux-6.1", "riscv64-nommu", 32, "zombie-victim", number);
        trials.push(if number % 3 == 0 { trial } else { livelock(trial) });
    }
    for number in 1..=5 {
        trials.push(trial("linux-6.1", "riscv64-nommu", 64, "zombie-victim", number));
        trials.push(trial("linux-7.3", "riscv64-nommu", 64, "anon-hog", number));
    }
    let mut known = livelock(trial("linux-7.3", "riscv64-nommu", 32, "zombie-victim", 1));
    let reason = Some("without an MMU there is no OOM reaper".to_owned());
    known.cell.expect = Expectation { reason, ..Expectation::of(Kind::OomLivelock.into()) };
    trials.push(known);
    trials.push(trial("debian-6.1", "x86_64", 128, "idle", 1));
    let mut tests = trial("debian-6.1", "x86_64", 256, "mm-selftests", 1);
    tests.verdict = Verdict::new(Kind::TestFailed, RuleId::WorkloadEnded, "2 of 40 subtests failed");
    tests.subtests = (0..40)
        .map(|number| {
            let status = if number % 20 == 7 { SubtestStatus::Fail } else { SubtestStatus::Pass };
            Subtest::new(&format!("mremap_test/{number}"), status)
        })
        .collect();
    trials.push(tests);
    let mut broken = trial("debian-6.1", "x86_64", 64, "idle", 1);
    broken.verdict = Verdict::new(Kind::QemuDied, RuleId::MachineDown, "QEMU ended with signal 9");
    trials.push(broken);
    RunRecord {
        schema: RUN_SCHEMA,
        id: "2026-11-24-0".into(),
        name: "nightly".to_owned(),
        dir: "runs/2026-11-24-0".to_owned(),
        started: "2026-11-24T10:00:00Z".to_owned(),
        duration_s: 843.0,
        planned: 47,
        interrupted: true,
        resumed: 0,
        not_run: Vec::new(),
        trials,
        regressions: vec![regression()],
    }
}

fn regression() -> Regression {
    let culprit = Culprit {
        commit: "1f0e".repeat(10),
        subject: "mm: oom: keep the victim".to_owned(),
        author: "A Developer <dev@example.org>".to_owned(),
        probability: 0.993,
        confirmed: true,
    };
    let failure = Failure { kind: Kind::OomLivelock, title: Some("oom-livelock in __alloc_pages".to_owned()) };
    Regression {
        bad: Some("bad0".repeat(10)),
        good: Some("900d".repeat(10)),
        good_run: Some("2026-11-23-0".into()),
        session: Some("bisections/x".to_owned()),
        culprit: Some(culprit),
        ..Regression::skipped("linux-6.1.riscv64-nommu.32M.zombie-victim".into(), failure, String::new())
    }
}

pub fn plan(run: &RunRecord) -> Plan {
    let mut plan = Plan { schema: model::PLAN_SCHEMA, name: run.name.clone(), cells: Vec::new(), skipped: Vec::new() };
    let mut trials: BTreeMap<&str, u32> = BTreeMap::new();
    run.trials.iter().for_each(|trial| *trials.entry(trial.cell.id.as_str()).or_default() += 1);
    for trial in run.trials.iter().filter(|trial| trial.trial == 1) {
        plan.cells.push(model::Cell { repeat: trials[trial.cell.id.as_str()], ..trial.cell.clone() });
    }
    plan.cells.push(trial("linux-7.3", "arm", 64, "idle", 1).cell);
    let reason = "fork-hog needs an MMU".to_owned();
    plan.skipped.push(Skipped { id: "linux-6.1.riscv64-nommu.32M.fork-hog".into(), reason });
    plan
}

pub fn trends() -> Vec<CellTrend> {
    let rate = |failures: u32, trials: u32| {
        let share = f64::from(failures) / f64::from(trials);
        RateInterval { failures, trials, low: share * 0.7, high: (share + 0.05).min(1.0) }
    };
    let failure = Failure { kind: Kind::OomLivelock, title: Some("oom-livelock in __alloc_pages".to_owned()) };
    let new = CellTrend {
        cell: "linux-6.1.riscv64-nommu.32M.zombie-victim".into(),
        failure: Some(failure),
        trend: Trend::New,
        failures: 20,
        trials: 30,
        rate: rate(20, 30),
        rate_before: Some(rate(0, 60)),
        since: Some(ChangeInterval {
            after: Some("2026-11-21-0".into()),
            first: "2026-11-24-0".into(),
            by: "2026-11-24-0".into(),
        }),
        trials_to_decide: None,
    };
    let steady = |cell: &str, trend, failures, trials| CellTrend {
        cell: cell.into(),
        failure: None,
        trend,
        failures,
        trials,
        rate: rate(failures, trials),
        rate_before: None,
        since: None,
        trials_to_decide: None,
    };
    vec![
        new,
        CellTrend {
            trials_to_decide: Some(40),
            ..steady("debian-6.1.x86_64.256M.mm-selftests", Trend::Undecided, 1, 1)
        },
        steady("linux-6.1.riscv64-nommu.64M.zombie-victim", Trend::Fixed, 0, 5),
        steady("linux-7.3.riscv64-nommu.32M.zombie-victim", Trend::Expected, 1, 1),
        steady("debian-6.1.x86_64.128M.idle", Trend::Passing, 0, 1),
        steady("linux-7.3.riscv64-nommu.64M.anon-hog", Trend::Passing, 0, 5),
        steady("linux-7.3.arm.64M.idle", Trend::NotRun, 0, 1),
    ]
}

/// An entry that has expired with the kernels of the sample.
pub fn expired() -> Quarantine {
    Quarantine {
        place: "quarantine.yaml:3".to_owned(),
        verdicts: Vec::new(),
        title: None,
        reason: "the fix is on its way".to_owned(),
        link: "https://example.org/1".to_owned(),
        until: "2020-01-31".parse().unwrap(),
    }
}

/// The run with this entry in the quarantine of each cell.
pub fn with_quarantine(mut run: RunRecord, entry: &Quarantine) -> RunRecord {
    run.trials.iter_mut().for_each(|trial| trial.cell.quarantine.push(entry.clone()));
    run
}

/// The page of a run in its folder, with what the history says or without.
pub fn page_of_run(run: &RunRecord, trends: &[CellTrend]) -> String {
    let pages = run.trials.iter().filter(|trial| !trial.as_expected()).map(TrialRecord::folder).collect();
    let (plan, base) = (plan(run), Base::here());
    run_page(&RunPage { run, plan: &plan, trends, base: &base, pages: &pages })
}

/// The page of a trial with these events of a recorded case.
pub fn page_of_trial(trial: &TrialRecord, records: &[model::Record], console: &str) -> String {
    let course = retrace(Setup::of(&trial.cell), records);
    let mut observed = Observed::default();
    records.iter().for_each(|record| observed.observe(record));
    trial_page(&TrialPage {
        run_dir: "runs/2026-11-24-0",
        run: "2026-11-24-0",
        trial,
        stages: &course.stages,
        kills: &course.kills,
        observed: &observed,
        console: console.as_bytes(),
        base: &Base::from_trial(),
    })
}

/// The console that the events have.
pub fn console(records: &[model::Record]) -> String {
    let line = |record: &model::Record| match &record.event {
        model::Event::Line { text } => Some(format!("{text}\n")),
        _ => None,
    };
    records.iter().filter_map(line).collect()
}

/// The page of a recorded livelock.
pub fn page_of_livelock() -> String {
    let events = recorded::events(LIVELOCK);
    page_of_trial(&livelock(recorded::trial(LIVELOCK)), &events, &console(&events))
}

/// A new failure, a steady flake, a steady pass.
pub fn histories(name: &str, runs: usize) -> MatrixHistory {
    let run = |number: usize| HistoryRun {
        id: format!("night-{number}").as_str().into(),
        started: "2026-11-24T10:00:00Z".to_owned(),
        kernels: "7.3.4".to_owned(),
    };
    let counts = |failures: &dyn Fn(usize) -> u32| {
        (0..runs).map(|run| RunCount { run, failures: failures(run), trials: 3 }).collect::<Vec<_>>()
    };
    let change = runs * 3 / 4;
    let title = Some("oom-livelock in __alloc_pages".to_owned());
    let segment = |first, failures, trials| Segment { first, first_between: (first, first), failures, trials };
    let new = CellHistory {
        cell: "linux-next.riscv64-nommu.32M.fork-stride".into(),
        failure: Some(Failure { kind: Kind::OomLivelock, title }),
        trend: Trend::New,
        counts: counts(&|run| if run < change { 0 } else { 2 + (run % 2) as u32 }),
        segments: vec![
            segment(0, 0, 3 * change as u32),
            Segment { first_between: (change.saturating_sub(6), change), ..segment(change, 30, 40) },
        ],
    };
    let steady = |cell: &str, trend, each: u32| CellHistory {
        cell: cell.into(),
        failure: None,
        trend,
        counts: counts(&|run| if run.is_multiple_of(5) { each } else { 0 }),
        segments: vec![segment(0, each * runs as u32 / 5, 3 * runs as u32)],
    };
    MatrixHistory {
        name: name.to_owned(),
        runs: (0..runs).map(run).collect(),
        cells: vec![
            steady("debian-6.1.x86_64.128M.idle", Trend::Passing, 0),
            new,
            steady("debian-6.1.arm.128M.swap-thrash", Trend::Flaky, 1),
        ],
    }
}

pub fn page_of_history() -> String {
    let matrices = [histories("nightly", 212)];
    history(&HistoryPage { matrices: &matrices, base: &Base::here() })
}
