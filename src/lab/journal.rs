//! The record of a trial.

use crate::store::{StoreError, TrialDir};
use model::{Bundle, Record, Verdict};

/// The record of one trial. Data is in the page cache when a method returns.
///
/// # Errors
/// Each method fails when the record cannot be written.
pub(super) trait Journal {
    /// Appends console bytes.
    fn console(&mut self, bytes: &[u8]) -> Result<(), StoreError>;
    /// Appends what the workload's script has printed.
    fn output(&mut self, _: &[u8]) -> Result<(), StoreError> {
        Ok(())
    }
    /// Appends events, before they are judged.
    fn events(&mut self, records: &[Record]) -> Result<(), StoreError>;
    /// Whether the record of the events has its maximum length.
    fn is_full(&self) -> bool {
        false
    }
    /// Writes the verdict, before the diagnosis starts.
    fn verdict(&mut self, verdict: &Verdict) -> Result<(), StoreError>;
    /// Writes a file of the bundle.
    fn file(&mut self, name: &str, content: &[u8]) -> Result<(), StoreError>;
    /// Writes `bundle.json`.
    fn bundle(&mut self, bundle: &Bundle) -> Result<(), StoreError>;
}

impl Journal for TrialDir {
    fn console(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        Self::console(self, bytes)
    }

    fn output(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        Self::output(self, bytes)
    }

    fn events(&mut self, records: &[Record]) -> Result<(), StoreError> {
        Self::events(self, records)
    }

    fn is_full(&self) -> bool {
        Self::is_full(self)
    }

    fn verdict(&mut self, verdict: &Verdict) -> Result<(), StoreError> {
        Self::verdict(self, verdict)
    }

    fn file(&mut self, name: &str, content: &[u8]) -> Result<(), StoreError> {
        Self::file(self, name, content)
    }

    fn bundle(&mut self, bundle: &Bundle) -> Result<(), StoreError> {
        Self::bundle(self, bundle)
    }
}
