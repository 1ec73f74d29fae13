//! The host's CPUs and memory, as far as this process may use them.

use super::cgroup::{Cgroups, CpuLimit, MemoryLimit};
use super::limits::{OpenFiles, allow_open_files};
use crate::schedule::Budget;
use std::path::Path;

/// What guests may use.
#[derive(Debug, Clone, PartialEq)]
pub struct Resources {
    /// Number of host CPUs.
    pub cpus: u32,
    /// Memory in MiB.
    pub ram_mib: u64,
    /// Open files.
    pub files: OpenFiles,
    /// The control group that makes it fewer CPUs than the host has.
    pub cpu_limit: Option<CpuLimit>,
    /// The control group that makes it less memory than the host has.
    pub ram_limit: Option<MemoryLimit>,
}

impl Resources {
    /// The CPUs of this process's affinity mask and control groups, and 4/5 of the memory that is available on the host and
    /// in the control groups, so that the host itself does not run out of memory. 1 CPU and 819 MiB if these are not
    /// readable. Raises the soft limit of open files to the hard one.
    pub fn of_host() -> Self {
        let affinity = std::thread::available_parallelism().map_or(1, |n| u32::try_from(n.get()).unwrap_or(u32::MAX));
        let meminfo = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
        let groups = Cgroups::of_self();
        Self::limited(affinity, available_mib(&meminfo), &groups, allow_open_files())
    }

    fn limited(affinity: u32, available_mib: Option<u64>, groups: &Cgroups, files: OpenFiles) -> Self {
        let cpu_limit = groups.cpus();
        // A share of a CPU is one slow CPU.
        let cpus = cpu_limit.as_ref().map_or(affinity, |limit| affinity.min((limit.cpus as u32).max(1)));
        let available = available_mib.unwrap_or(1024);
        let ram_limit = groups.memory().filter(|limit| limit.free_mib < available);
        let free = ram_limit.as_ref().map_or(available, |limit| limit.free_mib);
        // `Cgroups` compares with the CPUs that are online; the affinity mask may allow fewer than a group.
        let cpu_limit = cpu_limit.filter(|limit| (limit.cpus as u32).max(1) <= cpus);
        Self { cpus, ram_mib: free * 4 / 5, files, cpu_limit, ram_limit }
    }

    /// All that guests may use: 1/5 of the memory that is available now stays available.
    pub fn budget(&self) -> Budget {
        let reserve_mib = Some(self.ram_mib / 4);
        Budget { cpus: self.cpus, ram_mib: self.ram_mib, reserve_mib, jobs: None, guests: self.files.guests() }
    }

    /// Memory that is free for all that this process does, in MiB; `None` if it is unknown.
    pub fn available_mib() -> Option<u64> {
        let host = available_mib(&std::fs::read_to_string(Path::new("/proc/meminfo")).ok()?)?;
        Some(Cgroups::of_self().memory().map_or(host, |limit| host.min(limit.free_mib)))
    }
}

pub(super) fn available_mib(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib / 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mem_available_is_parsed() {
        assert_eq!(available_mib("MemTotal: 9 kB\nMemAvailable:   20480 kB\n"), Some(20));
        assert_eq!(available_mib("MemTotal: 9 kB\n"), None);
        assert!(Resources::of_host().cpus >= 1);
    }

    #[test]
    fn control_groups_limit_what_the_host_has() {
        let group = |memory: &str, cpu: &str| {
            let files = [("job/memory.max", memory), ("job/cpu.max", cpu)];
            Cgroups::of_files("0::/job\n", &files)
        };
        let files = OpenFiles { limit: None };
        let (_dir, tight) = group("1048576000\n", "150000 100000\n");
        let limited = Resources::limited(8, Some(4000), &tight, files);
        assert_eq!((limited.cpus, limited.ram_mib), (1, 800));
        assert!(limited.cpu_limit.is_some() && limited.ram_limit.is_some(), "they are named");

        let (_dir, wide) = group("9999999999999\n", "700000 100000\n");
        let unlimited = Resources::limited(4, Some(4000), &wide, files);
        assert_eq!((unlimited.cpus, unlimited.ram_mib), (4, 3200));
        assert!(unlimited.cpu_limit.is_none() && unlimited.ram_limit.is_none(), "they are not what limits it");
    }
}
