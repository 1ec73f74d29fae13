//! Observations of a guest so far: a fold over its events, without any judgement.

use super::also;
use super::blockers::Blockers;
use super::clock::{GuestClock, Moment};
use super::console_hit::{ConsoleHit, FirstStamp, announces_restart, seconds};
use super::detectors::Detectors;
use super::ends::{Exit, Finish};
use super::oom_kills::OomKills;
use super::probe_log::ProbeLog;
use super::session::Session;
use super::setup::Setup;
use super::test_output::TestOutput;
use super::title::Namer;
use kmsg::console::printk::Printk;
use kmsg::signature::{FailureKind, FailureReport, Finding, Message};
use model::{Beat, Caveat, Event, Frame, OpensbiVersion, QmpEvent, ShutdownCause, Task};
use std::time::Duration;

/// Lines of the kernel that are kept for the verdict.
const MAX_FAILURES: usize = 8;

/// Granted seconds after a sysrq letter, at least, in which a failure may be the doing of the letter.
const SYSRQ_WINDOW_S: f64 = 5.0;

/// A host with more pressure (PSI `some`, in percent) is busy with other things.
const MAX_PSI: f32 = 40.0;

/// All that the rules judge.
#[derive(Debug, Clone)]
pub(super) struct Observations {
    pub setup: Setup,
    pub clock: GuestClock,
    pub probes: ProbeLog,
    pub namer: Namer,
    pub agent_up: Option<Moment>,
    pub speed_loop_us: Option<u64>,
    pub started: Option<Moment>,
    pub finished: Option<Finish>,
    pub output: TestOutput,
    pub session: Session,
    pub beat: Option<(Moment, Beat)>,
    /// When a beat last showed that the canary had finished a round.
    pub canary_progress: Option<Moment>,
    /// When a beat last showed that the workload had done something.
    pub workload_progress: Option<Moment>,
    pub console_activity: Option<Moment>,
    /// Whether QEMU's monitor has answered.
    pub qmp_connected: bool,
    pub last_line: String,
    /// By its banner.
    pub opensbi: Option<OpensbiVersion>,
    pub oom_invoked: Option<ConsoleHit<String>>,
    pub oom_reaped: Option<ConsoleHit<Task>>,
    pub oom_kills: OomKills,
    pub blockers: Blockers,
    /// OOM kills on the console.
    pub kills_printed: u64,
    /// OOM kills that the kernel counted; a slow console shows them later.
    pub kills_counted: u64,
    pub failures: Vec<ConsoleHit<FailureReport>>,
    /// Reports of a hang by the kernel that the host's own load explains.
    pub discounted: Vec<ConsoleHit<FailureReport>>,
    /// First lines of reports that the trial is to fail on.
    pub reported: Vec<ConsoleHit<()>>,
    first_stamp: Option<FirstStamp>,
    /// An RCU stall whose age has not been printed yet.
    pending_rcu_stall: Option<ConsoleHit<FailureReport>>,
    detectors: Detectors,
    /// Granted seconds for which the canary waited for memory while reclaim advanced.
    pub thrashed_s: f64,
    /// The host's last CPU pressure, PSI `some` in percent.
    pub psi_cpu: Option<f32>,
    /// Since when QEMU's process is stopped.
    pub stopped_since: Option<Moment>,
    pub shutdown: Option<ShutdownCause>,
    /// Resets of the machine that the guest caused.
    pub resets: u32,
    /// Whether the kernel has said that it restarts or stops the machine.
    pub is_restart_announced: bool,
    /// Whether the console has said what the test was to end with.
    pub is_until_seen: bool,
    /// Whether the guest's QEMU said that the kernel panicked (`pvpanic`).
    pub is_panic_reported: bool,
    pub paused_since: Option<Moment>,
    /// Whether QEMU cannot continue executing the guest.
    pub vcpu_failed: bool,
    /// Why the host could not serve a disk, and stopped the machine for it.
    pub disk_failed: Option<String>,
    pub exit: Option<Exit>,
    /// Whether the machine is down and held still.
    pub guest_shut_down: bool,
    pub interrupted: bool,
    /// Whether further events are judged without being recorded.
    pub is_record_full: bool,
}

