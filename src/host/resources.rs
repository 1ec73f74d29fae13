//! The host's CPUs and memory.

/// CPUs and memory that guests may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resources {
    /// Number of host CPUs.
    pub cpus: u32,
    /// Memory in MiB.
    pub ram_mib: u64,
}

impl Resources {
    /// The CPUs of this process's affinity mask and cgroup quota, and 4/5 of `MemAvailable`, so that the host itself does not
    /// run out of memory. 1 CPU and 819 MiB if these are not readable.
    pub fn of_host() -> Self {
        let cpus = std::thread::available_parallelism().map_or(1, |n| u32::try_from(n.get()).unwrap_or(u32::MAX));
        let meminfo = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
        let available = available_mib(&meminfo).unwrap_or(1024);
        Self { cpus, ram_mib: available * 4 / 5 }
    }
}

fn available_mib(meminfo: &str) -> Option<u64> {
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
}
