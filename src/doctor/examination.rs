//! The host against the requirements.

use super::{Facts, Kvm, Need, Requirement};
use serde::Serialize;

/// A first run fetches kernels and builds one; their trees and artefacts take this much, in MiB.
const CACHE_MIB: u64 = 8 * 1024;
/// The smallest RAM with which two cells run while a kernel compiles, in MiB.
const RAM_MIB: u64 = 1024;

/// What the host has and lacks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Examination {
    /// What must be installed before everything works.
    pub missing: Vec<Missing>,
    /// What is worth knowing and stops nothing.
    pub notes: Vec<String>,
    /// What was found.
    pub facts: Facts,
}

/// Something that the host lacks.
pub type Missing = Requirement;

impl Examination {
    /// Compares what is needed with what was found.
    pub fn new(requirements: &[Requirement], facts: Facts) -> Self {
        let missing = requirements.iter().filter(|one| is_missing(&one.need, &facts)).cloned().collect();
        let notes = notes(&facts);
        Self { missing, notes, facts }
    }

    /// Whether everything works on this host.
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
        Kvm::Opens => "/dev/kvm opens; a tiny guest proves before the first run whether it works".to_owned(),
        Kvm::Denied => "/dev/kvm is closed to this user: guests are emulated (adduser $USER kvm)".to_owned(),
        Kvm::Absent => "no /dev/kvm: guests are emulated".to_owned(),
    }];
    if let Some(free) = facts.cache_free_mib.filter(|free| *free < CACHE_MIB) {
        notes.push(format!("{free} MiB of disk are free for the cache; building kernels takes up to {CACHE_MIB} MiB"));
    }
    if let Some(ram) = facts.ram_available_mib.filter(|ram| *ram < RAM_MIB) {
        notes.push(format!("{ram} MiB of memory are available; fewer cells than usual run at a time"));
    }
    if !facts.pressure {
        notes.push("no /proc/pressure: a crowded host is noticed later (CONFIG_PSI, or psi=1 at boot)".to_owned());
    }
    if !facts.schedstat {
        notes.push("/proc/self/schedstat counts nothing: a guest starved by the host looks slow".to_owned());
    }
    notes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::requirements;
    use arch::ALL;

    /// A host that has all that is required.
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
    fn a_complete_host_lacks_nothing() {
        let needed = requirements(ALL, "x86_64");
        let examination = Examination::new(&needed, complete(&needed));
        assert!(examination.is_complete());
        assert_eq!(examination.notes, ["no /dev/kvm: guests are emulated"]);
    }

    #[test]
    fn each_requirement_is_missed() {
        let needed = requirements(ALL, "x86_64");
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
        let needed = requirements(ALL, "x86_64");
        let mut facts = complete(&needed);
        facts.programs.remove("qemu-system-riscv64");
        facts.files.retain(|file| !file.contains("opensbi"));
        let missing = Examination::new(&needed, facts).missing;
        assert_eq!(missing.iter().map(|one| one.what.as_str()).collect::<Vec<_>>(), ["qemu-system-riscv64"]);
    }

    #[test]
    fn a_small_host_is_told_what_to_expect() {
        let facts = Facts { cache_free_mib: Some(100), ram_available_mib: Some(300), ..Facts::default() };
        let notes = Examination::new(&[], facts).notes.join("\n");
        for word in ["100 MiB of disk", "300 MiB of memory", "/proc/pressure", "schedstat"] {
            assert!(notes.contains(word), "{notes}");
        }
    }
}
