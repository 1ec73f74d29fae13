//! Where things lie for this invocation.

use crate::assets::Assets;
use std::path::{Path, PathBuf};

/// Where things lie for this invocation.
#[derive(Debug, Clone)]
pub struct Context {
    /// Kernels, images, answers that are dear to find out: `$XDG_CACHE_HOME/oomlab`.
    pub cache: PathBuf,
    /// The program's own files, the user's before them.
    pub assets: Assets,
    /// Whether to use colour.
    pub color: bool,
}

/// The folders of this invocation could not be found.
#[derive(Debug, thiserror::Error)]
pub enum ContextError {
    /// There is no home for the cache.
    #[error(
        "cannot tell where to keep the cache: neither XDG_CACHE_HOME nor HOME is set; set OOMLAB_CACHE to a folder"
    )]
    NoCache,
    /// The folder of `--data` cannot be read.
    #[error("cannot read the folder {} of `--data`: {source}", path.display())]
    Data {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

impl Context {
    /// Finds the cache (`OOMLAB_CACHE`, `$XDG_CACHE_HOME/oomlab`, `~/.cache/oomlab`) and the user's own `images` and
    /// `kernels` folders (`--data`, else the current folder if it has one of them).
    ///
    /// # Errors
    /// When there is no home for the cache, or no folder `data`.
    pub fn new(data: Option<&Path>, color: bool) -> Result<Self, ContextError> {
        if let Some(path) = data {
            path.read_dir().map_err(|source| ContextError::Data { path: path.to_owned(), source })?;
        }
        let folder = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let cache = folder("OOMLAB_CACHE")
            .or_else(|| folder("XDG_CACHE_HOME").map(|dir| dir.join("oomlab")))
            .or_else(|| folder("HOME").map(|dir| dir.join(".cache/oomlab")))
            .ok_or(ContextError::NoCache)?;
        // QEMU and make get these paths and run elsewhere.
        let cache = std::path::absolute(&cache).unwrap_or(cache);
        let here = Path::new(".");
        let has_data = |dir: &Path| dir.join("images/workloads").is_dir() || dir.join("kernels").is_dir();
        let assets = match data.or_else(|| has_data(here).then_some(here)) {
            Some(dir) => Assets::with_overlay(dir),
            None => Assets::builtin(),
        };
        Ok(Self { cache, assets, color })
    }
}
