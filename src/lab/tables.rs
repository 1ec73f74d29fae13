//! Symbol tables of the kernels of a run: each is read when the first guest with that kernel is looked into, and all
//! guests with it share it.

use crate::arch::ArchSpec;
use crate::kernel::symbols_of;
use crate::model::KernelArtifact;
use crate::symbols::{Symbols, parse};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::OnceCell;

type Cell = Arc<OnceCell<Result<Arc<Symbols>, String>>>;

/// The symbol tables by kernel image.
#[derive(Debug, Default)]
pub struct Tables(Mutex<BTreeMap<PathBuf, Cell>>);

impl Tables {
    /// The table of a kernel, or why there is none.
    pub async fn get(&self, kernel: &KernelArtifact, arch: &'static ArchSpec) -> Result<Arc<Symbols>, String> {
        let cell = {
            let mut tables = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(tables.entry(kernel.image.clone()).or_default())
        };
        let kernel = kernel.clone();
        let work = move || read(&kernel, arch).map(Arc::new);
        let read = || async { tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| Err(error.to_string())) };
        cell.get_or_init(read).await.clone()
    }
}

fn read(kernel: &KernelArtifact, arch: &ArchSpec) -> Result<Symbols, String> {
    let (path, map) = match &kernel.system_map {
        Some(path) => (path, file(path)?),
        None => {
            let map = symbols_of(&file(&kernel.image)?, arch);
            (&kernel.image, map.ok_or("the kernel has no symbols (CONFIG_KALLSYMS)")?.into_bytes())
        }
    };
    Symbols::new(parse(&map), arch.cpu.image_base).ok_or_else(|| format!("{} has no functions", path.display()))
}

fn file(path: &Path) -> Result<Vec<u8>, String> {
    std::fs::read(path).map_err(|error| format!("cannot read {}: {error}", path.display()))
}
