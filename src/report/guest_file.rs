//! The files that QEMU loads for a guest.

use model::{Digest, TrialRecord};
use std::fmt;

/// A file that QEMU loads for a guest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GuestFile {
    /// The kernel's image.
    Kernel,
    /// The initramfs.
    Initramfs,
    /// Firmware in place of QEMU's own.
    Firmware,
}

impl GuestFile {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Kernel, Self::Initramfs, Self::Firmware];

    /// The name of its copy beside a script.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Kernel => "kernel",
            Self::Initramfs => "initramfs.cpio.gz",
            Self::Firmware => "firmware.bin",
        }
    }

    /// Its variable in a script; in capitals, the user's.
    pub(super) const fn variable(self) -> &'static str {
        match self {
            Self::Kernel => "kernel",
            Self::Initramfs => "initrd",
            Self::Firmware => "firmware",
        }
    }

    const fn option(self) -> &'static str {
        match self {
            Self::Kernel => "-kernel",
            Self::Initramfs => "-initrd",
            Self::Firmware => "-bios",
        }
    }

    /// Its digest in the record of a trial.
    pub const fn digest(self, trial: &TrialRecord) -> Option<&Digest> {
        match self {
            Self::Kernel => trial.kernel_digest.as_ref(),
            Self::Initramfs => trial.initrd_digest.as_ref(),
            Self::Firmware => trial.firmware_digest.as_ref(),
        }
    }

    /// Its index in a command line of the trial; `None` where the guest has no such file. A firmware without a digest is not the
    /// lab's: `-bios default`.
    pub(super) fn position(self, trial: &TrialRecord, argv: &[impl AsRef<str>]) -> Option<usize> {
        if self == Self::Firmware && trial.firmware_digest.is_none() {
            return None;
        }
        let at = argv.iter().position(|word| word.as_ref() == self.option())? + 1;
        (at < argv.len()).then_some(at)
    }

    /// Its path on the host of the trial.
    pub fn path(self, trial: &TrialRecord) -> Option<&str> {
        trial.command.get(self.position(trial, &trial.command)?).map(String::as_str)
    }
}

impl fmt::Display for GuestFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Kernel => "kernel",
            Self::Initramfs => "initramfs",
            Self::Firmware => "firmware",
        })
    }
}
