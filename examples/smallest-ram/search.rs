//! One search, by `oomlab bisect axis`.

use crate::row::{Least, Machine, Row};
use serde::Deserialize;
use std::error::Error;
use std::path::Path;
use std::process::Command;

/// The answer that `bisect axis --json` prints.
#[derive(Deserialize)]
struct Answer {
    culprit: Option<String>,
    trials: u64,
    invalid_premise: Option<String>,
}

/// Searches down to what QEMU needs in order to load the kernel.
pub fn search(oomlab: &Path, machine: &Machine, workload: &str) -> Result<Row, Box<dyn Error>> {
    let Machine { kernel, arch, ample } = machine;
    let status = Command::new(oomlab).args(["kernel", "get", kernel, "--arch", arch]).status()?;
    if !status.success() {
        return Err(format!("{kernel} for {arch}: {status}").into());
    }
    let loader = loader_min(oomlab, machine)?;
    let folder = tempfile::tempdir()?;
    let (from, to) = (format!("{ample}M"), format!("{loader}M"));
    let output = Command::new(oomlab)
        .args(["bisect", "axis", "--axis", "ram", "--from", &from, "--to", &to, "--kernel", kernel, "--arch", arch])
        .args(["--workload", workload, "--not-pass", "--boot-timeout", "15", "--json", "--out"])
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

/// The smallest RAM with which the lab starts QEMU at all; it names it when there is less.
fn loader_min(oomlab: &Path, machine: &Machine) -> Result<u32, String> {
    let Machine { kernel, arch, .. } = machine;
    let boot = ["boot", "--kernel", kernel, "--arch", arch, "--ram", "1M", "--workload", "idle"];
    let output = Command::new(oomlab).args(boot).output().map_err(|error| error.to_string())?;
    let text = String::from_utf8_lossy(&output.stderr);
    let min = text.split_once("needs at least ").and_then(|(_, after)| mib(after.split(' ').next()?));
    min.ok_or_else(|| format!("{kernel} for {arch} with 1M: {text}"))
}

fn mib(text: &str) -> Option<u32> {
    text.strip_suffix('M')?.parse().ok()
}