impl Observations {
    pub fn new(setup: Setup) -> Self {
        Self {
            output: TestOutput::new(setup.results),
            session: Session::default(),
            setup,
            clock: GuestClock::default(),
            probes: ProbeLog::default(),
            namer: Namer::default(),
            agent_up: None,
            speed_loop_us: None,
            started: None,
            finished: None,
            beat: None,
            canary_progress: None,
            workload_progress: None,
            console_activity: None,
            qmp_connected: false,
            last_line: String::new(),
            opensbi: None,
            oom_invoked: None,
            oom_reaped: None,
            oom_kills: OomKills::default(),
            blockers: Blockers::default(),
            kills_printed: 0,
            kills_counted: 0,
            failures: Vec::new(),
            discounted: Vec::new(),
            reported: Vec::new(),
            first_stamp: None,
            pending_rcu_stall: None,
            detectors: Detectors::default(),
            thrashed_s: 0.0,
            psi_cpu: None,
            stopped_since: None,
            shutdown: None,
            resets: 0,
            is_restart_announced: false,
            is_until_seen: false,
            is_panic_reported: false,
            paused_since: None,
            vcpu_failed: false,
            disk_failed: None,
            exit: None,
            guest_shut_down: false,
            interrupted: false,
            is_record_full: false,
        }
    }

    /// The present.
    pub fn now(&self) -> Moment {
        self.clock.now()
    }

    /// Whether the guest will do nothing more.
    pub fn ended(&self) -> bool {
        self.guest_shut_down || self.exit.is_some()
    }

    /// How many times slower this guest is than one on an idle host with plain emulation; at least 1.
    pub fn slowness(&self) -> f64 {
        self.setup.slowness(self.speed_loop_us)
    }

    /// Whether a message of the kernel has been heard, which has a time.
    pub fn is_kernel_heard(&self) -> bool {
        self.first_stamp.is_some()
    }

    /// Granted seconds for which the beat or the canary may be silent.
    pub fn stuck_s(&self) -> f64 {
        self.setup.timeouts.stuck_s * self.slowness()
    }

    /// The last sign that the guest got anything done: a round of the canary, a unit of work, a kill, the agent's first frame.
    pub fn progress(&self) -> Moment {
        let kill = self.oom_kills.last().map(|kill| kill.at);
        let reaped = self.oom_reaped.as_ref().map(|reaped| reaped.at);
        [self.canary_progress, self.workload_progress, kill, reaped, self.started, self.agent_up]
            .into_iter()
            .flatten()
            .max_by(|a, b| a.host.cmp(&b.host))
            .unwrap_or_default()
    }

    /// Whether console output may now be the doing of a sysrq letter of the lab.
    pub fn in_sysrq_window(&self) -> bool {
        let sent = self.probes.last_sysrq();
        sent.is_some_and(|sent| self.now().granted_since(sent) < self.stuck_s().max(SYSRQ_WINDOW_S))
    }

    /// The caveat of a hang on a host that is short of CPU time.
    pub fn pressure(&self) -> Option<Caveat> {
        let psi_some_avg10 = self.psi_cpu.filter(|psi| *psi > MAX_PSI)?;
        Some(Caveat::HostPressure { psi_some_avg10 })
    }

    /// The kernel's reports of a hang that were discounted, for any verdict.
    pub fn discounted_reports(&self) -> impl Iterator<Item = Caveat> {
        self.discounted.iter().map(|hit| Caveat::DiscountedReport { line: hit.line.clone() })
    }

    /// OOM kills that the guest printed or counted so far.
    pub fn kills(&self) -> u64 {
        self.kills_printed.max(self.kills_counted)
    }

