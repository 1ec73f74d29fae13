//! How long a run still takes.

use super::admission::{Active, Admission, Budget};
use super::costs::Costs;
use super::queue::{Job, Queue};
use super::simulation::simulate;
use model::{Cell, Plan};
use serde::Serialize;

/// Maximum of waiting trials squared, times trials that run: a simulation of so many takes some milliseconds. More are not simulated
/// one by one: their end is short in comparison.
const MAX_SIMULATED: usize = 10_000_000;

/// Trials of unknown cells after which this run says how long others take.
const MIN_UNKNOWN: u32 = 3;

/// The share of trials of unknown cells above which nothing is said before [`MIN_UNKNOWN`] of them have ended.
const MAX_UNKNOWN_SHARE: f64 = 0.5;

/// Number of trials for which the expected durations of known cells count as much as this run's own: the first trial alone does not decide,
/// and a host that is much slower or quicker than before shows after a few.
const PRIOR_TRIALS: f64 = 0.5;

/// The least that a trial takes on that has run longer than expected, as a share of what it has run.
const OVERRUN: f64 = 0.1;

/// The time that a run still takes, in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct TimeLeft {
    /// At least, as far as can be said.
    pub min_s: f64,
    /// At most, as far as can be said.
    pub max_s: f64,
}

impl TimeLeft {
    /// What is left of it after some seconds.
    pub fn after(self, seconds: f64) -> Self {
        Self { min_s: (self.min_s - seconds).max(0.0), max_s: (self.max_s - seconds).max(0.0) }
    }
}

/// How the durations of a run's trials compare with what was expected of them: the load of the host, or a slower one.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Pace {
    known: Ratio,
    unknown: Ratio,
}

#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Ratio {
    trials: u32,
    expected_s: f64,
    actual_s: f64,
}

impl Pace {
    /// Adds a trial that has ended, in seconds.
    pub fn add(&mut self, is_known: bool, expected_s: f64, actual_s: f64) {
        let ratio = if is_known { &mut self.known } else { &mut self.unknown };
        ratio.trials += 1;
        ratio.expected_s += expected_s;
        ratio.actual_s += actual_s;
    }

    /// What the expected duration of a trial is to be multiplied with.
    pub fn factor(&self, is_known: bool) -> f64 {
        let Ratio { trials, expected_s, actual_s } = if is_known { self.known } else { self.unknown };
        if expected_s == 0.0 {
            return 1.0;
        }
        let prior_s = if is_known { PRIOR_TRIALS * expected_s / f64::from(trials.max(1)) } else { 0.0 };
        (actual_s + prior_s) / (expected_s + prior_s)
    }

    /// How uncertain the time of unknown cells is, as a share of it.
    fn spread(&self) -> f64 {
        match self.unknown.trials {
            0..MIN_UNKNOWN => 1.0,
            trials => (1.0 / f64::from(trials)).sqrt(),
        }
    }
}

/// The time that the trials which wait and run still take; `None` while too little is known. Trials that are not ready count as if they
/// were.
pub fn time_left(queue: &Queue, admission: &Admission, now_s: f64, pace: &Pace) -> Option<TimeLeft> {
    let sum = |is_known: bool| {
        let waiting = queue.jobs().iter().filter(|job| job.is_known == is_known).map(|job| job.seconds);
        let running = admission.active().iter().filter(|active| active.is_known == is_known);
        let running = running.map(|active| remaining_s(active, now_s, pace));
        (waiting.sum::<f64>() * pace.factor(is_known)) + running.sum::<f64>()
    };
    let (known, unknown) = (sum(true), sum(false));
    if known + unknown == 0.0 {
        return None;
    }
    let share = unknown / (known + unknown);
    if share > MAX_UNKNOWN_SHARE && pace.unknown.trials < MIN_UNKNOWN {
        return None;
    }
    let seconds = forecast_s(queue, admission, now_s, pace);
    let spread = share * pace.spread();
    Some(TimeLeft { min_s: seconds * (1.0 - spread), max_s: seconds * (1.0 + spread) })
}

/// The time that all trials of a plan take on a host with this budget; `None` while too little is known.
pub fn time_of_plan(plan: &Plan, costs: &Costs, budget: Budget) -> Option<TimeLeft> {
    if costs.is_empty() {
        return None;
    }
    let rounds = |cell: &'_ Cell| 1..=cell.repeat;
    let trials = plan.cells.iter().flat_map(|cell| rounds(cell).map(move |round| (cell, round)));
    let jobs = trials.enumerate().map(|(id, trial)| Job::of(id, trial, costs, None));
    let admission = Admission::new(budget);
    time_left(&Queue::new(jobs, &admission), &admission, 0.0, &Pace::default())
}

fn remaining_s(active: &Active, now_s: f64, pace: &Pace) -> f64 {
    let elapsed = now_s - active.started_s;
    let expected = (active.ends_s - active.started_s) * pace.factor(active.is_known);
    (expected - elapsed).max(OVERRUN * elapsed)
}

fn forecast_s(queue: &Queue, admission: &Admission, now_s: f64, pace: &Pace) -> f64 {
    let mut paced = Admission::new(*admission.budget());
    for active in admission.active() {
        paced.take(Active { ends_s: now_s + remaining_s(active, now_s, pace), ..*active });
    }
    let jobs = queue.jobs().iter().map(|job| Job {
        seconds: job.seconds * pace.factor(job.is_known),
        is_ready: true,
        ..job.clone()
    });
    let (waiting, active) = (queue.jobs().len(), admission.active().len().max(admission.budget().slots() as usize));
    if waiting.saturating_mul(waiting).saturating_mul(active) <= MAX_SIMULATED {
        return simulate(Queue::new(jobs, &paced), paced, now_s, |job| job.seconds).seconds;
    }
    let slots = f64::from(paced.budget().slots());
    let mut longest = paced.active().iter().map(|active| active.ends_s - now_s).fold(0.0, f64::max);
    let mut work: f64 = paced.active().iter().map(|active| (active.ends_s - now_s) * f64::from(active.need.cpus)).sum();
    for job in jobs {
        longest = longest.max(job.seconds);
        work += job.seconds * f64::from(job.need.cpus);
    }
    (work / slots).max(longest)
}

#[cfg(test)]
#[path = "forecast_tests.rs"]
mod tests;
