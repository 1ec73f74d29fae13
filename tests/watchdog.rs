//! The watchdog's verdicts on made-up trials: what is fed in is what the lab would have seen.

use oomlab::model::{Beat, Event, Frame, Kind, Outcome, QmpEvent, Record, Stamp, ThreadTime, Timeouts, Verdict};
use oomlab::watchdog::{Setup, Watchdog, replay};

/// Plays a trial second by second; ticks come when the watchdog asks for them.
struct Trial {
    setup: Setup,
    watchdog: Watchdog,
    records: Vec<Record>,
    now_s: f64,
    beat: Beat,
    cpu: ThreadTime,
}

impl Trial {
    fn new(agent: bool) -> Self {
        let setup = Setup { agent, timeouts: Timeouts { boot_s: 30.0, load_s: 60.0, stuck_s: 4.0 } };
        let mut trial = Self {
            watchdog: Watchdog::new(setup.clone()),
            setup,
            records: Vec::new(),
            now_s: 0.0,
            beat: Beat { canary_rounds: 1, ..Beat::default() },
            cpu: ThreadTime::default(),
        };
        trial.event(Event::Spawned { pid: 1 });
        trial
    }

    fn booted() -> Self {
        let mut trial = Self::new(true);
        trial.line("[    0.000000] Linux version 6.1");
        trial.frame(Frame::Hello { version: 1, arch: "x".to_owned(), page_bytes: 4096, ram_kib: 30000 });
        trial.frame(Frame::Speed { loop_us: 1000 });
        trial.frame(Frame::Started { workload: "w".to_owned(), pid: 20 });
        trial
    }

    fn event(&mut self, event: Event) {
        let at = Stamp::from_secs_f64(self.now_s);
        self.records.push(Record { at, event: event.clone() });
        self.watchdog.observe(at, &event);
    }

    fn frame(&mut self, frame: Frame) {
        self.event(Event::Agent { seq: 0, frame });
    }

    fn line(&mut self, text: &str) {
        self.event(Event::Line { text: text.to_owned() });
    }

    /// Lets a second pass in which the vCPU ran and waited for so long, with a beat or without one.
    fn second(&mut self, ran: f64, waited: f64, beat: bool) {
        let until = self.now_s + 1.0;
        while let Some(deadline) = self.watchdog.deadline().filter(|stamp| stamp.as_secs_f64() < until) {
            self.now_s = self.now_s.max(deadline.as_secs_f64());
            self.event(Event::Tick);
        }
        self.now_s = until;
        self.cpu.ran_us += (ran * 1e6) as u64;
        self.cpu.waited_us += (waited * 1e6) as u64;
        self.event(Event::Vcpus { threads: vec![self.cpu] });
        if beat {
            self.beat.mono_ms += 1000;
            self.frame(Frame::Beat(self.beat));
        }
    }

    fn seconds(&mut self, count: u32, ran: f64, waited: f64, beat: bool) {
        (0..count).for_each(|_| self.second(ran, waited, beat));
    }

    fn kill(&mut self) {
        self.line("[    0.560000] hog invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=500");
        self.line("[    0.564737] Out of memory: Killed process 26 (hog) total-vm:6228kB, anon-rss:0kB");
    }

    fn exit(&mut self, code: Option<i32>, signal: Option<i32>) {
        self.event(Event::Exited { code, signal, stderr: "could not load kernel".to_owned() });
    }

    fn power_off(&mut self) {
        self.event(Event::Qmp { what: QmpEvent::Shutdown("guest-shutdown".to_owned()) });
        self.exit(Some(0), None);
    }

    fn verdict(&self) -> Verdict {
        let verdict = self.watchdog.verdict().cloned().expect("a verdict");
        assert_eq!(replay(self.setup.clone(), &self.records), Some(verdict.clone()), "a replay judges alike");
        assert!(!verdict.rule.is_empty() && !verdict.summary.is_empty());
        verdict
    }
}

fn finish(status: i32) -> Frame {
    Frame::Finished { status, units: 7, why: if status == 0 { String::new() } else { "mmap-failed".to_owned() } }
}

#[test]
fn a_workload_that_ends_is_a_pass() {
    let mut trial = Trial::booted();
    trial.second(0.3, 0.0, true);
    trial.frame(finish(0));
    assert!(trial.watchdog.verdict().is_none(), "it may still crash while it powers off");
    trial.power_off();
    assert_eq!(trial.verdict().kind, Kind::Finished);
}

#[test]
fn a_workload_that_fails_is_neither_a_pass_nor_a_hang() {
    let mut trial = Trial::booted();
    trial.frame(finish(1));
    trial.power_off();
    let verdict = trial.verdict();
    assert_eq!((verdict.kind, verdict.outcome()), (Kind::WorkloadFailed, Outcome::Inconclusive));
    assert!(verdict.summary.contains("mmap-failed"));
}

