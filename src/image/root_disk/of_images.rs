//! Root disks beside the initramfs images.

use super::{RootDisk, RootDiskSpec, read_root_disk};
use crate::image::{ImageError, Images, Root};
use arch::Arch;
use model::Digest;
use std::path::Path;

impl Images {
    /// The description of a root disk, `images/NAME.yaml`.
    ///
    /// # Errors
    /// When there is none, or it is wrong.
    pub fn root_disk_spec(&self, name: &str) -> Result<RootDiskSpec, ImageError> {
        read_root_disk(&self.assets, name)
    }

    /// Whether the root disk of this description, with packages of this key, is in the cache.
    pub fn has_root_disk(&self, arch: Arch, spec: &RootDiskSpec, packages: &Digest) -> bool {
        self.disks.is_present(arch, spec, packages)
    }

    /// The root disk of this description with the files of packages: from the cache, or made now. Blocks.
    ///
    /// # Errors
    /// See [`super::RootDisks::get`].
    pub fn root_disk(
        &self,
        arch: Arch,
        spec: &RootDiskSpec,
        root: &Root<'_>,
        cancelled: &dyn Fn() -> bool,
    ) -> Result<RootDisk, ImageError> {
        self.disks.get(arch, spec, root, cancelled)
    }

    /// The root disk of a recorded trial, if it is still in the cache.
    pub fn recorded_root_disk(&self, path: &Path, digest: &Digest) -> Option<RootDisk> {
        self.disks.recorded(path, digest)
    }
}
