//! What is known of the kernels of a run: symbols, and layouts of structures. Each is read when the first guest with that
//! kernel is looked into, and all guests with it share it.

use crate::kernel::{read_types, symbols_of};
use arch::Arch;
use introspect::symbols::{Symbols, parse};
use introspect::tasks::Layout;
use model::KernelArtifact;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::OnceCell;

/// A layout and where it comes from.
type Origin = (Layout, String);

/// What is known of each kernel, by its image.
#[derive(Debug)]
struct Shared<T>(Mutex<BTreeMap<PathBuf, Cell<T>>>);

type Cell<T> = Arc<OnceCell<Result<Arc<T>, String>>>;

impl<T> Default for Shared<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T: Send + Sync + 'static> Shared<T> {
    /// What `read` reads, or why it cannot.
    async fn get(
        &self,
        kernel: &KernelArtifact,
        arch: Arch,
        read: fn(&KernelArtifact, Arch) -> Result<T, String>,
    ) -> Result<Arc<T>, String> {
        let cell = {
            let mut shared = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(shared.entry(kernel.image.clone()).or_default())
        };
        let kernel = kernel.clone();
        let work = move || read(&kernel, arch).map(Arc::new);
        let read = || async { tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| Err(error.to_string())) };
        cell.get_or_init(read).await.clone()
    }
}

/// What is known of the kernels of a run.
#[derive(Debug, Default)]
pub struct SymbolCache {
    symbols: Shared<Symbols>,
    layouts: Shared<Origin>,
}

impl SymbolCache {
    /// The symbols of a kernel, or why there are none.
    pub async fn get(&self, kernel: &KernelArtifact, arch: Arch) -> Result<Arc<Symbols>, String> {
        self.symbols.get(kernel, arch, read).await
    }

    /// The layouts of a kernel's structures and where they come from, or why there are none.
    pub(super) async fn layout(&self, kernel: &KernelArtifact, arch: Arch) -> Result<Arc<Origin>, String> {
        self.layouts.get(kernel, arch, read_layout).await
    }
}

fn read_layout(kernel: &KernelArtifact, arch: Arch) -> Result<Origin, String> {
    let spec = arch.stack.as_ref().ok_or_else(|| format!("the lab cannot read the tasks of {}", arch.name))?;
    let (layout, origin) =
        read_types(kernel, arch, |types| Layout::of(types, spec)).map_err(|error| error.to_string())?;
    Ok((layout.map_err(|missing| format!("{origin}: {missing}"))?, origin))
}

fn read(kernel: &KernelArtifact, arch: Arch) -> Result<Symbols, String> {
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
