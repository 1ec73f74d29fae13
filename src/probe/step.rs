//! The steps of a diagnosis that need no answer from the guest.

use super::error::ProbeError;
use super::finding::Finding;
use super::guest_memory::GuestMemory;
use super::prober::Prober;
use super::{kernel_log, profile};
use model::{Stamp, Step};

/// Parts of the time over which a profile is taken, so that a change in the guest's behaviour shows.
const PARTS: usize = 4;

impl Prober {
    /// Performs a diagnosis step without the guest's help. `at` is the time in the headline of the tasks.
    ///
    /// # Errors
    /// See [`ProbeError`].
    pub async fn collect(&self, step: Step, at: Stamp) -> Result<Finding, ProbeError> {
        let machine = GuestMemory::new(&self.qmp);
        Ok(match step {
            Step::Registers => {
                // Reading a kernel's layouts can take as long as a step may; the next step samples for two seconds.
                self.symbol_cache.prefetch(&self.kernel, self.arch);
                let _pause = machine.pause().await?;
                Finding::Registers(machine.registers().await?)
            }
            Step::Profile => {
                let symbols = self.symbols_with_modules().await?;
                let mut parts = Vec::new();
                for _ in 0..PARTS {
                    parts
                        .push(profile::sample(&machine, &self.arch.cpu, &symbols, profile::SPAN / PARTS as u32).await?);
                }
                Finding::Profile(parts)
            }
            Step::Memory => Finding::Memory(self.memory_figures().await?),
            Step::KernelLog => Finding::KernelLog(kernel_log::read(self, &machine).await?),
            Step::Tasks => Finding::Tasks(self.tasks(at).await?),
            Step::Dump | Step::Sysrq(_) | Step::Nmi => return Err(ProbeError::NotReadable(step)),
        })
    }
}
