//! Memory and CPUs that the control groups of this process allow, versions 1 and 2 (Linux,
//! `Documentation/admin-guide/cgroup-v2.rst`, `cgroup-v1/memory.rst` and `cgroup-v1/cpusets.rst` beside it,
//! `Documentation/scheduler/sched-bwc.rst`). The limits of all ancestors count.

use std::fmt;
use std::path::{Path, PathBuf};

/// Version 1 has no "max": an unlimited group has a number near 2⁶³.
const UNLIMITED: u64 = 1 << 60;

/// A limit of memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemoryLimit {
    /// The file that sets it.
    pub file: PathBuf,
    /// The limit in MiB.
    pub limit_mib: u64,
    /// What of it is free, or used by file pages that the kernel drops first, in MiB.
    pub free_mib: u64,
}

impl fmt::Display for MemoryLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, limit_mib, free_mib } = self;
        write!(f, "cgroup limit {}: {limit_mib} MiB of memory, {free_mib} MiB of it free", file.display())
    }
}

/// How often a limit of memory was reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct LimitHits {
    /// The file that sets it.
    pub file: PathBuf,
    /// The limit in MiB.
    pub limit_mib: u64,
    /// With version 1, also when the kernel could reclaim memory then.
    pub hits: u64,
}

/// A limit of CPUs.
#[derive(Debug, Clone, PartialEq)]
pub struct CpuLimit {
    /// The file that sets it.
    pub file: PathBuf,
    /// Number of CPUs: a quota may be a fraction.
    pub cpus: f64,
}

impl fmt::Display for CpuLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural = if self.cpus == 1.0 { "" } else { "s" };
        write!(f, "cgroup limit {}: {} CPU{plural}", self.file.display(), (self.cpus * 100.0).round() / 100.0)
    }
}

/// The controllers of one hierarchy that matter here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Controller {
    /// All of version 2.
    Unified,
    Memory,
    Cpu,
    Cpuset,
}

/// This process's group in one hierarchy.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Group {
    controller: Controller,
    /// Where the hierarchy is mounted.
    mount: PathBuf,
    /// The group's folder: the mount point, or below it.
    folder: PathBuf,
}

/// The groups of this process.
#[derive(Debug, Clone)]
pub struct Cgroups {
    root: PathBuf,
    groups: Vec<Group>,
}

impl Cgroups {
    /// The groups of this process; none if `/proc` does not tell.
    pub fn of_self() -> Self {
        Self::below(Path::new("/"))
    }

    /// As [`Cgroups::of_self`], with all files below `root`.
    pub(super) fn below(root: &Path) -> Self {
        let read = |name: &str| std::fs::read_to_string(root.join(name)).unwrap_or_default();
        let groups = groups(&read("proc/self/cgroup"), &read("proc/self/mountinfo"));
        Self { root: root.to_owned(), groups }
    }

    /// The groups of a host that has version 2 with these files.
    #[cfg(test)]
    pub(super) fn of_files(cgroup: &str, files: &[(&str, &str)]) -> (tempfile::TempDir, Self) {
        let files: Vec<(String, &str)> =
            files.iter().map(|(name, text)| (format!("sys/fs/cgroup/{name}"), *text)).collect();
        let files: Vec<(&str, &str)> = files.iter().map(|(name, text)| (name.as_str(), *text)).collect();
        tests::host(tests::V2, cgroup, &files)
    }

    /// The limit that leaves the least memory free.
    pub fn memory(&self) -> Option<MemoryLimit> {
        let limits = self.folders().flat_map(|(controller, folder)| self.memory_limits(controller, &folder));
        limits.min_by_key(|limit| limit.free_mib)
    }

    /// How often each limit of memory was reached: `oom` of `memory.events.local`, without those of groups below (Linux 5.2), and the
    /// `failcnt` files of version 1.
    pub(super) fn limit_hits(&self) -> Vec<LimitHits> {
        let hits = |(controller, folder): (Controller, PathBuf)| {
            let hits = |counter: &str, limit: &str| {
                let text = self.read(&folder.join(counter))?;
                let hits =
                    text.lines().find_map(|line| line.strip_prefix("oom ")).unwrap_or(&text).trim().parse().ok()?;
                let file = folder.join(limit);
                let limit_mib = self.number(&file)? >> 20;
                Some(LimitHits { file, limit_mib, hits })
            };
            match controller {
                Controller::Unified => [hits("memory.events.local", "memory.max"), None],
                Controller::Memory => [
                    hits("memory.failcnt", "memory.limit_in_bytes"),
                    hits("memory.memsw.failcnt", "memory.memsw.limit_in_bytes"),
                ],
                Controller::Cpu | Controller::Cpuset => [None, None],
            }
        };
        self.folders().flat_map(hits).flatten().collect()
    }

    /// The limit that leaves the fewest CPUs, if it is below the number of CPUs that are online.
    pub fn cpus(&self) -> Option<CpuLimit> {
        let online = self.read(Path::new("/sys/devices/system/cpu/online")).and_then(|list| count(&list));
        let limits = self.folders().flat_map(|(controller, folder)| self.cpu_limits(controller, &folder));
        let least = limits.min_by(|one, other| one.cpus.total_cmp(&other.cpus));
        least.filter(|limit| online.is_none_or(|online| limit.cpus < f64::from(online)))
    }

    /// What a file of version 2 says, in this process's group and in its ancestors.
    pub(super) fn unified(&self, name: &str) -> Vec<String> {
        let folders = self.folders().filter(|(controller, _)| *controller == Controller::Unified);
        folders.filter_map(|(_, folder)| self.read(&folder.join(name))).collect()
    }

