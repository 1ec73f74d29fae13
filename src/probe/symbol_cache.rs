//! Symbols and structure layouts of the kernels of a run. They are read when the first guest with a kernel needs them, and
//! shared by all guests with that kernel.

use crate::kernel::{TypesError, read_types, symbols_of, vmstat_items};
use arch::Arch;
use introspect::counters::CounterLayout;
use introspect::symbols::{Symbols, parse_map};
use introspect::tasks::{Layout, MissingMember, TasksError};
use model::KernelArtifact;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::OnceCell;

/// Symbols or layouts of a kernel that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum KernelDataError {
    /// A file of the kernel.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// There is no `System.map`, and none in the image.
    #[error("the kernel has no symbols (CONFIG_KALLSYMS)")]
    NoSymbols,
    /// The symbols are not those of a kernel.
    #[error("{} has no functions", .0.display())]
    NoFunctions(PathBuf),
    /// There is no debug information that can be read.
    #[error(transparent)]
    Types(#[from] TypesError),
    /// The debug information lacks a member.
    #[error("{origin}: {missing}")]
    Layout {
        /// Where the debug information comes from.
        origin: String,
        /// The member.
        missing: MissingMember,
    },
    /// The tasks of the architecture cannot be read.
    #[error(transparent)]
    Tasks(#[from] TasksError),
    /// The thread that reads the files panicked.
    #[error(transparent)]
    Worker(#[from] tokio::task::JoinError),
}

/// A layout and where it comes from.
type Origin = (Layout, String);

/// A value of each kernel, by its image.
#[derive(Debug)]
struct Shared<T>(Mutex<BTreeMap<PathBuf, Cell<T>>>);

type Cell<T> = Arc<OnceCell<Result<Arc<T>, Arc<KernelDataError>>>>;

impl<T> Default for Shared<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T: Send + Sync + 'static> Shared<T> {
    /// The value that `read` reads, or its error. A caller that is cancelled does not cancel the reading: the next caller
    /// gets its result.
    async fn get(
        &self,
        kernel: &KernelArtifact,
        arch: Arch,
        read: fn(&KernelArtifact, Arch) -> Result<T, KernelDataError>,
    ) -> Result<Arc<T>, Arc<KernelDataError>> {
        let cell = {
            let mut shared = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(shared.entry(kernel.image.clone()).or_default())
        };
        let kernel = kernel.clone();
        let work = move || read(&kernel, arch);
        let read = || async {
            let done = tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| Err(error.into()));
            done.map(Arc::new).map_err(Arc::new)
        };
        let reader = tokio::spawn(async move { cell.get_or_init(read).await.clone() });
        reader.await.unwrap_or_else(|error| Err(Arc::new(error.into())))
    }
}

/// Symbols and structure layouts of the kernels of a run.
#[derive(Debug, Default)]
pub struct SymbolCache {
    symbols: Shared<Symbols>,
    layouts: Shared<Origin>,
    counters: Shared<CounterLayout>,
}

impl SymbolCache {
    /// Starts to read where a kernel's counters are, for the probes that follow.
    pub(super) fn prefetch(self: &Arc<Self>, kernel: &Arc<KernelArtifact>, arch: Arch) {
        let (cache, kernel) = (Arc::clone(self), Arc::clone(kernel));
        tokio::spawn(async move { cache.counters(&kernel, arch).await });
    }

    /// The symbols of a kernel at the addresses where it is linked.
    ///
    /// # Errors
    /// See [`KernelDataError`].
    pub async fn symbols(&self, kernel: &KernelArtifact, arch: Arch) -> Result<Arc<Symbols>, Arc<KernelDataError>> {
        self.symbols.get(kernel, arch, read_symbols).await
    }

    /// The layouts of a kernel's structures and where they come from.
    pub(super) async fn layout(
        &self,
        kernel: &KernelArtifact,
        arch: Arch,
    ) -> Result<Arc<Origin>, Arc<KernelDataError>> {
        self.layouts.get(kernel, arch, read_layout).await
    }

    /// Where a kernel's counters are in their structures.
    pub(super) async fn counters(
        &self,
        kernel: &KernelArtifact,
        arch: Arch,
    ) -> Result<Arc<CounterLayout>, Arc<KernelDataError>> {
        self.counters.get(kernel, arch, read_counters).await
    }
}

fn read_layout(kernel: &KernelArtifact, arch: Arch) -> Result<Origin, KernelDataError> {
    let spec = arch.stack.as_ref().ok_or(TasksError::Unsupported(arch))?;
    match read_types(kernel, arch, |types| Layout::of(types, spec))? {
        (Ok(layout), origin) => Ok((layout, origin)),
        (Err(missing), origin) => Err(KernelDataError::Layout { origin, missing }),
    }
}

/// What is not known is left out: a kernel without debug information has a part of it.
fn read_counters(kernel: &KernelArtifact, arch: Arch) -> Result<CounterLayout, KernelDataError> {
    let symbols = read_symbols(kernel, arch)?;
    let items = vmstat_items(&file(&kernel.image)?, arch);
    let layout = CounterLayout { items, ..CounterLayout::default() };
    let of_types = read_types(kernel, arch, |types| layout.clone().with_types(types));
    let layout = of_types.map_or(layout, |(layout, _)| layout);
    Ok(layout.with_cpustat(symbols.data("kernel_cpustat"), symbols.data("kstat")))
}

fn read_symbols(kernel: &KernelArtifact, arch: Arch) -> Result<Symbols, KernelDataError> {
    let (path, map) = match &kernel.system_map {
        Some(path) => (path, file(path)?),
        None => {
            let map = symbols_of(&file(&kernel.image)?, arch);
            (&kernel.image, map.ok_or(KernelDataError::NoSymbols)?.into_bytes())
        }
    };
    Symbols::new(parse_map(&map), arch.cpu.image_base).ok_or_else(|| KernelDataError::NoFunctions(path.clone()))
}

fn file(path: &Path) -> Result<Vec<u8>, KernelDataError> {
    std::fs::read(path).map_err(|source| KernelDataError::Read { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::Digest;
    use std::sync::Barrier;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    static READS: AtomicUsize = AtomicUsize::new(0);

    /// Until the test has given up, nothing is read.
    static GATE: Barrier = Barrier::new(2);

    fn slow(_: &KernelArtifact, _: Arch) -> Result<usize, KernelDataError> {
        GATE.wait();
        Ok(READS.fetch_add(1, Ordering::SeqCst) + 1)
    }

    /// A step that times out does not restart the reading for the next one.
    #[tokio::test]
    async fn cancelled_caller_does_not_cancel_the_reading() {
        let (shared, arch) = (Shared::<usize>::default(), arch::find("arm").expect("an architecture"));
        let kernel = KernelArtifact::of_image("debian-6.1".into(), arch, "/k".into(), Digest::new("0"));
        let abandoned = tokio::time::timeout(Duration::from_millis(1), shared.get(&kernel, arch, slow)).await;
        assert!(abandoned.is_err());
        GATE.wait();
        assert_eq!(*shared.get(&kernel, arch, slow).await.expect("a value"), 1);
        assert_eq!(READS.load(Ordering::SeqCst), 1);
    }
}
