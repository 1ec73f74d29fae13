//! The order of trials: all first ones, then all second ones, so that a stopped run has seen every cell; in a round those first that
//! need most of the host, then the longest first, so that the end is short.

use super::admission::{Active, Admission};
use super::costs::Costs;
use super::host_state::HostState;
use super::need::Need;
use super::shortage::Shortage;
use model::{Cell, RamMib};
use std::cmp::Reverse;

/// A trial that waits.
#[derive(Debug, Clone, PartialEq)]
pub struct Job {
    /// Its identity.
    pub id: usize,
    /// Number of the trial of its cell, from 1.
    pub round: u32,
    /// Expected duration in seconds.
    pub seconds: f64,
    /// What it takes.
    pub need: Need,
    /// Whether its kernel and its image are there.
    pub is_ready: bool,
    /// Whether trials of its cell were measured.
    pub is_known: bool,
}

impl Job {
    /// A trial of a cell, whose kernel and image are not there yet.
    pub fn of(id: usize, (cell, round): (&Cell, u32), costs: &Costs, max_dump: Option<RamMib>) -> Self {
        let (seconds, is_known) = (costs.trial_s(cell), costs.knows(cell));
        Self { id, round, seconds, need: Need::with_dump(cell, max_dump), is_ready: false, is_known }
    }
}

/// Trials that wait.
#[derive(Debug, Clone, Default)]
pub struct Queue {
    /// In order.
    waiting: Vec<Job>,
    /// The first trial, which does not fit yet, and when it is expected to.
    reservation: Option<(usize, f64)>,
}

impl Queue {
    /// A queue for a host of this size.
    pub fn new(jobs: impl IntoIterator<Item = Job>, admission: &Admission) -> Self {
        let mut queue = Self { waiting: jobs.into_iter().collect(), reservation: None };
        queue.sort(admission);
        queue
    }

    /// The trials that wait.
    pub fn jobs(&self) -> &[Job] {
        &self.waiting
    }

    /// Changes trials, for example their expected durations, and puts them in order.
    pub fn update(&mut self, admission: &Admission, change: impl FnMut(&mut Job)) {
        self.waiting.iter_mut().for_each(change);
        self.sort(admission);
    }

    /// Notes that the kernel and the image of trials are there.
    pub fn set_ready(&mut self, is_it: impl Fn(&Job) -> bool) {
        for job in &mut self.waiting {
            job.is_ready |= is_it(job);
        }
    }

    /// Adds a trial.
    pub fn push(&mut self, job: Job, admission: &Admission) {
        self.waiting.push(job);
        self.sort(admission);
    }

    /// Removes and returns the trial that starts now, at `now_s` seconds; otherwise what the first one lacks, `None` while none is
    /// ready.
    ///
    /// A trial may pass the first one if that does not delay it: it leaves room for the first one, or is expected to end before that
    /// one fits. When that time has come, no trial passes but those that leave room: a big trial does not starve.
    pub fn pick(&mut self, now_s: f64, admission: &Admission, host: &HostState) -> Result<Job, Option<Shortage>> {
        let Some(first) = self.first(admission, now_s) else { return Err(None) };
        let Some(shortage) = admission.shortage(self.waiting[first].need, host) else { return Ok(self.take(first)) };
        if shortage.is_for_all() {
            return Err(Some(shortage));
        }
        let window = self.window(first, (now_s, admission, host));
        let passes =
            |job: &Job| job.is_ready && admission.shortage(job.need, host).is_none() && window.admits(job, now_s);
        let next = self.waiting.iter().enumerate().position(|(at, job)| at != first && passes(job));
        next.map(|at| self.take(at)).ok_or(Some(shortage))
    }

    /// Removes and returns the first trial that is ready, whether it fits or not.
    pub fn take_first(&mut self, admission: &Admission, now_s: f64) -> Option<Job> {
        self.first(admission, now_s).map(|at| self.take(at))
    }

    fn take(&mut self, at: usize) -> Job {
        let job = self.waiting.remove(at);
        if self.reservation.is_some_and(|(id, _)| id == job.id) {
            self.reservation = None;
        }
        job
    }

    fn sort(&mut self, admission: &Admission) {
        let milliseconds = |job: &Job| (job.seconds * 1000.0) as u64;
        self.waiting.sort_by_key(|job| (job.round, is_narrow(job.need, admission), Reverse(milliseconds(job)), job.id));
    }

