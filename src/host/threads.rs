//! QEMU as the host's kernel accounts for it: CPU time and run delay of the vCPU threads, job control, CPU pressure.

use super::readings::avg10;
use model::ThreadTime;
use qapi_qmp::CpuInfoFastBase;
use std::path::Path;

/// Thread ids of the vCPUs; ids that are negative or above `u32::MAX` are left out.
pub fn vcpu_threads(vcpus: &[CpuInfoFastBase]) -> Vec<u32> {
    vcpus.iter().filter_map(|vcpu| u32::try_from(vcpu.thread_id).ok()).collect()
}

/// CPU time and run delay of `threads` of process `pid`, in the order of `threads`. `None` if `threads` is empty, a thread
/// is gone, or the kernel has no `CONFIG_SCHED_INFO`.
///
/// `/proc/<pid>/task/<tid>/schedstat`: time on a CPU and time on a runqueue in nanoseconds, number of time slices
/// (Linux, `Documentation/scheduler/sched-stats.rst`).
pub fn thread_times(pid: u32, threads: &[u32]) -> Option<Vec<ThreadTime>> {
    if threads.is_empty() {
        return None;
    }
    threads.iter().map(|tid| thread_time(Path::new("/proc"), pid, *tid)).collect()
}

fn thread_time(proc: &Path, pid: u32, tid: u32) -> Option<ThreadTime> {
    let text = std::fs::read_to_string(proc.join(format!("{pid}/task/{tid}/schedstat"))).ok()?;
    let mut fields = text.split_whitespace().map(str::parse::<u64>);
    let (ran_ns, waited_ns) = (fields.next()?.ok()?, fields.next()?.ok()?);
    Some(ThreadTime { ran_us: ran_ns / 1000, waited_us: waited_ns / 1000 })
}

/// Whether process `pid` is stopped: by SIGSTOP, by a debugger, or by the freezer of its cgroup v2. `false` if it is gone.
pub fn is_stopped(pid: u32) -> bool {
    is_stopped_below(Path::new("/proc"), Path::new("/sys/fs/cgroup"), pid)
}

/// State `T` or `t` of proc_pid_stat(5); `frozen` of `cgroup.events` (Linux, `Documentation/admin-guide/cgroup-v2.rst`).
fn is_stopped_below(proc: &Path, cgroups: &Path, pid: u32) -> bool {
    let read = |path: &Path| std::fs::read_to_string(path).unwrap_or_default();
    let process = proc.join(pid.to_string());
    let stat = read(&process.join("stat"));
    if stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with(['T', 't'])) {
        return true;
    }
    let groups = read(&process.join("cgroup"));
    let group = groups.lines().find_map(|line| line.strip_prefix("0::/"));
    group.is_some_and(|group| read(&cgroups.join(group).join("cgroup.events")).lines().any(|line| line == "frozen 1"))
}

/// PSI `some avg10` of the host's CPUs in percent (Linux, `Documentation/accounting/psi.rst`).
pub fn cpu_pressure() -> Option<f32> {
    avg10(&std::fs::read_to_string("/proc/pressure/cpu").ok()?, "some")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vcpu_threads_skips_impossible_ids() {
        let vcpu = |thread_id| CpuInfoFastBase { thread_id, cpu_index: 0, qom_path: String::new(), props: None };
        assert_eq!(vcpu_threads(&[vcpu(41), vcpu(-1), vcpu(i64::MAX)]), [41]);
    }

    #[test]
    fn stopped_and_frozen_processes_are_recognised() {
        let dir = tempfile::tempdir().unwrap();
        let (proc, groups) = (dir.path().join("proc"), dir.path().join("groups"));
        std::fs::create_dir_all(proc.join("7")).unwrap();
        std::fs::create_dir_all(groups.join("a/b")).unwrap();
        let stopped = || is_stopped_below(&proc, &groups, 7);
        for (state, expected) in [("S", false), ("T", true), ("t", true), ("R", false)] {
            std::fs::write(proc.join("7/stat"), format!("7 (a) T b) {state} 1 7 7")).unwrap();
            assert_eq!(stopped(), expected, "{state}");
        }
        std::fs::write(proc.join("7/cgroup"), "1:name=x:/other\n0::/a/b\n").unwrap();
        for (events, expected) in [("populated 1\nfrozen 0\n", false), ("populated 1\nfrozen 1\n", true)] {
            std::fs::write(groups.join("a/b/cgroup.events"), events).unwrap();
            assert_eq!(stopped(), expected, "{events}");
        }
        assert!(!is_stopped_below(&proc, &groups, 8), "no such process");
    }

    #[test]
    fn schedstat_and_psi_are_parsed() {
        let dir = tempfile::tempdir().unwrap();
        let task = dir.path().join("7/task/8");
        std::fs::create_dir_all(&task).unwrap();
        std::fs::write(task.join("schedstat"), "2000000 3000000 17\n").unwrap();
        assert_eq!(thread_time(dir.path(), 7, 8), Some(ThreadTime { ran_us: 2000, waited_us: 3000 }));
        assert_eq!(thread_time(dir.path(), 7, 9), None);
        assert_eq!(avg10("some avg10=12.50 avg60=1.0 avg300=0 total=5\n", "some"), Some(12.5));
    }
}
