//! Admission of trials by CPUs and memory. Pure.
//!
//! Unlike a FIFO semaphore, it lets a small trial pass a big one that does not fit yet.

use crate::host::Resources;
use model::Cell;

/// Limits on the host's resources.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// CPUs.
    pub cpus: u32,
    /// Memory in MiB.
    pub ram_mib: u64,
    /// Maximum number of concurrent trials; `None` for no limit but CPUs and memory.
    pub jobs: Option<u32>,
    /// Maximum number of concurrent trials for which the process has descriptors.
    pub guests: u32,
}

impl Budget {
    /// All that guests may use.
    pub fn of(resources: &Resources) -> Self {
        Self { cpus: resources.cpus, ram_mib: resources.ram_mib, jobs: None, guests: resources.files.guests() }
    }

    /// Number of trials with this need that run at a time, at least one.
    pub fn parallel(&self, need: Need) -> u32 {
        let by_ram = u32::try_from(self.ram_mib / need.ram_mib.max(1)).unwrap_or(u32::MAX);
        (self.cpus / need.cpus.max(1)).min(by_ram).min(self.guests).max(1)
    }
}

/// Resources of one trial.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Need {
    /// CPUs: one per vCPU.
    pub cpus: u32,
    /// Memory in MiB: the guest's RAM and QEMU's own.
    pub ram_mib: u64,
}

impl Need {
    /// The need of a cell's trial.
    pub fn of(cell: &Cell) -> Self {
        Self { cpus: cell.vcpus, ram_mib: u64::from(cell.ram.0) + QEMU_OVERHEAD_MIB }
    }
}

/// Memory that QEMU uses besides the guest's RAM, in MiB; a large part of it is TCG's code buffer.
pub const QEMU_OVERHEAD_MIB: u64 = 128;

/// Resources in use.
#[derive(Debug, Clone)]
pub struct Admission {
    budget: Budget,
    cpus: u32,
    ram_mib: u64,
    jobs: u32,
}

impl Admission {
    /// Nothing is taken yet.
    pub fn new(budget: Budget) -> Self {
        Self { budget, cpus: 0, ram_mib: 0, jobs: 0 }
    }

    /// Position of the first waiting trial that fits. If no trial runs, the first one is admitted even if it exceeds the
    /// budget.
    pub fn next(&self, waiting: &[Need]) -> Option<usize> {
        if self.jobs == 0 && !waiting.is_empty() {
            return Some(waiting.iter().position(|need| self.fits(*need)).unwrap_or(0));
        }
        waiting.iter().position(|need| self.fits(*need))
    }

    /// Reserves a trial's resources.
    pub fn take(&mut self, need: Need) {
        self.cpus += need.cpus;
        self.ram_mib += need.ram_mib;
        self.jobs += 1;
    }

    /// Releases a trial's resources.
    pub fn give_back(&mut self, need: Need) {
        self.cpus = self.cpus.saturating_sub(need.cpus);
        self.ram_mib = self.ram_mib.saturating_sub(need.ram_mib);
        self.jobs = self.jobs.saturating_sub(1);
    }

    fn fits(&self, need: Need) -> bool {
        self.cpus + need.cpus <= self.cpu_limit()
            && self.ram_mib + need.ram_mib <= self.budget.ram_mib
            && self.jobs < self.budget.guests
            && self.budget.jobs.is_none_or(|jobs| self.jobs < jobs)
    }

    /// `--jobs` overrides the CPU limit.
    fn cpu_limit(&self) -> u32 {
        if self.budget.jobs.is_some() { u32::MAX } else { self.budget.cpus }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn need(cpus: u32, ram_mib: u64) -> Need {
        Need { cpus, ram_mib }
    }

    fn budget(cpus: u32, ram_mib: u64) -> Admission {
        Admission::new(Budget { cpus, ram_mib, jobs: None, guests: u32::MAX })
    }

    #[test]
    fn a_small_cell_passes_a_blocked_big_one() {
        let mut admission = budget(4, 1000);
        admission.take(need(1, 600));
        assert_eq!(admission.next(&[need(1, 500), need(1, 300)]), Some(1));
        assert_eq!(admission.next(&[need(1, 500)]), None);
        admission.give_back(need(1, 600));
        assert_eq!(admission.next(&[need(1, 500), need(1, 300)]), Some(0));
    }

    #[test]
    fn a_cell_too_big_for_the_host_runs_alone() {
        let mut admission = budget(1, 100);
        assert_eq!(admission.next(&[need(8, 999)]), Some(0));
        admission.take(need(8, 999));
        assert_eq!(admission.next(&[need(1, 1)]), None);
    }

    #[test]
    fn a_number_of_jobs_is_kept_to() {
        let mut admission = Admission::new(Budget { cpus: 1, ram_mib: 1000, jobs: Some(2), guests: u32::MAX });
        admission.take(need(1, 10));
        assert_eq!(admission.next(&[need(1, 10)]), Some(0));
        admission.take(need(1, 10));
        assert_eq!(admission.next(&[need(1, 10)]), None);
    }

    #[test]
    fn descriptors_limit_jobs() {
        let budget = Budget { cpus: 9, ram_mib: 1000, jobs: Some(20), guests: 2 };
        let mut admission = Admission::new(budget);
        admission.take(need(1, 10));
        assert_eq!(admission.next(&[need(1, 10)]), Some(0));
        admission.take(need(1, 10));
        assert_eq!(admission.next(&[need(1, 10)]), None);
        let parallel = |cpus, ram_mib| budget.parallel(need(cpus, ram_mib));
        assert_eq!((parallel(1, 10), parallel(9, 10), parallel(1, 600), parallel(99, 9999)), (2, 1, 1, 1));
    }

    proptest! {
        #[test]
        fn every_cell_runs_and_the_budget_is_kept(needs in prop::collection::vec((1_u32..6, 1_u64..400), 1..40)) {
            let mut waiting: Vec<Need> = needs.iter().map(|&(cpus, ram)| need(cpus, ram)).collect();
            let mut admission = budget(4, 300);
            let mut running = Vec::new();
            while !waiting.is_empty() || !running.is_empty() {
                while let Some(at) = admission.next(&waiting) {
                    let next = waiting.remove(at);
                    admission.take(next);
                    running.push(next);
                }
                let cpus: u32 = running.iter().map(|n| n.cpus).sum();
                let ram: u64 = running.iter().map(|n| n.ram_mib).sum();
                prop_assert!(running.len() == 1 || (cpus <= 4 && ram <= 300));
                prop_assert!(!running.is_empty(), "something always runs");
                admission.give_back(running.remove(0));
            }
        }
    }
}
