//! When an entry of a quarantine expires.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// The last day of an entry, or the first kernel version without it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Until {
    /// A date, `2026-12-31`: the entry holds on this day.
    Date(String),
    /// A version, written `linux-7.4`: the entry holds for kernels before it.
    Kernel(KernelVersion),
}

/// A version of the kernel. `7.4` is `7.4.0`; release candidates and local versions do not count: `7.4.0-rc1-mine` is `7.4.0`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct KernelVersion {
    version: u32,
    patchlevel: u32,
    sublevel: u32,
}

/// Neither a date nor a version.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{}` is neither a date such as `2026-12-31` nor a version such as `linux-7.4`", .0.escape_debug())]
pub struct UntilError(pub String);

/// In front of a version.
const LINUX: &str = "linux-";

impl Until {
    /// Whether a kernel of this release (`uname -r`) has the version or a later one; never for a date, or for a release without a
    /// version.
    pub fn is_reached_by(&self, release: &str) -> bool {
        match self {
            Self::Date(_) => false,
            Self::Kernel(version) => KernelVersion::of_release(release).is_some_and(|kernel| kernel >= *version),
        }
    }

    /// Whether it is a date before this day, both in ISO 8601.
    pub fn is_over_on(&self, today: &str) -> bool {
        matches!(self, Self::Date(date) if date.as_str() < today)
    }
}

impl KernelVersion {
    /// The numbers at the start of a release.
    pub fn of_release(release: &str) -> Option<Self> {
        let end = release.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(release.len());
        let mut numbers = release[..end].trim_end_matches('.').split('.').map(|number| number.parse().ok());
        let (version, patchlevel) = (numbers.next()??, numbers.next()??);
        Some(Self { version, patchlevel, sublevel: numbers.next().flatten().unwrap_or(0) })
    }
}

impl fmt::Display for KernelVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.version, self.patchlevel)?;
        if self.sublevel > 0 { write!(f, ".{}", self.sublevel) } else { Ok(()) }
    }
}

impl fmt::Display for Until {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Date(date) => f.write_str(date),
            Self::Kernel(version) => write!(f, "{LINUX}{version}"),
        }
    }
}

impl FromStr for Until {
    type Err = UntilError;

    fn from_str(text: &str) -> Result<Self, UntilError> {
        if is_date(text) {
            return Ok(Self::Date(text.to_owned()));
        }
        let numbers = text.strip_prefix(LINUX).filter(|numbers| is_version(numbers));
        let version = numbers.and_then(KernelVersion::of_release);
        version.map(Self::Kernel).ok_or_else(|| UntilError(text.to_owned()))
    }
}

impl TryFrom<String> for Until {
    type Error = UntilError;

    fn try_from(text: String) -> Result<Self, UntilError> {
        text.parse()
    }
}

impl From<Until> for String {
    fn from(until: Until) -> Self {
        until.to_string()
    }
}

/// Whether it is two or three numbers.
fn is_version(text: &str) -> bool {
    let parts: Vec<&str> = text.split('.').collect();
    (2..=3).contains(&parts.len())
        && parts.iter().all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Whether it is a day of the Gregorian calendar in ISO 8601: then text is in the order of time.
fn is_date(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let [year, month, day] = parts.as_slice() else { return false };
    let is_number = |part: &str, length| part.len() == length && part.bytes().all(|byte| byte.is_ascii_digit());
    if !(is_number(year, 4) && is_number(month, 2) && is_number(day, 2)) {
        return false;
    }
    let number = |part: &str| part.parse().unwrap_or(0);
    let (year, month, day): (u32, u32, u32) = (number(year), number(month), number(day));
    let is_leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let days = match month {
        2 => 28 + u32::from(is_leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => 0,
    };
    (1..=days).contains(&day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn until_is_a_day_or_a_version() {
        for text in ["2026-12-31", "2028-02-29", "linux-7.4", "linux-6.1.180"] {
            assert_eq!(text.parse::<Until>().unwrap().to_string(), text);
        }
        for text in ["", "2026-02-29", "2026-13-01", "2026-1-1", "26-01-01", "2100-02-29", "7.4", "v7.4", "linux-7"] {
            assert!(text.parse::<Until>().is_err(), "{text}");
        }
        for text in ["linux-7.4-rc1", "linux-7..4", "linux-7.4.1.2", "linux-7.99999999999", "next"] {
            assert!(text.parse::<Until>().is_err(), "{text}");
        }
        assert!(serde_json::from_str::<Until>("\"soon\"").is_err());
    }

    #[test]
    fn date_holds_on_its_day() {
        let until: Until = "2026-12-31".parse().unwrap();
        assert!(!until.is_over_on("2026-12-31") && until.is_over_on("2027-01-01"));
        assert!(!until.is_reached_by("99.9"));
    }

    #[test]
    fn version_is_reached_by_its_release_candidates() {
        let until: Until = "linux-7.4".parse().unwrap();
        for release in ["7.4.0-rc1", "7.4-mine", "7.4.3+deb13-cloud-amd64", "7.10.0", "8.0"] {
            assert!(until.is_reached_by(release), "{release}");
        }
        for release in ["7.3.99", "6.12.0-rc1", "", "next", "7"] {
            assert!(!until.is_reached_by(release), "{release}");
        }
        let stable: Until = "linux-6.1.180".parse().unwrap();
        assert!(stable.is_reached_by("6.1.180") && stable.is_reached_by("6.12.1") && !stable.is_reached_by("6.1.18"));
        assert!(!stable.is_over_on("9999-12-31"));
    }
}
