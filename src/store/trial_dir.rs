//! One trial's folder.
//!
//! ```text
//! console.log    the serial console, byte for byte (at most 64 MiB)
//! output.log     what a script printed, without the kernel's messages
//! events.jsonl   the events, one a line: enough to judge the trial again (at most about 64 MiB)
//! verdict.json   the judgement
//! trial.json     all about the trial: cell, command line, digests, verdict, artifacts
//! test.sh        the test that ran over SSH, in a guest with a root disk
//! qemu.sh        the QEMU command line, without the lab's sandbox
//! qemu.log       what QEMU itself wrote
//! bundle.json    how the evidence in `bundle/` was collected; only after a hang, a crash or a failed boot
//! why.md         why the trial was judged so, where that needs an explanation
//! ```

use super::{StoreError, json, open_regular};
use model::{Artifact, Bundle, Digest, RUN_SCHEMA, Record, TEST_SCRIPT, TrialRecord, Verdict};
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

/// Bytes of a console that are kept. The rest is counted in `events.jsonl`.
const MAX_CONSOLE: u64 = 64 * 1024 * 1024;

/// Bytes of a script's output that are kept: the agent sends half of that, but the guest is hostile.
const MAX_OUTPUT: u64 = 8 * 1024 * 1024;

/// Bytes of events after which the record ends.
const MAX_EVENTS: u64 = 64 * 1024 * 1024;

const OUTPUT: &str = "output.log";

/// One trial's folder, open for writing.
#[derive(Debug)]
pub struct TrialDir {
    dir: PathBuf,
    console: File,
    console_bytes: u64,
    /// Made with the first output.
    output: Option<File>,
    output_bytes: u64,
    events: File,
    event_bytes: u64,
}

impl TrialDir {
    /// Makes the folder, with an empty record.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn create(dir: &Path) -> Result<Self, StoreError> {
        std::fs::create_dir_all(dir).map_err(StoreError::write(dir))?;
        let create = |name: &str| {
            let path = dir.join(name);
            File::create(&path).map_err(StoreError::write(&path))
        };
        Ok(Self {
            dir: dir.to_owned(),
            console: create("console.log")?,
            console_bytes: 0,
            output: None,
            output_bytes: 0,
            events: create("events.jsonl")?,
            event_bytes: 0,
        })
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.dir
    }

    /// Appends console bytes.
    ///
    /// # Errors
    /// When they cannot be written.
    pub fn console(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        let room = usize::try_from(MAX_CONSOLE.saturating_sub(self.console_bytes)).unwrap_or(usize::MAX);
        let kept = &bytes[..bytes.len().min(room)];
        self.console.write_all(kept).map_err(StoreError::write(&self.dir.join("console.log")))?;
        self.console_bytes += kept.len() as u64;
        Ok(())
    }

    /// Appends what the workload's script has printed; what is beyond 8 MiB is left out.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn output(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        let path = self.dir.join(OUTPUT);
        let mut append = || -> std::io::Result<()> {
            let file = match &mut self.output {
                Some(file) => file,
                none => none.insert(File::create(&path)?),
            };
            let room = usize::try_from(MAX_OUTPUT.saturating_sub(self.output_bytes)).unwrap_or(usize::MAX);
            let kept = &bytes[..bytes.len().min(room)];
            self.output_bytes += kept.len() as u64;
            file.write_all(kept)
        };
        append().map_err(StoreError::write(&self.dir.join(OUTPUT)))
    }

    /// Appends events. They are with the operating system when this returns: an event is on disk before it is judged.
    ///
    /// # Errors
    /// When they cannot be written.
    pub fn events(&mut self, records: &[Record]) -> Result<(), StoreError> {
        let mut append = || -> std::io::Result<()> {
            let mut lines = Vec::new();
            for record in records {
                serde_json::to_writer(&mut lines, record)?;
                lines.push(b'\n');
            }
            self.event_bytes += lines.len() as u64;
            self.events.write_all(&lines)
        };
        append().map_err(StoreError::write(&self.dir.join("events.jsonl")))
    }

    /// Whether the record of the events has its maximum length.
    pub fn is_full(&self) -> bool {
        self.event_bytes >= MAX_EVENTS
    }

    /// Writes a further file of the trial; `name` may be in a folder of its own.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn file(&self, name: &str, content: &[u8]) -> Result<(), StoreError> {
        let path = self.dir.join(name);
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(StoreError::write(folder))?;
        }
        std::fs::write(&path, content).map_err(StoreError::write(&path))
    }

    /// Writes the verdict alone, before the trial is finished.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn verdict(&self, verdict: &Verdict) -> Result<(), StoreError> {
        write_verdict(&self.dir, verdict)
    }

    /// Writes how the bundle was collected.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn bundle(&self, bundle: &Bundle) -> Result<(), StoreError> {
        json::write(&self.dir.join("bundle.json"), bundle)
    }

    /// What has been kept so far, with digests.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn artifacts(&self) -> Result<Vec<Artifact>, StoreError> {
        artifacts(&self.dir)
    }

    /// Writes down a trial that the lab could not bring to its end, and why. What the folder `dir` holds already stays and becomes
    /// the record's artifacts.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn record_failure(dir: &Path, record: &mut TrialRecord, why: &str) -> Result<(), StoreError> {
        std::fs::create_dir_all(dir).map_err(StoreError::write(dir))?;
        let path = dir.join("why.md");
        std::fs::write(&path, why).map_err(StoreError::write(&path))?;
        record.artifacts = artifacts(dir)?;
        write_trial(dir, record)
    }

    /// Writes the finished trial.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn finish(&self, record: &TrialRecord) -> Result<(), StoreError> {
        write_trial(&self.dir, record)
    }
}