    pub fn on_event(&mut self, event: &Event) {
        let now = self.now();
        self.probes.on_event(now, event);
        self.read(now, event);
        match event {
            Event::Line { text } if !self.in_sysrq_window() => {
                self.console_activity = Some(now);
                text.clone_into(&mut self.last_line);
                self.opensbi = self.opensbi.or_else(|| OpensbiVersion::of_banner(text));
                self.is_until_seen |= self.setup.expects.until.as_ref().is_some_and(|until| text.contains(until));
            }
            Event::Agent { seq, frame } if self.setup.frames => self.frame(now, *seq, frame),
            Event::LinesDropped { .. } | Event::FrameDamaged { .. } | Event::Agent { .. } => {
                self.console_activity = Some(now);
            }
            Event::Qmp { what } => self.qmp(now, what),
            Event::Ssh { what } => self.on_ssh(now, what),
            Event::Vcpus { threads } => self.clock.sample(threads),
            Event::Down => self.guest_shut_down = true,
            Event::Interrupted => self.interrupted = true,
            Event::RecordFull => self.is_record_full = true,
            Event::Exited { code, signal, stderr, host_oom, oom_limit } => {
                let (code, signal, host_oom) = (*code, *signal, *host_oom);
                let (stderr, oom_limit) = (stderr.clone(), oom_limit.clone());
                self.exit = Some(Exit { code, signal, stderr, host_oom, oom_limit });
            }
            Event::Host { late_us, psi_cpu_avg10, stopped } => {
                self.clock.on_late_timer(Duration::from_micros(*late_us));
                self.clock.on_process_sample(*stopped);
                self.psi_cpu = *psi_cpu_avg10;
                self.stopped_since = if *stopped { self.stopped_since.or(Some(now)) } else { None };
            }
            Event::Line { .. }
            | Event::Spawned { .. }
            | Event::Tick
            | Event::Probed { .. }
            | Event::Profile { .. }
            | Event::Memory { .. }
            | Event::Counters { .. }
            | Event::Tasks { .. }
            | Event::ProbeFailed { .. } => {}
        }
    }

    /// What the console says.
    fn read(&mut self, now: Moment, event: &Event) {
        let mut namer = std::mem::take(&mut self.namer);
        namer.observe(event, self.in_sysrq_window(), |message| self.message(now, message));
        self.namer = namer;
    }

    fn message(&mut self, now: Moment, message: Message<'_>) {
        let Message { line, printk: record, finding } = message;
        self.is_restart_announced |= announces_restart(record.text);
        self.first_stamp = self.first_stamp.or(record.guest_s.map(|guest_s| FirstStamp { guest_s, at: now }));
        let provoked = self.in_sysrq_window();
        if also::begins(&self.setup.fail_on, &record) && !provoked && self.reported.len() < MAX_FAILURES {
            self.reported.push(ConsoleHit::new(now, record.guest_s, line, ()));
        }
        if provoked {
            self.probes.on_message(now, record.text);
        } else if finding.is_none() {
            self.detectors.on_message(record.text);
            self.age(now, &record);
        }
        let Some(finding) = finding else { return };
        match finding {
            Finding::OomInvoked { comm } => self.oom_invoked = Some(ConsoleHit::new(now, record.guest_s, line, comm)),
            Finding::OomReaped(task) => self.oom_reaped = Some(ConsoleHit::new(now, record.guest_s, line, task)),
            Finding::OomKilled(task) => {
                self.kills_printed += u64::from(!self.probes.manual_oom_kill_sent());
                self.oom_kills.push(ConsoleHit::new(now, record.guest_s, line, task));
            }
            Finding::OomNotReaped(task) => self.oom_kills.give_up(&task),
            Finding::NoKillable => {}
            Finding::Blocker(blocker) => self.blockers.push(now, blocker),
            Finding::FailureTask(_) if provoked => {}
            Finding::FailureTask(task) => self.on_failure_task(&task),
            Finding::Failure(_) if provoked || self.failures.len() >= MAX_FAILURES => {}
            Finding::Failure(trouble) => self.on_failure(ConsoleHit::new(now, record.guest_s, line, trouble), &record),
        }
    }

    fn on_failure(&mut self, hit: ConsoleHit<FailureReport>, record: &Printk<'_>) {
        self.pending_rcu_stall = None;
        if !hit.what.kind.is_hang() {
            return self.failures.push(hit);
        }
        let claimed_s = self.detectors.claimed_s(record.text, seconds(hit.at, record));
        if claimed_s.is_none() && hit.what.kind == FailureKind::RcuStall {
            self.pending_rcu_stall = Some(hit.clone());
        }
        self.admit(hit, claimed_s);
    }

    /// A line behind the first of a report names its task.
    fn on_failure_task(&mut self, task: &Task) {
        let Some(kind) = self.failures.last().or(self.discounted.last()).map(|last| last.what.kind) else { return };
        let pending = self.pending_rcu_stall.iter_mut();
        let untold = self.failures.iter_mut().chain(&mut self.discounted).chain(pending);
        for hit in untold.filter(|hit| hit.what.kind == kind && hit.what.task.is_none()) {
            hit.what.task = Some(task.clone());
        }
    }

