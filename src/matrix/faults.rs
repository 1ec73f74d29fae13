//! `faults` of a matrix, and `--fault` of a command line: what the lab is to make go wrong.

use super::fields::{Fields, text, unknown};
use super::source::Findings;
use super::suggest::{closest, listed};
use super::yaml::Node;
use model::{Faults, Throttle};

/// Its keys.
pub(super) const FAULTS: &[&str] = &["page-alloc", "slab", "console", "disk-bps", "disk-iops", "stopped"];

/// The most of the time that a guest may stand still, in percent: it has to get on somehow.
const MOST_STOPPED: u32 = 95;

/// The least of a console: the agent's own words come through at this rate, in bytes a second.
const LEAST_CONSOLE: u64 = 500;

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
                Err(message) => drop(findings.error(value.at, message)),
            }
        }
    }
    faults
}

/// The faults of a command line, each as `KEY=VALUE`.
///
/// # Errors
/// What is wrong with the first wrong one.
pub fn faults<'t>(words: impl IntoIterator<Item = &'t str>) -> Result<Faults, String> {
    words.into_iter().try_fold(Faults::default(), |faults, word| {
        let (key, value) = word.split_once('=').unwrap_or((word, ""));
        if !FAULTS.contains(&key) {
            let meant = closest(key, FAULTS.iter().copied()).map(|meant| format!("did you mean `{meant}`? "));
            let all = listed(FAULTS.iter().copied());
            return Err(format!("unknown fault `{key}`: {}there are {all}", meant.unwrap_or_default()));
        }
        Ok(faults.with(&fault(key, value)?))
    })
}

/// One fault.
fn fault(key: &str, value: &str) -> Result<Faults, String> {
    let none = Faults::default();
    Ok(match key {
        "page-alloc" => Faults { page_alloc: Some(percent(value, 100)?), ..none },
        "slab" => Faults { slab: Some(percent(value, 100)?), ..none },
        "console" => Faults { console_bps: Some(rate(value, LEAST_CONSOLE)?), ..none },
        "disk-bps" => Faults { disk: Throttle { bps: Some(rate(value, 1)?), iops: None }, ..none },
        "disk-iops" => Faults { disk: Throttle { bps: None, iops: Some(rate(value, 1)?) }, ..none },
        _ => Faults { stopped: Some(percent(value, MOST_STOPPED)?), ..none },
    })
}

fn percent(text: &str, most: u32) -> Result<u32, String> {
    let number = text.strip_suffix('%').and_then(|digits| digits.parse().ok());
    number
        .filter(|number| (1..=most).contains(number))
        .ok_or_else(|| format!("`{text}` is not a share from 1% to {most}%"))
}

/// A number a second; `K` and `M` are 1,024 of the next smaller unit.
fn rate(text: &str, least: u64) -> Result<u64, String> {
    let (digits, unit) = match text.strip_suffix(['K', 'k']) {
        Some(digits) => (digits, 1 << 10),
        None => text.strip_suffix('M').map_or((text, 1), |digits| (digits, 1 << 20)),
    };
    let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    let number = digits.parse::<u64>().ok().filter(|_| plain).and_then(|number| number.checked_mul(unit));
    number
        .filter(|&number| number >= least)
        .ok_or_else(|| format!("`{text}` is not a number a second, at least {least}: write for example `2K`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_can_be_asked_for() {
        let words = ["page-alloc=2%", "slab=1%", "console=2K", "disk-bps=1M", "disk-iops=20", "stopped=90%"];
        let disk = Throttle { bps: Some(1 << 20), iops: Some(20) };
        let all = Faults { page_alloc: Some(2), slab: Some(1), console_bps: Some(2048), disk, stopped: Some(90) };
        assert_eq!(faults(words), Ok(all));
        assert_eq!(words.len(), FAULTS.len());
        assert!(
            faults(["stopped=90%", "stopped=50%"]).is_ok_and(|faults| faults.stopped == Some(50)),
            "the last counts"
        );
    }

    #[test]
    fn wrong_ones_are_refused() {
        for word in
            ["page-alloc=2", "page-alloc=0%", "slab=101%", "stopped=96%", "console=499", "console=2G", "console"]
        {
            assert!(faults([word]).is_err(), "{word}");
        }
        for word in ["disk-bps=0", "disk-iops=-1", "disk-iops=+1", "disk-bps=99999999999999999999M"] {
            assert!(faults([word]).is_err(), "{word}");
        }
        assert!(
            faults(["slabs=1%"]).unwrap_err().starts_with("unknown fault `slabs`: did you mean `slab`? there are ")
        );
    }
}
