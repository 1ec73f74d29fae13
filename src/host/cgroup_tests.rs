//! Groups of hosts with version 2, with version 1, with both, and of containers.

use super::*;

pub(super) const V2: &str = "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n";
const V1: &str = "32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n\
    34 31 0:31 / /sys/fs/cgroup/cpuset rw,relatime - cgroup cgroup rw,cpuset\n\
    35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory\n";

/// A host with these files; `proc/self/mountinfo` and the CPUs 0 to 7 are among them.
pub(super) fn host(mountinfo: &str, cgroup: &str, files: &[(&str, &str)]) -> (tempfile::TempDir, Cgroups) {
    let root = tempfile::tempdir().unwrap();
    let common =
        [("proc/self/mountinfo", mountinfo), ("proc/self/cgroup", cgroup), ("sys/devices/system/cpu/online", "0-7\n")];
    for (name, text) in common.iter().chain(files) {
        let path = root.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let cgroups = Cgroups::below(root.path());
    (root, cgroups)
}

fn memory(cgroups: &Cgroups) -> String {
    cgroups.memory().map_or_else(String::new, |limit| limit.to_string())
}

fn cpus(cgroups: &Cgroups) -> String {
    cgroups.cpus().map_or_else(String::new, |limit| limit.to_string())
}

#[test]
fn limits_of_ancestors_count() {
    let (_root, cgroups) = host(
        V2,
        "0::/slice/job\n",
        &[
            ("sys/fs/cgroup/slice/job/memory.max", "max\n"),
            ("sys/fs/cgroup/slice/job/memory.high", "max\n"),
            ("sys/fs/cgroup/slice/job/cpu.max", "max 100000\n"),
            ("sys/fs/cgroup/slice/memory.max", "1073741824\n"),
            ("sys/fs/cgroup/slice/memory.current", "838860800\n"),
            ("sys/fs/cgroup/slice/memory.stat", "anon 1\ninactive_file 209715200\nactive_file 5\n"),
            ("sys/fs/cgroup/slice/cpu.max", "150000 100000\n"),
        ],
    );
    let slice = "cgroup limit /sys/fs/cgroup/slice";
    assert_eq!(memory(&cgroups), format!("{slice}/memory.max: 1024 MiB of memory, 424 MiB of it free"));
    assert_eq!(cpus(&cgroups), format!("{slice}/cpu.max: 1.5 CPUs"));
}

#[test]
fn tightest_limit_is_named() {
    let (_root, cgroups) = host(
        V2,
        "0::/job\n",
        &[
            ("sys/fs/cgroup/job/memory.max", "1073741824\n"),
            ("sys/fs/cgroup/job/memory.high", "536870912\n"),
            ("sys/fs/cgroup/job/cpu.max", "400000 100000\n"),
            ("sys/fs/cgroup/job/cpuset.cpus.effective", "0,2-3\n"),
        ],
    );
    assert!(memory(&cgroups).starts_with("cgroup limit /sys/fs/cgroup/job/memory.high: 512 MiB"), "{cgroups:?}");
    assert_eq!(cpus(&cgroups), "cgroup limit /sys/fs/cgroup/job/cpuset.cpus.effective: 3 CPUs");
}

#[test]
fn version_1_has_a_hierarchy_for_each_controller() {
    let (_root, cgroups) = host(
        V1,
        "4:memory:/job\n3:cpuset:/\n2:cpu,cpuacct:/job/step\n1:name=systemd:/\n",
        &[
            ("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n"),
            ("sys/fs/cgroup/memory/job/memory.limit_in_bytes", "268435456\n"),
            ("sys/fs/cgroup/memory/job/memory.usage_in_bytes", "104857600\n"),
            ("sys/fs/cgroup/memory/job/memory.stat", "inactive_file 0\ntotal_inactive_file 52428800\n"),
            ("sys/fs/cgroup/cpuset/cpuset.effective_cpus", "0-7\n"),
            ("sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_quota_us", "50000\n"),
            ("sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_period_us", "100000\n"),
            ("sys/fs/cgroup/cpu,cpuacct/job/step/cpu.cfs_quota_us", "-1\n"),
            ("sys/fs/cgroup/cpu,cpuacct/job/step/cpu.cfs_period_us", "100000\n"),
        ],
    );
    let file = "/sys/fs/cgroup/memory/job/memory.limit_in_bytes";
    assert_eq!(memory(&cgroups), format!("cgroup limit {file}: 256 MiB of memory, 206 MiB of it free"));
    assert_eq!(cpus(&cgroups), "cgroup limit /sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_quota_us: 0.5 CPUs");
}

#[test]
fn container_is_limited_at_its_mount_point() {
    let mount = "9 8 0:1 /docker/a\\040b /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n";
    let limit = [("sys/fs/cgroup/memory/memory.limit_in_bytes", "1048576\n")];
    for path in ["/docker/a b", "/../elsewhere"] {
        let (_root, cgroups) = host(mount, &format!("4:memory:{path}\n"), &limit);
        assert!(memory(&cgroups).contains("/sys/fs/cgroup/memory/memory.limit_in_bytes: 1 MiB"), "{cgroups:?}");
    }
}

#[test]
fn host_without_limits_has_none() {
    for (mountinfo, cgroup) in [("", ""), (V2, "0::/\n"), (V1, "4:memory:/\n"), ("damaged", "damaged:\n::::\n")] {
        let (_root, cgroups) = host(mountinfo, cgroup, &[("sys/fs/cgroup/cpuset.cpus.effective", "0-7\n")]);
        assert_eq!((memory(&cgroups), cpus(&cgroups)), (String::new(), String::new()));
    }
}

#[test]
fn reached_limits_are_counted() {
    let (_root, cgroups) = host(
        V2,
        "0::/slice/job\n",
        &[
            ("sys/fs/cgroup/slice/job/memory.max", "max\n"),
            ("sys/fs/cgroup/slice/job/memory.events.local", "low 0\nhigh 0\nmax 0\noom 4\noom_kill 4\n"),
            ("sys/fs/cgroup/slice/memory.max", "301989888\n"),
            ("sys/fs/cgroup/slice/memory.events.local", "low 0\nhigh 0\nmax 9\noom 2\noom_kill 0\n"),
        ],
    );
    let slice = LimitHits { file: "/sys/fs/cgroup/slice/memory.max".into(), limit_mib: 288, hits: 2 };
    assert_eq!(cgroups.limit_hits(), [slice], "a group without a limit has reached none");
    let (_root, cgroups) = host(
        V1,
        "4:memory:/job\n",
        &[
            ("sys/fs/cgroup/memory/job/memory.limit_in_bytes", "301989888\n"),
            ("sys/fs/cgroup/memory/job/memory.failcnt", "0\n"),
            ("sys/fs/cgroup/memory/job/memory.memsw.limit_in_bytes", "301989888\n"),
            ("sys/fs/cgroup/memory/job/memory.memsw.failcnt", "3\n"),
        ],
    );
    assert_eq!(cgroups.limit_hits().iter().map(|limit| limit.hits).collect::<Vec<_>>(), [0, 3]);
}
