//! What the kernel itself reports.

use crate::trial::{Trial, phrases};
use model::{Caveat, Kind, Outcome};

#[test]
fn first_report_decides() {
    let mut trial = Trial::booted();
    trial.line("[    2.000000] Unable to handle kernel NULL pointer dereference at virtual address 0000000000000010");
    trial.line("[    2.000001] Oops [#1]");
    trial.line("[    2.100000] Kernel panic - not syncing: Fatal exception");
    trial.exit(Some(0), None);
    let verdict = trial.verdict();
    assert_eq!((verdict.kind, verdict.outcome()), (Kind::Oops, Outcome::Crash));
    assert_eq!(verdict.onset.unwrap().guest_s, Some(2.0));
}

#[test]
fn panic_kinds_by_reason() {
    for (reason, kind) in [
        ("System is deadlocked on memory", Kind::PanicDeadlockedOnMemory),
        ("Out of memory: compulsory panic_on_oom is enabled", Kind::PanicOnOom),
        ("Attempted to kill init! exitcode=0x00000009", Kind::InitKilled),
        ("Fatal exception in interrupt", Kind::Panic),
    ] {
        let mut trial = Trial::booted();
        trial.line(&format!("[    3.000000] Kernel panic - not syncing: {reason}"));
        trial.exit(Some(0), None);
        assert_eq!(trial.verdict().kind, kind);
    }
}

#[test]
fn detector_reports_give_kind_and_task() {
    for (line, kind, task) in [
        ("INFO: task kworker/0:1:17 blocked for more than 41 seconds.", Kind::HungTask, Some(17)),
        ("watchdog: BUG: soft lockup - CPU#0 stuck for 22s! [hog:26]", Kind::SoftLockup, Some(26)),
        ("rcu: INFO: rcu_sched self-detected stall on CPU", Kind::RcuStall, None),
        ("BUG: workqueue lockup - pool cpus=0 node=0 flags=0x0 nice=0 stuck for 30s!", Kind::WorkqueueLockup, None),
        ("NMI watchdog: Watchdog detected hard LOCKUP on cpu 0", Kind::HardLockup, None),
    ] {
        let verdict = reported(45, &[line]).verdict();
        assert_eq!((verdict.kind, verdict.task.map(|task| task.pid)), (kind, task), "{line}");
    }
}

#[test]
fn hung_task_names_the_holder_of_its_lock() {
    let verdict = reported(
        45,
        &[
            "INFO: task hog:27 blocked for more than 41 seconds.",
            "INFO: task hog:27 <writer> blocked on an rw-semaphore likely owned by task hog:28 <writer>",
            "INFO: task sh:29 is blocked on a mutex likely owned by task hog:27.",
        ],
    )
    .verdict();
    let expected =
        ["pid 27 (hog) waits for the rwsem of pid 28 (hog)", "pid 29 (sh) waits for the mutex of pid 27 (hog)"];
    assert_eq!((verdict.kind, &phrases(&verdict)[..]), (Kind::HungTask, &expected.map(str::to_owned)[..]));
}

/// A healthy guest for so long.
fn run(trial: &mut Trial, seconds: u32) {
    for _ in 0..seconds {
        trial.beat.canary_rounds += 1;
        trial.second(1.0, 0.0, true);
    }
}

/// A guest that did something for so long and then printed these lines half a second of its clock's ago.
fn reported(seconds: u32, lines: &[&str]) -> Trial {
    let mut trial = Trial::booted();
    trial.line("[    0.010000] clocksource: jiffies: mask: 0xffffffff max_cycles: 0xffffffff, max_idle_ns: 7645041785100000 ns");
    run(&mut trial, seconds);
    lines.iter().for_each(|line| trial.line(&format!("[{:12.6}] {line}", f64::from(seconds) - 0.5)));
    trial.seconds(5, 1.0, 0.0, true);
    trial
}

/// Rounded to tenths of a second.
fn tenths(seconds: f64) -> f64 {
    (seconds * 10.0).round() / 10.0
}

