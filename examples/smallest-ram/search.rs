//! One search, by `oomlab bisect axis`.

use crate::row::{Least, Machine, Row};
use serde::Deserialize;
use std::error::Error;
use std::path::Path;
use std::process::Command;

/// Exit status of a lab that failed.
const EXIT_LAB: i32 = 3;

/// Sizes in a row, in MiB, after which all larger ones load: the device tree is aligned to 2 MiB.
const IN_A_ROW: u32 = 4;

/// The answer that `bisect axis --json` prints.
#[derive(Deserialize)]
struct Answer {
    culprit: Option<String>,
    trials: u64,
    invalid_premise: Option<String>,
}

/// A search that has not ended by then meets a failure that is rarer than those it looks for, at each size.
const MAX_TRIALS: &str = "400";

/// Searches down to `loader`, what QEMU needs in order to load the kernel.
pub fn search(oomlab: &Path, machine: &Machine, workload: &str, loader: u32) -> Result<Row, Box<dyn Error>> {
    let Machine { kernel, arch, ample } = machine;
    let folder = tempfile::tempdir()?;
    let (from, to) = (format!("{ample}M"), format!("{loader}M"));
    let output = Command::new(oomlab)
        .args(["bisect", "axis", "--axis", "ram", "--from", &from, "--to", &to, "--kernel", kernel, "--arch", arch])
        .args([
            "--workload",
            workload,
            "--not-pass",
            "--boot-timeout",
            "15",
            "--max-trials",
            MAX_TRIALS,
            "--json",
            "--out",
        ])
        .arg(folder.path().join("search"))
        .output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let wrong = || format!("{kernel} {arch} {workload}: {text}{}", String::from_utf8_lossy(&output.stderr));
    let answer: Answer = serde_json::from_str(&text).map_err(|error| format!("{error}: {}", wrong()))?;
    let least = match (answer.culprit, answer.invalid_premise) {
        (Some(failing), _) => Least::Found(mib(&failing).ok_or_else(wrong)? + 1),
        (None, Some(reason)) if reason.starts_with("passes at both ends") => Least::Loader(loader),
        (None, Some(reason)) if reason.starts_with("fails at both ends") => Least::Above(*ample),
        _ => return Err(wrong().into()),
    };
    let [kernel, arch, workload] = [kernel, arch, workload].map(|text| (*text).to_owned());
    Ok(Row { kernel, arch, workload, least, trials: answer.trials })
}

/// The smallest RAM, in MiB, with which QEMU loads the kernel. From there on it always does: on riscv64 some sizes put the initramfs
/// over the device tree (QEMU, `hw/riscv/boot.c`), and the next smaller one does not.
pub fn loader_min(oomlab: &Path, machine: &Machine) -> Result<u32, Box<dyn Error>> {
    let Machine { kernel, arch, ample } = machine;
    let status = Command::new(oomlab).args(["kernel", "get", kernel, "--arch", arch]).status()?;
    if !status.success() {
        return Err(format!("{kernel} for {arch}: {status}").into());
    }
    let boot = |mib: u32| {
        let folder = tempfile::tempdir()?;
        let mut command = Command::new(oomlab);
        command.args(["boot", "--kernel", kernel, "--arch", arch, "--ram", &format!("{mib}M"), "--workload", "idle"]);
        command.args(["--boot-timeout", "5", "--out"]).arg(folder.path().join("run")).output()
    };
    // The lab names it when there is much less.
    let refused = boot(1)?;
    let text = String::from_utf8_lossy(&refused.stderr);
    let known = text.split_once("needs at least ").and_then(|(_, after)| mib(after.split(' ').next()?));
    let known = known.ok_or_else(|| format!("{kernel} for {arch} with 1M: {text}"))?;
    let mut in_a_row = 0;
    for mib in known..*ample {
        in_a_row = if boot(mib)?.status.code() == Some(EXIT_LAB) { 0 } else { in_a_row + 1 };
        if in_a_row == IN_A_ROW {
            return Ok(mib + 1 - IN_A_ROW);
        }
    }
    Err(format!("{kernel} for {arch} is not loaded with less than {ample}M").into())
}

fn mib(text: &str) -> Option<u32> {
    text.strip_suffix('M')?.parse().ok()
}
