//! What a trial's time is spent on.

use model::{Event, Frame, Record, RunRecord};
use oomlab::store::{RunDir, StoreError, read_events};
use std::fmt;

/// Seconds of each stage of a trial, on average.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Stages {
    /// From the start of the process to the first line of the console: QEMU, the firmware, the loader.
    pub spawn: f64,
    /// To the agent's first message.
    pub boot: f64,
    /// To the end of the workload; its image, mounts and processes are part of it.
    pub load: f64,
    /// To the exit of QEMU.
    pub exit: f64,
    /// What remains of the run's time: judging, writing the record, and the start of the next trial.
    pub rest: f64,
}

impl Stages {
    /// The mean over the trials of a run with one guest at a time; those without an agent or an end of their workload are left out.
    pub fn mean(run: &RunDir, record: &RunRecord) -> Result<Self, StoreError> {
        let (mut sum, mut count) = (Self::default(), 0_u32);
        for trial in &record.trials {
            let folder = run.trial_folder(trial.cell.id.as_str(), trial.trial);
            if let Some(stages) = Self::of(&read_events(&folder.join("events.jsonl"))?) {
                let each_s = record.duration_s / record.trials.len() as f64;
                sum.add(&Self { rest: each_s - stages.total(), ..stages });
                count += 1;
            }
        }
        Ok(sum.scaled(1.0 / f64::from(count.max(1))))
    }

    fn of(events: &[Record]) -> Option<Self> {
        let first = |is: fn(&Event) -> bool| {
            let found = events.iter().find(|record| is(&record.event))?;
            Some(found.at.as_micros() as f64 / 1e6)
        };
        let line = first(|event| matches!(event, Event::Line { .. }))?;
        let hello = first(|event| matches!(event, Event::Agent { frame: Frame::Hello { .. }, .. }))?;
        let finished = first(|event| matches!(event, Event::Agent { frame: Frame::Finished { .. }, .. }))?;
        let exited = first(|event| matches!(event, Event::Exited { .. }))?;
        Some(Self { spawn: line, boot: hello - line, load: finished - hello, exit: exited - finished, rest: 0.0 })
    }

    fn total(&self) -> f64 {
        self.spawn + self.boot + self.load + self.exit
    }

    fn add(&mut self, other: &Self) {
        let Self { spawn, boot, load, exit, rest } = other;
        *self = Self {
            spawn: self.spawn + spawn,
            boot: self.boot + boot,
            load: self.load + load,
            exit: self.exit + exit,
            rest: self.rest + rest,
        };
    }

    fn scaled(self, by: f64) -> Self {
        let Self { spawn, boot, load, exit, rest } = self;
        Self { spawn: spawn * by, boot: boot * by, load: load * by, exit: exit * by, rest: rest * by }
    }
}

impl fmt::Display for Stages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { spawn, boot, load, exit, rest } = self;
        write!(
            f,
            "spawn {spawn:.3} s, boot {boot:.3} s, load {load:.3} s, exit {exit:.3} s, judge and store {rest:.3} s"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::Stamp;

    #[test]
    fn stages_meet_at_the_events_between_them() {
        let hello = Frame::Hello { version: 1, arch: "arm".to_owned(), page_bytes: 4096, ram_kib: 1 };
        let finished = Frame::Finished { status: 0, units: 0, why: String::new(), errno: 0 };
        let events = [
            (0, Event::Spawned { pid: 1 }),
            (100_000, Event::Line { text: "Booting Linux".to_owned() }),
            (300_000, Event::Agent { seq: 0, frame: hello }),
            (700_000, Event::Agent { seq: 1, frame: finished }),
            (
                800_000,
                Event::Exited { code: Some(0), signal: None, stderr: String::new(), host_oom: false, oom_limit: None },
            ),
        ];
        let events = events.map(|(at, event)| Record { at: Stamp::from_micros(at), event });
        let stages = Stages::of(&events).unwrap();
        assert_eq!(
            stages.to_string(),
            "spawn 0.100 s, boot 0.200 s, load 0.400 s, exit 0.100 s, judge and store 0.000 s"
        );
        assert_eq!(Stages::of(&events[..3]), None);
    }
}
