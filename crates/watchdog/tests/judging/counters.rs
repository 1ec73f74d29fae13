//! Guests without the agent, whose kernel's own counters the lab reads.

use crate::trial::{Trial, counters, profile};
use model::{Caveat, Counters, CpuCounters, Evidence, Frame, Kind, Outcome, Profile, QmpEvent, RuleId};
use model::{Event, Probe, ShutdownCause};

const LOOPING: &[(&str, u32)] = &[("get_page_from_freelist", 90)];

/// A guest that has booted, with these counters and this profile.
fn booted(counters: (Counters, Counters), profile: Profile) -> Trial {
    let mut trial = Trial::new(false);
    trial.line("[    0.000000] Linux version 6.1");
    trial.answers.counters = Some(counters);
    trial.answers.profile = Some(profile);
    trial
}

fn masked(irqs_off: u32, idle: u32) -> Profile {
    Profile { irqs_off, idle, ..profile(&[("lkdtm_HARDLOCKUP", 90)], &[]) }
}

#[test]
fn chatter_hides_no_livelock() {
    let mut trial = booted(counters(800, 0, 50, 250), profile(LOOPING, &[]));
    trial.kill();
    while trial.watchdog.verdict().is_none() && trial.now_s < 60.0 {
        trial.line("still here");
        trial.second(1.0, 0.0, false);
    }
    let verdict = trial.verdict();
    assert_eq!((verdict.kind, verdict.rule), (Kind::OomLivelock, RuleId::NoAgent));
    assert!(trial.now_s <= 30.0, "{}", trial.now_s);
    assert!(matches!(verdict.evidence[0], Evidence::AllocationsStill { looks: 3, stalls: 3, .. }), "{verdict:?}");
    assert_eq!(verdict.victim.unwrap().pid, 26);
}

#[test]
fn pages_that_are_allocated_exclude_a_livelock() {
    for counters in [counters(800, 900, 50, 250), counters(140_000, 0, 50, 250)] {
        let mut trial = booted(counters, profile(LOOPING, &[]));
        trial.kill();
        trial.until_verdict(200, 1.0, 0.0, false);
        assert_eq!((trial.verdict().kind, trial.verdict().outcome()), (Kind::NoTrouble, Outcome::Pass));
    }
}

#[test]
fn stall_without_an_allocating_task_is_no_livelock() {
    let mut trial = booted(counters(800, 0, 0, 250), profile(&[("memcpy", 90)], &[]));
    trial.until_verdict(200, 1.0, 0.0, false);
    assert_eq!(trial.verdict().kind, Kind::LoadTimeout, "short of memory, and nothing is proven");
}

#[test]
fn blocked_allocations_are_a_deadlock() {
    let mut trial = booted(counters(800, 0, 0, 250), masked(0, 90));
    let blocked = [
        "sysrq: Show Blocked State",
        "task:dd state:D stack:0 pid:7 ppid:1",
        " reclaim_throttle+0x1/0x2",
        " __alloc_pages_slowpath+0x1/0x2",
    ];
    trial.answers.sysrq.insert('w', blocked.map(str::to_owned).to_vec());
    trial.until_verdict(60, 0.01, 0.0, false);
    let verdict = trial.verdict();
    assert_eq!((verdict.kind, verdict.task.unwrap().pid), (Kind::ReclaimDeadlock, 7));
}

#[test]
fn interrupts_off_are_a_spin_or_a_deadlock() {
    for (ran, profile, kind) in [(1.0, masked(95, 0), Kind::Spin), (0.0, masked(95, 0), Kind::Deadlock)] {
        let mut trial = booted(counters(90_000, 0, 0, 0), profile);
        assert!(trial.until_verdict(60, ran, 0.0, false) <= 45);
        let verdict = trial.verdict();
        assert_eq!(verdict.kind, kind);
        assert!(matches!(verdict.evidence[0], Evidence::TicksStill { cpu: None, .. }));
        assert!(trial.probes.iter().any(|(_, probe)| *probe == Probe::Sysrq('m')));
    }
}

