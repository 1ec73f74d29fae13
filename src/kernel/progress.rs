//! What a caller can see, and stop, while a kernel is made ready.

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
    /// The kernel's configuration is made; units: none.
    Configure,
    /// The kernel is compiled; units: object files.
    Build,
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Wait => "wait",
            Self::Index => "index",
            Self::Download => "download",
            Self::Unpack => "unpack",
            Self::Configure => "configure",
            Self::Build => "build",
        })
    }
}

/// How far a stage is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Update<'a> {
    /// The stage.
    pub stage: Stage,
    /// Units done; their kind depends on the stage.
    pub done: u64,
    /// Units in all, where it is known or can be estimated.
    pub total: Option<u64>,
    /// What is worked on: a package, a kernel.
    pub message: &'a str,
}

/// The caller's eyes and its brake.
pub trait Progress: Sync {
    /// Takes note of how far it is; called often.
    fn update(&self, update: Update<'_>);

    /// Whether to give up; asked several times a second.
    fn cancelled(&self) -> bool {
        false
    }
}

/// Watches nothing and never stops anything.
#[derive(Debug, Clone, Copy, Default)]
pub struct Unwatched;

impl Progress for Unwatched {
    fn update(&self, _: Update<'_>) {}
}
