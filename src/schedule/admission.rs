//! Admission of trials by what the host has. A function of readings.

use super::host_state::{DiskSpace, HostState};
use super::need::Need;
use super::shortage::{Place, Shortage, Stalled};

/// Limits on the host's resources.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// CPUs.
    pub cpus: u32,
    /// Memory in MiB.
    pub ram_mib: u64,
    /// Memory that stays available on the host, in MiB: then what is available at the moment counts, not `ram_mib`. `None` where the
    /// user has set `ram_mib`.
    pub reserve_mib: Option<u64>,
    /// Maximum number of concurrent trials; `None` for no limit but CPUs and memory.
    pub jobs: Option<u32>,
    /// Maximum number of concurrent trials for which the process has descriptors.
    pub guests: u32,
}

/// Memory below which a host is short of it, whatever the user has set, in MiB.
const MIN_AVAILABLE_MIB: u64 = 256;

/// Disk space that stays free, in MiB.
const MIN_FREE_MIB: u64 = 256;

/// PSI `avg10` in percent from which nothing new is admitted. Few hosts that work as they should wait for memory at all; a busy disk is
/// normal. CPUs do not count: the lab's own guests make tasks wait for them, and a guest on a busy host is given more time.
const MAX_MEMORY_PRESSURE: f32 = 10.0;
const MAX_IO_PRESSURE: f32 = 50.0;

impl Budget {
    /// Number of trials with this need that run at a time, at least one.
    pub fn parallel(&self, need: Need) -> u32 {
        let by_ram = u32::try_from(self.ram_mib / need.ram_mib.max(1)).unwrap_or(u32::MAX);
        let by_cpus = self.jobs.unwrap_or(self.cpus / need.cpus.max(1));
        by_cpus.min(by_ram).min(self.guests).max(1)
    }

    /// Number of trials with one vCPU that CPUs, `jobs` and descriptors admit.
    pub fn slots(&self) -> u32 {
        self.jobs.unwrap_or(self.cpus).min(self.guests).max(1)
    }

    /// Whether a trial needs more memory than guests get at all.
    pub fn is_too_big(&self, need: Need) -> bool {
        need.ram_mib > self.ram_mib
    }

    /// The part of it that is used by a trial that exceeds it: all.
    fn clamp(&self, need: Need) -> Need {
        let cpus = if self.jobs.is_some() { need.cpus } else { need.cpus.min(self.cpus) };
        Need { cpus, ram_mib: need.ram_mib.min(self.ram_mib), ..need }
    }
}

/// A trial that runs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Active {
    /// Its identity.
    pub id: usize,
    /// What was admitted.
    pub need: Need,
    /// Memory that it has touched so far, in MiB.
    pub resident_mib: u64,
    /// When it began, in seconds.
    pub started_s: f64,
    /// When it is expected to end, in seconds.
    pub ends_s: f64,
    /// Whether trials of its cell were measured.
    pub is_known: bool,
}

/// Resources in use.
#[derive(Debug, Clone)]
pub struct Admission {
    budget: Budget,
    active: Vec<Active>,
}

impl Admission {
    /// Nothing is taken yet.
    pub fn new(budget: Budget) -> Self {
        Self { budget, active: Vec::new() }
    }

    /// The limits.
    pub fn budget(&self) -> &Budget {
        &self.budget
    }

    /// The trials that run.
    pub fn active(&self) -> &[Active] {
        &self.active
    }

    /// Reserves a trial's resources.
    pub fn take(&mut self, active: Active) {
        self.active.push(Active { need: self.budget.clamp(active.need), ..active });
    }

    /// Releases a trial's resources.
    pub fn give_back(&mut self, id: usize) -> Option<Active> {
        let at = self.active.iter().position(|active| active.id == id)?;
        Some(self.active.swap_remove(at))
    }

    /// Notes how much memory a trial has touched, in MiB.
    pub fn touched(&mut self, id: usize, resident_mib: u64) {
        if let Some(active) = self.active.iter_mut().find(|active| active.id == id) {
            active.resident_mib = resident_mib;
        }
    }

    /// The trial that is ended so that the host does not swap: of several the latest that may be ended, once so little memory is available
    /// that those which run may use it up.
    pub fn evicts(&self, available_mib: u64, may_end: impl Fn(usize) -> bool) -> Option<usize> {
        let min = self.budget.reserve_mib.unwrap_or(MIN_AVAILABLE_MIB) / 4;
        let may_end = self.active.iter().filter(|active| may_end(active.id));
        let latest = may_end.max_by(|one, other| one.started_s.total_cmp(&other.started_s))?;
        (self.active.len() > 1 && available_mib < min).then_some(latest.id)
    }