    /// The folders of all groups and of their ancestors.
    fn folders(&self) -> impl Iterator<Item = (Controller, PathBuf)> {
        self.groups.iter().flat_map(|group| {
            let above = group.folder.ancestors().take_while(|folder| folder.starts_with(&group.mount));
            above.map(|folder| (group.controller, folder.to_owned()))
        })
    }

    fn read(&self, file: &Path) -> Option<String> {
        let below = file.strip_prefix("/").unwrap_or(file);
        std::fs::read_to_string(self.root.join(below)).ok()
    }

    fn number(&self, file: &Path) -> Option<u64> {
        self.read(file)?.trim().parse().ok().filter(|number| *number < UNLIMITED)
    }

    fn memory_limits(&self, controller: Controller, folder: &Path) -> Vec<MemoryLimit> {
        let (names, usage, dropped_first): (&[&str], _, _) = match controller {
            Controller::Unified => (&["memory.max", "memory.high"], "memory.current", "inactive_file "),
            Controller::Memory => (&["memory.limit_in_bytes"], "memory.usage_in_bytes", "total_inactive_file "),
            Controller::Cpu | Controller::Cpuset => return Vec::new(),
        };
        let usage = self.number(&folder.join(usage)).unwrap_or(0);
        let stat = self.read(&folder.join("memory.stat")).unwrap_or_default();
        let dropped = stat.lines().find_map(|line| line.strip_prefix(dropped_first)?.trim().parse().ok()).unwrap_or(0);
        let used = usage.saturating_sub(dropped);
        let limits = names.iter().filter_map(|name| {
            let file = folder.join(name);
            let limit = self.number(&file)?;
            Some(MemoryLimit { file, limit_mib: limit >> 20, free_mib: limit.saturating_sub(used) >> 20 })
        });
        limits.collect()
    }

    fn cpu_limits(&self, controller: Controller, folder: &Path) -> Vec<CpuLimit> {
        let quota = || match controller {
            Controller::Unified => {
                let text = self.read(&folder.join("cpu.max"))?;
                let (quota, period) = text.trim().split_once(' ')?;
                limit(folder.join("cpu.max"), quota.parse().ok()?, period.parse().ok()?)
            }
            Controller::Cpu => {
                let quota = self.number(&folder.join("cpu.cfs_quota_us"))?;
                limit(folder.join("cpu.cfs_quota_us"), quota, self.number(&folder.join("cpu.cfs_period_us"))?)
            }
            Controller::Memory | Controller::Cpuset => None,
        };
        let set = || {
            let names: &[&str] = match controller {
                Controller::Unified => &["cpuset.cpus.effective"],
                Controller::Cpuset => &["cpuset.effective_cpus", "cpuset.cpus"],
                Controller::Memory | Controller::Cpu => &[],
            };
            names.iter().find_map(|name| {
                let file = folder.join(name);
                let cpus = f64::from(count(&self.read(&file)?)?);
                Some(CpuLimit { file, cpus })
            })
        };
        quota().into_iter().chain(set()).collect()
    }
}

fn limit(file: PathBuf, quota_us: u64, period_us: u64) -> Option<CpuLimit> {
    (period_us > 0).then(|| CpuLimit { file, cpus: quota_us as f64 / period_us as f64 })
}

/// Number of CPUs in a list such as `0-3,7`; `None` if there is none.
fn count(list: &str) -> Option<u32> {
    let mut sum = 0_u32;
    for range in list.trim().split(',') {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        let (first, last): (u32, u32) = (first.parse().ok()?, last.parse().ok()?);
        sum = sum.saturating_add(last.checked_sub(first)?.saturating_add(1));
    }
    Some(sum)
}

/// The groups of `/proc/self/cgroup` (cgroups(7)) where `/proc/self/mountinfo` (proc_pid_mountinfo(5)) has them.
fn groups(cgroup: &str, mountinfo: &str) -> Vec<Group> {
    let lines = cgroup.lines().filter_map(|line| {
        let (_, rest) = line.split_once(':')?;
        rest.split_once(':')
    });
    let groups = lines.flat_map(|(controllers, path)| {
        let controllers = if controllers.is_empty() { "unified" } else { controllers };
        controllers.split(',').filter_map(move |name| group(name, Path::new(path), mountinfo))
    });
    groups.collect()
}

fn group(name: &str, path: &Path, mountinfo: &str) -> Option<Group> {
    let controller = match name {
        "unified" => Controller::Unified,
        "memory" => Controller::Memory,
        "cpu" => Controller::Cpu,
        "cpuset" => Controller::Cpuset,
        _ => return None,
    };
    mountinfo.lines().find_map(|line| {
        let (before, after) = line.split_once(" - ")?;
        let mut after = after.split(' ');
        let (kind, options) = (after.next()?, after.nth(1)?);
        let is_it = match controller {
            Controller::Unified => kind == "cgroup2",
            _ => kind == "cgroup" && options.split(',').any(|option| option == name),
        };
        let mut before = before.split(' ').skip(3);
        let (root, mount) = (unescape(before.next()?), unescape(before.next()?));
        // A container may see a group's path outside of what is mounted for it: the mount point is its group then.
        let below = path.strip_prefix(&root).unwrap_or(Path::new(""));
        let folder = if below.as_os_str().is_empty() { mount.clone() } else { mount.join(below) };
        is_it.then_some(Group { controller, mount, folder })
    })
}

/// A path of mountinfo: space, tab, newline and backslash are octal there.
fn unescape(text: &str) -> PathBuf {
    let escapes = [("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")];
    escapes.iter().fold(text.to_owned(), |text, (escape, char)| text.replace(escape, char)).into()
}

#[cfg(test)]
#[path = "cgroup_tests.rs"]
mod tests;
