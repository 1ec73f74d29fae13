//! Which trials of a run are diagnosed: of many that hang in the same way the first one is enough.

use model::{Cell, CellId, Digest, KernelArtifact, TrialRecord};
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Titles of a cell, and the number of the first trial with each.
type Titles = BTreeMap<String, u32>;

/// The trials that have diagnostics, by cell and kernel image: in a bisection a cell has many.
#[derive(Debug, Default)]
pub(super) struct Diagnosed(Mutex<BTreeMap<(CellId, Digest), Titles>>);

impl Diagnosed {
    /// The titles that need no further diagnostics.
    pub fn titles(&self, kernel: &KernelArtifact, cell: &Cell) -> BTreeMap<String, u32> {
        self.lock().get(&(cell.id.clone(), kernel.digest.clone())).cloned().unwrap_or_default()
    }

    /// Takes note of a trial that has ended.
    pub fn add(&self, record: &TrialRecord) {
        let is_diagnosed = record.artifacts.iter().any(|artifact| artifact.file.starts_with("bundle/"));
        let Some(title) = record.verdict.title.clone().filter(|_| is_diagnosed) else { return };
        let Some(kernel) = record.kernel_digest.clone() else { return };
        let key = (record.cell.id.clone(), kernel);
        self.lock().entry(key).or_default().entry(title).or_insert(record.trial);
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<(CellId, Digest), Titles>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
