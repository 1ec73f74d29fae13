use super::*;
use crate::{Action, Setup, Watchdog};
use model::{Beat, Event, Frame, Kind, Probe, Stamp, TestFormat, Timeouts, Verdict};

/// A guest with a root disk, whose agent beats each second and whose canary allocates unless it is stuck.
struct Guest {
    watchdog: Watchdog,
    now_s: u32,
    seq: u32,
    rounds: u64,
    is_ending: bool,
    late_ms: u64,
    probes: Vec<Probe>,
}

impl Guest {
    fn booted() -> Self {
        let timeouts = Timeouts { boot_s: 30.0, load_s: 60.0, stuck_s: 4.0 };
        let setup = Setup { ssh: true, results: Some(TestFormat::Tap), ..Setup::new(true, timeouts) };
        let mut guest = Self {
            watchdog: Watchdog::new(setup),
            now_s: 1,
            seq: 0,
            rounds: 0,
            is_ending: false,
            late_ms: 0,
            probes: Vec::new(),
        };
        let hello = Frame::Hello { version: 1, arch: "x86_64".to_owned(), page_bytes: 4096, ram_kib: 200_000 };
        guest.frame(hello);
        guest
    }

    fn event(&mut self, event: &Event) {
        let actions = self.watchdog.observe(Stamp::from_secs_f64(f64::from(self.now_s)), event);
        self.is_ending |= actions.contains(&Action::EndTest);
        self.probes.extend(actions.iter().filter_map(|action| match action {
            Action::Probe(probe) => Some(*probe),
            _ => None,
        }));
    }

    fn frame(&mut self, frame: Frame) {
        let seq = self.seq;
        self.seq += 1;
        self.event(&Event::Agent { seq, frame });
    }

    fn ssh(&mut self, what: SshEvent) -> &mut Self {
        self.event(&Event::Ssh { what });
        self
    }

    fn line(&mut self, text: &str) -> &mut Self {
        self.ssh(SshEvent::Output { text: text.to_owned(), more: false })
    }

    /// Seconds pass.
    fn run(&mut self, seconds: u32, is_stuck: bool) -> &mut Self {
        for _ in 0..seconds {
            self.now_s += 1;
            self.rounds += u64::from(!is_stuck);
            let beat = Beat {
                mono_ms: 1000 * u64::from(self.now_s),
                canary_rounds: self.rounds,
                canary_late_ms: self.late_ms * self.rounds,
                reclaim: u64::from(self.now_s),
                ..Beat::default()
            };
            self.frame(Frame::Beat(beat));
            self.event(&Event::Tick);
        }
        self
    }

    fn power_off(&mut self) -> Verdict {
        self.event(&Event::Down);
        self.verdict().expect("the guest has ended")
    }

    fn verdict(&self) -> Option<Verdict> {
        self.watchdog.verdict()
    }
}

#[test]
fn results_over_ssh_are_judged_like_those_of_the_agent() {
    let mut guest = Guest::booted();
    guest.run(5, false).ssh(SshEvent::LoggedIn).ssh(SshEvent::Started);
    guest.line("1..2").line("ok 1 mmap").line("ok 2 brk").ssh(SshEvent::Exited(0)).ssh(SshEvent::Closed);
    let verdict = guest.power_off();
    assert_eq!((verdict.kind, verdict.summary.as_str()), (Kind::Finished, "the test ended: 2 passed"));
    let mut guest = Guest::booted();
    guest.run(5, false).ssh(SshEvent::LoggedIn).ssh(SshEvent::Started);
    guest.line("1..2").line("ok 1 mmap").line("not ok 2 brk").ssh(SshEvent::Exited(1));
    assert_eq!(guest.power_off().kind, Kind::TestFailed);
    assert_eq!(guest.watchdog.subtests().len(), 2);
}

#[test]
fn server_that_never_lets_the_lab_in_is_no_hang() {
    let mut guest = Guest::booted();
    assert_eq!(guest.run(29, false).verdict(), None);
    let verdict = guest.run(2, false).verdict().unwrap();
    assert_eq!(verdict.kind, Kind::SshFailed);
    assert_eq!(
        verdict.summary,
        "the test was not started over SSH within 30 s after the agent was up; the guest lives"
    );
}

#[test]
fn broken_session_of_a_guest_that_lives_is_no_hang() {
    let mut guest = Guest::booted();
    guest.run(5, false).ssh(SshEvent::LoggedIn).ssh(SshEvent::Started).line("1..2").line("ok 1 mmap");
    guest.ssh(SshEvent::Failed("the connection was closed".to_owned()));
    assert_eq!(guest.run(15, false).verdict(), None, "a hang takes as long to show");
    let verdict = guest.run(2, false).verdict().unwrap();
    assert_eq!(
        (verdict.kind, verdict.summary.as_str()),
        (Kind::SshFailed, "the connection was closed; the guest lives")
    );
    assert_eq!(guest.watchdog.subtests().len(), 1, "what was printed until then is kept");
}

