//! What executes a guest.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What executes the guest's instructions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Accel {
    /// The host CPU, through `/dev/kvm`; chosen only after a tiny guest ran to its end.
    Kvm,
    /// QEMU's Tiny Code Generator: emulation in software.
    Tcg,
}

impl Accel {
    /// QEMU's name for it, as `-accel` takes it.
    pub const fn qemu_name(self) -> &'static str {
        match self {
            Self::Kvm => "kvm",
            Self::Tcg => "tcg",
        }
    }
}
