//! What lies in the cache, and the removal of what has not been used for long.
//!
//! [`scan`] lists it, [`prune`] chooses from the list (pure), [`remove`] removes what is not in use.

mod item;
mod prune;
mod remove;
mod scan;
#[cfg(test)]
mod tests;

pub use item::{Category, Inventory, Item};
pub use prune::{Prune, Pruned, Scope};

use super::cache::Cache;
use super::{KernelError, Kernels};
use crate::host::file_time;

/// Bytes of the kernels of commits, if the user names no other limit: about 800 of the lab's configuration.
const COMMIT_LIMIT: u64 = 4 << 30;

impl Kernels {
    /// Lists the cache.
    ///
    /// # Errors
    /// When its folders cannot be read.
    pub fn inventory(&self) -> Result<Inventory, KernelError> {
        scan::all(self.cache(), &|name, arch| self.has_file(name, arch))
    }

    /// Whether the catalogue has a file for the kernel of this name and architecture.
    fn has_file(&self, name: &str, arch: &str) -> bool {
        let entry = arch::find(arch).and_then(|arch| self.catalogue().supports(name, arch).ok());
        entry.is_some_and(|entry| !entry.is_variant)
    }

    /// Removes what the rule says, or only tells with `dry_run`.
    ///
    /// # Errors
    /// When something cannot be removed.
    pub fn prune(&self, rule: &Prune, dry_run: bool) -> Result<Pruned, KernelError> {
        prune::run(self.inventory()?, rule, file_time(), &mut |item| remove::remove(self.cache(), item, dry_run))
    }

    /// Removes the least recently used kernels of commits beyond the limit. A kernel that was just made does not fail for it.
    pub(super) fn make_room(&self, limit: Option<u64>) {
        let in_catalogue = |name: &str, arch: &str| self.has_file(name, arch);
        if let Err(error) = make_room(self.cache(), limit.unwrap_or(COMMIT_LIMIT), &in_catalogue) {
            tracing::warn!("old kernels of commits stay in the cache: {error}");
        }
    }
}

fn make_room(cache: &Cache, limit: u64, in_catalogue: scan::InCatalogue<'_>) -> Result<Pruned, KernelError> {
    let rule = Prune { scope: Scope::Commits, older: None, max_bytes: Some(limit) };
    let kernels = scan::kernels(cache, in_catalogue)?;
    prune::run(kernels, &rule, file_time(), &mut |item| remove::remove(cache, item, false))
}