#[test]
fn hang_breaks_the_session_and_is_judged_as_one() {
    let mut guest = Guest::booted();
    guest.run(5, false).ssh(SshEvent::LoggedIn).ssh(SshEvent::Started).line("1..2");
    guest.ssh(SshEvent::Failed("the connection was closed".to_owned()));
    guest.run(12, true);
    let is_probed = |probe: &Probe| matches!(probe, Probe::Profile | Probe::Sysrq(_));
    assert!(guest.probes.iter().any(is_probed), "a hang is looked into: {:?}", guest.probes);
    assert_eq!(guest.verdict(), None, "and the broken session is not its verdict");
}

/// Late rounds of the canary make a `thrash` of a workload that advances, which is a pass: not of a test that did not end.
#[test]
fn test_that_does_not_end_never_passes() {
    for (result, kind) in [("ok 1 mmap", Kind::LoadTimeout), ("not ok 1 mmap", Kind::TestFailed)] {
        let mut guest = Guest::booted();
        guest.late_ms = 400;
        guest.run(2, false).ssh(SshEvent::LoggedIn).ssh(SshEvent::Started).line("1..2").line(result);
        guest.run(59, false).line("# alive").run(2, false);
        let verdict = guest.verdict().unwrap();
        assert_eq!(verdict.kind, kind, "{}", verdict.summary);
    }
}

#[test]
fn first_end_of_a_test_counts() {
    let mut guest = Guest::booted();
    guest.run(5, false).ssh(SshEvent::LoggedIn).ssh(SshEvent::Started).line("1..1").line("not ok 1 mmap");
    guest.ssh(SshEvent::Exited(1));
    guest.frame(Frame::Finished { status: 126, units: 0, why: "ssh-server-ended".to_owned(), errno: 0 });
    assert_eq!(guest.power_off().kind, Kind::TestFailed);
}

/// The files are fetched after the end of the test, and may take long under pressure.
#[test]
fn time_of_fetching_is_not_the_tests() {
    let mut guest = Guest::booted();
    guest.run(2, false).ssh(SshEvent::LoggedIn).ssh(SshEvent::Started).line("1..1").line("ok 1 mmap");
    guest.run(50, false).ssh(SshEvent::Exited(0)).run(60, false);
    assert!(!guest.is_ending && guest.verdict().is_none());
    guest.ssh(SshEvent::Closed);
    assert_eq!(guest.power_off().kind, Kind::Finished);
}

/// A frame that a report of the kernel has torn says nothing of what came over SSH.
#[test]
fn lost_frames_are_no_gap_in_the_output() {
    let mut guest = Guest::booted();
    guest.run(5, false).ssh(SshEvent::LoggedIn).ssh(SshEvent::Started).line("1..1");
    guest.seq += 3;
    guest.frame(Frame::Output { text: "not ok 1 of the console".to_owned(), more: false, dropped: 0 });
    guest.line("ok 1 mmap").ssh(SshEvent::Exited(0)).ssh(SshEvent::Closed);
    assert_eq!(guest.power_off().kind, Kind::Finished);
}

#[test]
fn test_is_asked_to_end_before_its_time_is_up() {
    let mut guest = Guest::booted();
    guest.run(2, false).ssh(SshEvent::LoggedIn).ssh(SshEvent::Started).line("1..2").line("ok 1 mmap");
    guest.run(53, false);
    assert!(!guest.is_ending);
    guest.run(2, false);
    assert!(guest.is_ending && guest.verdict().is_none());
    guest.ssh(SshEvent::Exited(143));
    let verdict = guest.power_off();
    assert_eq!(verdict.kind, Kind::LoadTimeout, "{}", verdict.summary);
    assert!(
        verdict.summary.starts_with("the test did not end within 60 s, and the lab ended it"),
        "{}",
        verdict.summary
    );
}

#[test]
fn test_that_does_not_end_when_asked_runs_into_the_deadline() {
    let mut guest = Guest::booted();
    guest.run(2, false).ssh(SshEvent::LoggedIn).ssh(SshEvent::Started).line("1..2");
    guest.run(58, false).line("ok 1 mmap").run(3, false);
    let verdict = guest.verdict().unwrap();
    assert_eq!((verdict.kind, guest.is_ending), (Kind::LoadTimeout, true), "{}", verdict.summary);
}
