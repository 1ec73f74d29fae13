//! Trials that end: by themselves, by the lab, from outside.

use crate::trial::{Trial, finish};
use model::{Caveat, Event, Frame, Kind, Outcome, Probe, QmpEvent, ShutdownCause};

#[test]
fn workload_end_is_a_pass() {
    let mut trial = Trial::booted();
    trial.second(0.3, 0.0, true);
    trial.frame(finish(0));
    assert!(trial.watchdog.verdict().is_none(), "it may still crash while it powers off");
    trial.power_off();
    assert_eq!(trial.verdict().kind, Kind::Finished);
}

#[test]
fn workload_failure_is_inconclusive() {
    let mut trial = Trial::booted();
    trial.frame(finish(1));
    trial.power_off();
    let verdict = trial.verdict();
    assert_eq!((verdict.kind, verdict.outcome()), (Kind::WorkloadFailed, Outcome::Inconclusive));
    assert_eq!(verdict.summary, "the workload ended with status 1: mmap-failed");
}

#[test]
fn workload_failure_names_the_last_error() {
    let mut trial = Trial::booted();
    trial.frame(Frame::Finished { status: 1, units: 7, why: "write-failed".to_owned(), errno: 28 });
    trial.power_off();
    let summary = trial.verdict().summary;
    assert!(
        summary.starts_with("the workload ended with status 1: write-failed; the last system call that failed: ")
            && summary.ends_with("(os error 28)"),
        "{summary}"
    );
}

#[test]
fn missing_power_off_is_a_caveat() {
    let mut trial = Trial::booted();
    trial.frame(finish(0));
    trial.seconds(12, 1.0, 0.0, false);
    let verdict = trial.verdict();
    assert_eq!(verdict.kind, Kind::Finished);
    assert_eq!(verdict.caveats, [Caveat::NoPowerOff]);
}

#[test]
fn early_power_off_and_load_timeout_are_inconclusive() {
    let mut early = Trial::booted();
    early.power_off();
    assert_eq!(early.verdict().kind, Kind::EarlyPowerOff);

    let mut endless = Trial::booted();
    for _ in 0..65 {
        endless.beat.canary_rounds += 1;
        endless.second(1.0, 0.0, true);
    }
    assert_eq!(endless.verdict().kind, Kind::LoadTimeout);

    let mut stopped = Trial::booted();
    stopped.event(Event::Interrupted);
    assert_eq!(stopped.verdict().kind, Kind::Interrupted);
}

#[test]
fn load_timeout_summary_names_workload_progress() {
    // Whether the workload does anything, then until when, then which share of the time the guest gets.
    for (units, until_s, share, said) in [
        (true, 100.0, 1.0, "its last unit of work was 1 s ago, the canary's last round 1 s ago"),
        (true, 5.0, 1.0, "its last unit of work was 59 s ago, the canary's last round 1 s ago"),
        (false, 0.0, 1.0, "no unit of work in 64 s, the canary's last round 1 s ago"),
        (
            true,
            20.0,
            0.5,
            "its last unit of work was 54 s (108 s by the host's clock) ago, the canary's last round 1 s ago",
        ),
    ] {
        let mut trial = Trial::booted();
        while trial.watchdog.verdict().is_none() {
            trial.beat.canary_rounds += 1;
            trial.beat.units += u64::from(units && trial.now_s < until_s);
            trial.second(share, 1.0 - share, true);
        }
        let verdict = trial.verdict();
        assert_eq!(verdict.kind, Kind::LoadTimeout);
        assert_eq!(verdict.summary, format!("the workload did not end within 60 s; {said}"));
    }
}

#[test]
fn verdict_ignores_later_events() {
    let mut trial = Trial::booted();
    trial.event(Event::Interrupted);
    let first = trial.verdict();
    trial.line("[    9.0] Kernel panic - not syncing: provoked");
    trial.exit(None, Some(9));
    assert_eq!(trial.verdict(), first);
    assert_eq!(trial.watchdog.deadline(), None);
}

