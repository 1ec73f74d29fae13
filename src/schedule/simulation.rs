//! A run on a machine that is simulated: how long it takes, and how busy the CPUs are.

use super::admission::{Active, Admission};
use super::host_state::HostState;
use super::queue::{Job, Queue};

/// A simulated run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Simulated {
    /// Its duration in seconds.
    pub seconds: f64,
    /// CPU time of all trials, in seconds: one CPU for each vCPU.
    pub busy_s: f64,
    /// CPU time that nothing used while trials waited, in seconds.
    pub idle_s: f64,
}

/// Runs all trials that are ready; each takes what `duration` says, in seconds. The trials that run now take what is expected of them.
pub fn simulate(mut queue: Queue, mut admission: Admission, now_s: f64, duration: impl Fn(&Job) -> f64) -> Simulated {
    let host = HostState::default();
    let budget = *admission.budget();
    let mut ends: Vec<(f64, usize)> =
        admission.active().iter().map(|active| (active.ends_s.max(now_s), active.id)).collect();
    let (mut now, mut busy_s, mut idle_s) = (now_s, 0.0, 0.0);
    loop {
        loop {
            let is_idle = admission.active().is_empty();
            let next = queue.pick(now, &admission, &host).or_else(|lack| {
                let alone = if is_idle { queue.take_first(&admission, now) } else { None };
                alone.ok_or(lack)
            });
            let Ok(job) = next else { break };
            ends.push((now + duration(&job), job.id));
            admission.take(Active {
                id: job.id,
                need: job.need,
                resident_mib: 0,
                started_s: now,
                ends_s: now + job.seconds,
                is_known: job.is_known,
            });
        }
        let first = ends.iter().enumerate().min_by(|(_, one), (_, other)| one.0.total_cmp(&other.0));
        let Some((at, _)) = first else { break };
        let (end, id) = ends.swap_remove(at);
        let used: u32 = admission.active().iter().map(|active| active.need.cpus).sum();
        busy_s += f64::from(used) * (end - now);
        if queue.jobs().iter().any(|job| job.is_ready) {
            idle_s += f64::from(budget.cpus.saturating_sub(used)) * (end - now);
        }
        now = end;
        admission.give_back(id);
    }
    Simulated { seconds: now - now_s, busy_s, idle_s }
}

#[cfg(test)]
#[path = "simulation_tests.rs"]
pub(super) mod tests;