#[test]
fn ticks_that_stand_still_need_interrupts_off_and_no_answer() {
    // Idle without ticks; busy, with a kernel that answers.
    let mut idle = booted(counters(90_000, 0, 0, 0), masked(0, 95));
    idle.until_verdict(200, 0.0, 0.0, false);
    assert_eq!(idle.verdict().kind, Kind::LoadTimeout);
    let mut answers = booted(counters(90_000, 0, 0, 0), masked(95, 0));
    answers.answers.sysrq.insert('m', vec!["sysrq: Show Memory".to_owned()]);
    answers.until_verdict(200, 1.0, 0.0, false);
    assert_eq!(answers.verdict().kind, Kind::LoadTimeout);
}

#[test]
fn one_cpu_of_two_may_be_silent() {
    let (mut first, mut rates) = counters(90_000, 900, 0, 250);
    let cpu = |cpu, ns, running| CpuCounters {
        cpu,
        accounted_ns: Some(ns),
        nr_running: Some(running),
        ..CpuCounters::default()
    };
    for (running, kind) in [(1, Kind::Spin), (0, Kind::NoTrouble)] {
        first.cpus = vec![cpu(0, 1, 1), cpu(1, 1, running)];
        rates.cpus = vec![cpu(0, 1_000_000_000, 0), cpu(1, 0, 0)];
        let mut trial = booted((first.clone(), rates.clone()), masked(48, 50));
        trial.answers.sysrq.insert('m', vec!["sysrq: Show Memory".to_owned()]);
        trial.until_verdict(200, 1.0, 0.0, false);
        let verdict = trial.verdict();
        assert_eq!(verdict.kind, kind);
        let is_named = matches!(verdict.evidence.first(), Some(Evidence::TicksStill { cpu: Some(1), .. }));
        assert_eq!(is_named, kind == Kind::Spin);
    }
}

#[test]
fn empty_console_of_a_kernel_that_runs_has_a_caveat() {
    for (ticks, is_running) in [(250, true), (0, false)] {
        let mut trial = Trial::new(false);
        trial.answers.counters = Some(counters(90_000, 900, 0, ticks));
        trial.answers.profile = Some(masked(0, 95));
        trial.until_verdict(200, 0.5, 0.0, false);
        let verdict = trial.verdict();
        assert_eq!((verdict.kind, trial.now_s), (Kind::BootSilent, 30.0));
        assert_eq!(verdict.caveats.contains(&Caveat::KernelRuns), is_running);
    }
}

/// As a kernel without `console=` on a PC.
#[test]
fn kernel_that_is_unheard_after_the_firmware_is_boot_silent() {
    for (last, silence, kind) in [
        ("SeaBIOS (version 1.16.2-debian-1.16.2-1)", false, Kind::BootSilent),
        ("Boot HART MEDELEG         : 0x00000000000f0509", false, Kind::BootSilent),
        ("SeaBIOS (version 1.16.2-debian-1.16.2-1)", true, Kind::NoTrouble),
        ("Welcome to the rescue shell", false, Kind::NoTrouble),
    ] {
        let mut trial = Trial::new(false);
        trial.setup.expects.silence = silence;
        trial.watchdog = watchdog::Watchdog::new(trial.setup.clone());
        trial.answers.counters = Some(counters(90_000, 900, 0, 250));
        trial.second(0.5, 0.0, false);
        trial.line(last);
        trial.until_verdict(200, 0.5, 0.0, false);
        let verdict = trial.verdict();
        assert_eq!(verdict.kind, kind, "{last}: {verdict:?}");
        assert_eq!(verdict.caveats.contains(&Caveat::KernelRuns), kind == Kind::BootSilent);
    }
}

#[test]
fn a_machine_without_a_kernel_fails_to_boot() {
    let mut trial = Trial::new(false);
    trial.line("Booting from Hard Disk...");
    trial.line("Boot failed: not a bootable disk");
    trial.until_verdict(200, 0.0, 0.0, false);
    assert_eq!((trial.verdict().kind, trial.now_s), (Kind::BootTimeout, 30.0));
}