    /// A message behind the first line of a report: that may say how long the stall has lasted, and the report is weighed again.
    fn age(&mut self, now: Moment, record: &Printk<'_>) {
        if self.pending_rcu_stall.is_none() {
            return;
        }
        let Some(claimed_s) = self.detectors.age_s(record.text, seconds(now, record)) else { return };
        let Some(hit) = self.pending_rcu_stall.take() else { return };
        for list in [&mut self.failures, &mut self.discounted] {
            list.pop_if(|last| last.at == hit.at && last.line == hit.line);
        }
        self.admit(hit, Some(claimed_s));
    }

    fn admit(&mut self, mut hit: ConsoleHit<FailureReport>, claimed_s: Option<f64>) {
        let claimed_s =
            claimed_s.map(|claimed_s| claimed_s / self.first_stamp.map_or(1.0, |first| first.clock_rate(&hit)));
        hit.lasted_s = claimed_s.unwrap_or(0.0);
        let uptime_s = self.first_stamp.map(|first| first.uptime_s(&hit));
        if !self.detectors.is_discounted(&self.clock, hit.what.kind, claimed_s, uptime_s) {
            self.failures.push(hit);
        } else if self.discounted.len() < MAX_FAILURES {
            self.discounted.push(hit);
        }
    }

    fn frame(&mut self, now: Moment, seq: u32, frame: &Frame) {
        self.console_activity = Some(now);
        // The hello may be damaged, or sent before the lab listened.
        self.agent_up = self.agent_up.or(Some(now));
        // A guest that the lab did not start may run its agent all the same.
        self.setup.agent = true;
        if !self.setup.ssh {
            self.output.on_frame(seq);
        }
        match frame {
            Frame::Speed { loop_us } => self.speed_loop_us = Some(*loop_us),
            Frame::Started { results, .. } => {
                self.output.expect(results.as_deref());
                self.start(now);
            }
            Frame::Beat(beat) => self.heartbeat(now, *beat),
            Frame::Progress { .. } => self.workload_progress = Some(now),
            Frame::Finished { status, units, why, errno } => {
                self.finish(Finish { at: now, status: *status, units: *units, why: why.clone(), errno: *errno });
            }
            Frame::Output { text, more, dropped } if !self.setup.ssh => self.output.add(text, *more, *dropped),
            Frame::Hello { .. } | Frame::Output { .. } | Frame::Bye => {}
        }
    }

    fn heartbeat(&mut self, now: Moment, beat: Beat) {
        let before = self.beat.map(|(_, beat)| beat).unwrap_or_default();
        if beat.canary_rounds != before.canary_rounds {
            let late_s = beat.canary_late_ms.saturating_sub(before.canary_late_ms) as f64 / 1e3;
            let passed_s = self.canary_progress.or(self.agent_up).map_or(0.0, |moved| now.granted_since(moved));
            if beat.reclaim > before.reclaim {
                self.thrashed_s += late_s.min(passed_s);
            }
            self.canary_progress = Some(now);
        }
        if beat.units != before.units {
            self.workload_progress = Some(now);
        }
        if !self.probes.manual_oom_kill_sent() {
            self.kills_counted = beat.oom_kills;
        }
        self.beat = Some((now, beat));
    }

    fn qmp(&mut self, now: Moment, what: &QmpEvent) {
        match what {
            QmpEvent::Shutdown(cause) => self.shutdown = Some(cause.clone()),
            QmpEvent::Stop => self.paused_since = Some(now),
            QmpEvent::InternalError => self.vcpu_failed = true,
            QmpEvent::DiskFailed(why) => self.disk_failed = Some(why.clone()),
            QmpEvent::Resume => self.paused_since = None,
            QmpEvent::Connected => self.qmp_connected = true,
            QmpEvent::Lost(_) | QmpEvent::Other(_) => {}
            QmpEvent::GuestPanicked => self.is_panic_reported = true,
            QmpEvent::Reset => {
                self.resets += 1;
                self.is_restart_announced = false;
            }
        }
    }
}
