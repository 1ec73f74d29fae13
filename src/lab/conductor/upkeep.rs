//! What is done after each input.

use super::Conductor;
use crate::lab::input::Effect;
use crate::lab::observer::Status;
use model::{Stage, Stamp};

impl Conductor {
    /// Throttles the vCPUs while the workload runs, if the cell has the fault `vcpu-steal`.
    pub(super) fn steal_vcpu_time(&mut self) {
        let is_loading = self.is_judging() && self.recorder.watchdog.stage() == Stage::Loading;
        let percent = if is_loading { self.conditions.vcpu_stop_percent.unwrap_or(0) } else { 0 };
        if percent != self.stolen_percent {
            self.stolen_percent = percent;
            self.effects.push(Effect::StealVcpuTime { percent });
        }
    }

    /// Reports the trial's status at each change of stage and each sample.
    pub(super) fn show(&mut self, at: Stamp) {
        let stage = self.recorder.watchdog.stage();
        if self.last_reported_stage == Some(stage) {
            return;
        }
        self.last_reported_stage = Some(stage);
        let beat = self.recorder.last_beat;
        self.effects.push(Effect::Show(Status {
            stage,
            elapsed_s: at.as_secs_f64(),
            guest_s: beat.map(|beat| beat.mono_ms as f64 / 1e3),
            free_kib: beat.map(|beat| beat.free_kib),
            oom_kills: self.recorder.watchdog.oom_kills(),
            canary_stuck_s: self.recorder.watchdog.canary_stuck_s(),
            resident_mib: None,
        }));
    }
}
