//! An examination as text.

use super::{Examination, Missing};
use std::fmt::Write;

/// The examination for a terminal: missing requirements first, each with its remedy.
pub fn text(examination: &Examination) -> String {
    let mut out = remedies(&examination.missing);
    if examination.is_complete() {
        for (program, version) in examination.facts.programs.iter().filter(|(name, _)| name.starts_with("qemu-")) {
            let _ = writeln!(out, "{program}: {version}");
        }
    }
    for note in &examination.notes {
        let _ = writeln!(out, "note: {note}");
    }
    let _ = match examination.missing.len() {
        0 => writeln!(out, "this host has everything that is needed"),
        count => writeln!(out, "{count} missing; `oomlab doctor --fix` installs what is missing on Debian and Ubuntu"),
    };
    out
}

/// Missing requirements, each with what it is for and its remedy.
pub fn remedies(missing: &[Missing]) -> String {
    let mut out = String::new();
    missing.iter().for_each(|one| describe(&mut out, one));
    out
}

fn describe(out: &mut String, missing: &Missing) {
    let _ = writeln!(out, "missing: {}", missing.what);
    let _ = writeln!(out, "  needed to {}", missing.purpose);
    let (first, others) = missing.packages.split_first().expect("every requirement names a package");
    let others: String = others.iter().map(|package| format!(" (or {package})")).collect();
    let _ = writeln!(out, "  on Debian: apt install {first}{others}");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::{Facts, Uses, requirements};
    use arch::ALL;

    #[test]
    fn missing_requirements_have_purpose_and_remedy() {
        let text = text(&Examination::new(&requirements(&Uses::all(ALL), "x86_64"), Facts::default()));
        let cross = ALL.iter().filter(|arch| arch.guest.cc == "riscv64-linux-gnu-gcc");
        let purposes: Vec<_> =
            cross.map(|arch| format!("build the guest agent and kernels for {}", arch.name)).collect();
        for line in [
            "missing: riscv64-linux-gnu-gcc",
            &format!("  needed to {}", purposes.join(", ")),
            "  on Debian: apt install qemu-system-riscv (or qemu-system-misc)",
            "note: no /dev/kvm: guests run under TCG",
        ] {
            assert!(text.lines().any(|found| found == line), "{line:?} is not in:\n{text}");
        }
    }

    #[test]
    fn complete_host_is_reported() {
        let facts = Facts { programs: [("qemu-system-arm".to_owned(), "7.2.1".to_owned())].into(), ..Facts::default() };
        let text = text(&Examination::new(&[], facts));
        assert!(text.starts_with("qemu-system-arm: 7.2.1\n"), "{text}");
        assert!(text.ends_with("this host has everything that is needed\n"), "{text}");
    }
}
