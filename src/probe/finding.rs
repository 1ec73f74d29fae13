//! Results of diagnosis steps.

use super::text;
use model::{Memory, Profile};
use std::fmt;

/// The result of a diagnosis step; its `Display` is the file in the bundle.
#[derive(Debug, Clone, PartialEq)]
pub enum Finding {
    /// The register dumps of all vCPUs, as QEMU prints them.
    Registers(String),
    /// Profiles of consecutive time spans.
    Profile(Vec<Profile>),
    /// Free memory, watermarks and LRU sizes.
    Memory(Memory),
    /// The kernel's log, a line a record.
    KernelLog(String),
    /// The table of all tasks.
    Tasks(String),
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Registers(text) | Self::KernelLog(text) | Self::Tasks(text) => f.write_str(text),
            Self::Profile(parts) => f.write_str(&text::profile(parts)),
            Self::Memory(memory) => f.write_str(&text::memory(memory)),
        }
    }
}
