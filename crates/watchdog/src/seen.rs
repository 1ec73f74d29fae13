//! What has been seen of a guest so far: a fold over its events, without any judgement.

use super::clock::{FairClock, Moment};
use super::detectors::Detectors;
use super::inquiry::Inquiry;
use super::setup::Setup;
use super::title::Namer;
use kmsg::console::printk::Printk;
use kmsg::signature::{FailureKind, FailureReport, Finding, Message};
use model::{Beat, Event, Frame, Onset, QmpEvent, Task};
use std::time::Duration;

/// Lines of the kernel that are kept for the verdict.
const KEPT_TROUBLES: usize = 8;

/// A guest's clock that goes so many times faster than the host's does not tell how long something has lasted.
const FAST_CLOCK: f64 = 1.5;

/// At least for so many fair seconds after a sysrq letter, trouble may have been brought about by the letter.
const PROVOKED_S: f64 = 5.0;

/// A host with more of this pressure (PSI `some`, in percent) is busy with other things.
const PRESSED: f32 = 40.0;

/// A console line worth keeping.
#[derive(Debug, Clone)]
pub(super) struct Noted<T> {
    pub at: Moment,
    pub guest_s: Option<f64>,
    pub line: String,
    pub what: T,
    /// For how long it has been so, as the line says.
    pub lasted_s: f64,
}

impl<T> Noted<T> {
    /// The beginning of what the line tells, on both clocks; neither goes back behind its own beginning.
    pub fn onset(&self) -> Onset {
        let bound_s = self.guest_s.unwrap_or(f64::INFINITY).min(self.at.host.as_secs_f64());
        let lasted = Duration::from_secs_f64(self.lasted_s.min(bound_s).max(0.0));
        // As whole microseconds, which is what both clocks were told in.
        let guest_s = self.guest_s.map(|guest_s| ((guest_s - lasted.as_secs_f64()) * 1e6).round() / 1e6);
        Onset { host: self.at.host - lasted, guest_s }
    }
}

/// How the workload ended.
#[derive(Debug, Clone)]
pub(super) struct Finish {
    pub at: Moment,
    pub status: i32,
    pub units: u64,
    pub why: String,
}

/// How QEMU ended.
#[derive(Debug, Clone)]
pub(super) struct Exit {
    pub code: Option<i32>,
    pub signal: Option<i32>,
    pub stderr: String,
}

/// Everything that the rules judge.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    pub setup: Setup,
    pub clock: FairClock,
    pub inquiry: Inquiry,
    pub namer: Namer,
    pub hello: Option<Moment>,
    pub speed_loop_us: Option<u64>,
    pub started: Option<Moment>,
    pub finished: Option<Finish>,
    pub beat: Option<(Moment, Beat)>,
    /// When a beat last showed that the canary had finished a round.
    pub canary_moved: Option<Moment>,
    /// When a beat last showed that the workload had done something.
    pub units_moved: Option<Moment>,
    pub console_moved: Option<Moment>,
    pub last_line: String,
    pub oom_invoked: Option<Noted<String>>,
    pub oom_reaped: Option<Noted<Task>>,
    pub kill: Option<Noted<Task>>,
    /// OOM kills that the console told.
    pub kills_printed: u64,
    /// OOM kills that the kernel counted; a slow console tells them later.
    pub kills_counted: u64,
    pub troubles: Vec<Noted<FailureReport>>,
    /// Reports of a hang by the kernel that the host's own load explains.
    pub excused: Vec<Noted<FailureReport>>,
    /// The first time of the guest's clock that was seen.
    first_stamp: Option<(f64, Moment)>,
    /// A report of RCU's that has not yet said how long the stall has lasted.
    ageless: Option<Noted<FailureReport>>,
    detectors: Detectors,
    /// Fair seconds for which the canary waited for memory while reclaim advanced.
    pub thrashed_s: f64,
    /// The host's CPU pressure as last seen, PSI `some` in percent.
    pub psi_cpu: Option<f32>,
    /// Since when somebody has stopped QEMU's process.
    pub stopped: Option<Moment>,
    pub shutdown: Option<String>,
    pub paused: Option<Moment>,
    /// Whether QEMU has said that it cannot go on executing the guest.
    pub vcpu_failed: bool,
    /// Why the host could not serve a disk, and stopped the machine for it.
    pub disk_failed: Option<String>,
    pub exit: Option<Exit>,
    /// Whether the machine is down and held still.
    pub down: bool,
    pub interrupted: bool,
}

impl Seen {
    pub fn new(setup: Setup) -> Self {
        Self {
            setup,
            clock: FairClock::default(),
            inquiry: Inquiry::default(),
            namer: Namer::default(),
            hello: None,
            speed_loop_us: None,
            started: None,
            finished: None,
            beat: None,
            canary_moved: None,
            units_moved: None,
            console_moved: None,
            last_line: String::new(),
            oom_invoked: None,
            oom_reaped: None,
            kill: None,
            kills_printed: 0,
            kills_counted: 0,
            troubles: Vec::new(),
            excused: Vec::new(),
            first_stamp: None,
            ageless: None,
            detectors: Detectors::default(),
            thrashed_s: 0.0,
            psi_cpu: None,
            stopped: None,
            shutdown: None,
            paused: None,
            vcpu_failed: false,
            disk_failed: None,
            exit: None,
            down: false,
            interrupted: false,
        }
    }

