//! The table of a guest's tasks, and those of them that decide a verdict.

use super::error::ProbeError;
use super::limits::within;
use super::prober::Prober;
use super::snapshot;
use arch::vcpu_dumps;
use introspect::tasks::{Guest, Source, TasksError, Vcpu, decisive, render};
use model::{Event, KernelArtifact, Stamp};
use std::sync::Arc;
use std::time::Duration;

/// Timeout of reading a kernel's symbols and layouts, and of reading the tasks with them.
const TIMEOUT: Duration = Duration::from_secs(120);

/// Timeout of the tasks before a verdict: shorter than the watchdog's.
const FACTS_TIMEOUT: Duration = Duration::from_secs(7);

/// Maximum RAM in MiB of a guest that is paused for a snapshot before its verdict.
const MAX_FACTS_RAM_MIB: u32 = 1024;

impl Prober {
    /// The guest's tasks as text (`tasks.txt`), from a snapshot of its memory. `at` is the time, for the headline. The
    /// guest is paused while QEMU writes its RAM to a file, which is removed afterwards.
    ///
    /// # Errors
    /// When the kernel has no symbols or no debug information, or QEMU does not answer.
    pub async fn tasks(&self, at: Stamp) -> Result<String, ProbeError> {
        let (kernel, bytes, at_s) = (Arc::clone(&self.kernel), self.ram.bytes(), at.as_secs_f64());
        self.read_snapshot(move |guest, layouts| render(guest, &source(&kernel, layouts, bytes, at_s))).await
    }

    /// The tasks that decide a verdict, from a snapshot of the same kind.
    pub(super) async fn task_facts(&self) -> Result<Event, ProbeError> {
        if self.ram.0 > MAX_FACTS_RAM_MIB {
            return Err(ProbeError::RamSize(self.ram.0));
        }
        let tasks = within(FACTS_TIMEOUT, self.read_snapshot(|guest, _| decisive(guest))).await?;
        Ok(Event::Tasks { tasks: Box::new(tasks) })
    }

    /// The result of `read` on a snapshot; `read` also gets the source of the layouts.
    async fn read_snapshot<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Guest<'_>, &str) -> T + Send + 'static,
    ) -> Result<T, ProbeError> {
        let spec = self.arch.stack.as_ref().ok_or(TasksError::Unsupported(self.arch))?;
        let loading = async {
            let symbols = self.symbols_with_modules().await?;
            Ok::<_, ProbeError>((symbols, self.symbol_cache.layout(&self.kernel, self.arch).await?))
        };
        let (symbols, layout) = within(TIMEOUT, loading).await?;
        let bytes = self.ram.bytes();
        let snapshot = within(snapshot::timeout(bytes), snapshot::take(&self.qmp, (spec.ram)(bytes))).await?;
        let (kernel, arch) = (Arc::clone(&self.kernel), self.arch);
        let work = move || {
            let vcpu = |(number, dump)| Vcpu::read(number, dump, arch);
            let vcpus: Vec<Vcpu> = vcpu_dumps(&snapshot.registers).into_iter().filter_map(vcpu).collect();
            let guest = Guest::new(&snapshot.ram, &layout.0, &symbols, arch, vcpus, &kernel.release)?;
            Ok::<_, ProbeError>(read(&guest, &layout.1))
        };
        within(TIMEOUT, async { tokio::task::spawn_blocking(work).await? }).await
    }
}

fn source(kernel: &KernelArtifact, layouts: &str, bytes: u64, paused_s: f64) -> Source {
    let release = if kernel.release.is_empty() { "of unknown release" } else { &kernel.release };
    let kernel = format!("{release} {}", kernel.arch);
    Source { kernel, layouts: layouts.to_owned(), ram_mib: bytes >> 20, paused_s }
}