#[test]
fn boot_failures_by_kind() {
    let mut silent = Trial::new(true);
    silent.seconds(32, 1.0, 0.0, false);
    assert_eq!(silent.verdict().kind, Kind::BootSilent);

    let mut late = Trial::new(true);
    late.line("[    0.000000] Linux version 6.1");
    late.seconds(32, 1.0, 0.0, false);
    assert_eq!((late.verdict().kind, late.verdict().caveats.len()), (Kind::BootTimeout, 0));

    for (banner, ran, doubts) in [("", 1.0, 0), ("", 1.9, 1), ("OpenSBI v1.1", 1.9, 1), ("OpenSBI v1.6", 1.9, 0)] {
        let mut firmware = Trial::new(true);
        firmware.line(banner);
        firmware.line("Boot HART MEDELEG         : 0x0000000000f0b509");
        firmware.seconds(32, ran, 0.0, false);
        let verdict = firmware.verdict();
        assert_eq!((verdict.kind, verdict.caveats.len()), (Kind::BootTimeout, doubts), "{verdict:?}");
    }

    let mut panicked = Trial::new(true);
    panicked.line("[    1.000000] Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0)");
    panicked.exit(Some(0), None);
    let verdict = panicked.verdict();
    assert_eq!((verdict.kind, verdict.outcome()), (Kind::BootPanic, Outcome::BootFailed));

    for (cause, kind) in
        [(ShutdownCause::GuestReset, Kind::RebootLoop), (ShutdownCause::GuestShutdown, Kind::BootPowerOff)]
    {
        let mut trial = Trial::new(true);
        trial.line("[    0.000000] Linux version 6.1");
        trial.event(Event::Qmp { what: QmpEvent::Shutdown(cause) });
        trial.exit(Some(0), None);
        assert_eq!(trial.verdict().kind, kind);
    }
}

#[test]
fn lab_errors_are_no_kernel_failures() {
    let mut failed = Trial::new(true);
    failed.exit(Some(1), None);
    let verdict = failed.verdict();
    assert_eq!((verdict.kind, verdict.outcome()), (Kind::QemuFailed, Outcome::LabError));
    assert!(verdict.summary.contains("could not load kernel"), "QEMU's own words are shown");

    let mut killed = Trial::booted();
    killed.exit(None, Some(9));
    assert_eq!(killed.verdict().kind, Kind::QemuDied);

    let mut quit = Trial::booted();
    quit.event(Event::Qmp { what: QmpEvent::Shutdown(ShutdownCause::HostQmpQuit) });
    quit.exit(Some(0), None);
    assert_eq!(quit.verdict().kind, Kind::QemuDied);

    let mut paused = Trial::booted();
    paused.event(Event::Qmp { what: QmpEvent::Stop });
    paused.seconds(12, 0.0, 0.0, false);
    assert_eq!(paused.verdict().kind, Kind::Paused);

    let mut broken = Trial::booted();
    broken.event(Event::Qmp { what: QmpEvent::Stop });
    broken.event(Event::Qmp { what: QmpEvent::InternalError });
    assert_eq!((broken.verdict().kind, broken.verdict().outcome()), (Kind::VcpuFailed, Outcome::LabError));
}

#[test]
fn disk_failure_is_a_lab_error() {
    let mut trial = Trial::booted();
    trial.event(Event::Qmp { what: QmpEvent::DiskFailed("No space left on device".to_owned()) });
    trial.event(Event::Qmp { what: QmpEvent::Stop });
    let verdict = trial.verdict();
    assert_eq!((verdict.kind, verdict.outcome()), (Kind::StoreFailed, Outcome::LabError));
    assert!(verdict.summary.ends_with("No space left on device"), "{}", verdict.summary);
}

#[test]
fn short_pause_is_ignored() {
    let mut trial = Trial::booted();
    trial.event(Event::Qmp { what: QmpEvent::Stop });
    trial.seconds(5, 0.0, 0.0, false);
    trial.event(Event::Qmp { what: QmpEvent::Resume });
    trial.frame(finish(0));
    trial.power_off();
    assert_eq!(trial.verdict().kind, Kind::Finished);
}

#[test]
fn qemu_exit_after_shutdown_is_ignored() {
    for (code, signal) in [(None, Some(9)), (Some(1), None), (None, None)] {
        let mut trial = Trial::booted();
        trial.event(Event::Qmp { what: QmpEvent::Shutdown(ShutdownCause::GuestShutdown) });
        trial.exit(code, signal);
        assert_eq!(trial.verdict().kind, Kind::EarlyPowerOff, "{code:?} {signal:?}");
    }
}

#[test]
fn power_off_of_stuck_guest_without_sysrq() {
    let mut trial = Trial::booted();
    trial.seconds(6, 1.0, 0.0, true);
    assert!(!trial.probes.iter().any(|(_, probe)| matches!(probe, Probe::Sysrq(_))), "{:?}", trial.probes);
    trial.power_off();
    assert_eq!(trial.verdict().kind, Kind::EarlyPowerOff);
}

#[test]
fn load_timeout_summary_gives_both_clocks() {
    for (share, both) in [(1.0, false), (0.95, false), (0.9, true)] {
        let mut trial = Trial::booted();
        while trial.watchdog.verdict().is_none() && trial.now_s < 100.0 {
            trial.beat.canary_rounds += 1;
            trial.second(share, 1.0 - share, true);
        }
        let verdict = trial.verdict();
        assert_eq!(verdict.kind, Kind::LoadTimeout);
        let has_both = verdict.summary.contains(" by the host's clock), ");
        assert_eq!(has_both, verdict.summary.contains(" s (71 s by"), "{}", verdict.summary);
        assert!(verdict.summary.contains("no unit of work") && has_both == both, "{share}: {}", verdict.summary);
    }
}
