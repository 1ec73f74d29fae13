//! A kernel that lies ready on disk.

use super::{Arch, Digest, KernelName};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// A kernel for one architecture, fetched or built, ready to boot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KernelArtifact {
    /// Name in the catalogue, or the file name of a user's own image.
    pub name: KernelName,
    /// Architecture.
    pub arch: Arch,
    /// Kernel release, for example `6.1.176`; empty when it is unknown.
    pub release: String,
    /// The bootable image.
    pub image: PathBuf,
    /// Digest of the image's content.
    pub digest: Digest,
    /// Symbol table.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub system_map: Option<PathBuf>,
    /// Configuration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config: Option<PathBuf>,
    /// ELF file with debug information.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vmlinux: Option<PathBuf>,
    /// Folder with `lib/modules/<release>`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub modules: Option<PathBuf>,
    /// Full name of the commit that it was built from, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
}

impl KernelArtifact {
    /// A kernel of which only the image is known.
    pub fn of_image(name: KernelName, arch: Arch, image: PathBuf, digest: Digest) -> Self {
        Self {
            name,
            arch,
            release: String::new(),
            image,
            digest,
            system_map: None,
            config: None,
            vmlinux: None,
            modules: None,
            commit: None,
        }
    }
}

/// A kernel module, ready to be loaded into the kernel that it belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KernelModule {
    /// Name as `lsmod` shows it, for example `virtio_blk`.
    pub name: String,
    /// The ELF file, not compressed.
    pub content: Vec<u8>,
}
