//! What a history needs of a trial, read without the rest of its record: most of that is evidence and a command line.

use super::{StoreError, json};
use model::{Digest, Kind, RUN_SCHEMA};
use serde::Deserialize;
use std::borrow::Cow;
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// The verdict of a finished trial in two words, and what was booted.
#[derive(Debug, Clone, PartialEq)]
pub struct TrialBrief {
    /// Kind of the verdict.
    pub kind: Kind,
    /// Title of the kernel's failure, as the guest printed it.
    pub title: Option<String>,
    /// From the start of QEMU to its end, in seconds; 0 without a guest.
    pub duration_s: f64,
    /// Kernel release.
    pub kernel_release: Option<String>,
    /// Full name of the commit that the kernel was built from.
    pub kernel_commit: Option<String>,
    /// Digest of the kernel image.
    pub kernel_digest: Option<Digest>,
    /// Digest of the initramfs.
    pub initrd_digest: Option<Digest>,
    /// Digest of the firmware.
    pub firmware_digest: Option<Digest>,
    /// Digest of the root disk.
    pub root_disk_digest: Option<Digest>,
}

/// The keys of `trial.json` that are read; the parser skips the others.
#[derive(Deserialize)]
struct Keys<'j> {
    #[serde(default)]
    schema: u64,
    verdict: VerdictKeys<'j>,
    /// The title stood beside the verdict at first.
    #[serde(default, borrow)]
    title: Option<Cow<'j, str>>,
    #[serde(default)]
    duration_s: f64,
    kernel_release: Option<String>,
    kernel_commit: Option<String>,
    kernel_digest: Option<Digest>,
    initrd_digest: Option<Digest>,
    firmware_digest: Option<Digest>,
    root_disk_digest: Option<Digest>,
}

#[derive(Deserialize)]
struct VerdictKeys<'j> {
    kind: Kind,
    #[serde(default, borrow)]
    title: Option<Cow<'j, str>>,
}

/// Reads briefs one after the other, with one buffer for all.
#[derive(Debug, Default)]
pub struct BriefReader {
    buffer: Vec<u8>,
}

impl BriefReader {
    /// The brief of the trial in this folder; `None` where the trial has not finished.
    ///
    /// # Errors
    /// When its record cannot be read, is damaged or is of a newer format.
    pub fn read(&mut self, folder: &Path) -> Result<Option<TrialBrief>, StoreError> {
        let path = folder.join("trial.json");
        let file = match super::open_regular(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(StoreError::read(&path)(error)),
        };
        self.fill(file).map_err(StoreError::read(&path))?;
        let keys: Result<Keys<'_>, _> = serde_json::from_slice(&self.buffer);
        let is_known = keys.as_ref().is_ok_and(|keys| keys.schema <= u64::from(RUN_SCHEMA));
        if !is_known {
            // A newer format may have no such keys.
            json::check_schema(&path, &self.buffer, RUN_SCHEMA)?;
        }
        let keys = keys.map_err(json::damaged(&path))?;
        Ok(Some(TrialBrief {
            kind: keys.verdict.kind,
            title: keys.verdict.title.or(keys.title).map(Cow::into_owned),
            duration_s: keys.duration_s,
            kernel_release: keys.kernel_release,
            kernel_commit: keys.kernel_commit,
            kernel_digest: keys.kernel_digest,
            initrd_digest: keys.initrd_digest,
            firmware_digest: keys.firmware_digest,
            root_disk_digest: keys.root_disk_digest,
        }))
    }

    fn fill(&mut self, file: File) -> std::io::Result<()> {
        self.buffer.clear();
        file.take(json::MAX_RECORD + 1).read_to_end(&mut self.buffer)?;
        match self.buffer.len() as u64 > json::MAX_RECORD {
            true => Err(std::io::Error::other(format!("it has more than {} MiB", json::MAX_RECORD >> 20))),
            false => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(record: &str) -> Result<Option<TrialBrief>, String> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("trial.json"), record).unwrap();
        BriefReader::default().read(folder.path()).map_err(|error| error.to_string())
    }

    #[test]
    fn brief_has_kind_title_and_digests() {
        let brief = read(
            r#"{"schema": 3, "cell": {"id": "x"}, "verdict": {"outcome": "crash", "kind": "oops", "title": "BUG \u001b[2J", "lines": []},
                "duration_s": 2.5, "kernel_release": "6.1.0", "kernel_digest": "ab", "command": ["qemu", "\""]}"#,
        );
        let brief = brief.unwrap().unwrap();
        assert_eq!((brief.kind, brief.title.as_deref()), (Kind::Oops, Some("BUG \x1b[2J")));
        assert_eq!((brief.kernel_release.as_deref(), brief.duration_s), (Some("6.1.0"), 2.5));
        assert_eq!((brief.kernel_digest, brief.kernel_commit), (Some(Digest::new("ab")), None));
    }

    #[test]
    fn title_beside_the_verdict_counts() {
        let brief = read(r#"{"verdict": {"kind": "oops"}, "title": "BUG"}"#).unwrap().unwrap();
        assert_eq!(brief.title.as_deref(), Some("BUG"));
    }

    #[test]
    fn newer_and_damaged_records_are_told_apart() {
        assert!(read(r#"{"schema": 99, "judgement": 1}"#).unwrap_err().contains("format 99"));
        assert!(read(r#"{"schema": 99, "verdict": {"kind": "oops"}}"#).unwrap_err().contains("format 99"));
        assert!(read(r#"{"schema": 3, "verdict": {"kind": "oo"#).unwrap_err().contains("is damaged: "));
        let missing = BriefReader::default().read(Path::new("/nonexistent"));
        assert!(matches!(missing, Ok(None)));
    }
}
