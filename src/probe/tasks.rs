//! The table of a guest's tasks.

use super::prober::Prober;
use super::snapshot;
use crate::qmp::vcpu_dumps;
use introspect::tasks::{About, Guest, Vcpu, render};
use model::{KernelArtifact, Stamp};
use std::sync::Arc;
use std::time::Duration;

/// How long reading a kernel's symbols and layouts may take, and reading the tasks with them.
const READING: Duration = Duration::from_secs(120);

impl Prober {
    /// The guest's tasks as text, read from a snapshot of its memory without its help: `tasks.txt`. `at` is the time, for
    /// the headline. The guest stands still for as long as QEMU writes its RAM to a file, which is gone afterwards.
    ///
    /// # Errors
    /// When the kernel has no symbols or no debug information, or QEMU does not answer; the message names the remedy.
    pub async fn tasks(&self, at: Stamp) -> Result<String, String> {
        let unknown = || format!("the lab cannot read the tasks of {}", self.arch.name);
        let spec = self.arch.stack.as_ref().ok_or_else(unknown)?;
        let looking = async {
            let symbols = self.symbols().await?;
            Ok((symbols, self.symbol_cache.layout(&self.kernel, self.arch).await?))
        };
        let (symbols, layout) = within(READING, looking).await?;
        let bytes = self.ram.bytes();
        let snapshot = within(snapshot::patience(bytes), snapshot::take(&self.qmp, (spec.ram)(bytes))).await?;
        let (kernel, arch, at_s) = (Arc::clone(&self.kernel), self.arch, at.as_secs_f64());
        let reading = async {
            let work = move || {
                let read = |(number, dump)| Vcpu::read(number, dump, arch);
                let vcpus: Vec<Vcpu> = vcpu_dumps(&snapshot.registers).into_iter().filter_map(read).collect();
                let guest = Guest::new(&snapshot.ram, &layout.0, &symbols, arch, vcpus, &kernel.release)?;
                Ok(render(&guest, &about(&kernel, &layout.1, bytes, at_s)))
            };
            tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| Err(error.to_string()))
        };
        within(READING, reading).await
    }
}

fn about(kernel: &KernelArtifact, layouts: &str, bytes: u64, paused_s: f64) -> About {
    let release = if kernel.release.is_empty() { "of unknown release" } else { &kernel.release };
    let kernel = format!("{release} {}", kernel.arch);
    About { kernel, layouts: layouts.to_owned(), ram_mib: bytes >> 20, paused_s }
}

async fn within<T>(patience: Duration, work: impl Future<Output = Result<T, String>>) -> Result<T, String> {
    let late = |_| Err(format!("it took longer than {} s", patience.as_secs()));
    tokio::time::timeout(patience, work).await.unwrap_or_else(late)
}
