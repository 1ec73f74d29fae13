//! Slow is not hung: the host and the guest's own speed.

use crate::trial::{Trial, finish};
use model::{Caveat, Event, Frame, Kind, OomLimit, Outcome, Verdict};

/// The kernel's reports that did not count.
fn discounted(verdict: &Verdict) -> Vec<&str> {
    let reports = verdict.caveats.iter().filter_map(|caveat| match caveat {
        Caveat::DiscountedReport { line } => Some(line.as_str()),
        _ => None,
    });
    reports.collect()
}

#[test]
fn starved_guest_gets_more_host_time() {
    let mut trial = Trial::booted();
    trial.kill();
    trial.seconds(40, 0.2, 0.8, true);
    assert!(trial.watchdog.verdict().is_none(), "40 s of which it got a fifth are 8 s");
    trial.until_verdict(45, 0.2, 0.8, true);
    assert_eq!(trial.verdict().kind, Kind::OomLivelock);
}

#[test]
fn overloaded_host_is_inconclusive() {
    let mut trial = Trial::new(true);
    trial.line("[    0.000000] Linux version 6.1");
    trial.seconds(305, 0.08, 0.92, false);
    let verdict = trial.verdict();
    assert_eq!((verdict.kind, verdict.outcome()), (Kind::HostOverloaded, Outcome::Inconclusive));
}

#[test]
fn guest_that_the_hosts_oom_killer_ended_is_inconclusive() {
    let summary = |oom_limit| {
        let mut trial = Trial::booted();
        trial.kill();
        trial.event(Event::Exited { code: None, signal: Some(9), stderr: String::new(), host_oom: true, oom_limit });
        let verdict = trial.verdict();
        assert_eq!((verdict.kind, verdict.outcome()), (Kind::HostOverloaded, Outcome::Inconclusive));
        verdict.summary.clone()
    };
    assert_eq!(summary(None), "the host ran out of memory, and its OOM killer ended QEMU");
    assert_eq!(
        summary(Some(OomLimit { file: "/sys/fs/cgroup/job_17/memory.max".to_owned(), mib: 288 })),
        "the lab's control group reached its limit of 288 MiB (/sys/fs/cgroup/job_17/memory.max), and the OOM killer ended QEMU"
    );
}

#[test]
fn slow_guest_gets_more_time() {
    let mut trial = Trial::booted();
    trial.frame(Frame::Speed { loop_us: 4 * watchdog::NOMINAL_LOOP_US });
    trial.kill();
    trial.seconds(40, 1.0, 0.0, true);
    assert!(trial.watchdog.verdict().is_none());
    trial.until_verdict(25, 1.0, 0.0, true);
    assert_eq!(trial.verdict().kind, Kind::OomLivelock);
}

#[test]
fn lockup_report_of_starved_guest_is_discounted() {
    let report = |ran: f64, line: &str| {
        let mut trial = Trial::booted();
        for _ in 0..25 {
            trial.beat.canary_rounds += 1;
            trial.second(ran, 1.0 - ran, true);
        }
        trial.line(line);
        for _ in 0..10 {
            trial.beat.canary_rounds += 1;
            trial.second(1.0, 0.0, !line.contains("panic"));
        }
        trial.watchdog.verdict().map(|verdict| verdict.kind)
    };
    let lockup = "[   25.000000] watchdog: BUG: soft lockup - CPU#0 stuck for 22s! [hog:26]";
    assert_eq!(report(1.0, lockup), Some(Kind::SoftLockup));
    assert_eq!(report(0.7, lockup), Some(Kind::SoftLockup), "15.4 s of its own are too long");
    assert_eq!(report(0.6, lockup), None, "13.2 s of its own are not");
    let stall = "[   25.000000] rcu: INFO: rcu_sched self-detected stall on CPU";
    assert_eq!((report(1.0, stall), report(0.5, stall)), (Some(Kind::RcuStall), None));
    let hung = "[   25.000000] INFO: task sh:17 blocked for more than 10 seconds.";
    assert_eq!(
        (report(0.8, hung), report(0.6, hung)),
        (Some(Kind::HungTask), None),
        "a shorter limit is the user's own"
    );
    let panic = "[   25.000000] Kernel panic - not syncing: Fatal exception";
    assert_eq!(report(0.1, panic), Some(Kind::Panic), "no load explains a panic");
}

