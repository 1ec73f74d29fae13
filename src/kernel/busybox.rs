//! BusyBox for a shell in the guest: the static one of Debian, in the guest's architecture.

use super::KernelError;
use super::debian::{STABLE, read_member};
use super::kernels::Kernels;
use super::progress::Progress;
use arch::Arch;
use std::path::Path;

const PACKAGE: &str = "busybox-static";
const PROGRAM: &str = "usr/bin/busybox";

impl Kernels {
    /// The program; `None` for architectures that Debian does not have, such as those without an MMU.
    ///
    /// # Errors
    /// When the package is neither in the cache nor can be fetched, or the caller cancels.
    pub fn busybox(&self, arch: Arch, progress: &dyn Progress) -> Result<Option<Vec<u8>>, KernelError> {
        let Some(debian) = &arch.kernel.debian else { return Ok(None) };
        let (_, package) = self.apt_package(STABLE, debian.arch, PACKAGE, progress)?;
        read_member(&package, Path::new(PROGRAM)).map(Some)
    }
}
