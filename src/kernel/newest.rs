//! What a kernel's source has now, where the cache may hold an older state of it.

use super::KernelError;
use super::entry::{KernelEntry, Source};
use super::kernels::Kernels;
use super::progress::Progress;
use super::recipe::Recipe;
use super::source::Revision;
use arch::Arch;

impl Kernels {
    /// What distinguishes the build of the source's present state from older ones; `None` where the recipe does that, or the cache is
    /// to be used as it is. A source that cannot be reached is noted: then the kernel in the cache is used.
    pub(super) fn newest(
        &self,
        entry: &KernelEntry,
        arch: Arch,
        recipe: &Recipe,
        progress: &dyn Progress,
    ) -> Result<Option<String>, KernelError> {
        if self.newer_than().is_none() {
            return Ok(None);
        }
        let package = |suite: &str, arch: &str, pattern: &str| {
            self.with_apt(suite, arch, progress, |apt| apt.newest(pattern)).map(|package| package.digest)
        };
        let found = match (&entry.source, &recipe.revision) {
            (Source::Debian { suite, packages }, _) => {
                let debian = arch.kernel.debian.ok_or(KernelError::NotInDebian(arch))?;
                package(suite, debian.arch, &packages[&arch])
            }
            // Every architecture's index lists source packages.
            (Source::DebianSource { suite, package: name }, _) => package(suite, "amd64", name),
            (Source::Git { .. }, Some(revision @ Revision::Remote { .. })) => {
                revision.check_out(self.cache(), progress).map(|tree| tree.digest)
            }
            _ => return Ok(None),
        };
        match found {
            Ok(content) => Ok(Some(content.as_str().to_owned())),
            Err(KernelError::Cancelled) => Err(KernelError::Cancelled),
            Err(error) => {
                progress.note(&format!("{} may be out of date: {error}", entry.name));
                Ok(None)
            }
        }
    }
}
