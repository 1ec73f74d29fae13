//! Kernel images of the user.

use super::cache::digest_of_file;
use super::entry::LocalImage;
use super::kernels::Kernels;
use super::{KernelError, image};
use crate::store::read_regular;
use arch::Arch;
use model::{KernelArtifact, KernelName};
use std::path::Path;

impl Kernels {
    /// A user kernel that is not in the catalogue.
    ///
    /// # Errors
    /// When the image cannot be read.
    pub fn user_kernel(name: &KernelName, arch: Arch, image: &Path) -> Result<KernelArtifact, KernelError> {
        let image = std::path::absolute(image).map_err(KernelError::io("read", image))?;
        artifact(name, arch, &LocalImage { image, system_map: None, vmlinux: None, modules: None, config: None })
    }
}

/// Maximum length of a user's kernel image in bytes: an ELF image may have its debug information.
const MAX_IMAGE: u64 = 4 << 30;

/// The user's files, as they are.
pub(super) fn artifact(name: &KernelName, arch: Arch, files: &LocalImage) -> Result<KernelArtifact, KernelError> {
    let content = read_regular(&files.image, MAX_IMAGE).map_err(KernelError::io("read", &files.image))?;
    let companions = [&files.system_map, &files.vmlinux, &files.modules, &files.config];
    if let Some(missing) = companions.into_iter().flatten().find(|path| !path.exists()) {
        return Err(KernelError::io("read", missing)(std::io::ErrorKind::NotFound.into()));
    }
    Ok(KernelArtifact {
        name: name.clone(),
        arch,
        release: image::release(&content).unwrap_or_default(),
        digest: digest_of_file(&files.image).map_err(KernelError::io("read", &files.image))?,
        image: files.image.clone(),
        system_map: files.system_map.clone(),
        config: files.config.clone(),
        vmlinux: files.vmlinux.clone(),
        modules: files.modules.clone(),
        commit: None,
    })
}
