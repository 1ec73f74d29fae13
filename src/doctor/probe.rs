//! Inspection of the host.

use super::{CannotInstall, Examination, Facts, Kvm, Need, Privilege, Requirement};
use crate::host::{Captured, Limits, Resources, cached_opensbi, capture_blocking, has_sandbox, opensbi_version};
use std::collections::BTreeSet;
use std::fs::{self, OpenOptions};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// What a program may take to describe itself or a package.
const LIMITS: Limits = Limits { timeout: Duration::from_secs(60), max_stdout: 1 << 20 };

/// Checks the requirements and the host's resources; `cache` is the folder of the cache, which need not exist.
pub fn probe(requirements: &[Requirement], cache: &Path) -> Facts {
    let resources = Resources::of_host();
    let mut facts = Facts {
        cache_free_mib: free_mib(cache),
        ram_available_mib: Resources::available_mib(),
        cpus: Some(resources.cpus as usize),
        limits: limits(&resources),
        kvm: kvm(),
        pressure: Path::new("/proc/pressure/memory").exists(),
        schedstat: fs::read_to_string("/proc/self/schedstat").is_ok_and(|text| counts(&text)),
        ..Facts::default()
    };
    look_for(requirements, &mut facts);
    for (program, version) in facts.programs.iter_mut().filter(|(program, _)| program.starts_with("qemu-")) {
        facts.sandbox.insert(program.clone(), has_sandbox(program));
        *version = find(program).map(|path| self::version(&path)).unwrap_or_default();
    }
    look_at_firmware(cache, &mut facts);
    facts
}

/// Notes the firmware of the architectures whose QEMU is there.
fn look_at_firmware(cache: &Path, facts: &mut Facts) {
    let with_firmware = arch::ALL.iter().filter(|arch| arch.qemu.opensbi.is_some());
    for arch in with_firmware.filter(|arch| facts.programs.contains_key(arch.qemu.program)) {
        let Some(version) = opensbi_version(arch.qemu.program, arch.qemu.machine) else { continue };
        facts.opensbi.insert(arch.name.to_owned(), version.to_string());
        if version.is_unsound() {
            facts.opensbi_unsound.insert(arch.name.to_owned());
            let cached = cached_opensbi(cache, *arch).map(|cached| (arch.name.to_owned(), cached));
            facts.opensbi_cached.extend(cached);
        }
    }
}

/// Requirements that the host does not meet.
pub fn missing(requirements: &[Requirement]) -> Vec<Requirement> {
    let mut facts = Facts::default();
    look_for(requirements, &mut facts);
    Examination::new(requirements, facts).missing
}

/// Notes which programs and files there are.
fn look_for(requirements: &[Requirement], facts: &mut Facts) {
    for one in requirements {
        match one.need {
            Need::Program(program) => {
                if find(program).is_some() {
                    facts.programs.insert(program.to_owned(), String::new());
                }
            }
            Need::File(file) | Need::FileOf { file, .. } => {
                if Path::new(file).exists() {
                    facts.files.insert(file.to_owned());
                }
            }
        }
    }
}

/// How the user can install packages.
///
/// # Errors
/// When the host has no apt, or the user cannot become root.
pub fn privilege() -> Result<Privilege, CannotInstall> {
    find("apt-get").ok_or(CannotInstall::NoApt)?;
    if rustix::process::geteuid().is_root() {
        return Ok(Privilege::Root);
    }
    find("sudo").map(|_| Privilege::Sudo).ok_or(CannotInstall::NoPrivilege)
}

/// The packages that apt can install.
pub fn apt_knows<'a>(packages: impl IntoIterator<Item = &'a str>) -> BTreeSet<String> {
    packages.into_iter().filter(|package| has_candidate(package)).map(str::to_owned).collect()
}

fn has_candidate(package: &str) -> bool {
    let mut command = Command::new("apt-cache");
    command.args(["policy", package]).env("LC_ALL", "C");
    capture_blocking(command, LIMITS).and_then(Captured::text).is_ok_and(|text| candidate(&text))
}

/// Whether `apt-cache policy` names a version that can be installed.
fn candidate(policy: &str) -> bool {
    policy.lines().filter_map(|line| line.trim().strip_prefix("Candidate: ")).any(|version| version != "(none)")
}

fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).map(|folder| folder.join(program)).find(|file| file.is_file())
}

/// The first line of a program's `--version`; empty if it does not run.
fn version(program: &Path) -> String {
    let mut command = Command::new(program);
    command.arg("--version");
    let text = capture_blocking(command, LIMITS).and_then(Captured::text).unwrap_or_default();
    text.lines().next().unwrap_or_default().to_owned()
}

/// Free space of the file system on which `path`, or the nearest folder above it that exists, lies.
fn free_mib(path: &Path) -> Option<u64> {
    let existing = path.ancestors().find(|folder| folder.exists())?;
    let stat = rustix::fs::statvfs(existing).ok()?;
    Some(stat.f_bavail.saturating_mul(stat.f_frsize) >> 20)
}

fn limits(resources: &Resources) -> Vec<String> {
    let cpus = resources.cpu_limit.iter().map(ToString::to_string);
    let ram = resources.ram_limit.iter().map(ToString::to_string);
    let files = (resources.files.guests() < resources.cpus).then(|| resources.files.to_string());
    cpus.chain(ram).chain(files).collect()
}

fn kvm() -> Kvm {
    match OpenOptions::new().read(true).write(true).open("/dev/kvm") {
        Ok(_) => Kvm::Opens,
        Err(error) if error.kind() == ErrorKind::PermissionDenied => Kvm::Denied,
        Err(_) => Kvm::Absent,
    }
}

/// Whether a line of `schedstat` shows any time on a CPU (`Documentation/scheduler/sched-stats.rst`).
fn counts(schedstat: &str) -> bool {
    schedstat.split_whitespace().next().is_some_and(|running_ns| running_ns != "0")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_found_on_the_path() {
        let require = |program| Requirement {
            what: String::new(),
            need: Need::Program(program),
            purpose: String::new(),
            packages: Vec::new(),
        };
        let facts = probe(&[require("sh"), require("no-such-program")], Path::new("/no/such/cache"));
        assert_eq!(facts.programs.keys().collect::<Vec<_>>(), ["sh"]);
        assert!(facts.cache_free_mib.is_some() && facts.ram_available_mib.is_some());
    }

    #[test]
    fn virtual_and_unknown_packages_are_not_candidates() {
        assert!(candidate("gcc:\n  Installed: (none)\n  Candidate: 4:12.2.0-3\n"));
        assert!(!candidate("gcc-x86-64-linux-gnu:\n  Installed: (none)\n  Candidate: (none)\n"));
        assert!(!candidate(""));
    }

    #[test]
    fn figures_are_read_from_proc() {
        assert!(counts("123 4 5\n") && !counts("0 0 0\n") && !counts(""));
    }
}
