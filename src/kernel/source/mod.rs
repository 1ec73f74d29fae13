//! Source trees in the cache: unpacked from a package, checked out of a repository, or a user's folder as it is.

mod checkout;
mod package;

pub(super) use checkout::Revision;
pub(super) use package::{unpack, unpack_files};

use super::cache::Lock;
use model::Digest;
use std::path::PathBuf;

/// A source tree, ready to be built.
#[derive(Debug)]
pub(super) struct Tree {
    /// Its path.
    pub path: PathBuf,
    /// Digest of its origin.
    pub digest: Digest,
    /// Name for output trees: the same for trees that a build can be continued on.
    pub name: String,
    /// Keeps other processes from checking out another revision.
    pub _lock: Option<Lock>,
}
