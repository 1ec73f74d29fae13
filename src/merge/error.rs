//! Why runs cannot be merged.

use crate::store::StoreError;
use std::path::PathBuf;

/// Runs that cannot be merged.
#[derive(Debug, thiserror::Error)]
pub enum MergeError {
    /// No run.
    #[error("nothing to merge: name at least one run")]
    Nothing,
    /// Their matrices have other names.
    #[error("{} is of the matrix `{}`, {} of `{}`: merge runs of one matrix", .one.display(), model::printable(.matrix), .other.display(), model::printable(.other_matrix))]
    Matrix {
        /// A run.
        one: PathBuf,
        /// Its matrix.
        matrix: String,
        /// Another one.
        other: PathBuf,
        /// Its matrix.
        other_matrix: String,
    },
    /// Their matrices have other cells.
    #[error("{} and {} are not of one plan:\n{difference}\nRuns belong together that began with the same matrix, quarantine and `--repeat`", .one.display(), .other.display())]
    Plan {
        /// A run.
        one: PathBuf,
        /// Another one.
        other: PathBuf,
        /// A line for each cell that differs.
        difference: String,
    },
    /// Their shards were divided in two ways.
    #[error("{} is a shard of {}, {} of {}: all machines need the same number of shards and the same `--costs`", .one.display(), .partition, .other.display(), .other_partition)]
    Partition {
        /// A run.
        one: PathBuf,
        /// Its number of shards, and their costs.
        partition: String,
        /// Another one.
        other: PathBuf,
        /// That of the other one.
        other_partition: String,
    },
    /// Different versions of the program wrote them.
    #[error("{} has format {format}, {} has format {other_format}: merge runs of one version of oomlab", .one.display(), .other.display())]
    Format {
        /// A run.
        one: PathBuf,
        /// Its format.
        format: u32,
        /// Another one.
        other: PathBuf,
        /// Its format.
        other_format: u32,
    },
    /// Both have run the same trial, each to its end.
    #[error("{} and {} are two records of one trial: {difference}; leave one of the runs out", .one.display(), .other.display())]
    Conflict {
        /// The folder of the trial.
        one: PathBuf,
        /// The folder of the other one.
        other: PathBuf,
        /// What differs.
        difference: String,
    },
    /// There is something at the place of the merged run.
    #[error("{} exists: name another folder with `--out`", .0.display())]
    Exists(PathBuf),
    /// A run cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The merged run cannot be written; often the disk is full.
    #[error("cannot write {}: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}
