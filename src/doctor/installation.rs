//! Commands that install missing requirements.

use super::Requirement;
use std::collections::BTreeSet;
use std::fmt;

/// A command line, as it is shown and as it is run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command(pub Vec<String>);

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(" "))
    }
}

/// How the user becomes root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Privilege {
    /// The user is root.
    Root,
    /// By `sudo`.
    Sudo,
}

/// Debian packages, sorted.
pub type Packages = BTreeSet<&'static str>;

/// Why missing requirements cannot be installed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CannotInstall {
    /// The host is not a Debian.
    #[error("this host has no apt-get: install what is missing with its package manager")]
    NoApt,
    /// The user is not root and cannot become root.
    #[error("not root, and there is no sudo: run this as root, or install what is missing as root")]
    NoPrivilege,
    /// apt knows none of the packages.
    #[error("no package for {what}: apt knows none of {packages}; is the main component of the archive enabled?")]
    NoPackage {
        /// The missing requirement.
        what: String,
        /// The packages that have it.
        packages: String,
    },
}

/// The command that updates apt's package lists.
pub fn update(privilege: Privilege) -> Command {
    apt_get(privilege, ["update"])
}

/// The command that installs the missing requirements; of alternative packages the first that apt knows.
///
/// # Errors
/// When apt knows no package of a requirement.
pub fn installation(
    missing: &[Requirement],
    known: &BTreeSet<String>,
    privilege: Privilege,
) -> Result<Command, CannotInstall> {
    let mut packages = Packages::new();
    for one in missing {
        let package = one.packages.iter().find(|package| known.contains(**package));
        packages.insert(
            package.ok_or_else(|| CannotInstall::NoPackage {
                what: one.what.clone(),
                packages: one.packages.join(", "),
            })?,
        );
    }
    Ok(apt_get(privilege, ["install", "--yes", "--no-install-recommends"].into_iter().chain(packages)))
}

fn apt_get<'a>(privilege: Privilege, words: impl IntoIterator<Item = &'a str>) -> Command {
    let prefix: &[&str] = match privilege {
        Privilege::Root => &[],
        Privilege::Sudo => &["sudo"],
    };
    let program = ["env", "DEBIAN_FRONTEND=noninteractive", "apt-get"];
    Command(prefix.iter().copied().chain(program).chain(words).map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Need;

    fn emulator() -> Requirement {
        Requirement {
            what: "qemu-system-riscv64".to_owned(),
            need: Need::Program("qemu-system-riscv64"),
            purpose: "boot riscv64".to_owned(),
            packages: vec!["qemu-system-riscv", "qemu-system-misc"],
        }
    }

    fn known(packages: &[&str]) -> BTreeSet<String> {
        packages.iter().map(|package| (*package).to_owned()).collect()
    }

    #[test]
    fn first_known_package_is_installed() {
        let line = |names: &[&str]| installation(&[emulator()], &known(names), Privilege::Root).unwrap().to_string();
        assert!(line(&["qemu-system-misc", "qemu-system-riscv"]).ends_with(" qemu-system-riscv"));
        assert!(line(&["qemu-system-misc"]).ends_with(" qemu-system-misc"));
    }

    #[test]
    fn shared_package_is_installed_once() {
        let line = installation(&[emulator(), emulator()], &known(&["qemu-system-misc"]), Privilege::Root).unwrap();
        assert_eq!(line.0.iter().filter(|word| *word == "qemu-system-misc").count(), 1);
    }

    #[test]
    fn unknown_packages_are_named() {
        let error = installation(&[emulator()], &known(&[]), Privilege::Root).unwrap_err().to_string();
        assert!(error.contains("qemu-system-riscv64") && error.contains("qemu-system-misc"), "{error}");
    }

    #[test]
    fn sudo_is_used_unless_root() {
        assert_eq!(update(Privilege::Sudo).to_string(), "sudo env DEBIAN_FRONTEND=noninteractive apt-get update");
        assert_eq!(update(Privilege::Root).to_string(), "env DEBIAN_FRONTEND=noninteractive apt-get update");
    }
}
