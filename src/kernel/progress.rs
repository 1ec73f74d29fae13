//! Progress and cancellation while a kernel is made ready.

use std::fmt;

/// A step on the way to a kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Another process prepares the same thing; units: none.
    Wait,
    /// The archive's index is refreshed; units: none.
    Index,
    /// A package comes over the network; units: bytes.
    Download,
    /// A package or source tree is unpacked; units: bytes read.
    Unpack,
    /// The state of a user's folder is read; units: none.
    Read,
    /// A revision is checked out; units: none.
    CheckOut,
    /// The kernel's configuration is made; units: none.
    Configure,
    /// The kernel is compiled; units: object files.
    Build,
    /// Its objects are linked, and the image is made; units: none.
    Link,
    /// Layouts of structures are compiled; units: none.
    Layouts,
    /// A root disk is made; units: none.
    RootDisk,
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Wait => "wait",
            Self::Index => "index",
            Self::Download => "download",
            Self::Unpack => "unpack",
            Self::Read => "read",
            Self::CheckOut => "check out",
            Self::Configure => "configure",
            Self::Build => "build",
            Self::Link => "link",
            Self::Layouts => "layouts",
            Self::RootDisk => "root disk",
        })
    }
}

/// Progress within a stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Update<'a> {
    /// The stage.
    pub stage: Stage,
    /// Units done; their kind depends on the stage.
    pub done: u64,
    /// Units in all, where it is known or can be estimated.
    pub total: Option<u64>,
    /// The subject: a package, a kernel.
    pub message: &'a str,
}

/// Receives progress, and can cancel.
pub trait Progress: Sync {
    /// Reports progress; called often.
    fn update(&self, update: Update<'_>);

    /// Tells the user something that the kernel's name does not.
    fn note(&self, _text: &str) {}

    /// Whether to cancel; polled several times a second.
    fn cancelled(&self) -> bool {
        false
    }
}

/// Ignores progress and never cancels.
#[derive(Debug, Clone, Copy, Default)]
pub struct NullProgress;

impl Progress for NullProgress {
    fn update(&self, _: Update<'_>) {}
}
