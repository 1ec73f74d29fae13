//! What executes the guests of one architecture, until a kernel shows that it cannot.

use super::accel::{AccelAnswer, forget_kvm};
use model::Accel;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// What executes guests. Its clones share what a guest has shown.
#[derive(Debug, Clone)]
pub struct Accelerator {
    first: Accel,
    failed: Arc<AtomicBool>,
    /// The cache that remembers the answer, if this came from it.
    cache: Option<PathBuf>,
}

impl From<Accel> for Accelerator {
    fn from(first: Accel) -> Self {
        Self { first, failed: Arc::default(), cache: None }
    }
}

impl Accelerator {
    /// What the tiny guest showed, as `cache` remembers it.
    pub fn proven(answer: &AccelAnswer, cache: &Path) -> Self {
        Self { cache: Some(cache.to_owned()), ..answer.accel.into() }
    }

    /// What executes the next guest.
    pub fn accel(&self) -> Accel {
        if self.failed.load(Ordering::Relaxed) { Accel::Tcg } else { self.first }
    }

    /// KVM could not go on executing a kernel: all further guests are emulated, also those of later runs, until the host boots
    /// again.
    pub fn distrust(&self) {
        self.failed.store(true, Ordering::Relaxed);
        if let Some(cache) = &self.cache {
            forget_kvm(cache);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::{AccelReason, remembered_accel};

    #[test]
    fn distrust_reaches_clones_and_the_cache() {
        let dir = tempfile::tempdir().unwrap();
        let answer = AccelAnswer { accel: Accel::Kvm, reason: AccelReason::KvmWorks };
        let first = Accelerator::proven(&answer, dir.path());
        let second = first.clone();
        assert_eq!((first.accel(), second.accel()), (Accel::Kvm, Accel::Kvm));
        first.distrust();
        assert_eq!((first.accel(), second.accel()), (Accel::Tcg, Accel::Tcg));
        let x86 = arch::find("x86_64").unwrap();
        assert_eq!(remembered_accel(x86, dir.path()), Accel::Tcg);
        assert!(dir.path().read_dir().unwrap().next().is_some(), "the answer is written down");
    }
}