#[test]
fn a_guest_that_does_not_power_off_still_passes_and_it_is_said() {
    let mut trial = Trial::booted();
    trial.frame(finish(0));
    trial.seconds(12, 1.0, 0.0, false);
    let verdict = trial.verdict();
    assert_eq!(verdict.kind, Kind::Finished);
    assert_eq!(verdict.against.len(), 1);
}

#[test]
fn a_stuck_canary_beside_a_beat_after_a_kill_is_a_livelock_with_its_victim() {
    let mut trial = Trial::booted();
    trial.kill();
    trial.seconds(11, 1.0, 0.0, true);
    assert!(trial.watchdog.verdict().is_none(), "the evidence has not stood long enough");
    trial.seconds(3, 1.0, 0.0, true);
    let verdict = trial.verdict();
    assert_eq!((verdict.kind, verdict.outcome()), (Kind::OomLivelock, Outcome::Hang));
    let victim = verdict.victim.unwrap();
    assert_eq!((victim.pid, victim.comm.as_str()), (26, "hog"));
    assert!(verdict.lines[1].contains("Killed process 26"));
}

#[test]
fn a_stuck_canary_without_any_kill_is_a_silent_stall() {
    let mut trial = Trial::booted();
    trial.seconds(15, 1.0, 0.0, true);
    assert_eq!(trial.verdict().kind, Kind::SilentStall);
}

#[test]
fn a_stuck_canary_on_an_idle_cpu_is_no_livelock() {
    let mut trial = Trial::booted();
    trial.kill();
    trial.seconds(15, 0.02, 0.0, true);
    assert_eq!(trial.verdict().kind, Kind::ReclaimDeadlock);
}

#[test]
fn a_canary_that_moves_now_and_then_is_not_stuck() {
    let mut trial = Trial::booted();
    for second in 0..50 {
        trial.beat.canary_rounds += u64::from(second % 9 == 0);
        trial.second(1.0, 0.0, true);
    }
    assert!(trial.watchdog.verdict().is_none());
    trial.frame(finish(0));
    trial.power_off();
    assert_eq!(trial.verdict().kind, Kind::Finished);
}

#[test]
fn a_workload_that_works_is_not_stuck_whatever_the_canary_does() {
    let mut trial = Trial::booted();
    for _ in 0..30 {
        trial.beat.units += 1;
        trial.second(1.0, 0.0, true);
    }
    assert!(trial.watchdog.verdict().is_none());
}

#[test]
fn a_starved_guest_gets_more_host_time() {
    let mut trial = Trial::booted();
    trial.kill();
    trial.seconds(40, 0.2, 0.8, true);
    assert!(trial.watchdog.verdict().is_none(), "40 s of which it got a fifth are 8 s");
    trial.seconds(30, 0.2, 0.8, true);
    assert_eq!(trial.verdict().kind, Kind::OomLivelock);
}

#[test]
fn a_host_without_cpu_to_spare_gets_no_verdict_on_the_guest() {
    let mut trial = Trial::new(true);
    trial.line("[    0.000000] Linux version 6.1");
    trial.seconds(185, 0.1, 0.9, false);
    let verdict = trial.verdict();
    assert_eq!((verdict.kind, verdict.outcome()), (Kind::HostOverloaded, Outcome::Inconclusive));
}

#[test]
fn a_slow_guest_gets_more_time() {
    let mut trial = Trial::booted();
    trial.frame(Frame::Speed { loop_us: 4 * oomlab::watchdog::NOMINAL_LOOP_US });
    trial.kill();
    trial.seconds(40, 1.0, 0.0, true);
    assert!(trial.watchdog.verdict().is_none());
    trial.seconds(10, 1.0, 0.0, true);
    assert_eq!(trial.verdict().kind, Kind::OomLivelock);
}

#[test]
fn a_silent_beat_is_told_apart_by_the_cpu() {
    for (ran, kind) in [(1.0, Kind::Spin), (0.0, Kind::Deadlock), (0.4, Kind::Unresponsive)] {
        let mut trial = Trial::booted();
        trial.second(0.5, 0.0, true);
        trial.seconds(15, ran, 0.0, false);
        assert_eq!(trial.verdict().kind, kind);
    }
}

