//! `MANIFEST.json`: what an archive has, and what it was made of and by.

use super::entry::Entry;
use crate::host::{Captured, Limits, capture_blocking};
use model::{Accel, Artifact, RunId, TrialRecord};
use serde::Serialize;
use std::process::Command;
use std::time::Duration;

/// Its name in the archive.
pub(super) const MANIFEST: &str = "MANIFEST.json";

/// Version of its format.
const SCHEMA: u32 = 1;

/// What QEMU may take to tell its version.
const LIMITS: Limits = Limits { timeout: Duration::from_secs(10), max_stdout: 64 << 10 };

#[derive(Serialize)]
struct Manifest<'a> {
    schema: u32,
    oomlab: &'a str,
    trial: String,
    started: &'a str,
    verdict: String,
    accel: Accel,
    qemu: Qemu<'a>,
    kernel: Kernel<'a>,
    files: Vec<&'a Artifact>,
}

#[derive(Serialize)]
struct Qemu<'a> {
    program: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<&'a str>,
}

#[derive(Serialize)]
struct Kernel<'a> {
    name: &'a str,
    arch: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    release: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    commit: Option<&'a str>,
}

/// The manifest of these files.
///
/// # Errors
/// When it cannot be serialised.
pub(super) fn manifest(
    run: &RunId,
    trial: &TrialRecord,
    qemu_version: Option<&str>,
    entries: &[Entry],
) -> std::io::Result<Vec<u8>> {
    let (cell, verdict) = (&trial.cell, &trial.verdict);
    let mut files: Vec<&Artifact> = entries.iter().map(Entry::artifact).collect();
    files.sort_unstable_by(|a, b| a.file.cmp(&b.file));
    let manifest = Manifest {
        schema: SCHEMA,
        oomlab: env!("CARGO_PKG_VERSION"),
        trial: format!("{run}/{}", trial.folder()),
        started: &trial.started,
        verdict: format!("{}/{}", verdict.outcome(), verdict.kind),
        accel: trial.accel,
        qemu: Qemu { program: program(trial), version: qemu_version },
        kernel: Kernel {
            name: cell.kernel.as_str(),
            arch: cell.arch.name,
            release: trial.kernel_release.as_deref(),
            commit: trial.kernel_commit.as_deref(),
        },
        files,
    };
    let mut text = serde_json::to_vec_pretty(&manifest)?;
    text.push(b'\n');
    Ok(text)
}

/// QEMU's name on the trial's command line, without its folder.
pub(super) fn program(trial: &TrialRecord) -> &str {
    trial.command.first().and_then(|program| program.rsplit('/').next()).unwrap_or_default()
}

/// The version of this host's QEMU for a trial, as it prints it; `None` where the trial had one of the user's choice, or QEMU does not
/// tell. No program that a record names is started.
pub fn qemu_version(trial: &TrialRecord) -> Option<String> {
    let program = trial.cell.arch.qemu.program;
    if trial.command.first().map(String::as_str) != Some(program) {
        return None;
    }
    let mut command = Command::new(program);
    command.arg("--version");
    let text = capture_blocking(command, LIMITS).and_then(Captured::text).ok()?;
    text.lines().next().map(model::printable)
}
