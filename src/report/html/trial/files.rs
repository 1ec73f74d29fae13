//! What was booted and what was kept: QEMU's command line, digests, files.

use crate::report::html::link::{Base, Link};
use crate::report::html::text::{bounded, phrase, size};
use model::{Digest, TrialRecord};

/// Characters of QEMU's command line.
const MAX_COMMAND: usize = 20_000;

/// A name with its value.
pub(super) struct Fact {
    pub name: &'static str,
    pub value: String,
}

/// A file of the trial's folder.
pub(super) struct FileLine {
    pub link: Link,
    pub size: String,
    pub sha256: String,
}

/// QEMU's command line as a shell takes it, an option a line.
pub(super) fn command(trial: &TrialRecord) -> String {
    let quote = |word: &String| shlex::try_quote(&word.replace('\0', "")).unwrap_or_default().into_owned();
    let mut out = String::new();
    for word in &trial.command {
        match (out.is_empty(), word.starts_with('-')) {
            (true, _) => {}
            (false, true) => out.push_str(" \\\n    "),
            (false, false) => out.push(' '),
        }
        out.push_str(&quote(word));
    }
    bounded(&out, MAX_COMMAND)
}

/// SHA-256 of what was booted.
pub(super) fn digests(trial: &TrialRecord) -> Vec<Fact> {
    let all = [
        ("kernel", &trial.kernel_digest),
        ("initramfs", &trial.initrd_digest),
        ("firmware", &trial.firmware_digest),
        ("root disk", &trial.root_disk_digest),
    ];
    let fact = |(name, digest): (&'static str, &Option<Digest>)| {
        digest.as_ref().map(|digest| Fact { name, value: phrase(digest.as_str()) })
    };
    all.into_iter().filter_map(fact).collect()
}

/// The files that were kept, and those that have been removed since, which have no link.
pub(super) fn files(base: &Base, trial: &TrialRecord) -> Vec<FileLine> {
    let folder = trial.folder();
    let line = |artifact: &model::Artifact| FileLine {
        link: Link { text: phrase(&artifact.file), url: base.url(&format!("cells/{folder}/{}", artifact.file)) },
        size: size(artifact.bytes),
        sha256: phrase(artifact.sha256.as_str()),
    };
    let removed = |artifact: &model::Artifact| FileLine {
        link: Link { text: format!("{} (removed)", phrase(&artifact.file)), url: None },
        ..line(artifact)
    };
    trial.artifacts.iter().map(line).chain(trial.removed.iter().map(removed)).collect()
}
