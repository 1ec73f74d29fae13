//! Where the vCPUs run, sampled from outside.
//!
//! Under emulation a running vCPU's program counter is out of date: translated blocks that jump to each other do not
//! store it. Each sample therefore pauses the machine for a moment: a vCPU that is stopped leaves the block it is in. The
//! guest's clock is paused as well, so that the guest does not notice.

use super::error::ProbeError;
use super::guest_memory::GuestMemory;
use crate::host::Clock;
use arch::{CpuSpec, InterruptedPc, Registers, vcpu_dumps};
use introspect::bytes::le_words;
use introspect::profile::{Activity, ProfileBuilder};
use introspect::symbols::Symbols;
use model::Profile;
use std::time::Duration;

/// Time over which an idle host samples.
pub(super) const SPAN: Duration = Duration::from_secs(2);

/// Milliseconds between samples, in turn: no period of a guest's timer tick divides them all.
const GAPS_MS: [u64; 4] = [41, 47, 53, 59];

/// Their mean.
const GAP_MS: u128 = 50;

/// One sample in this many reads stacks as well.
const STACK_INTERVAL: usize = 4;

/// Maximum stacks that are read in one sample.
const MAX_STACKS: usize = 4;

/// Maximum bytes above the stack pointer that are read.
const MAX_DEPTH: u64 = 2048;

/// Samples all vCPUs for about `span`.
pub(super) async fn sample(
    memory: &GuestMemory<'_>,
    cpu: &CpuSpec,
    symbols: &Symbols,
    span: Duration,
) -> Result<Profile, ProbeError> {
    let (clock, mut profile) = (Clock::start(), ProfileBuilder::new(symbols, cpu));
    let sampler = Sampler { memory, cpu, symbols };
    let samples = usize::try_from(span.as_millis() / GAP_MS).unwrap_or(usize::MAX);
    for (at, gap) in GAPS_MS.iter().cycle().take(samples).enumerate() {
        // On an overloaded host each sample takes longer: fewer must do.
        if clock.elapsed() > 2 * span {
            break;
        }
        sampler.sample(&mut profile, if at % STACK_INTERVAL == 0 { MAX_STACKS } else { 0 }).await?;
        tokio::time::sleep(Duration::from_millis(*gap)).await;
    }
    Ok(profile.finish(u64::try_from(clock.elapsed().as_millis()).unwrap_or(u64::MAX)))
}

/// Samples one machine.
struct Sampler<'a> {
    memory: &'a GuestMemory<'a>,
    cpu: &'a CpuSpec,
    symbols: &'a Symbols,
}

impl Sampler<'_> {
    /// One sample of all vCPUs.
    async fn sample(&self, profile: &mut ProfileBuilder<'_>, stacks: usize) -> Result<(), ProbeError> {
        let pause = self.memory.pause().await?;
        let dump = self.memory.registers().await?;
        let read = |(number, dump)| Some((number, (self.cpu.registers)(dump)?));
        let vcpus: Vec<(u32, Registers)> = vcpu_dumps(&dump).into_iter().filter_map(read).collect();
        if vcpus.is_empty() {
            return Err(ProbeError::Registers);
        }
        let mut busy = Vec::new();
        for (number, registers) in vcpus {
            let Some(registers) = self.before_interrupt(number, registers).await? else { continue };
            if profile.add(&registers) == Activity::Kernel {
                busy.push((number, registers.sp));
            }
        }
        for (number, sp) in busy.into_iter().take(stacks) {
            let (address, bytes) = stack_range(sp, self.cpu.word_bytes);
            let words = self.memory.read(number, address, bytes).await?;
            profile.add_stack(&le_words(&words, self.cpu.word_bytes).collect::<Vec<_>>());
        }
        drop(pause);
        Ok(())
    }

    /// The vCPU before the interrupt that it may have taken as it was stopped; `None` if that is unknown.
    async fn before_interrupt(&self, number: u32, registers: Registers) -> Result<Option<Registers>, ProbeError> {
        let pc = registers.pc;
        let (entries, symbols, word_bytes) = (self.cpu.interrupt_entries, self.symbols, self.cpu.word_bytes);
        let interrupted = match registers.interrupted {
            InterruptedPc::At(interrupted) if symbols.is_entry(pc, entries) => interrupted,
            InterruptedPc::OnStack if symbols.is_entry(pc, entries) => {
                let top = self.memory.read(number, registers.sp, usize::from(word_bytes)).await?;
                match le_words(&top, word_bytes).next() {
                    Some(interrupted) => interrupted,
                    None => return Ok(None),
                }
            }
            InterruptedPc::Unknown if symbols.function(pc).is_some_and(|name| entries.contains(&name)) => {
                return Ok(None);
            }
            _ => return Ok(Some(registers)),
        };
        Ok(Some(registers.before_interrupt(interrupted, self.cpu)))
    }
}

/// Address and length of the part of a stack that is read: at most to the end of the smallest stack that it can be, since
/// the memory above may be of another task. Stacks are aligned to their size, at least two pages (`THREAD_SIZE`).
fn stack_range(sp: u64, word_bytes: u8) -> (u64, usize) {
    let size = 2048 * u64::from(word_bytes);
    let address = sp & !7;
    let end = (address & !(size - 1)).saturating_add(size);
    (address, end.saturating_sub(address).min(MAX_DEPTH) as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stack_range_ends_with_the_smallest_stack() {
        assert_eq!(stack_range(0xffff_c900_0000_1007, 8), (0xffff_c900_0000_1000, 2048));
        assert_eq!(stack_range(0xffff_c900_0000_3ff0, 8), (0xffff_c900_0000_3ff0, 16));
        assert_eq!(stack_range(0xc140_1f68, 4), (0xc140_1f68, 0x98));
        assert_eq!(stack_range(u64::MAX, 8).0, u64::MAX - 7);
    }
}
