//! Verdicts of trials by what they depend on: a cell that was tried with the same kernel needs no other trial.

use super::{StoreError, json, read_regular};
use model::{Digest, Verdict};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Version of the format; a file of any other is not used.
const SCHEMA: u32 = 1;
/// Maximum length of a file in bytes.
const MAX_FILE: u64 = 16 << 20;

/// A finished trial.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrialResult {
    /// Its verdict.
    pub verdict: Verdict,
    /// The folder with its evidence, as long as it is kept.
    pub folder: PathBuf,
}

/// Results in a folder, a file for each key.
#[derive(Debug, Clone)]
pub struct Results {
    folder: PathBuf,
}

#[derive(Serialize, Deserialize)]
struct Document {
    schema: u32,
    trials: Vec<TrialResult>,
}

impl Results {
    /// Nothing is created before the first write.
    pub fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// The trials with this key; none where the file is missing or cannot be used.
    pub fn trials(&self, key: &Digest) -> Vec<TrialResult> {
        let read = read_regular(&self.path(key), MAX_FILE).ok();
        let document: Option<Document> = read.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        document.filter(|document| document.schema == SCHEMA).map(|document| document.trials).unwrap_or_default()
    }

    /// Adds trials.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn add(&self, key: &Digest, trials: impl IntoIterator<Item = TrialResult>) -> Result<(), StoreError> {
        let mut all = self.trials(key);
        all.extend(trials);
        std::fs::create_dir_all(&self.folder).map_err(StoreError::write(&self.folder))?;
        json::write(&self.path(key), &Document { schema: SCHEMA, trials: all })
    }

    fn path(&self, key: &Digest) -> PathBuf {
        self.folder.join(format!("{key}.json"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{Kind, RuleId};

    #[test]
    fn trials_of_a_key_are_kept_together() {
        let folder = tempfile::tempdir().unwrap();
        let results = Results::new(folder.path().join("results"));
        let (key, other) = (Digest::new("aa"), Digest::new("bb"));
        let trial = |summary: &str| TrialResult {
            verdict: Verdict::new(Kind::Finished, RuleId::Prepare, summary),
            folder: folder.path().into(),
        };
        assert_eq!(results.trials(&key), []);
        results.add(&key, [trial("one")]).unwrap();
        results.add(&key, [trial("two")]).unwrap();
        assert_eq!((results.trials(&key), results.trials(&other)), (vec![trial("one"), trial("two")], Vec::new()));
        std::fs::write(results.path(&key), "{").unwrap();
        assert_eq!(results.trials(&key), []);
    }
}
