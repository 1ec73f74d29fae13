//! Where the vCPUs run, sampled from outside.
//!
//! Under emulation a running vCPU's program counter is out of date: translated blocks that jump to each other do not
//! store it. Each sample therefore holds the machine still for a moment: a vCPU that is stopped leaves the block it is
//! in. The guest's clock stands still meanwhile, so that the guest itself does not notice.

use super::guest_memory::GuestMemory;
use crate::host::Clock;
use crate::qmp::vcpu_dumps;
use arch::{Before, CpuSpec, Registers};
use introspect::symbols::{Doing, Symbols, Tally};
use model::Profile;
use std::time::Duration;

/// Over what time is sampled on an idle host.
pub(super) const SPAN: Duration = Duration::from_secs(2);

/// Milliseconds from sample to sample, in turn: no period of a guest's timer tick divides them all.
const GAPS_MS: [u64; 4] = [41, 47, 53, 59];

/// Their mean.
const GAP_MS: u128 = 50;

/// One sample in so many reads the stacks as well.
const STACKS: usize = 4;

/// Stacks that are read in one sample.
const STACKS_AT_ONCE: usize = 4;

/// How far above the stack pointer is read, in bytes.
const DEPTH: u64 = 2048;

/// Samples all vCPUs for about `span`.
pub(super) async fn sample(
    memory: &GuestMemory<'_>,
    cpu: &CpuSpec,
    symbols: &Symbols,
    span: Duration,
) -> Result<Profile, String> {
    let (clock, mut tally) = (Clock::start(), Tally::new(symbols, cpu));
    let sampler = Sampler { memory, cpu, symbols };
    let samples = usize::try_from(span.as_millis() / GAP_MS).unwrap_or(usize::MAX);
    for (at, gap) in GAPS_MS.iter().cycle().take(samples).enumerate() {
        // An overloaded host takes longer over each sample: then fewer must do.
        if clock.elapsed() > 2 * span {
            break;
        }
        sampler.sample(&mut tally, if at % STACKS == 0 { STACKS_AT_ONCE } else { 0 }).await?;
        tokio::time::sleep(Duration::from_millis(*gap)).await;
    }
    Ok(tally.finish(u64::try_from(clock.elapsed().as_millis()).unwrap_or(u64::MAX)))
}

/// A machine under observation.
struct Sampler<'a> {
    memory: &'a GuestMemory<'a>,
    cpu: &'a CpuSpec,
    symbols: &'a Symbols,
}

impl Sampler<'_> {
    /// One sample of all vCPUs.
    async fn sample(&self, tally: &mut Tally<'_>, stacks: usize) -> Result<(), String> {
        let pause = self.memory.pause().await?;
        let dump = self.memory.registers().await?;
        let read = |(number, dump)| Some((number, (self.cpu.registers)(dump)?));
        let vcpus: Vec<(u32, Registers)> = vcpu_dumps(&dump).into_iter().filter_map(read).collect();
        if vcpus.is_empty() {
            return Err("QEMU's dump of the registers cannot be read".to_owned());
        }
        let mut busy = Vec::new();
        for (number, registers) in vcpus {
            let Some(registers) = self.before_interrupt(number, registers).await? else { continue };
            if tally.add(&registers) == Doing::Busy {
                busy.push((number, registers.sp));
            }
        }
        for (number, sp) in busy.into_iter().take(stacks) {
            let (address, bytes) = stack(sp, self.cpu.word_bytes);
            tally.add_stack(&words(&self.memory.read(number, address, bytes).await?, self.cpu.word_bytes));
        }
        drop(pause);
        Ok(())
    }

    /// The vCPU before the interrupt that it may have taken as it was stopped; `None` where that is lost.
    async fn before_interrupt(&self, number: u32, registers: Registers) -> Result<Option<Registers>, String> {
        let pc = registers.pc;
        let (interrupts, symbols) = (self.cpu.interrupts, self.symbols);
        let before = match registers.before {
            Before::At(before) if symbols.begins(pc, interrupts) => before,
            Before::OnStack if symbols.begins(pc, interrupts) => {
                match words(&self.memory.read(number, registers.sp, 8).await?, 8).first() {
                    Some(&before) => before,
                    None => return Ok(None),
                }
            }
            Before::Lost if symbols.function(pc).is_some_and(|name| interrupts.contains(&name)) => return Ok(None),
            _ => return Ok(Some(registers)),
        };
        Ok(Some(registers.interrupted_at(before)))
    }
}

/// Address and length of what is read of a stack: up to the end of the smallest stack that it can be, since what lies
/// above belongs to somebody else. Stacks are aligned to their size, at least two pages (`THREAD_SIZE`).
fn stack(sp: u64, word_bytes: u8) -> (u64, usize) {
    let size = 2048 * u64::from(word_bytes);
    let address = sp & !7;
    let end = (address & !(size - 1)).saturating_add(size);
    (address, end.saturating_sub(address).min(DEPTH) as usize)
}

fn words(bytes: &[u8], word_bytes: u8) -> Vec<u64> {
    let word = |bytes: &[u8]| bytes.iter().rev().fold(0, |value, &byte| value << 8 | u64::from(byte));
    bytes.chunks_exact(usize::from(word_bytes)).map(word).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stacks_are_read_to_their_end() {
        assert_eq!(stack(0xffff_c900_0000_1007, 8), (0xffff_c900_0000_1000, 2048));
        assert_eq!(stack(0xffff_c900_0000_3ff0, 8), (0xffff_c900_0000_3ff0, 16));
        assert_eq!(stack(0xc140_1f68, 4), (0xc140_1f68, 0x98));
        assert_eq!(stack(u64::MAX, 8).0, u64::MAX - 7);
    }

    #[test]
    fn words_are_little_endian() {
        assert_eq!(words(&[1, 2, 0, 0, 0xff, 0, 0, 0x80, 7], 4), [0x201, 0x8000_00ff]);
        assert_eq!(words(&[1, 0, 0, 0, 0, 0, 0, 0x80], 8), [0x8000_0000_0000_0001]);
    }
}