/// What a trial's folder holds, with digests.
fn artifacts(dir: &Path) -> Result<Vec<Artifact>, StoreError> {
    let collected = std::fs::read_dir(dir.join("bundle")).into_iter().flatten().flatten();
    let mut collected: Vec<String> =
        collected.map(|entry| format!("bundle/{}", entry.file_name().to_string_lossy())).collect();
    collected.sort_unstable();
    let own = ["console.log", OUTPUT, "events.jsonl", "qemu.log", "qemu.sh", TEST_SCRIPT, "why.md", "bundle.json"];
    let own = own.map(str::to_owned);
    let mut found = Vec::new();
    for file in own.into_iter().chain(collected) {
        let path = dir.join(&file);
        if path.is_file() {
            let (bytes, sha256) = digest_file(&path).map_err(StoreError::read(&path))?;
            found.push(Artifact { file, bytes, sha256 });
        }
    }
    Ok(found)
}

/// Writes the two files that end a trial, the one that readers look for last.
///
/// # Errors
/// When they cannot be written.
pub fn write_trial(dir: &Path, record: &TrialRecord) -> Result<(), StoreError> {
    write_verdict(dir, &record.verdict)?;
    json::write(&dir.join("trial.json"), record)
}

/// `verdict.json`.
#[derive(Serialize)]
struct VerdictFile<'v> {
    schema: u32,
    #[serde(flatten)]
    verdict: &'v Verdict,
}

fn write_verdict(dir: &Path, verdict: &Verdict) -> Result<(), StoreError> {
    json::write(&dir.join("verdict.json"), &VerdictFile { schema: RUN_SCHEMA, verdict })
}

/// Size and SHA-256 of a file.
///
/// # Errors
/// When it cannot be read.
pub fn digest_file(path: &Path) -> std::io::Result<(u64, Digest)> {
    digest_reader(open_regular(path)?)
}

/// Length in bytes and SHA-256 of the rest of an input.
///
/// # Errors
/// When it cannot be read.
pub fn digest_reader(mut input: impl Read) -> std::io::Result<(u64, Digest)> {
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 256 * 1024];
    let mut bytes = 0;
    loop {
        let length = input.read(&mut buffer)?;
        if length == 0 {
            break;
        }
        hasher.update(&buffer[..length]);
        bytes += length as u64;
    }
    Ok((bytes, Digest::of_bytes(&hasher.finalize())))
}
