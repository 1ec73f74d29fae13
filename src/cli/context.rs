//! Where things lie for this invocation.

use super::values::{SizeError, size};
use crate::archive::Host;
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
    /// Bytes that kernels of commits may take in the cache; `None` for the default.
    pub commit_limit: Option<u64>,
}

/// What stands for the home of a user without one (Debian's `nobody`); no folder of this name exists.
const NO_HOME: &str = "/nonexistent/oomlab";

/// The folders of this invocation could not be found.
#[derive(Debug, thiserror::Error)]
pub enum ContextError {
    /// There is no home for the cache.
    #[error(
        "cannot tell where to keep the cache: neither XDG_CACHE_HOME nor HOME is set; set OOMLAB_CACHE to a folder"
    )]
    NoCache,
    /// The limit of the cache is wrong.
    #[error("OOMLAB_COMMIT_KERNELS: `{value}` is {source}")]
    Limit {
        /// Its value.
        value: String,
        /// Why.
        source: SizeError,
    },
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
    /// When there is no home for the cache, no folder `data`, or no size in `OOMLAB_COMMIT_KERNELS`.
    pub fn new(data: Option<&Path>, color: bool) -> Result<Self, ContextError> {
        if let Some(path) = data {
            path.read_dir().map_err(|source| ContextError::Data { path: path.to_owned(), source })?;
        }
        let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
        let cache = variable("OOMLAB_CACHE")
            .map(PathBuf::from)
            .or_else(|| variable("XDG_CACHE_HOME").map(|dir| Path::new(&dir).join("oomlab")))
            .or_else(|| variable("HOME").map(|dir| Path::new(&dir).join(".cache/oomlab")))
            .ok_or(ContextError::NoCache)?;
        // QEMU and make get these paths and run elsewhere.
        let cache = std::path::absolute(&cache).unwrap_or(cache);
        let here = Path::new(".");
        let has_data = |dir: &Path| dir.join("images/workloads").is_dir() || dir.join("kernels").is_dir();
        let assets = match data.or_else(|| has_data(here).then_some(here)) {
            Some(dir) => Assets::with_overlay(dir),
            None => Assets::builtin(),
        };
        let limit = variable("OOMLAB_COMMIT_KERNELS").map(|value| value.to_string_lossy().into_owned());
        let read = |value: String| size(&value).map_err(|source| ContextError::Limit { value, source });
        let commit_limit = limit.map(read).transpose()?;
        Ok(Self { cache, assets, color, commit_limit })
    }

    /// The context of a packed plan, which brings its files along: a user without a home has no cache, and the results of probes are
    /// not kept.
    ///
    /// # Errors
    /// When there is no size in `OOMLAB_COMMIT_KERNELS`.
    pub fn of_pack(color: bool) -> Result<Self, ContextError> {
        match Self::new(None, color) {
            Err(ContextError::NoCache) => {
                Ok(Self { cache: NO_HOME.into(), assets: Assets::builtin(), color, commit_limit: None })
            }
            found => Ok(Self { assets: Assets::builtin(), ..found? }),
        }
    }

    /// The folders of this host that no archive names.
    ///
    /// # Errors
    /// When the current folder is gone.
    pub fn host(&self) -> std::io::Result<Host> {
        let home = std::env::var_os("HOME").filter(|home| !home.is_empty()).map(PathBuf::from);
        Ok(Host { cache: self.cache.clone(), home, current: std::env::current_dir()? })
    }
}