    /// The present.
    pub fn now(&self) -> Moment {
        self.clock.now()
    }

    /// Whether the guest will do nothing more.
    pub fn ended(&self) -> bool {
        self.down || self.exit.is_some()
    }

    /// How many times slower this guest is than one on an idle host with plain emulation; at least 1.
    pub fn slowness(&self) -> f64 {
        self.setup.slowness(self.speed_loop_us)
    }

    /// Fair seconds for which the beat or the canary may be silent.
    pub fn stuck_s(&self) -> f64 {
        self.setup.timeouts.stuck_s * self.slowness()
    }

    /// The last sign that the guest got anything done: a round of the canary, a unit of work, a kill, its hello.
    pub fn progress(&self) -> Moment {
        let kill = self.kill.as_ref().map(|kill| kill.at);
        let reaped = self.oom_reaped.as_ref().map(|reaped| reaped.at);
        [self.canary_moved, self.units_moved, kill, reaped, self.started, self.hello]
            .into_iter()
            .flatten()
            .max_by(|a, b| a.host.cmp(&b.host))
            .unwrap_or_default()
    }

    /// Whether what the console says now may have been brought about by a sysrq letter of the lab's.
    pub fn provoked(&self) -> bool {
        let asked = self.inquiry.provoked();
        asked.is_some_and(|asked| self.now().fair_since(asked) < self.stuck_s().max(PROVOKED_S))
    }

    /// What the host's condition argues against a hang.
    pub fn pressure(&self) -> Option<String> {
        let psi = self.psi_cpu.filter(|psi| *psi > PRESSED)?;
        Some(format!("the host was short of CPU time (PSI some avg10 {psi:.0} %)"))
    }

    /// What the kernel itself said of a hang and did not count, whatever the verdict is.
    pub fn unheeded(&self) -> impl Iterator<Item = String> {
        let said =
            |noted: &Noted<FailureReport>| format!("the kernel itself said, while the host starved it: {}", noted.line);
        self.excused.iter().map(said)
    }

    pub fn take(&mut self, event: &Event) {
        let now = self.now();
        self.inquiry.take(now, event);
        self.read(now, event);
        match event {
            Event::Line { text } if !self.provoked() => {
                self.console_moved = Some(now);
                text.clone_into(&mut self.last_line);
            }
            Event::LinesDropped { .. } | Event::FrameDamaged { .. } => self.console_moved = Some(now),
            Event::Agent { frame, .. } => self.frame(now, frame),
            Event::Qmp { what } => self.qmp(now, what),
            Event::Vcpus { threads } => self.clock.sample(threads),
            Event::Down => self.down = true,
            Event::Interrupted => self.interrupted = true,
            Event::Exited { code, signal, stderr } => {
                self.exit = Some(Exit { code: *code, signal: *signal, stderr: stderr.clone() });
            }
            Event::Host { late_us, psi_cpu_avg10, stopped } => {
                self.clock.late(Duration::from_micros(*late_us));
                self.clock.stopped(*stopped);
                self.psi_cpu = *psi_cpu_avg10;
                self.stopped = if *stopped { self.stopped.or(Some(now)) } else { None };
            }
            Event::Line { .. }
            | Event::Spawned { .. }
            | Event::Tick
            | Event::Probed { .. }
            | Event::Profile { .. }
            | Event::Memory { .. }
            | Event::ProbeFailed { .. } => {}
        }
    }

    /// What the console says.
    fn read(&mut self, now: Moment, event: &Event) {
        let mut namer = std::mem::take(&mut self.namer);
        namer.observe(event, |message| self.message(now, message));
        self.namer = namer;
    }

    fn message(&mut self, now: Moment, message: Message<'_>) {
        let Message { line, printk: record, finding } = message;
        self.first_stamp = self.first_stamp.or(record.guest_s.map(|guest_s| (guest_s, now)));
        let provoked = self.provoked();
        if provoked {
            self.inquiry.line(now, record.text);
        } else if finding.is_none() {
            self.detectors.line(record.text);
            self.age(now, &record);
        }
        let Some(finding) = finding else { return };
        fn noted<T>(at: Moment, guest_s: Option<f64>, line: &str, what: T) -> Noted<T> {
            Noted { at, guest_s, line: line.to_owned(), what, lasted_s: 0.0 }
        }
        match finding {
            Finding::OomInvoked { comm } => self.oom_invoked = Some(noted(now, record.guest_s, line, comm)),
            Finding::OomReaped(task) => self.oom_reaped = Some(noted(now, record.guest_s, line, task)),
            Finding::OomKilled(task) => {
                self.kills_printed += u64::from(!self.inquiry.killed_by_hand());
                self.kill = Some(noted(now, record.guest_s, line, task));
            }
            Finding::NoKillable => {}
            Finding::Failure(_) if provoked || self.troubles.len() >= KEPT_TROUBLES => {}
            Finding::Failure(trouble) => self.trouble(noted(now, record.guest_s, line, trouble), &record),
        }
    }

