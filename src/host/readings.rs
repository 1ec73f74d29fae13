//! What the host has left at the moment: memory, stalls, disk space.

use super::cgroup::Cgroups;
use super::resources::available_mib;
use super::unnamed::scratch_folder;
use crate::schedule::{DiskSpace, HostState, Pressure};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Reads the state of the host, and of the control groups of this process.
#[derive(Debug, Clone)]
pub struct HostReader {
    root: PathBuf,
    groups: Cgroups,
}

impl Default for HostReader {
    fn default() -> Self {
        Self::below(Path::new("/"))
    }
}

impl HostReader {
    /// A reader of a host whose files are below `root`.
    pub fn below(root: &Path) -> Self {
        Self { root: root.to_owned(), groups: Cgroups::below(root) }
    }

    /// The state now; `run` is the run's folder. What cannot be read is left out: old kernels and containers have no PSI.
    pub fn read(&self, run: &Path) -> HostState {
        let host = self.text("proc/meminfo").and_then(|text| available_mib(&text));
        let group = self.groups.memory().map(|limit| limit.free_mib);
        let available_mib = match (host, group) {
            (Some(host), Some(group)) => Some(host.min(group)),
            (host, group) => host.or(group),
        };
        HostState { available_mib, pressure: self.pressure(), disk: disk(run, &scratch_folder()) }
    }

    fn text(&self, name: &str) -> Option<String> {
        std::fs::read_to_string(self.root.join(name)).ok()
    }

    /// A control group with a limit stalls while the host does not.
    fn pressure(&self) -> Pressure {
        let highest = |resource: &str, kind: &str| {
            let host = self.text(&format!("proc/pressure/{resource}"));
            let groups = self.groups.unified(&format!("{resource}.pressure"));
            host.into_iter().chain(groups).filter_map(|text| avg10(&text, kind)).fold(0.0, f32::max)
        };
        Pressure { memory: highest("memory", "some"), io: highest("io", "full") }
    }
}

/// `avg10` in percent of a line of a PSI file (Linux, `Documentation/accounting/psi.rst`).
pub(super) fn avg10(text: &str, kind: &str) -> Option<f32> {
    let line = text.lines().find_map(|line| line.strip_prefix(kind)?.strip_prefix(' '))?;
    line.split_whitespace().find_map(|word| word.strip_prefix("avg10="))?.parse().ok()
}

fn disk(run: &Path, scratch: &Path) -> DiskSpace {
    let free = |folder: &Path| {
        let stat = rustix::fs::statvfs(folder).ok()?;
        Some(stat.f_bavail.saturating_mul(stat.f_frsize) >> 20)
    };
    let device = |folder: &Path| std::fs::metadata(folder).ok().map(|found| found.dev());
    let is_shared = device(run).is_some_and(|one| device(scratch) == Some(one));
    DiskSpace { record_mib: free(run), scratch_mib: free(scratch), is_shared }
}

/// Number of processes that the host's OOM killer has ended since the boot; `None` where the kernel does not count them
/// (`oom_kill` of `/proc/vmstat`, Linux 4.13).
pub(super) fn oom_kills() -> Option<u64> {
    oom_kills_of(&std::fs::read_to_string("/proc/vmstat").ok()?)
}

fn oom_kills_of(vmstat: &str) -> Option<u64> {
    vmstat.lines().find_map(|line| line.strip_prefix("oom_kill "))?.trim().parse().ok()
}

/// Memory that a process has touched and that is free again only when it ends, in MiB: of a QEMU, the guest's RAM and its own.
/// `None` if it is gone (proc_pid_status(5)).
pub fn resident_mib(pid: u32) -> Option<u64> {
    resident_of(&std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?)
}

fn resident_of(status: &str) -> Option<u64> {
    let kib = |key: &str| -> Option<u64> {
        let value = status.lines().find_map(|line| line.strip_prefix(key))?;
        value.trim().strip_suffix("kB")?.trim().parse().ok()
    };
    // Files that it maps, QEMU's program among them, the kernel can drop.
    Some((kib("RssAnon:")? + kib("RssShmem:").unwrap_or(0)) >> 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    const V2: &str = "30 23 0:26 / /sys/fs/cgroup rw shared:4 - cgroup2 cgroup2 rw\n";

    fn host(files: &[(&str, &str)]) -> (tempfile::TempDir, HostReader) {
        let root = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = root.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        let reader = HostReader::below(root.path());
        (root, reader)
    }

    fn psi(some: f32, full: f32) -> String {
        let line = |kind, avg10| format!("{kind} avg10={avg10:.2} avg60=1.00 avg300=2.00 total=3\n");
        line("some", some) + &line("full", full)
    }

    #[test]
    fn host_and_control_groups_are_read() {
        let (memory, group, io) = (psi(1.5, 0.5), psi(12.25, 3.0), psi(80.0, 40.0));
        let (root, reader) = host(&[
            ("proc/meminfo", "MemTotal: 9 kB\nMemAvailable: 8192000 kB\n"),
            ("proc/pressure/memory", &memory),
            ("proc/pressure/io", &io),
            ("proc/self/mountinfo", V2),
            ("proc/self/cgroup", "0::/slice/job\n"),
            ("sys/fs/cgroup/slice/memory.high", "1073741824\n"),
            ("sys/fs/cgroup/slice/memory.current", "536870912\n"),
            ("sys/fs/cgroup/slice/memory.pressure", &group),
        ]);
        let state = reader.read(root.path());
        assert_eq!(state.available_mib, Some(512), "the group's");
        assert_eq!(state.pressure, Pressure { memory: 12.25, io: 40.0 });
        assert!(state.disk.record_mib.is_some());
        std::fs::write(root.path().join("proc/meminfo"), "MemAvailable: 102400 kB\n").unwrap();
        assert_eq!(reader.read(root.path()).available_mib, Some(100), "it is read again");
    }

    #[test]
    fn host_without_psi_and_control_groups_is_read() {
        let (root, reader) = host(&[]);
        let state = reader.read(&root.path().join("not there"));
        assert_eq!(HostState { disk: DiskSpace::default(), ..state }, HostState::default());
        assert_eq!(state.disk.record_mib, None);
        let (root, reader) = host(&[("proc/pressure/memory", "damaged"), ("proc/meminfo", "MemAvailable: x kB\n")]);
        assert_eq!(HostState { disk: DiskSpace::default(), ..reader.read(root.path()) }, HostState::default());
    }

    #[test]
    fn oom_kills_are_counted() {
        assert_eq!(oom_kills_of("pgfault 7\noom_kill 3\noom_kill_x 4\n"), Some(3));
        assert_eq!(oom_kills_of("pgfault 7\n"), None);
    }

    #[test]
    fn resident_memory_is_that_without_files() {
        let status =
            "Name:\tqemu\nVmRSS:\t  300000 kB\nRssAnon:\t  102400 kB\nRssFile:\t   90000 kB\nRssShmem:\t   1024 kB\n";
        assert_eq!(resident_of(status), Some(101));
        assert_eq!(resident_of("Name:\tkthreadd\n"), None);
        assert!(resident_mib(std::process::id()).is_some());
    }
}
