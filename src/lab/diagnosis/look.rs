//! The steps that ask the host alone: what they read of a machine.

use super::{kernel_log, text};
use crate::lab::peek::Peek;
use crate::lab::probes::Prober;
use crate::lab::{memory, profile};
use model::{Profile, Stamp, Step};

/// Parts of the time over which a profile is taken: a guest that does one thing now and another later shows it.
const PARTS: usize = 4;

/// Makes a step that needs no answer of the guest's; gives what it found as text.
pub(super) async fn look(prober: &Prober, step: Step, at: Stamp) -> Result<String, String> {
    let peek = Peek::new(&prober.qmp);
    match step {
        Step::Registers => {
            let _pause = peek.pause().await?;
            peek.registers().await
        }
        Step::Profile => {
            let symbols = prober.symbols().await?;
            let mut parts: Vec<Profile> = Vec::new();
            for _ in 0..PARTS {
                parts.push(profile::sample(&peek, &prober.arch.cpu, &symbols, profile::SPAN / PARTS as u32).await?);
            }
            Ok(text::profile(&parts))
        }
        Step::Memory => {
            let symbols = prober.symbols().await?;
            let counters = prober.counters();
            Ok(text::memory(&memory::read(&peek, &prober.arch.cpu, &symbols, counters).await?))
        }
        Step::KernelLog => kernel_log::read(prober, &peek).await,
        Step::Tasks => prober.tasks(at).await,
        Step::Dump | Step::Sysrq(_) | Step::Nmi => Err("there is nothing to read for that".to_owned()),
    }
}
