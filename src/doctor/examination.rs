//! The host against the requirements.

use super::{Facts, Kvm, Need, Requirement};
use serde::Serialize;
use std::collections::BTreeMap;

/// Minimum free space for a first run, which fetches kernels and builds one, in MiB.
const MIN_CACHE_MIB: u64 = 8 * 1024;
/// Minimum RAM for two cells beside the compilation of a kernel, in MiB.
const MIN_RAM_MIB: u64 = 1024;

/// Version of the format of an examination; incremented when a key is removed or changes its meaning.
pub const EXAMINATION_SCHEMA: u32 = 1;

/// The result of checking the host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Examination {
    /// Version of the JSON document: [`EXAMINATION_SCHEMA`].
    pub schema: u32,
    /// Requirements that the host does not meet.
    pub missing: Vec<Missing>,
    /// Limitations that prevent nothing.
    pub notes: Vec<String>,
    /// The facts behind it.
    pub facts: Facts,
}

/// A requirement that the host does not meet.
pub type Missing = Requirement;

impl Examination {
    /// Compares the requirements with the facts.
    pub fn new(requirements: &[Requirement], facts: Facts) -> Self {
        let missing = requirements.iter().filter(|one| is_missing(&one.need, &facts)).cloned().collect();
        let notes = notes(&facts);
        Self { schema: EXAMINATION_SCHEMA, missing, notes, facts }
    }

    /// Whether the host meets every requirement.
    pub fn is_complete(&self) -> bool {
        self.missing.is_empty()
    }
}

fn is_missing(need: &Need, facts: &Facts) -> bool {
    match need {
        Need::Program(program) => !facts.programs.contains_key(*program),
        Need::File(file) => !facts.files.contains(*file),
        Need::FileOf { program, file } => facts.programs.contains_key(*program) && !facts.files.contains(*file),
    }
}

fn notes(facts: &Facts) -> Vec<String> {
    let mut notes = vec![match facts.kvm {
        Kvm::Opens => "/dev/kvm opens; a tiny guest tests it before the first run".to_owned(),
        Kvm::Denied => "/dev/kvm cannot be opened: guests run under TCG (adduser $USER kvm)".to_owned(),
        Kvm::Absent => "no /dev/kvm: guests run under TCG".to_owned(),
    }];
    notes.extend(sandbox(&facts.sandbox));
    notes.extend(facts.opensbi.iter().map(|(arch, version)| firmware(arch, version, facts)));
    if let Some(free) = facts.cache_free_mib.filter(|free| *free < MIN_CACHE_MIB) {
        notes.push(format!(
            "{free} MiB of disk are free for the cache; building kernels takes up to {MIN_CACHE_MIB} MiB"
        ));
    }
    if let Some(ram) = facts.ram_available_mib.filter(|ram| *ram < MIN_RAM_MIB) {
        notes.push(format!("{ram} MiB of memory are available; fewer cells than usual run in parallel"));
    }
    notes.extend(facts.limits.iter().cloned());
    if !facts.pressure {
        notes.push("no /proc/pressure: an overloaded host is detected later (CONFIG_PSI, or psi=1 at boot)".to_owned());
    }
    if !facts.schedstat {
        notes.push("/proc/self/schedstat does not count: a guest starved by the host looks slow".to_owned());
    }
    notes
}

fn firmware(arch: &str, version: &str, facts: &Facts) -> String {
    match facts.opensbi_cached.get(arch) {
        _ if !facts.opensbi_unsound.contains(arch) => format!("OpenSBI {version} of QEMU starts guests of {arch}"),
        Some(cached) => {
            format!("OpenSBI {cached} of the cache starts guests of {arch}: QEMU's {version} may start vCPUs wrongly")
        }
        None => format!(
            "OpenSBI {version} of QEMU may start vCPUs of {arch} at a wrong address: the first run fetches a newer one"
        ),
    }
}

