//! The steps that ask the host alone: what they read of a machine.

use super::guest_memory::GuestMemory;
use super::prober::Prober;
use super::{counters, kernel_log, profile, text};
use model::{Profile, Stamp, Step};

/// Parts of the time over which a profile is taken: a guest that does one thing now and another later shows it.
const PARTS: usize = 4;

impl Prober {
    /// Makes a step that needs no answer from the guest; gives what it found as text.
    ///
    /// # Errors
    /// Why there is nothing; the message is for people.
    pub async fn collect(&self, step: Step, at: Stamp) -> Result<String, String> {
        let memory = GuestMemory::new(&self.qmp);
        match step {
            Step::Registers => {
                let _pause = memory.pause().await?;
                memory.registers().await
            }
            Step::Profile => {
                let symbols = self.symbols().await?;
                let mut parts: Vec<Profile> = Vec::new();
                for _ in 0..PARTS {
                    parts.push(profile::sample(&memory, &self.arch.cpu, &symbols, profile::SPAN / PARTS as u32).await?);
                }
                Ok(text::profile(&parts))
            }
            Step::Memory => {
                let symbols = self.symbols().await?;
                let counters = self.counters();
                Ok(text::memory(&counters::read(&memory, &self.arch.cpu, &symbols, counters).await?))
            }
            Step::KernelLog => kernel_log::read(self, &memory).await,
            Step::Tasks => self.tasks(at).await,
            Step::Dump | Step::Sysrq(_) | Step::Nmi => Err("there is nothing to read for that".to_owned()),
        }
    }
}