/// Seconds in which everything goes on in a guest that gets this share of them.
fn seconds(trial: &mut Trial, count: u32, share: f64) {
    for _ in 0..count {
        trial.beat.canary_rounds += 1;
        trial.second(share, 1.0 - share, true);
    }
}

/// A report of a stalled grace period, of this age in jiffies.
fn stall(trial: &mut Trial, jiffies: u32, period: i32) {
    let at = trial.now_s;
    trial.line(&format!("[{at:12.6}] rcu: INFO: rcu_sched self-detected stall on CPU"));
    trial.line(&format!(
        "[{at:12.6}] rcu: \t0-....: (588 ticks this GP) idle=4794/1/0x4000000000000002 softirq=5/5 fqs=3"
    ));
    trial.line(&format!("[{at:12.6}] \t(t={jiffies} jiffies g={period} q=151 ncpus=2)"));
}

const JIFFIES: &str =
    "[    0.010000] clocksource: jiffies: mask: 0xffffffff max_cycles: 0xffffffff, max_idle_ns: 7645041785100000 ns";

#[test]
fn lasting_rcu_stall_counts_in_the_end() {
    // The detector's limit, the second report's age and period, whether the kernel says how long a jiffy is.
    for (limit_s, again_s, period, known, counts) in [
        (21, 84, 57, true, true),
        (21, 84, 57, false, true),
        (21, 84, 58, false, false),
        (3, 12, 57, true, true),
        (3, 12, 57, false, true),
        (3, 5, 57, true, false),
    ] {
        let mut trial = Trial::booted();
        if known {
            trial.line(JIFFIES);
        }
        seconds(&mut trial, 30, 0.5);
        stall(&mut trial, 250 * limit_s, 57);
        seconds(&mut trial, again_s - limit_s, 0.5);
        assert!(trial.watchdog.verdict().is_none(), "the host may be the reason for the first one");
        stall(&mut trial, 250 * again_s, period);
        seconds(&mut trial, 10, 0.5);
        let case = format!("{limit_s} {again_s} {period} {known}");
        let Some(_) = trial.watchdog.verdict() else {
            assert!(!counts, "{case}");
            continue;
        };
        let verdict = trial.verdict();
        let onset = verdict.onset.unwrap();
        let began_s = f64::from(30 - limit_s);
        assert_eq!((counts, verdict.kind, onset.guest_s), (true, Kind::RcuStall, Some(began_s)), "{case}");
        assert_eq!(verdict.lines.len(), 1, "{case}");
        assert!(discounted(&verdict).iter().any(|line| line.contains("30.000000] rcu: INFO: ")), "{case}");
    }
}

#[test]
fn lasting_hung_task_counts_in_the_end() {
    let mut trial = Trial::booted();
    seconds(&mut trial, 20, 0.4);
    for claimed in [10, 20] {
        trial.line(&format!("[{:12.6}] INFO: task sh:17 blocked for more than {claimed} seconds.", trial.now_s));
        seconds(&mut trial, 10, 0.4);
        assert!(trial.watchdog.verdict().is_none(), "4 s and 8 s of its own are less than the limit");
    }
    trial.line("[   40.000000] INFO: task sh:17 blocked for more than 30 seconds.");
    seconds(&mut trial, 10, 0.4);
    let verdict = trial.verdict();
    assert_eq!((verdict.kind, verdict.onset.unwrap().guest_s), (Kind::HungTask, Some(10.0)), "12 s are more");
}

#[test]
fn rcu_stall_age_discounts_its_report() {
    let mut trial = Trial::booted();
    trial.line(JIFFIES);
    seconds(&mut trial, 30, 1.0);
    seconds(&mut trial, 3, 0.2);
    stall(&mut trial, 750, 57);
    seconds(&mut trial, 10, 1.0);
    assert!(trial.watchdog.verdict().is_none(), "the guest got 0.6 s of these 3 s");
}

