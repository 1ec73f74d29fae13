//! Root disks beside the initramfs images.

use super::{RootDiskSpec, RootDisks, read_root_disk};
use crate::image::{ImageError, Images};

impl Images {
    /// The root disks of the same cache folder.
    pub const fn root_disks(&self) -> &RootDisks {
        &self.disks
    }

    /// The description of a root disk, `images/NAME.yaml`.
    ///
    /// # Errors
    /// When there is none, or it is wrong.
    pub fn root_disk_spec(&self, name: &str) -> Result<RootDiskSpec, ImageError> {
        read_root_disk(&self.assets, name)
    }
}
