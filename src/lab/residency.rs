//! How much memory the running guests have touched.

use super::observer::{Observer, Status};
use crate::schedule::TimeLeft;
use model::{Cell, TrialRecord};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Notes the memory of guests on the way to another observer.
pub(super) struct Residency {
    observer: Arc<dyn Observer>,
    /// In MiB, by the trials' indices.
    resident: Mutex<BTreeMap<usize, u64>>,
}

impl Residency {
    pub fn new(observer: Arc<dyn Observer>) -> Self {
        Self { observer, resident: Mutex::default() }
    }

    /// Hands on what each guest has touched, in MiB.
    pub fn each(&self, mut found: impl FnMut(usize, u64)) {
        self.lock().iter().for_each(|(index, mib)| found(*index, *mib));
    }

    pub fn forget(&self, index: usize) {
        self.lock().remove(&index);
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<usize, u64>> {
        self.resident.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Observer for Residency {
    fn started(&self, index: usize, cell: &Cell, trial: u32) {
        self.observer.started(index, cell, trial);
    }

    fn queued(&self, index: usize) {
        self.observer.queued(index);
    }

    fn note(&self, text: &str) {
        self.observer.note(text);
    }

    fn requeued(&self, index: usize, record: &TrialRecord) {
        self.observer.requeued(index, record);
    }

    fn time_left(&self, left: Option<TimeLeft>) {
        self.observer.time_left(left);
    }

    fn status(&self, index: usize, status: Status) {
        if let Some(mib) = status.resident_mib {
            self.lock().insert(index, mib);
        }
        self.observer.status(index, status);
    }

    fn restarted_under_tcg(&self, index: usize, record: &TrialRecord) {
        self.observer.restarted_under_tcg(index, record);
    }

    fn finished(&self, index: usize, record: &TrialRecord) {
        self.observer.finished(index, record);
    }
}