#[test]
fn the_first_report_of_the_kernel_decides() {
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
fn panics_are_sorted_by_their_reason() {
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
fn detectors_of_the_kernel_give_their_kind_and_task() {
    for (line, kind, task) in [
        ("INFO: task kworker/0:1:17 blocked for more than 120 seconds.", Kind::HungTask, Some(17)),
        ("watchdog: BUG: soft lockup - CPU#0 stuck for 22s! [hog:26]", Kind::SoftLockup, Some(26)),
        ("rcu: INFO: rcu_sched self-detected stall on CPU", Kind::RcuStall, None),
        ("BUG: workqueue lockup - pool cpus=0 node=0 flags=0x0 nice=0 stuck for 30s!", Kind::WorkqueueLockup, None),
        ("NMI watchdog: Watchdog detected hard LOCKUP on cpu 0", Kind::HardLockup, None),
    ] {
        let mut trial = Trial::booted();
        trial.line(&format!("[    9.000000] {line}"));
        trial.seconds(5, 1.0, 0.0, true);
        let verdict = trial.verdict();
        assert_eq!((verdict.kind, verdict.task.map(|task| task.pid)), (kind, task), "{line}");
    }
}

#[test]
fn failures_to_boot_are_told_apart() {
    let mut silent = Trial::new(true);
    silent.seconds(32, 1.0, 0.0, false);
    assert_eq!(silent.verdict().kind, Kind::BootSilent);

    let mut late = Trial::new(true);
    late.line("[    0.000000] Linux version 6.1");
    late.seconds(32, 1.0, 0.0, false);
    assert_eq!(late.verdict().kind, Kind::BootTimeout);

    let mut panicked = Trial::new(true);
    panicked.line("[    1.000000] Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0)");
    panicked.exit(Some(0), None);
    let verdict = panicked.verdict();
    assert_eq!((verdict.kind, verdict.outcome()), (Kind::BootPanic, Outcome::BootFailed));

    for (reason, kind) in [("guest-reset", Kind::RebootLoop), ("guest-shutdown", Kind::BootPowerOff)] {
        let mut trial = Trial::new(true);
        trial.line("[    0.000000] Linux version 6.1");
        trial.event(Event::Qmp { what: QmpEvent::Shutdown(reason.to_owned()) });
        trial.exit(Some(0), None);
        assert_eq!(trial.verdict().kind, kind);
    }
}

#[test]
fn faults_of_the_lab_are_never_the_kernels() {
    let mut failed = Trial::new(true);
    failed.exit(Some(1), None);
    let verdict = failed.verdict();
    assert_eq!((verdict.kind, verdict.outcome()), (Kind::QemuFailed, Outcome::LabError));
    assert!(verdict.summary.contains("could not load kernel"), "QEMU's own words are shown");

    let mut killed = Trial::booted();
    killed.exit(None, Some(9));
    assert_eq!(killed.verdict().kind, Kind::QemuDied);

    let mut quit = Trial::booted();
    quit.event(Event::Qmp { what: QmpEvent::Shutdown("host-qmp-quit".to_owned()) });
    quit.exit(Some(0), None);
    assert_eq!(quit.verdict().kind, Kind::QemuDied);

    let mut paused = Trial::booted();
    paused.event(Event::Qmp { what: QmpEvent::Stop });
    paused.seconds(12, 0.0, 0.0, false);
    assert_eq!(paused.verdict().kind, Kind::Paused);
}

#[test]
fn a_short_pause_changes_nothing() {
    let mut trial = Trial::booted();
    trial.event(Event::Qmp { what: QmpEvent::Stop });
    trial.seconds(5, 0.0, 0.0, false);
    trial.event(Event::Qmp { what: QmpEvent::Resume });
    trial.frame(finish(0));
    trial.power_off();
    assert_eq!(trial.verdict().kind, Kind::Finished);
}

#[test]
fn an_early_end_and_an_endless_workload_are_inconclusive() {
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
fn a_guest_without_the_agent_is_judged_from_console_and_host() {
    let mut done = Trial::new(false);
    done.line("hello from my own init");
    done.power_off();
    assert_eq!(done.verdict().kind, Kind::Finished);

    let mut stuck = Trial::new(false);
    stuck.kill();
    stuck.seconds(26, 1.0, 0.0, false);
    let verdict = stuck.verdict();
    assert_eq!(verdict.kind, Kind::OomLivelock);
    assert!(verdict.confidence < 0.9 && !verdict.against.is_empty());

    let mut idle = Trial::new(false);
    idle.line("a shell prompt");
    idle.seconds(95, 0.01, 0.0, false);
    assert_eq!(idle.verdict().kind, Kind::LoadTimeout);
}

#[test]
fn nothing_changes_a_verdict() {
    let mut trial = Trial::booted();
    trial.event(Event::Interrupted);
    let first = trial.verdict();
    trial.line("[    9.0] Kernel panic - not syncing: provoked");
    trial.exit(None, Some(9));
    assert_eq!(trial.verdict(), first);
    assert_eq!(trial.watchdog.deadline(), None);
}
