//! Tasks as the kernel names them.

use serde::{Deserialize, Serialize};

/// A task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Task {
    /// Process id in the guest.
    pub pid: u32,
    /// Its name, at most 15 characters in the kernel.
    pub comm: String,
}
