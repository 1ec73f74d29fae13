//! Where tests that boot real kernels find them.

use std::path::PathBuf;

/// The cache that the program uses for this user.
pub fn cache() -> PathBuf {
    let folder = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    folder("OOMLAB_CACHE")
        .or_else(|| folder("XDG_CACHE_HOME").map(|dir| dir.join("oomlab")))
        .or_else(|| folder("HOME").map(|dir| dir.join(".cache/oomlab")))
        .expect("a home for the cache")
}
