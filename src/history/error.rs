//! Why there is no history.

use crate::store::StoreError;
use std::path::PathBuf;

/// A history that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    /// There is no folder with runs.
    #[error(
        "there is no folder {}: `oomlab run` makes it in the current folder; `--runs DIR` names another", path.display()
    )]
    NoRuns {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// The folder cannot be listed.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The index of the runs refuses a query.
    #[error("the index of the runs is damaged: {0}; `oomlab history --rebuild` makes it again")]
    Index(#[from] rusqlite::Error),
    /// A run that has to be there is not, or cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}
