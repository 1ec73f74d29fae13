//! The files that QEMU loads for a guest.

use super::root_disk;
use model::{Digest, TrialRecord};
use std::borrow::Cow;
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
    /// The root disk.
    RootDisk,
}

impl GuestFile {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Kernel, Self::Initramfs, Self::Firmware, Self::RootDisk];

    /// The name of its copy beside a script.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Kernel => "kernel",
            Self::Initramfs => "initramfs.cpio.gz",
            Self::Firmware => "firmware.bin",
            Self::RootDisk => "disk.ext4",
        }
    }

    /// Its variable in a script; in capitals, the user's.
    pub(super) const fn variable(self) -> &'static str {
        match self {
            Self::Kernel => "kernel",
            Self::Initramfs => "initrd",
            Self::Firmware => "firmware",
            Self::RootDisk => "root_disk",
        }
    }

    const fn option(self) -> &'static str {
        match self {
            Self::Kernel => "-kernel",
            Self::Initramfs => "-initrd",
            Self::Firmware => "-bios",
            Self::RootDisk => "-drive",
        }
    }

    /// Its digest in the record of a trial.
    pub const fn digest(self, trial: &TrialRecord) -> Option<&Digest> {
        match self {
            Self::Kernel => trial.kernel_digest.as_ref(),
            Self::Initramfs => trial.initrd_digest.as_ref(),
            Self::Firmware => trial.firmware_digest.as_ref(),
            Self::RootDisk => trial.root_disk_digest.as_ref(),
        }
    }

    /// Its index in a command line of the trial; `None` where the guest has no such file. A firmware without a digest is not the
    /// lab's: `-bios default`.
    pub(super) fn position(self, trial: &TrialRecord, argv: &[impl AsRef<str>]) -> Option<usize> {
        if self == Self::Firmware && trial.firmware_digest.is_none() {
            return None;
        }
        let values = argv.windows(2).enumerate().filter(|(_, pair)| pair[0].as_ref() == self.option());
        let mut values = values.map(|(at, pair)| (at + 1, pair[1].as_ref()));
        // There may be other drives.
        values.find(|(_, value)| self != Self::RootDisk || root_disk::path_in(value).is_some()).map(|(at, _)| at)
    }

    /// Its path in this word of a command line.
    pub(super) fn path_in(self, word: &str) -> Option<Cow<'_, str>> {
        if self == Self::RootDisk { root_disk::path_in(word) } else { Some(word.into()) }
    }

    /// Its path on the host of the trial.
    pub fn path(self, trial: &TrialRecord) -> Option<Cow<'_, str>> {
        self.path_in(trial.command.get(self.position(trial, &trial.command)?)?)
    }
}

impl fmt::Display for GuestFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Kernel => "kernel",
            Self::Initramfs => "initramfs",
            Self::Firmware => "firmware",
            Self::RootDisk => "root disk",
        })
    }
}