#[test]
fn a_test_may_end_with_a_text_or_be_silent() {
    let until = |text: &str| {
        let mut trial = Trial::new(false);
        trial.setup.expects.until = Some("ALL TESTS PASSED".to_owned());
        trial.watchdog = watchdog::Watchdog::new(trial.setup.clone());
        trial.line(text);
        trial
    };
    let mut passed = until("# ALL TESTS PASSED");
    passed.second(1.0, 0.0, false);
    assert_eq!(passed.verdict().kind, Kind::Finished);
    let mut ended = until("# 3 of 4");
    ended.power_off();
    assert_eq!(ended.verdict().kind, Kind::EarlyPowerOff);
    let mut silent = Trial::new(false);
    silent.setup.expects.silence = true;
    silent.watchdog = watchdog::Watchdog::new(silent.setup.clone());
    silent.answers.counters = Some(counters(90_000, 900, 0, 250));
    silent.until_verdict(200, 0.1, 0.0, false);
    assert_eq!(silent.verdict().kind, Kind::NoTrouble);
}

#[test]
fn resets_are_announced_by_the_kernel() {
    for (line, kind) in [
        ("[    9.000000] reboot: Restarting system", Kind::Finished),
        ("[    9.000000] sysrq: Resetting", Kind::Finished),
        ("[    9.000000] kvm: exiting", Kind::SpontaneousReset),
    ] {
        let mut trial = Trial::new(false);
        trial.line("[    0.000000] Linux version 6.1");
        trial.line(line);
        trial.event(Event::Qmp { what: QmpEvent::Shutdown(ShutdownCause::GuestReset) });
        trial.exit(Some(0), None);
        assert_eq!(trial.verdict().kind, kind, "{line}");
    }
    let mut circles = Trial::new(false);
    for _ in 0..5 {
        circles.line("[    0.000000] Linux version 6.1");
        circles.second(1.0, 0.0, false);
        circles.event(Event::Qmp { what: QmpEvent::Reset });
    }
    assert_eq!(circles.verdict().kind, Kind::RebootLoop);
}

#[test]
fn frames_of_the_users_initramfs_prove_nothing() {
    let mut trial = Trial::new(false);
    trial.setup.frames = false;
    trial.watchdog = watchdog::Watchdog::new(trial.setup.clone());
    trial.answers.counters = Some(counters(90_000, 900, 0, 250));
    trial.frame(crate::trial::finish(0));
    trial.frame(Frame::Bye);
    trial.until_verdict(200, 0.1, 0.0, false);
    assert_eq!(trial.verdict().kind, Kind::NoTrouble);
}

#[test]
fn a_panic_counts_once_the_machine_shows_it() {
    const LINE: &str = "[    3.000000] Kernel panic - not syncing: hung";
    // By the kernel's own mark.
    for (panicked, kind) in [(true, Kind::Panic), (false, Kind::NoTrouble)] {
        let (first, rates) = counters(90_000, 900, 0, 250);
        let mut trial = booted((Counters { panicked: Some(panicked), ..first }, rates), masked(0, 90));
        trial.line(LINE);
        trial.until_verdict(200, 0.1, 0.0, false);
        let verdict = trial.verdict();
        assert_eq!(verdict.kind, kind);
        let line = LINE.to_owned();
        assert_eq!(verdict.caveats.contains(&Caveat::DoubtedPanic { line }), !panicked);
    }
    // By what the kernel says at the end.
    for (line, kind) in [
        ("[    3.500000] reboot: Power down", Kind::Finished),
        ("[    3.500000] Rebooting in 1 seconds..", Kind::Panic),
    ] {
        let mut trial = Trial::new(false);
        trial.line(LINE);
        trial.line(line);
        trial.power_off();
        assert_eq!(trial.verdict().kind, kind);
    }
    // By the agent's beats, where the mark cannot be read.
    for (beats, kind) in [(true, Kind::LoadTimeout), (false, Kind::Panic)] {
        let mut trial = Trial::booted();
        trial.answers.sysrq.insert('m', vec!["sysrq: Show Memory".to_owned()]);
        trial.line(LINE);
        while trial.watchdog.verdict().is_none() && trial.now_s < 100.0 {
            trial.beat.canary_rounds += u64::from(beats);
            trial.second(0.1, 0.0, beats);
        }
        assert_eq!(trial.verdict().kind, kind);
    }
    // By sysrq, where the mark cannot be read.
    for answers in [false, true] {
        let mut trial = Trial::new(false);
        if answers {
            trial.answers.sysrq.insert('m', vec!["sysrq: Show Memory".to_owned()]);
        }
        trial.line(LINE);
        trial.until_verdict(200, 0.1, 0.0, false);
        assert_eq!(trial.verdict().kind == Kind::Panic, !answers);
    }
}