    /// The first trial in order that is ready, or one that alone would make the run longer if it waited: of a later round only when
    /// all cells have been seen.
    fn first(&self, admission: &Admission, now_s: f64) -> Option<usize> {
        let first = self.waiting.iter().position(|job| job.is_ready)?;
        let round = self.waiting[0].round;
        let may_lead = |job: &Job| job.is_ready && (round > 1 || job.round == round);
        let candidates = self.waiting.iter().enumerate().filter(|(_, job)| may_lead(job));
        let Some((at, longest)) = candidates.max_by(|(_, one), (_, other)| one.seconds.total_cmp(&other.seconds))
        else {
            return Some(first);
        };
        let work = |seconds: f64, need: Need| seconds * f64::from(need.cpus);
        let waiting: f64 = self.waiting.iter().map(|job| work(job.seconds, job.need)).sum();
        let running: f64 =
            admission.active().iter().map(|active| work((active.ends_s - now_s).max(0.0), active.need)).sum();
        let others = waiting - work(longest.seconds, longest.need) + running;
        let is_critical = longest.seconds * f64::from(admission.budget().slots()) > others;
        // One that needs most of the host is not passed by what it cannot run beside.
        let next = &self.waiting[first];
        let leads = is_critical && longest.seconds > next.seconds;
        Some(if leads && (is_narrow(next.need, admission) || admission.fits_both(next.need, longest.need)) {
            at
        } else {
            first
        })
    }

    /// What may pass the first trial.
    fn window(&mut self, first: usize, (now_s, admission, host): (f64, &Admission, &HostState)) -> Window {
        let Job { id, need, .. } = self.waiting[first];
        let none = Spare { cpus: 0, ram_mib: 0 };
        let alone = || admission.fits_alone(need, host).then(|| (admission.end_s(), none));
        let Some((fits_s, spare)) = fits_at(need, admission).or_else(alone) else {
            return Window { until_s: f64::INFINITY, spare: None };
        };
        let until_s = match self.reservation {
            Some((reserved, until_s)) if reserved == id => until_s,
            _ => {
                let until_s = fits_s.max(now_s);
                self.reservation = Some((id, until_s));
                until_s
            }
        };
        Window { until_s, spare: Some(spare) }
    }
}

/// What may pass a trial that waits for others to end.
struct Window {
    /// When that trial is expected to fit, in seconds.
    until_s: f64,
    /// CPUs and memory that it leaves free then; `None` where it waits for something else than trials.
    spare: Option<Spare>,
}

#[derive(Debug, Clone, Copy)]
struct Spare {
    cpus: u32,
    ram_mib: u64,
}

impl Window {
    fn admits(&self, job: &Job, now_s: f64) -> bool {
        let Some(spare) = self.spare else { return true };
        let leaves_room = job.need.cpus <= spare.cpus && job.need.ram_mib <= spare.ram_mib;
        leaves_room || now_s + job.seconds <= self.until_s
    }
}

/// Whether two of a kind run side by side.
fn is_narrow(need: Need, admission: &Admission) -> bool {
    let budget = admission.budget();
    need.cpus <= budget.cpus / 2 && need.ram_mib <= budget.ram_mib / 2
}

/// When enough trials have ended for another one, and what is left beside it; `None` where it would fit beside those that run.
fn fits_at(need: Need, admission: &Admission) -> Option<(f64, Spare)> {
    let budget = admission.budget();
    let mut running: Vec<&Active> = admission.active().iter().collect();
    running.sort_by(|one, other| one.ends_s.total_cmp(&other.ends_s));
    let cpu_limit = if budget.jobs.is_some() { u32::MAX } else { budget.cpus };
    let slots = budget.jobs.unwrap_or(u32::MAX).min(budget.guests);
    let (wanted_cpus, wanted_ram) = (need.cpus.min(cpu_limit), need.ram_mib.min(budget.ram_mib));
    for ended in 0..=running.len() {
        let rest = &running[ended..];
        let cpus = cpu_limit.saturating_sub(rest.iter().map(|active| active.need.cpus).sum());
        let ram_mib = budget.ram_mib.saturating_sub(rest.iter().map(|active| active.need.ram_mib).sum());
        let has_slot = rest.len() < slots as usize;
        if wanted_cpus <= cpus && wanted_ram <= ram_mib && has_slot {
            let last = running[..ended].last()?;
            return Some((last.ends_s, Spare { cpus: cpus - wanted_cpus, ram_mib: ram_mib - wanted_ram }));
        }
    }
    None
}

#[cfg(test)]
#[path = "queue_tests.rs"]
mod tests;