fn sandbox(qemus: &BTreeMap<String, bool>) -> Vec<String> {
    let names =
        |has: bool| qemus.iter().filter(|(_, it)| **it == has).map(|(name, _)| name.as_str()).collect::<Vec<_>>();
    let (with, without) = (names(true).join(", "), names(false).join(", "));
    let with = (!with.is_empty()).then(|| format!("seccomp sandbox: guests of {with} run with it"));
    let without = (!without.is_empty()).then(|| {
        format!("no seccomp sandbox in {without}: its guests run without; use a QEMU built with --enable-seccomp")
    });
    with.into_iter().chain(without).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::{Uses, requirements};
    use arch::ALL;

    /// A host that meets every requirement.
    fn complete(requirements: &[Requirement]) -> Facts {
        let mut facts = Facts { pressure: true, schedstat: true, ..Facts::default() };
        for one in requirements {
            match one.need {
                Need::Program(program) => drop(facts.programs.insert(program.to_owned(), String::new())),
                Need::File(file) | Need::FileOf { file, .. } => drop(facts.files.insert(file.to_owned())),
            }
        }
        facts
    }

    #[test]
    fn complete_host_lacks_nothing() {
        let needed = requirements(&Uses::all(ALL), "x86_64");
        let examination = Examination::new(&needed, complete(&needed));
        assert!(examination.is_complete());
        assert_eq!(examination.notes, ["no /dev/kvm: guests run under TCG"]);
    }

    #[test]
    fn each_requirement_is_checked() {
        let needed = requirements(&Uses::all(ALL), "x86_64");
        for one in &needed {
            let mut facts = complete(&needed);
            match one.need {
                Need::Program(program) => drop(facts.programs.remove(program)),
                Need::File(file) | Need::FileOf { file, .. } => drop(facts.files.remove(file)),
            }
            assert_eq!(Examination::new(&needed, facts).missing, std::slice::from_ref(one));
        }
    }

    #[test]
    fn firmware_is_not_missed_before_its_emulator() {
        let needed = requirements(&Uses::all(ALL), "x86_64");
        let mut facts = complete(&needed);
        facts.programs.remove("qemu-system-riscv64");
        facts.files.retain(|file| !file.contains("opensbi"));
        let missing = Examination::new(&needed, facts).missing;
        assert_eq!(missing.iter().map(|one| one.what.as_str()).collect::<Vec<_>>(), ["qemu-system-riscv64"]);
    }

    #[test]
    fn notes_say_which_qemu_has_a_sandbox() {
        let sandbox = [("a", true), ("b", false), ("c", true)].map(|(name, has)| (name.to_owned(), has)).into();
        let notes = Examination::new(&[], Facts { sandbox, ..Facts::default() }).notes;
        assert!(notes.contains(&"seccomp sandbox: guests of a, c run with it".to_owned()), "{notes:?}");
        assert!(notes.iter().any(|note| note.starts_with("no seccomp sandbox in b: ")), "{notes:?}");
    }

    #[test]
    fn notes_say_which_firmware_starts_guests() {
        let map = |version: &str| BTreeMap::from([("riscv64".to_owned(), version.to_owned())]);
        let sound = Facts { opensbi: map("1.6"), ..Facts::default() };
        let opensbi_unsound = ["riscv64".to_owned()].into();
        let old = Facts { opensbi: map("1.1"), opensbi_unsound, ..Facts::default() };
        let cached = Facts { opensbi_cached: map("1.6-1"), ..old.clone() };
        for (facts, start) in [
            (sound, "OpenSBI 1.6 of QEMU starts guests of riscv64"),
            (old, "OpenSBI 1.1 of QEMU may start vCPUs of riscv64 at a wrong address"),
            (cached, "OpenSBI 1.6-1 of the cache starts guests of riscv64: QEMU's 1.1"),
        ] {
            let notes = Examination::new(&[], facts).notes;
            assert!(notes.iter().any(|note| note.starts_with(start)), "{notes:?}");
        }
    }

    #[test]
    fn small_host_has_notes() {
        let limits = vec!["cgroup limit /g/cpu.max: 1 CPU".to_owned()];
        let facts = Facts { cache_free_mib: Some(100), ram_available_mib: Some(300), limits, ..Facts::default() };
        let notes = Examination::new(&[], facts).notes.join("\n");
        for word in ["100 MiB of disk", "300 MiB of memory", "/proc/pressure", "schedstat", "/g/cpu.max"] {
            assert!(notes.contains(word), "{notes}");
        }
    }
}
