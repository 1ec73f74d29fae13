//! One loop owns one guest: it alone polls the guest, tasks, timers and cancellation, hands what happens to the conductor and
//! does what the conductor wants.
//!
//! The lab may be stopped or starved at any moment, and a disk may hold it up, while the guest runs on. So the loop first
//! tells how late it is, then reads what has arrived, and only then has a deadline judged.

use super::conductor::Conductor;
use super::error::LabError;
use super::input::{Effect, HostSample, Input, TaskResult};
use super::observer::{Observer, Status};
use super::performer::Performer;
use crate::guest::{Flush, Guest, GuestEvent};
use crate::host::{Clock, cpu_pressure, is_stopped, resident_mib, thread_times};
use crate::store::TrialDir;
use model::Stamp;
use std::future::poll_fn;
use std::pin::Pin;
use std::time::Duration;
use tokio::time::{Instant, sleep_until, timeout_at};
use tokio_util::sync::CancellationToken;

/// How often the host and the vCPU threads are sampled.
const SAMPLE_PERIOD: Duration = Duration::from_secs(1);

/// How long a deadline may wait for the console bytes that had arrived when it passed. A flood never ends: then the host sample says
/// that the loop is behind. Shorter than the period, so that a busy host that makes each sample late does not put off a deadline indefinitely.
const CATCH_UP_TIMEOUT: Duration = Duration::from_millis(500);

/// A loop that is later than this may have missed what arrived meanwhile.
const MAX_LATENESS: Duration = Duration::from_millis(100);

/// One guest with all that concerns it.
pub(super) struct Driver<'a> {
    pub guest: Box<dyn Guest>,
    pub conductor: Conductor,
    pub performer: Performer,
    pub dir: TrialDir,
    pub clock: Clock,
    pub cancel: CancellationToken,
    pub observer: &'a dyn Observer,
    /// What the observer calls the trial.
    pub index: usize,
}

/// The loop's own timers.
struct Timers {
    sample: Instant,
    is_cancelled: bool,
    /// A deadline has passed: ready when what had arrived by then can be read.
    catch_up: Option<CatchUp>,
}

type CatchUp = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Why the loop goes on.
enum Wake {
    Input(Input),
    /// A sample of the host is due.
    Sample,
    /// A deadline has passed.
    Overdue,
    /// What had arrived when a deadline passed can be read.
    CaughtUp,
}

