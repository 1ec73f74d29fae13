//! What has been seen of a guest so far: a fold over its events, without any judgement.

use super::clock::{FairClock, Moment};
use super::setup::Setup;
use crate::console::printk;
use crate::model::{Beat, Event, Frame, Onset, QmpEvent, Task};
use crate::signature::{self, Finding, Trouble};
use std::time::Duration;

/// Lines of the kernel that are kept for the verdict.
const KEPT_TROUBLES: usize = 8;

/// A console line worth keeping.
#[derive(Debug, Clone)]
pub(super) struct Noted<T> {
    pub at: Moment,
    pub guest_s: Option<f64>,
    pub line: String,
    pub what: T,
}

impl<T> Noted<T> {
    pub fn onset(&self) -> Onset {
        Onset { host: self.at.host, guest_s: self.guest_s }
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
    pub kills: u64,
    pub troubles: Vec<Noted<Trouble>>,
    pub shutdown: Option<String>,
    pub paused: Option<Moment>,
    /// Why the host could not serve a disk, and stopped the machine for it.
    pub disk_failed: Option<String>,
    pub exit: Option<Exit>,
    pub interrupted: bool,
}

impl Seen {
    pub fn new(setup: Setup) -> Self {
        Self {
            setup,
            clock: FairClock::default(),
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
            kills: 0,
            troubles: Vec::new(),
            shutdown: None,
            paused: None,
            disk_failed: None,
            exit: None,
            interrupted: false,
        }
    }

    /// The present.
    pub fn now(&self) -> Moment {
        self.clock.now()
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

    pub fn take(&mut self, event: &Event) {
        let now = self.now();
        match event {
            Event::Line { text } => self.line(now, text),
            Event::LinesDropped { .. } | Event::FrameDamaged { .. } => self.console_moved = Some(now),
            Event::Agent { frame, .. } => self.frame(now, frame),
            Event::Qmp { what } => self.qmp(now, what),
            Event::Vcpus { threads } => self.clock.sample(threads),
            Event::Interrupted => self.interrupted = true,
            Event::Exited { code, signal, stderr } => {
                self.exit = Some(Exit { code: *code, signal: *signal, stderr: stderr.clone() });
            }
            Event::Host { late_us, .. } => self.clock.late(Duration::from_micros(*late_us)),
            Event::Spawned { .. }
            | Event::Tick
            | Event::Probed { .. }
            | Event::Profile { .. }
            | Event::Memory { .. }
            | Event::ProbeFailed { .. } => {}
        }
    }

    fn line(&mut self, now: Moment, line: &str) {
        self.console_moved = Some(now);
        line.clone_into(&mut self.last_line);
        let record = printk::parse(line);
        let Some(finding) = signature::read(record.text) else { return };
        fn noted<T>(at: Moment, guest_s: Option<f64>, line: &str, what: T) -> Noted<T> {
            Noted { at, guest_s, line: line.to_owned(), what }
        }
        match finding {
            Finding::OomInvoked { comm } => self.oom_invoked = Some(noted(now, record.guest_s, line, comm)),
            Finding::OomReaped(task) => self.oom_reaped = Some(noted(now, record.guest_s, line, task)),
            Finding::OomKilled(task) => {
                self.kills += 1;
                self.kill = Some(noted(now, record.guest_s, line, task));
            }
            Finding::NoKillable => {}
            Finding::Trouble(trouble) if self.troubles.len() < KEPT_TROUBLES => {
                self.troubles.push(noted(now, record.guest_s, line, trouble));
            }
            Finding::Trouble(_) => {}
        }
    }

    fn frame(&mut self, now: Moment, frame: &Frame) {
        self.console_moved = Some(now);
        match frame {
            Frame::Hello { .. } => self.hello = self.hello.or(Some(now)),
            Frame::Speed { loop_us } => self.speed_loop_us = Some(*loop_us),
            Frame::Started { .. } => self.started = self.started.or(Some(now)),
            Frame::Beat(beat) => self.heartbeat(now, *beat),
            Frame::Progress { .. } => self.units_moved = Some(now),
            Frame::Finished { status, units, why } => {
                self.finished = Some(Finish { at: now, status: *status, units: *units, why: why.clone() });
            }
            Frame::Bye => {}
        }
    }

    fn heartbeat(&mut self, now: Moment, beat: Beat) {
        let before = self.beat.map(|(_, beat)| beat).unwrap_or_default();
        if beat.canary_rounds != before.canary_rounds {
            self.canary_moved = Some(now);
        }
        if beat.units != before.units {
            self.units_moved = Some(now);
        }
        self.kills = self.kills.max(beat.oom_kills);
        self.beat = Some((now, beat));
    }

    fn qmp(&mut self, now: Moment, what: &QmpEvent) {
        match what {
            QmpEvent::Shutdown(reason) => self.shutdown = Some(reason.clone()),
            QmpEvent::Stop => self.paused = Some(now),
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
