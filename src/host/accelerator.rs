//! The accelerator for the guests of one architecture: KVM until it fails, then TCG.

use super::accel::{AccelChoice, store_kvm_failure};
use model::Accel;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// The accelerator for the next guest. Clones share a failure of KVM.
#[derive(Debug, Clone)]
pub struct Accelerator {
    first: Accel,
    failed: Arc<AtomicBool>,
    /// Folder of the probe's cached result; `None` if the accelerator was not probed.
    cache: Option<PathBuf>,
}

impl From<Accel> for Accelerator {
    fn from(first: Accel) -> Self {
        Self { first, failed: Arc::default(), cache: None }
    }
}

impl Accelerator {
    /// The result of [`super::probe_kvm`], which it stored in the folder `cache`.
    pub fn probed(choice: &AccelChoice, cache: &Path) -> Self {
        Self { cache: Some(cache.to_owned()), ..choice.accel.into() }
    }

    /// [`Accel::Tcg`] after [`Accelerator::disable_kvm`].
    pub fn accel(&self) -> Accel {
        if self.failed.load(Ordering::Relaxed) { Accel::Tcg } else { self.first }
    }

    /// KVM failed on a kernel: all further guests run under TCG, those of later runs too, until the host reboots.
    pub fn disable_kvm(&self) {
        self.failed.store(true, Ordering::Relaxed);
        if let Some(cache) = &self.cache {
            store_kvm_failure(cache);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::{AccelReason, cached_accel};

    #[test]
    fn kvm_failure_reaches_clones_and_the_cache() {
        let dir = tempfile::tempdir().unwrap();
        let choice = AccelChoice { accel: Accel::Kvm, reason: AccelReason::KvmWorks };
        let first = Accelerator::probed(&choice, dir.path());
        let second = first.clone();
        assert_eq!((first.accel(), second.accel()), (Accel::Kvm, Accel::Kvm));
        first.disable_kvm();
        assert_eq!((first.accel(), second.accel()), (Accel::Tcg, Accel::Tcg));
        let x86 = arch::find("x86_64").unwrap();
        assert_eq!(cached_accel(x86, dir.path()), Accel::Tcg);
        assert!(dir.path().read_dir().unwrap().next().is_some(), "the cache has a file");
    }
}