#[test]
fn task_of_a_failure_may_follow_its_first_line() {
    let (oops, rcu) = (
        "BUG: kernel NULL pointer dereference, address: 0000000000000010",
        "rcu: INFO: rcu_sched self-detected stall on CPU",
    );
    let ran = |comm: &str, pid: u32| format!("CPU: 0 PID: {pid} Comm: {comm} Not tainted 6.1.0 #1");
    for (lines, pid) in [
        (vec![oops, "Oops: 0002 [#1] SMP", &ran("hog", 26)], Some(26)),
        (vec![rcu, "\t(t=5250 jiffies g=57 q=1)", &ran("hog", 26)], Some(26)),
        (vec![rcu, &ran("swapper/0", 0)], None),
        (vec!["watchdog: BUG: soft lockup - CPU#0 stuck for 22s! [hog:26]", &ran("other", 5)], Some(26)),
    ] {
        let verdict = reported(30, &lines).verdict().clone();
        assert_eq!(verdict.task.map(|task| task.pid), pid, "{lines:?}");
    }
}

#[test]
fn report_onset_on_both_clocks() {
    let rcu = "rcu: INFO: rcu_sched self-detected stall on CPU";
    for (seconds, lines, host_s, guest_s) in [
        (50, &["INFO: task sh:17 blocked for more than 41 seconds."][..], 9.0, 8.5),
        (30, &["watchdog: BUG: soft lockup - CPU#0 stuck for 22s! [hog:26]"], 8.4, 7.9),
        (50, &["BUG: workqueue lockup - pool cpus=0 node=0 flags=0x0 nice=0 stuck for 30s!"], 20.0, 19.5),
        (30, &[rcu, "rcu: \t0-....: (5249 ticks this GP) idle=1/1/0x4", "\t(t=5250 jiffies g=57 q=1)"], 9.0, 8.5),
        (30, &["INFO: rcu_sched self-detected stall on CPU { 0}  (t=5250 jiffies g=57 c=56 q=9)"], 9.0, 8.5),
        // Not before the guest's clock began.
        (20, &["watchdog: BUG: soft lockup - CPU#0 stuck for 22s! [hog:26]"], 0.5, 0.0),
        // These do not say for how long.
        (30, &["NMI watchdog: Watchdog detected hard LOCKUP on cpu 0"], 30.0, 29.5),
        (30, &[rcu], 30.0, 29.5),
        (30, &["Kernel panic - not syncing: softlockup: hung tasks"], 30.0, 29.5),
    ] {
        let onset = reported(seconds, lines).verdict().onset.unwrap();
        let found = (tenths(onset.host.as_secs_f64()), onset.guest_s.map(tenths));
        assert_eq!(found, (host_s, Some(guest_s)), "{lines:?}");
    }
    let mut bare = Trial::booted();
    run(&mut bare, 20);
    bare.line("INFO: task sh:17 blocked for more than 21 seconds.");
    bare.seconds(5, 0.0, 0.0, true);
    assert_eq!(bare.verdict().kind, Kind::HungTask);
    let onset = bare.verdict().onset.unwrap();
    assert_eq!((onset.host.as_secs_f64(), onset.guest_s), (0.0, None), "not before the guest was started");
}

#[test]
fn lockup_of_starved_guest_has_a_caveat() {
    let lockup = "[    9.000000] watchdog: BUG: soft lockup - CPU#0 stuck for 22s! [hog:26]";
    let panic = "[    9.000000] Kernel panic - not syncing: Fatal exception";
    for (line, ran, doubts) in [(lockup, 0.49, true), (lockup, 0.51, false), (lockup, 1.0, false), (panic, 0.3, false)]
    {
        let mut trial = Trial::booted();
        run(&mut trial, 22);
        trial.line(line);
        trial.until_verdict(60, ran, 1.0 - ran, line != panic);
        let verdict = trial.verdict();
        let doubted = verdict.caveats.iter().any(|caveat| matches!(caveat, Caveat::CpuShare { .. }));
        assert_eq!((doubted, verdict.confidence < 1.0), (doubts, doubts), "{line} {ran}: {:?}", verdict.caveats);
    }
}

