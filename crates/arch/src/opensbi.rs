//! Versions of OpenSBI, the firmware of RISC-V machines.

use std::fmt;

/// A version of OpenSBI.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct OpensbiVersion {
    major: u32,
    minor: u32,
}

impl OpensbiVersion {
    /// The first in which `sbi_hsm_hart_start()` (`lib/sbi/sbi_hsm.c`) sets a hart's start address before its state: in older
    /// ones a hart that is awake may start at the kernel's first instruction.
    const FIRST_SOUND: Self = Self { major: 1, minor: 3 };

    /// Whether it may start a hart at the wrong address.
    pub fn is_unsound(self) -> bool {
        self < Self::FIRST_SOUND
    }

    /// The version in the first line of its banner: `OpenSBI v1.1`.
    pub fn of_banner(line: &str) -> Option<Self> {
        let version = line.trim().strip_prefix("OpenSBI v")?;
        let mut numbers = version.split(|c: char| !c.is_ascii_digit()).map(|number| number.parse().ok());
        Some(Self { major: numbers.next()??, minor: numbers.next()?? })
    }
}

impl fmt::Display for OpensbiVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn version_is_read_from_the_banner() {
        let version = |line| OpensbiVersion::of_banner(line).map(|version| (version.to_string(), version.is_unsound()));
        assert_eq!(version("OpenSBI v1.1\r"), Some(("1.1".into(), true)));
        assert_eq!(version("OpenSBI v1.2-17-g0907de3"), Some(("1.2".into(), true)));
        assert_eq!(version("OpenSBI v1.3"), Some(("1.3".into(), false)));
        assert_eq!(version("OpenSBI v1.10"), Some(("1.10".into(), false)));
        assert_eq!(["OpenSBI v%d.%d", "OpenSBI v1", "U-Boot", ""].map(version), [const { None }; 4]);
    }
}
