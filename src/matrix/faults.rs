//! `faults` of a matrix, and `--fault` of a command line.

use super::fields::{Fields, text, unknown};
use crate::diagnostic::{Findings, Node, did_you_mean, listed};
use model::{Faults, Throttle};
use std::num::NonZeroU64;

/// Its keys.
pub(super) const FAULTS: &[&str] = &["page-alloc", "slab", "console", "disk-bps", "disk-iops", "vcpu-steal"];

/// The maximum steal time, in percent: the guest has to make some progress.
const MAX_VCPU_STEAL: u32 = 95;

/// The minimum rate of a console, in bytes a second: the agent's frames still get through.
const MIN_CONSOLE_BPS: u64 = 500;

/// A fault that cannot be injected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FaultError {
    /// There is no such fault.
    #[error("unknown fault `{name}`: {}there are {}", hint(name), listed(FAULTS.iter().copied()))]
    Unknown {
        /// The word.
        name: String,
    },
    /// The value is not a share of time or of allocations.
    #[error("`{text}` is not a share from 1% to {max}%")]
    Share {
        /// The value.
        text: String,
        /// The highest one, in percent.
        max: u32,
    },
    /// The value is not a rate.
    #[error("`{text}` is not a number a second, at least {min}: write for example `2K`")]
    Rate {
        /// The value.
        text: String,
        /// The lowest one.
        min: u64,
    },
}

fn hint(name: &str) -> String {
    did_you_mean(name, FAULTS.iter().copied()).map(|question| question + " ").unwrap_or_default()
}

/// The faults of a mapping.
pub(super) fn read(node: Node, findings: &mut Findings<'_>) -> Faults {
    let mut faults = Faults::default();
    let Some(fields) = Fields::of(node, "`faults`", findings) else { return faults };
    for (key, node) in fields.rest() {
        if !FAULTS.contains(&key.value.as_str()) {
            unknown(findings, &key, format!("unknown fault `{}`", key.value), FAULTS.iter().copied())
                .help(format!("there are {}", listed(FAULTS.iter().copied())));
        } else if let Some(value) = text(node, &format!("`{}`", key.value), findings) {
            match fault(&key.value, &value.value) {
                Ok(one) => faults = faults.with(&one),
                Err(error) => drop(findings.error(value.at, error.to_string())),
            }
        }
    }
    faults
}

/// The faults of a command line, each as `KEY=VALUE`.
///
/// # Errors
/// The first one that cannot be injected.
pub fn faults<'t>(words: impl IntoIterator<Item = &'t str>) -> Result<Faults, FaultError> {
    words.into_iter().try_fold(Faults::default(), |faults, word| {
        let (key, value) = word.split_once('=').unwrap_or((word, ""));
        if !FAULTS.contains(&key) {
            return Err(FaultError::Unknown { name: key.to_owned() });
        }
        Ok(faults.with(&fault(key, value)?))
    })
}

/// One fault.
fn fault(key: &str, value: &str) -> Result<Faults, FaultError> {
    let none = Faults::default();
    Ok(match key {
        "page-alloc" => Faults { page_alloc: Some(percent(value, 100)?), ..none },
        "slab" => Faults { slab: Some(percent(value, 100)?), ..none },
        "console" => Faults { console_bps: NonZeroU64::new(rate(value, MIN_CONSOLE_BPS)?), ..none },
        "disk-bps" => Faults { disk: Throttle { bps: Some(rate(value, 1)?), iops: None }, ..none },
        "disk-iops" => Faults { disk: Throttle { bps: None, iops: Some(rate(value, 1)?) }, ..none },
        _ => Faults { vcpu_steal: Some(percent(value, MAX_VCPU_STEAL)?), ..none },
    })
}

fn percent(text: &str, max: u32) -> Result<u32, FaultError> {
    let number = text.strip_suffix('%').and_then(|digits| digits.parse().ok());
    number.filter(|number| (1..=max).contains(number)).ok_or_else(|| FaultError::Share { text: text.to_owned(), max })
}

/// A number a second; `K` and `M` are 1,024 of the next smaller unit.
fn rate(text: &str, min: u64) -> Result<u64, FaultError> {
    let (digits, unit) = match text.strip_suffix(['K', 'k']) {
        Some(digits) => (digits, 1 << 10),
        None => text.strip_suffix('M').map_or((text, 1), |digits| (digits, 1 << 20)),
    };
    let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    let number = digits.parse::<u64>().ok().filter(|_| plain).and_then(|number| number.checked_mul(unit));
    number.filter(|&number| number >= min).ok_or_else(|| FaultError::Rate { text: text.to_owned(), min })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_is_read() {
        let words = ["page-alloc=2%", "slab=1%", "console=2K", "disk-bps=1M", "disk-iops=20", "vcpu-steal=90%"];
        let disk = Throttle { bps: Some(1 << 20), iops: Some(20) };
        let all = Faults {
            page_alloc: Some(2),
            slab: Some(1),
            console_bps: NonZeroU64::new(2048),
            disk,
            vcpu_steal: Some(90),
        };
        assert_eq!(faults(words), Ok(all));
        assert_eq!(words.len(), FAULTS.len());
        assert!(
            faults(["vcpu-steal=90%", "vcpu-steal=50%"]).is_ok_and(|faults| faults.vcpu_steal == Some(50)),
            "the last counts"
        );
    }

    #[test]
    fn wrong_faults_are_refused() {
        for word in
            ["page-alloc=2", "page-alloc=0%", "slab=101%", "vcpu-steal=96%", "console=499", "console=2G", "console"]
        {
            assert!(faults([word]).is_err(), "{word}");
        }
        for word in ["disk-bps=0", "disk-iops=-1", "disk-iops=+1", "disk-bps=99999999999999999999M"] {
            assert!(faults([word]).is_err(), "{word}");
        }
        assert!(
            faults(["slabs=1%"])
                .unwrap_err()
                .to_string()
                .starts_with("unknown fault `slabs`: did you mean `slab`? there are ")
        );
    }
}
