//! What a cell needs besides kernel, RAM and programs.

use super::TestFormat;
use serde::{Deserialize, Serialize};

/// Resources that a workload requires of the lab.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Needs {
    /// Kernel modules, as `lsmod` names them: built in, or loaded before the workload starts.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub modules: Vec<String>,
    /// An empty disk that lives as long as the guest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disk: Option<ScratchDisk>,
    /// Options of the kernel that must be built in, without `CONFIG_`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub config: Vec<String>,
    /// A user space for a script in place of a program of the lab's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub script: Option<Script>,
}

/// What a workload that is a script needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Script {
    /// Packages of Debian whose files the guest has, with what they depend on.
    pub packages: Vec<String>,
    /// Packages that are left out although others depend on them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub without: Vec<String>,
    /// Folder of the kernel's own tests, below `tools/testing/selftests`, that the guest has in `/usr/lib/kselftest`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selftests: Option<String>,
    /// How the names of the tests of LTP begin that the guest has in `/opt/ltp/testcases/bin`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ltp: Vec<String>,
    /// The form of the results in what the script prints.
    pub results: TestFormat,
    /// The image of the root disk, on which its user space is: the lab runs it over SSH. Without one the user space is in the initramfs,
    /// and the agent runs it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// Files that the lab fetches from a root disk when the script has ended.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fetch: Vec<String>,
}

impl Needs {
    /// The image of the root disk.
    pub fn root_disk(&self) -> Option<&str> {
        self.script.as_ref()?.image.as_deref()
    }

    /// Whether it is nothing.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// A disk that lives as long as the guest: empty, or with an empty file system.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScratchDisk {
    /// Size in bytes. The file behind it is sparse: on the host it takes what the guest has written.
    pub bytes: u64,
    /// How slow it is.
    #[serde(default, skip_serializing_if = "Throttle::is_none")]
    pub throttle: Throttle,
    /// The file system on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filesystem: Option<Filesystem>,
}

/// A file system that the host makes on a scratch disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Filesystem {
    /// ext4.
    Ext4,
    /// XFS.
    Xfs,
}

impl Filesystem {
    /// Its name, which is that of its kernel module, too.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ext4 => "ext4",
            Self::Xfs => "xfs",
        }
    }

    /// The kernel's option, without `CONFIG_`.
    pub const fn option(self) -> &'static str {
        match self {
            Self::Ext4 => "EXT4_FS",
            Self::Xfs => "XFS_FS",
        }
    }

    /// The program and its arguments that make one in a file, whose path comes last. Nothing is left to the guest's kernel to
    /// do in the background (`lazy_itable_init`, mke2fs(8)).
    pub const fn maker(self) -> &'static [&'static str] {
        match self {
            Self::Ext4 => &["mke2fs", "-q", "-F", "-t", "ext4", "-E", "lazy_itable_init=0,lazy_journal_init=0"],
            Self::Xfs => &["mkfs.xfs", "-q", "-f"],
        }
    }

    /// The least size in bytes (mkfs.xfs makes none below 300 MiB since xfsprogs 5.19; ext4 needs room for a journal).
    pub const fn least_bytes(self) -> u64 {
        match self {
            Self::Ext4 => 8 << 20,
            Self::Xfs => 300 << 20,
        }
    }
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

    /// Both together; where both have a number, that of `over`.
    pub fn with(self, over: &Self) -> Self {
        Self { bps: over.bps.or(self.bps), iops: over.iops.or(self.iops) }
    }
}
