//! The table of a guest's tasks.

use super::error::ProbeError;
use super::limits::within;
use super::prober::Prober;
use super::snapshot;
use arch::vcpu_dumps;
use introspect::tasks::{Guest, Source, TasksError, Vcpu, render};
use model::{KernelArtifact, Stamp};
use std::sync::Arc;
use std::time::Duration;

/// Timeout of reading a kernel's symbols and layouts, and of reading the tasks with them.
const TIMEOUT: Duration = Duration::from_secs(120);

impl Prober {
    /// The guest's tasks as text (`tasks.txt`), from a snapshot of its memory. `at` is the time, for the headline. The
    /// guest is paused while QEMU writes its RAM to a file, which is removed afterwards.
    ///
    /// # Errors
    /// When the kernel has no symbols or no debug information, or QEMU does not answer.
    pub async fn tasks(&self, at: Stamp) -> Result<String, ProbeError> {
        let spec = self.arch.stack.as_ref().ok_or(TasksError::Unsupported(self.arch))?;
        let loading = async {
            let symbols = self.symbols_with_modules().await?;
            Ok::<_, ProbeError>((symbols, self.symbol_cache.layout(&self.kernel, self.arch).await?))
        };
        let (symbols, layout) = within(TIMEOUT, loading).await?;
        let bytes = self.ram.bytes();
        let snapshot = within(snapshot::timeout(bytes), snapshot::take(&self.qmp, (spec.ram)(bytes))).await?;
        let (kernel, arch, at_s) = (Arc::clone(&self.kernel), self.arch, at.as_secs_f64());
        let work = move || {
            let read = |(number, dump)| Vcpu::read(number, dump, arch);
            let vcpus: Vec<Vcpu> = vcpu_dumps(&snapshot.registers).into_iter().filter_map(read).collect();
            let guest = Guest::new(&snapshot.ram, &layout.0, &symbols, arch, vcpus, &kernel.release)?;
            Ok::<_, ProbeError>(render(&guest, &source(&kernel, &layout.1, bytes, at_s)))
        };
        within(TIMEOUT, async { tokio::task::spawn_blocking(work).await? }).await
    }
}

fn source(kernel: &KernelArtifact, layouts: &str, bytes: u64, paused_s: f64) -> Source {
    let release = if kernel.release.is_empty() { "of unknown release" } else { &kernel.release };
    let kernel = format!("{release} {}", kernel.arch);
    Source { kernel, layouts: layouts.to_owned(), ram_mib: bytes >> 20, paused_s }
}