/// A guest whose clock says 10 s after one second of the host's, and which prints a lockup 40 seconds later.
fn lockup_at(guest_s: f64) -> f64 {
    let mut trial = Trial::new(true);
    trial.second(1.0, 0.0, false);
    trial.line("[   10.000000] Linux version 6.1");
    trial.hello();
    run(&mut trial, 40);
    trial.line(&format!("[{guest_s:12.6}] watchdog: BUG: soft lockup - CPU#0 stuck for 22s! [hog:26]"));
    trial.seconds(5, 1.0, 0.0, true);
    trial.verdict().onset.unwrap().host.as_secs_f64()
}

#[test]
fn fast_guest_clock_claims_are_scaled() {
    // Once and a half as fast counts as right, twice as fast does not.
    assert_eq!([50.0, 70.0, 90.0].map(|guest_s| tenths(lockup_at(guest_s))), [19.4, 19.4, 30.2]);
}

/// User space of any guest can print a line.
#[test]
fn report_that_claims_more_than_the_uptime_is_discounted() {
    let mut trial = Trial::new(false);
    trial.line("[    0.000000] Linux version 7.3.4");
    trial.seconds(2, 1.0, 0.0, false);
    trial.line("watchdog: BUG: soft lockup - CPU#0 stuck for 22s! [stress-ng:212]");
    trial.seconds(5, 1.0, 0.0, false);
    trial.power_off();
    let verdict = trial.verdict();
    assert_eq!((verdict.kind, verdict.outcome()), (Kind::Finished, Outcome::Pass), "{verdict:?}");
    assert!(matches!(verdict.caveats[..], [Caveat::DiscountedReport { .. }]), "{verdict:?}");
}

/// A log that is read from a file, in no time.
#[test]
fn printk_time_of_a_report_is_its_uptime() {
    let mut trial = Trial::new(false);
    trial.line("[    0.000000] Linux version 6.1.0");
    trial.line("[   30.000000] BUG: soft lockup - CPU#0 stuck for 22s! [hog:26]");
    trial.exit(Some(0), None);
    assert_eq!(trial.verdict().kind, Kind::SoftLockup);
}

#[test]
fn discounted_reports_are_bounded() {
    let mut trial = Trial::booted();
    trial.seconds(2, 0.2, 0.8, true);
    for cpu in 0..12 {
        trial.line(&format!("[    9.000000] watchdog: BUG: soft lockup - CPU#{cpu} stuck for 22s! [hog:26]"));
    }
    trial.power_off();
    let verdict = trial.verdict();
    let discounted = verdict.caveats.iter().filter(|caveat| matches!(caveat, Caveat::DiscountedReport { .. })).count();
    assert_eq!((verdict.outcome(), discounted), (Outcome::Inconclusive, 8), "{verdict:?}");
}

#[test]
fn summary_names_the_failure() {
    for (line, expected) in [
        ("Unable to handle kernel NULL pointer dereference at virtual address 0000000000000010", "the kernel oopsed: "),
        ("Kernel panic - not syncing: Fatal exception", "the kernel panicked: "),
        ("watchdog: BUG: soft lockup - CPU#0 stuck for 22s! [hog:26]", "the kernel reported: "),
    ] {
        let mut trial = Trial::booted();
        run(&mut trial, 30);
        trial.line(&format!("[   30.900000] {line}"));
        trial.exit(Some(0), None);
        let summary = trial.verdict().summary;
        assert!(summary.starts_with(expected), "{line}: {summary}");
    }
    let mut booting = Trial::new(true);
    booting.line("[    0.900000] Kernel panic - not syncing: Fatal exception");
    booting.exit(Some(0), None);
    assert!(booting.verdict().summary.starts_with("the kernel died while booting: "));
}