    fn trouble(&mut self, noted: Noted<FailureReport>, record: &Printk<'_>) {
        self.ageless = None;
        if !noted.what.kind.is_hang() {
            return self.troubles.push(noted);
        }
        let claimed_s = self.detectors.claimed_s(record.text, seconds(noted.at, record));
        if claimed_s.is_none() && noted.what.kind == FailureKind::RcuStall {
            self.ageless = Some(noted.clone());
        }
        self.weigh(noted, claimed_s);
    }

    /// A message behind the first line of a report: that may say how long the stall has lasted, and the report is weighed again.
    fn age(&mut self, now: Moment, record: &Printk<'_>) {
        if self.ageless.is_none() {
            return;
        }
        let Some(claimed_s) = self.detectors.age_s(record.text, seconds(now, record)) else { return };
        let Some(noted) = self.ageless.take() else { return };
        for list in [&mut self.troubles, &mut self.excused] {
            list.pop_if(|last| last.at == noted.at && last.line == noted.line);
        }
        self.weigh(noted, Some(claimed_s));
    }

    /// How many times faster than the host's the guest's clock has gone until a line was printed: emulated, one that was
    /// calibrated while the guest had no CPU may go twenty times too fast, and its detectors with it. One that is hardly
    /// too fast, or slow, counts as right.
    fn clock_rate<T>(&self, noted: &Noted<T>) -> f64 {
        let (Some((first_s, first)), Some(guest_s)) = (self.first_stamp, noted.guest_s) else { return 1.0 };
        let host_s = noted.at.host.since(first.host).as_secs_f64();
        let rate = if host_s >= 1.0 { (guest_s - first_s) / host_s } else { 1.0 };
        if rate > FAST_CLOCK { rate } else { 1.0 }
    }

    fn weigh(&mut self, mut noted: Noted<FailureReport>, claimed_s: Option<f64>) {
        let claimed_s = claimed_s.map(|claimed_s| claimed_s / self.clock_rate(&noted));
        noted.lasted_s = claimed_s.unwrap_or(0.0);
        if !self.detectors.starved(&self.clock, noted.what.kind, claimed_s) {
            self.troubles.push(noted);
        } else if self.excused.len() < KEPT_TROUBLES {
            self.excused.push(noted);
        }
    }

    fn frame(&mut self, now: Moment, frame: &Frame) {
        self.console_moved = Some(now);
        match frame {
            Frame::Hello { .. } => {
                self.hello = self.hello.or(Some(now));
                // A guest that somebody else started may be one of the lab's after all.
                self.setup.agent = true;
            }
            Frame::Speed { loop_us } => self.speed_loop_us = Some(*loop_us),
            Frame::Started { .. } => {
                self.started = self.started.or(Some(now));
                self.clock.hold(self.setup.held);
            }
            Frame::Beat(beat) => self.heartbeat(now, *beat),
            Frame::Progress { .. } => self.units_moved = Some(now),
            Frame::Finished { status, units, why } => {
                self.clock.hold(0.0);
                self.finished = Some(Finish { at: now, status: *status, units: *units, why: why.clone() });
            }
            Frame::Bye => {}
        }
    }

    fn heartbeat(&mut self, now: Moment, beat: Beat) {
        let before = self.beat.map(|(_, beat)| beat).unwrap_or_default();
        if beat.canary_rounds != before.canary_rounds {
            let late_s = beat.canary_late_ms.saturating_sub(before.canary_late_ms) as f64 / 1e3;
            let passed_s = self.canary_moved.or(self.hello).map_or(0.0, |moved| now.fair_since(moved));
            if beat.reclaim > before.reclaim {
                self.thrashed_s += late_s.min(passed_s);
            }
            self.canary_moved = Some(now);
        }
        if beat.units != before.units {
            self.units_moved = Some(now);
        }
        if !self.inquiry.killed_by_hand() {
            self.kills_counted = beat.oom_kills;
        }
        self.beat = Some((now, beat));
    }

    fn qmp(&mut self, now: Moment, what: &QmpEvent) {
        match what {
            QmpEvent::Shutdown(reason) => self.shutdown = Some(reason.clone()),
            QmpEvent::Stop => self.paused = Some(now),
            QmpEvent::InternalError => self.vcpu_failed = true,
            QmpEvent::DiskFailed(why) => self.disk_failed = Some(why.clone()),
            QmpEvent::Resume => self.paused = None,
            QmpEvent::Connected
            | QmpEvent::Lost(_)
            | QmpEvent::GuestPanicked
            | QmpEvent::Reset
            | QmpEvent::Other(_) => {}
        }
    }
}

/// When a message was printed: by the guest's clock, or else by when it came.
fn seconds(at: Moment, record: &Printk<'_>) -> f64 {
    record.guest_s.unwrap_or(at.host.as_secs_f64())
}