#[test]
fn discounted_report_is_a_caveat_of_a_pass() {
    let mut trial = Trial::booted();
    trial.line(JIFFIES);
    trial.event(Event::Host { late_us: 0, psi_cpu_avg10: Some(90.0), stopped: false });
    seconds(&mut trial, 30, 0.5);
    stall(&mut trial, 750, 57);
    trial.frame(finish(0));
    trial.power_off();
    let verdict = trial.verdict();
    assert_eq!(verdict.kind, Kind::Finished);
    let line = "[   30.000000] rcu: INFO: rcu_sched self-detected stall on CPU".to_owned();
    assert_eq!(verdict.caveats, [Caveat::DiscountedReport { line }]);
}

#[test]
fn discounted_report_is_a_caveat_of_a_hang() {
    let mut trial = Trial::booted();
    trial.seconds(3, 0.1, 0.9, true);
    trial.line("[    3.000000] watchdog: BUG: soft lockup - CPU#0 stuck for 22s! [hog:26]");
    trial.until_verdict(30, 1.0, 0.0, true);
    let verdict = trial.verdict();
    assert_eq!(verdict.kind, Kind::SilentStall);
    assert!(discounted(&verdict).iter().any(|line| line.contains("soft lockup")), "{:?}", verdict.caveats);
}

#[test]
fn host_pressure_is_a_caveat_of_a_hang() {
    for (psi, said) in [(40.0, false), (63.4, true)] {
        let mut trial = Trial::booted();
        trial.event(Event::Host { late_us: 0, psi_cpu_avg10: Some(psi), stopped: false });
        trial.until_verdict(20, 1.0, 0.0, true);
        let verdict = trial.verdict();
        assert_eq!(verdict.caveats.contains(&Caveat::HostPressure { psi_some_avg10: psi }), said);
    }
    let mut pass = Trial::booted();
    pass.event(Event::Host { late_us: 0, psi_cpu_avg10: Some(90.0), stopped: false });
    pass.frame(finish(0));
    pass.power_off();
    assert!(pass.verdict().caveats.is_empty(), "a pass needs no excuse");
}

/// A second of a guest whose process is stopped but for a twentieth of it.
fn stopped_second(trial: &mut Trial) {
    trial.event(Event::Host { late_us: 0, psi_cpu_avg10: None, stopped: true });
    trial.second(0.05, 0.0, false);
}

#[test]
fn repeatedly_stopped_process_is_slow() {
    let mut trial = Trial::booted();
    for _ in 0..10 {
        (0..4).for_each(|_| stopped_second(&mut trial));
        trial.event(Event::Host { late_us: 0, psi_cpu_avg10: None, stopped: true });
        trial.beat.canary_rounds += 1;
        trial.second(0.05, 0.0, true);
    }
    assert!(trial.watchdog.verdict().is_none());
    assert!(trial.probes.is_empty());
    trial.frame(finish(0));
    trial.power_off();
    let verdict = trial.verdict();
    assert_eq!((verdict.kind, verdict.outcome()), (Kind::Slow, Outcome::Pass), "{verdict:?}");
}

#[test]
fn stopped_process_is_paused() {
    let mut trial = Trial::booted();
    let mut seconds = 0;
    while trial.watchdog.verdict().is_none() && seconds < 100 {
        stopped_second(&mut trial);
        seconds += 1;
    }
    let verdict = trial.verdict();
    assert_eq!((seconds, verdict.kind, verdict.outcome()), (60, Kind::Paused, Outcome::LabError));

    let mut continued = Trial::booted();
    (0..59).for_each(|_| stopped_second(&mut continued));
    continued.event(Event::Host { late_us: 0, psi_cpu_avg10: None, stopped: false });
    (0..20).for_each(|_| stopped_second(&mut continued));
    assert!(continued.watchdog.verdict().is_none());
}

