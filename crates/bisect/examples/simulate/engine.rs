//! This crate: one builder and one runner in parallel; without builds, one runner.

use crate::world::{Found, World};
use bisect::{Answer, Bisection, Decision, Outcome, Revision, Running, Sample, Settings, Slot, Task};
use std::collections::BTreeMap;

/// A search with more events does not terminate.
const MAX_EVENTS: u32 = 100_000;

/// A running job.
#[derive(Debug, Clone, Copy)]
struct Job {
    revision: Revision,
    task: Task,
    started: f64,
    ends: f64,
}

/// Searches in a world, for failures of at least this rate.
pub fn search(world: &World, rate: f64) -> Found {
    let settings = Settings { trial_s: 1.0, build_s: world.build, ..Settings::default() }.at_rate(rate);
    // Without builds, a trial may be of any revision.
    let slots: &[(Slot, Task)] = match world.build {
        0.0 => &[(Slot::Any, Task::Trial)],
        _ => &[(Slot::Trial, Task::Trial), (Slot::Build, Task::Build)],
    };
    let Ok(mut bisection) = Bisection::new(world.history.clone(), settings) else { return Found::default() };
    for end in [world.history.good()[0], world.history.bad()] {
        let built = bisection.record(Sample { revision: end, outcome: Outcome::Built, seconds: 0.0 });
        debug_assert!(built.is_ok(), "the ends exist");
    }
    let mut found = Found::default();
    let mut jobs: Vec<Job> = Vec::new();
    let mut tried: BTreeMap<Revision, u32> = BTreeMap::new();
    for _ in 0..MAX_EVENTS {
        let running = |jobs: &[Job]| -> Vec<Running> {
            let running =
                |job: &Job| Running { revision: job.revision, task: job.task, elapsed_s: found.time - job.started };
            jobs.iter().map(running).collect()
        };
        let abandoned = bisection.abandon(&running(&jobs));
        jobs.retain(|job| job.task == Task::Trial || !abandoned.contains(&job.revision));
        for (slot, task) in slots.iter().copied() {
            if jobs.iter().any(|job| job.task == task) {
                continue;
            }
            match bisection.decide(slot, &running(&jobs)) {
                Decision::Run { revision, task, .. } => {
                    let takes = if task == Task::Build { world.build } else { 1.0 };
                    found.builds += u32::from(task == Task::Build);
                    jobs.push(Job { revision, task, started: found.time, ends: found.time + takes });
                }
                Decision::Wait => {}
                Decision::Done(answer) => {
                    found.named = named(&answer);
                    return found;
                }
            }
        }
        let Some(next) = (0..jobs.len()).min_by(|one, other| jobs[*one].ends.total_cmp(&jobs[*other].ends)) else {
            break;
        };
        let job = jobs.swap_remove(next);
        found.time = job.ends;
        let outcome = match job.task {
            Task::Build if world.builds(job.revision) => Outcome::Built,
            Task::Build => Outcome::Skipped,
            Task::Trial => {
                let nth = tried.entry(job.revision).or_default();
                *nth += 1;
                found.trials += 1;
                world.trial(job.revision, *nth - 1)
            }
        };
        let known = bisection.record(Sample { revision: job.revision, outcome, seconds: job.ends - job.started });
        debug_assert!(known.is_ok(), "jobs have known revisions");
    }
    found
}

/// The commits that an answer names; of a set only if it is confirmed.
fn named(answer: &Answer) -> Vec<Revision> {
    match answer {
        Answer::Culprit { commit, .. } => vec![*commit],
        Answer::Set { candidates, confirmed: true, .. } => candidates.iter().map(|one| one.revision).collect(),
        Answer::Set { .. } | Answer::InvalidPremise { .. } => Vec::new(),
    }
}
