//! What a draft is made of.

use super::recipients::Recipients;
use super::regression::Regression;
use model::{KernelName, TrialRecord};
use std::collections::BTreeMap;

/// What a draft is made of: a trial, the others of its run, and what is known of the kernels and the host.
#[derive(Debug, Clone)]
pub struct Facts<'a> {
    /// The trial that is described.
    pub trial: &'a TrialRecord,
    /// All trials of the run, in its order.
    pub trials: &'a [TrialRecord],
    /// The run's kernels that are known, by name.
    pub kernels: &'a BTreeMap<KernelName, KernelOrigin>,
    /// What the workload does, in one line.
    pub workload: Option<&'a str>,
    /// `CONFIG_CC_VERSION_TEXT` of the kernel.
    pub compiler: Option<&'a str>,
    /// The kernel's configuration, as it will be attached.
    pub config: Option<&'a str>,
    /// QEMU's version of this host, as it prints it.
    pub qemu_version: Option<&'a str>,
    /// The serial console's bytes.
    pub console: &'a [u8],
    /// Of trials with this failure, seconds of the host from the start of the workload to the last progress.
    pub delays_s: &'a [f64],
    /// The trial as an archive, where it was packed.
    pub archive: Option<Attachment<'a>>,
    /// Good and bad commits.
    pub regression: Option<&'a Regression>,
    /// Whom to write to.
    pub recipients: &'a Recipients,
}

/// A file that may be attached.
#[derive(Debug, Clone, Copy)]
pub struct Attachment<'a> {
    /// Its name, without folders.
    pub name: &'a str,
    /// Its size.
    pub bytes: u64,
}

/// Where a kernel comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KernelOrigin {
    /// Its source.
    pub origin: Origin,
    /// Patches that the lab applied to it, by name.
    pub patches: Vec<String>,
}

/// The source of a kernel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// A binary package of Debian.
    DebianBinary {
        /// Suite, for example `bookworm`.
        suite: String,
    },
    /// A source package of Debian, built by the lab.
    DebianSource {
        /// Package.
        package: String,
        /// Suite.
        suite: String,
    },
    /// A git repository, built by the lab.
    Git,
    /// A folder with source, built by the lab.
    Tree,
    /// An image that the user built.
    Image,
}

impl KernelOrigin {
    /// Whether it was built from a commit as it is.
    pub fn is_commit(&self) -> bool {
        self.origin == Origin::Git && self.patches.is_empty()
    }
}