#[test]
fn slow_by_share_or_speed() {
    for (share, speed, kind) in
        [(0.16, 1.0, Kind::Finished), (0.14, 1.0, Kind::Slow), (1.0, 9.9, Kind::Finished), (1.0, 10.0, Kind::Slow)]
    {
        let mut trial = Trial::booted();
        trial.frame(Frame::Speed { loop_us: (speed * watchdog::NOMINAL_LOOP_US as f64) as u64 });
        for _ in 0..30 {
            trial.beat.canary_rounds += 1;
            trial.second(share, 1.0 - share, true);
        }
        trial.frame(finish(0));
        trial.power_off();
        assert_eq!(trial.verdict().kind, kind, "{share} {speed}");
    }
}

#[test]
fn slow_guest_at_deadline_passes() {
    let mut trial = Trial::booted();
    while trial.watchdog.verdict().is_none() && trial.now_s < 1000.0 {
        trial.beat.canary_rounds += 1;
        trial.second(0.09, 0.91, true);
    }
    let verdict = trial.verdict();
    assert_eq!(verdict.kind, Kind::HostOverloaded, "ten times its time were not enough");
    let mut trial = Trial::booted();
    trial.frame(Frame::Speed { loop_us: 12 * watchdog::NOMINAL_LOOP_US });
    let mut idler = Trial::booted();
    idler.frame(Frame::Speed { loop_us: 12 * watchdog::NOMINAL_LOOP_US });
    // An idle guest is probed for its blocked tasks.
    for (trial, units, ends) in [(&mut trial, 1, (Kind::Slow, 720)), (&mut idler, 0, (Kind::LoadTimeout, 768))] {
        while trial.watchdog.verdict().is_none() && trial.now_s < 1000.0 {
            trial.beat.canary_rounds += 1;
            trial.beat.units += units;
            trial.second(1.0, 0.0, true);
        }
        assert_eq!((trial.verdict().kind, trial.now_s as u32), ends, "the canary alone is not the workload");
    }
}

#[test]
fn fast_guest_clock_is_no_stall() {
    let claims = ["rcu: INFO: rcu_preempt self-detected stall on CPU", "\t(t=49630 jiffies g=-991 q=2 ncpus=1)"];
    // The guest's clock when it reports a stall of 198 s, and its share of the CPU: in 16 s of the host's clock.
    for (guest_s, share, kind) in [(201.7, 0.4, Kind::Finished), (201.7, 1.0, Kind::RcuStall)] {
        let mut trial = Trial::booted();
        trial.line("[    0.010000] clocksource: jiffies: mask: 0xffffffff max_cycles: 0xffffffff, max_idle_ns: 7645041785100000 ns");
        for _ in 0..16 {
            trial.beat.canary_rounds += 1;
            trial.second(share, 1.0 - share, true);
        }
        claims.iter().for_each(|line| trial.line(&format!("[{guest_s:12.6}] {line}")));
        trial.seconds(8, share, 1.0 - share, true);
        trial.frame(finish(0));
        trial.power_off();
        assert_eq!(trial.verdict().kind, kind, "{guest_s} {share}");
    }
}

/// A console without a reader fills up, and the guest waits for it: its detectors count that time, and its messages come all at once when the lab
/// goes on.
#[test]
fn lockup_of_a_guest_that_waited_for_a_stopped_lab_is_discounted() {
    let mut trial = Trial::new(true);
    trial.seconds(3, 1.0, 0.0, false);
    trial.now_s = 57.0;
    trial.event(Event::Host { late_us: 53_000_000, psi_cpu_avg10: None, stopped: false });
    trial.second(1.0, 0.0, false);
    trial.line("[    0.000000] Linux version 6.1");
    trial.hello();
    trial.seconds(3, 1.0, 0.0, true);
    trial.line("[   46.116826] watchdog: BUG: soft lockup - CPU#0 stuck for 42s! [anon-hog:75]");
    trial.frame(finish(0));
    trial.power_off();
    let verdict = trial.verdict();
    assert_eq!(verdict.outcome(), Outcome::Pass, "{verdict:?}");
    assert!(matches!(verdict.caveats[..], [Caveat::DiscountedReport { .. }]), "{:?}", verdict.caveats);
}
