//! One loop owns one guest: it alone polls the guest, tasks, timers and cancellation, hands what happens to the conductor and
//! does what the conductor wants.

use super::conductor::Conductor;
use super::error::LabError;
use super::input::{Effect, HostSample, Input, TaskResult};
use super::observer::Observer;
use super::performer::Performer;
use crate::guest::{Guest, GuestEvent};
use crate::host::{Clock, cpu_pressure, is_stopped, thread_times};
use crate::store::TrialDir;
use std::future::poll_fn;
use std::time::Duration;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at, sleep_until};
use tokio_util::sync::CancellationToken;

/// How often the host and the vCPU threads are sampled.
const SAMPLE_PERIOD: Duration = Duration::from_secs(1);

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

impl Driver<'_> {
    /// Runs the guest to its end; the conductor then has the verdict.
    ///
    /// # Errors
    /// When the lab fails; whatever the guest does is a verdict.
    pub async fn drive(&mut self) -> Result<(), LabError> {
        self.conductor.spawned(self.clock.now(), &mut self.dir)?;
        let mut sample = interval_at(Instant::now() + SAMPLE_PERIOD, SAMPLE_PERIOD);
        sample.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut cancelled = false;
        while !self.conductor.is_over() {
            let input = self.next(&mut sample, cancelled).await;
            cancelled |= matches!(input, Input::Cancelled);
            self.take(input)?;
        }
        Ok(())
    }

    async fn next(&mut self, sample: &mut Interval, cancelled: bool) -> Input {
        let deadline = self.conductor.deadline().map(|stamp| self.clock.instant(stamp));
        let Self { guest, performer, cancel, .. } = self;
        tokio::select! {
            event = poll_fn(|cx| guest.poll_event(cx)) => Input::Guest(event),
            result = performer.next_result() => Input::Task(result),
            due = sample.tick() => Input::Host(host_sample(due, guest.as_ref())),
            () = sleep_until(deadline.unwrap_or_else(Instant::now)), if deadline.is_some() => Input::Deadline,
            () = cancel.cancelled(), if !cancelled => Input::Cancelled,
        }
    }

    /// Hands an input to the conductor. Before a deadline is judged, the console bytes that have arrived are read; before the
    /// guest counts as flushed, all of them are.
    fn take(&mut self, input: Input) -> Result<(), LabError> {
        if matches!(input, Input::Deadline | Input::Task(TaskResult::Flushed)) {
            while let Some(bytes) = self.guest.buffered_console() {
                self.give(Input::Guest(GuestEvent::Console(bytes)))?;
            }
        }
        let is_sample = matches!(input, Input::Host(_));
        let are_threads_new = matches!(input, Input::Task(TaskResult::Threads));
        self.give(input)?;
        if is_sample || are_threads_new {
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
                Effect::Show(status) => self.observer.status(self.index, status),
                Effect::Dump => self.performer.dump(self.dir.path()),
                effect => self.performer.perform(effect, at)?,
            }
        }
        Ok(())
    }
}

fn host_sample(due: Instant, guest: &dyn Guest) -> HostSample {
    // A driver that is behind with the console does not know yet what the guest has said.
    let behind = if guest.is_console_behind() { SAMPLE_PERIOD } else { Duration::ZERO };
    HostSample {
        late: due.elapsed() + behind,
        psi_cpu_avg10: cpu_pressure(),
        is_stopped: guest.pid().is_some_and(is_stopped),
    }
}