    /// Whether one more trial, of whatever size, may fit: then the host's readings matter.
    pub fn has_slot(&self) -> bool {
        let jobs = u32::try_from(self.active.len()).unwrap_or(u32::MAX);
        let cpus: u32 = self.active.iter().map(|active| active.need.cpus).sum();
        jobs < self.budget.guests
            && self.budget.jobs.is_none_or(|max| jobs < max)
            // `--jobs` overrides the CPU limit.
            && (self.budget.jobs.is_some() || cpus < self.budget.cpus)
    }

    /// What a trial lacks; `None` for one that may start.
    pub fn shortage(&self, need: Need, host: &HostState) -> Option<Shortage> {
        let need = self.budget.clamp(need);
        let busy = || (!self.has_room(need)).then_some(Shortage::Busy);
        busy().or_else(|| self.pressure(host)).or_else(|| self.memory(need, host)).or_else(|| self.disk(need, host))
    }

    /// Whether the host has the memory for a trial once all trials that run have ended.
    pub(super) fn fits_alone(&self, need: Need, host: &HostState) -> bool {
        let (Some(available), Some(reserve)) = (host.available_mib, self.budget.reserve_mib) else { return false };
        let freed: u64 = self.active.iter().map(|active| active.resident_mib).sum();
        let need = self.budget.clamp(need).ram_mib;
        freed > 0 && need.saturating_add(reserve) <= available.saturating_add(freed)
    }

    /// Whether two trials fit beside those that run, by their own needs.
    pub(super) fn fits_both(&self, one: Need, other: Need) -> bool {
        self.has_room(Need { cpus: one.cpus + other.cpus, ram_mib: one.ram_mib + other.ram_mib, ..one })
    }

    /// When the last trial that runs is expected to end, in seconds.
    pub(super) fn end_s(&self) -> f64 {
        self.active.iter().map(|active| active.ends_s).fold(0.0, f64::max)
    }

    /// Whether it fits beside the trials that run, by their own needs; memory only where that is what counts.
    fn has_room(&self, need: Need) -> bool {
        let cpus: u32 = self.active.iter().map(|active| active.need.cpus).sum();
        let fits_cpus = self.budget.jobs.is_some() || cpus + need.cpus <= self.budget.cpus;
        let fits_memory = self.budget.reserve_mib.is_some() || self.fits_ram(need);
        self.has_slot() && fits_cpus && fits_memory
    }

    fn fits_ram(&self, need: Need) -> bool {
        let taken: u64 = self.active.iter().map(|active| active.need.ram_mib).sum();
        taken.saturating_add(need.ram_mib) <= self.budget.ram_mib
    }

    fn memory(&self, need: Need, host: &HostState) -> Option<Shortage> {
        let own = || (!self.fits_ram(need)).then_some(Shortage::Busy);
        let Some(available) = host.available_mib else { return own() };
        let shortage = |need, outstanding, reserve| Shortage::Memory { need, available, outstanding, reserve };
        let Some(reserve) = self.budget.reserve_mib else {
            return (available < MIN_AVAILABLE_MIB).then(|| shortage(need.ram_mib, 0, MIN_AVAILABLE_MIB));
        };
        let untouched = |active: &Active| active.need.ram_mib.saturating_sub(active.resident_mib);
        let outstanding: u64 = self.active.iter().map(untouched).sum();
        let is_short = need.ram_mib.saturating_add(outstanding).saturating_add(reserve) > available;
        is_short.then(|| own().unwrap_or(shortage(need.ram_mib, outstanding, reserve)))
    }

    fn pressure(&self, host: &HostState) -> Option<Shortage> {
        let limits = [
            (Stalled::Memory, host.pressure.memory, MAX_MEMORY_PRESSURE),
            (Stalled::Io, host.pressure.io, MAX_IO_PRESSURE),
        ];
        let over = limits.into_iter().find(|(_, percent, max)| percent >= max);
        over.map(|(on, percent, _)| Shortage::Pressure { on, percent })
    }

    fn disk(&self, need: Need, host: &HostState) -> Option<Shortage> {
        let sum = |of: fn(&Need) -> u64| self.active.iter().map(|active| of(&active.need)).sum::<u64>() + of(&need);
        let (record, scratch) = (sum(|need| need.record_mib), sum(|need| need.scratch_mib));
        let DiskSpace { record_mib, scratch_mib, is_shared } = host.disk;
        let record = if is_shared { record.saturating_add(scratch) } else { record };
        let short = |place, need: u64, free: Option<u64>| {
            let need = need.saturating_add(MIN_FREE_MIB);
            free.filter(|free| need > *free).map(|free| Shortage::Disk { place, need, free })
        };
        let scratch =
            if need.scratch_mib > 0 && !is_shared { short(Place::Scratch, scratch, scratch_mib) } else { None };
        short(Place::Records, record, record_mib).or(scratch)
    }
}

#[cfg(test)]
#[path = "admission_tests.rs"]
mod tests;
