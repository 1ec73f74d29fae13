//! Ids of objects: the same each time a run is reported, and unique among all that an origin submits.

use model::{Artifact, Cell, Digest, RunRecord, TrialRecord, printable};
use sha2::{Digest as _, Sha256};
use std::fmt::Write as _;

/// Makes the ids of a run's objects.
pub(super) struct Ids<'r> {
    origin: &'r str,
    run: &'r RunRecord,
}

impl<'r> Ids<'r> {
    pub fn new(origin: &'r str, run: &'r RunRecord) -> Self {
        Self { origin, run }
    }

    /// The source of a kernel: its name, with the commit or the release. Kernels of several names may be of one commit, with other
    /// patches.
    pub fn checkout(&self, cell: &Cell, trial: Option<&TrialRecord>) -> String {
        format!("{}:{}", self.origin, source(cell, trial))
    }

    /// A kernel: its source, the architecture, and the digest of its image.
    pub fn build(&self, cell: &Cell, trial: Option<&TrialRecord>) -> String {
        let digest = trial.and_then(|trial| trial.kernel_digest.as_ref());
        let digest = digest.map(|digest| format!(".{}", printable(digest.short()))).unwrap_or_default();
        format!("{}:{}.{}{digest}", self.origin, source(cell, trial), cell.arch)
    }

    /// A trial. Runs of one name may start on several machines at the same second: the files of their guests differ.
    pub fn test(&self, trial: &TrialRecord) -> String {
        let files = digests(&trial.artifacts, &trial.removed);
        let started = [self.run.started.as_str(), trial.started.as_str()];
        self.of_folder(&trial.folder(), &short_digest(started.into_iter().chain(files)))
    }

    /// A trial that was not run: the run's finished trials identify it.
    pub fn missing(&self, folder: &str) -> String {
        let files = self.run.trials.iter().flat_map(|trial| digests(&trial.artifacts, &trial.removed));
        self.of_folder(folder, &short_digest(std::iter::once(self.run.started.as_str()).chain(files)))
    }

    /// An issue, by what identifies it.
    pub fn issue<'t>(&self, what: &str, parts: impl IntoIterator<Item = &'t str>) -> String {
        format!("{}:{what}-{}", self.origin, short_digest(parts))
    }

    /// What a test tells of an issue.
    pub fn incident(&self, issue: &str, test: &str) -> String {
        format!("{}:{}", self.origin, short_digest([issue, test]))
    }

    /// The name of the CI system.
    pub fn origin(&self) -> &'r str {
        self.origin
    }

    fn of_folder(&self, folder: &str, digest: &str) -> String {
        format!("{}:{}.{}.{digest}", self.origin, printable(self.run.id.as_str()), printable(folder))
    }
}

/// The commit of a trial's kernel as KCIDB takes it: a full SHA-1.
pub(super) fn commit(trial: &TrialRecord) -> Option<&str> {
    let is_hex = |commit: &&str| commit.len() == 40 && commit.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    trial.kernel_commit.as_deref().filter(is_hex)
}

/// A name as one part of a path of KCIDB, `[a-zA-Z0-9_-]+`.
pub(super) fn path_part(name: &str) -> String {
    let part: String = name.chars().map(|c| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' }).collect();
    if part.is_empty() { "_".to_owned() } else { part }
}

/// A name as one part of a URL's path (RFC 3986).
pub(super) fn url_part(name: &str) -> String {
    let mut part = String::new();
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~+,=".contains(&byte) {
            part.push(char::from(byte));
        } else {
            // Writing to a string does not fail.
            let _ = write!(part, "%{byte:02X}");
        }
    }
    part
}

fn source(cell: &Cell, trial: Option<&TrialRecord>) -> String {
    let version = trial.and_then(|trial| trial.kernel_commit.as_deref().or(trial.kernel_release.as_deref()));
    let version = version.map(|version| format!("@{version}")).unwrap_or_default();
    printable(&format!("{}{version}", cell.kernel))
}

/// Digests of all files that a trial has kept, in the order of their names: files that go later do not change an id.
fn digests<'t>(present: &'t [Artifact], removed: &'t [Artifact]) -> Vec<&'t str> {
    let mut files: Vec<&Artifact> = present.iter().chain(removed).collect();
    files.sort_by_key(|artifact| &artifact.file);
    files.into_iter().map(|artifact| artifact.sha256.as_str()).collect()
}

/// The start of a SHA-256 over several texts, each with its length.
fn short_digest<'t>(parts: impl IntoIterator<Item = &'t str>) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    Digest::of_bytes(&hash.finalize()).short().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn removed_files_stay_in_the_digests() {
        let file = |name: &str| Artifact { file: name.to_owned(), bytes: 1, sha256: Digest::of_bytes(name.as_bytes()) };
        let all = ["console.log", "events.jsonl", "qemu.sh", "bundle/vmcore"].map(file);
        let (kept, removed) = ([all[2].clone()], [all[0].clone(), all[1].clone(), all[3].clone()]);
        assert_eq!(digests(&all, &[]).len(), 4);
        assert_eq!(digests(&kept, &removed), digests(&all, &[]));
    }

    #[test]
    fn parts_have_the_characters_that_are_allowed() {
        assert_eq!((path_part("mm:hugetlb test.sh").as_str(), path_part("").as_str()), ("mm_hugetlb_test_sh", "_"));
        assert_eq!(url_part("a+b=1~2/ä %"), "a+b=1~2%2F%C3%A4%20%25");
        assert_ne!(short_digest(["ab", "c"]), short_digest(["a", "bc"]));
    }
}
