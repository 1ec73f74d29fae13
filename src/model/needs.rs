//! What a cell needs besides kernel, RAM and programs.

use serde::{Deserialize, Serialize};

/// What the lab provides to a guest because its workload asks for it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Needs {
    /// Kernel modules, as `lsmod` names them: built in, or loaded before the workload starts.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub modules: Vec<String>,
    /// An empty disk that lives as long as the guest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disk: Option<ScratchDisk>,
}

impl Needs {
    /// Whether it is nothing.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// An empty disk that lives as long as the guest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScratchDisk {
    /// Size in bytes. The file behind it is sparse: on the host it takes what the guest has written.
    pub bytes: u64,
    /// How slow it is.
    #[serde(default, skip_serializing_if = "Throttle::is_none")]
    pub throttle: Throttle,
}

/// Limits on a disk, reads and writes together; none where there is no number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Throttle {
    /// Bytes a second.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bps: Option<u64>,
    /// Requests a second.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub iops: Option<u64>,
}

impl Throttle {
    /// Whether there is no limit.
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }
}