impl Driver<'_> {
    /// Runs the guest to its end; the conductor then has the verdict.
    ///
    /// # Errors
    /// When the lab fails; whatever the guest does is a verdict.
    pub async fn drive(&mut self) -> Result<(), LabError> {
        self.conductor.spawned(Stamp::ZERO, &mut self.dir)?;
        // The first sample is due a period after the spawn: the loop itself may begin late.
        let first = self.clock.instant(Stamp::ZERO) + SAMPLE_PERIOD;
        let mut timers = Timers { sample: first, is_cancelled: false, catch_up: None };
        while !self.conductor.is_over() {
            let wake = self.next(&mut timers).await;
            if timers.sample <= Instant::now() {
                self.sample(&mut timers)?;
            }
            match wake {
                Wake::Sample => {}
                Wake::Overdue => timers.catch_up = Some(Box::pin(catch_up(self.guest.flush_console()))),
                Wake::CaughtUp => self.meet_deadline(&mut timers)?,
                Wake::Input(input) => {
                    timers.is_cancelled |= matches!(input, Input::Cancelled);
                    self.take(input)?;
                }
            }
        }
        Ok(())
    }

    async fn next(&mut self, timers: &mut Timers) -> Wake {
        let deadline = self.conductor.deadline().map(|stamp| self.clock.instant(stamp));
        let Self { guest, performer, cancel, .. } = self;
        let Timers { sample, is_cancelled, catch_up } = timers;
        let is_catching_up = catch_up.is_some();
        tokio::select! {
            event = poll_fn(|cx| guest.poll_event(cx)) => Wake::Input(Input::Guest(event)),
            result = performer.next_result() => Wake::Input(Input::Task(result)),
            () = sleep_until(*sample) => Wake::Sample,
            () = sleep_until(deadline.unwrap_or_else(Instant::now)), if deadline.is_some() && !is_catching_up => Wake::Overdue,
            () = caught_up(catch_up), if is_catching_up => Wake::CaughtUp,
            () = cancel.cancelled(), if !*is_cancelled => Wake::Input(Input::Cancelled),
        }
    }

    /// Tells how late the loop is. A deadline that passed meanwhile has to wait for what has arrived since.
    fn sample(&mut self, timers: &mut Timers) -> Result<(), LabError> {
        let late = timers.sample.elapsed();
        timers.sample = Instant::now() + SAMPLE_PERIOD;
        if late > MAX_LATENESS {
            timers.catch_up = None;
        }
        self.give(Input::Host(host_sample(late, self.guest.as_ref())))?;
        self.sample_vcpus()
    }

    /// Has a deadline judged, unless what has arrived since has moved it.
    fn meet_deadline(&mut self, timers: &mut Timers) -> Result<(), LabError> {
        // A sample may have found the loop late again.
        if timers.catch_up.take().is_none() {
            return Ok(());
        }
        self.read_arrived()?;
        if self.conductor.deadline().is_some_and(|deadline| deadline <= self.clock.now()) {
            self.give(Input::Deadline)?;
        }
        Ok(())
    }

    fn read_arrived(&mut self) -> Result<(), LabError> {
        while let Some(bytes) = self.guest.buffered_console() {
            self.give(Input::Guest(GuestEvent::Console(bytes)))?;
        }
        // No more than had arrived: a test may print without end.
        for result in self.performer.arrived() {
            self.give(Input::Task(TaskResult::Session(result)))?;
        }
        Ok(())
    }

    /// Hands an input to the conductor. Before the guest counts as flushed, all console bytes that have arrived are read.
    fn take(&mut self, input: Input) -> Result<(), LabError> {
        if matches!(input, Input::Task(TaskResult::Flushed)) {
            self.read_arrived()?;
        }
        let are_threads_new = matches!(input, Input::Task(TaskResult::Threads));
        self.give(input)?;
        if are_threads_new {
            self.sample_vcpus()?;
        }
        Ok(())
    }

    fn sample_vcpus(&mut self) -> Result<(), LabError> {
        let times = self.guest.pid().and_then(|pid| thread_times(pid, self.performer.vcpu_threads()));
        self.give(Input::Vcpus(times.unwrap_or_default()))
    }

    fn give(&mut self, input: Input) -> Result<(), LabError> {
        let at = self.clock.now();
        for effect in self.conductor.on_input(at, input, &mut self.dir)? {
            match effect {
                Effect::Signal(signal) => self.guest.signal(signal),
                Effect::FlushConsole => self.performer.flush(self.guest.flush_console()),
                Effect::Show(status) => {
                    let resident_mib = self.guest.pid().and_then(resident_mib);
                    self.observer.status(self.index, Status { resident_mib, ..status });
                }
                Effect::Dump => self.performer.dump(self.dir.path()),
                effect => self.performer.perform(effect, at)?,
            }
        }
        Ok(())
    }
}

/// Waits until what has arrived can be read, or until it is clear that more comes all the time.
async fn catch_up(mut flush: Flush) {
    loop {
        let deadline = Instant::now() + CATCH_UP_TIMEOUT;
        let flushed = timeout_at(deadline, &mut flush).await;
        if flushed.is_ok() || deadline.elapsed() <= MAX_LATENESS {
            return;
        }
    }
}

async fn caught_up(catch_up: &mut Option<CatchUp>) {
    if let Some(catch_up) = catch_up {
        catch_up.await;
    }
}

fn host_sample(late: Duration, guest: &dyn Guest) -> HostSample {
    // A driver that is behind with the console does not know yet what the guest has said.
    let behind = if guest.is_console_behind() { SAMPLE_PERIOD } else { Duration::ZERO };
    HostSample { late: late + behind, psi_cpu_avg10: cpu_pressure(), is_stopped: guest.pid().is_some_and(is_stopped) }
}

#[cfg(test)]
mod tests;
