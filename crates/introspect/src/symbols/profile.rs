//! Samples of vCPUs, counted.

use super::Symbols;
use arch::{CpuSpec, Registers};
use model::{Profile, Spot};
use std::collections::{BTreeMap, BTreeSet};

/// What a program counter in the kernel's mode is called that no symbol covers: a module, or a kernel that the symbols
/// do not belong to.
const UNKNOWN: &str = "[unknown]";

const MAX_SPOTS: usize = 16;
const MAX_CALLERS: usize = 32;

/// What a vCPU does, as one sample shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Doing {
    /// It runs a program or firmware.
    User,
    /// It waits for work.
    Idle,
    /// It runs the kernel.
    Busy,
}

/// Counts samples.
#[derive(Debug)]
pub struct Tally<'a> {
    symbols: &'a Symbols,
    cpu: &'a CpuSpec,
    profile: Profile,
    spots: BTreeMap<String, u32>,
    callers: BTreeMap<String, u32>,
}

impl<'a> Tally<'a> {
    /// Nothing is counted yet.
    pub fn new(symbols: &'a Symbols, cpu: &'a CpuSpec) -> Self {
        let (spots, callers) = (BTreeMap::new(), BTreeMap::new());
        Self { symbols, cpu, profile: Profile::default(), spots, callers }
    }

    /// Counts one sample of one vCPU.
    pub fn add(&mut self, registers: &Registers) -> Doing {
        let pc = registers.pc;
        self.profile.samples += 1;
        let idle = self.symbols.is_idle(pc, self.cpu.idle);
        let doing = if registers.user.unwrap_or(!self.symbols.is_text(pc)) {
            self.profile.user += 1;
            return Doing::User;
        } else if idle || registers.halted {
            self.profile.idle += 1;
            Doing::Idle
        } else {
            *self.spots.entry(self.symbols.function(pc).unwrap_or(UNKNOWN).to_owned()).or_default() += 1;
            Doing::Busy
        };
        // The idle loop of most architectures waits with interrupts off, to wake up when one arrives.
        self.profile.irqs_off += u32::from(registers.irqs_off && !idle);
        doing
    }

    /// Counts the callers in the words that lay on the stack at one sample.
    pub fn add_stack(&mut self, words: &[u64]) {
        if words.is_empty() {
            return;
        }
        self.profile.stacks += 1;
        let found: BTreeSet<&str> = words.iter().filter_map(|&word| self.symbols.caller(word)).collect();
        for caller in found {
            *self.callers.entry(caller.to_owned()).or_default() += 1;
        }
    }

    /// What was counted, over `span_ms` milliseconds.
    pub fn finish(self, span_ms: u64) -> Profile {
        let (spots, callers) = (ranked(self.spots, MAX_SPOTS), ranked(self.callers, MAX_CALLERS));
        Profile { span_ms, spots, callers, ..self.profile }
    }
}

/// The names seen most, at most `limit` of them; of those seen equally often in the order of their names.
fn ranked(counts: BTreeMap<String, u32>, limit: usize) -> Vec<Spot> {
    let mut spots: Vec<Spot> = counts.into_iter().map(|(symbol, samples)| Spot { symbol, samples }).collect();
    spots.sort_by_key(|spot| std::cmp::Reverse(spot.samples));
    spots.truncate(limit);
    spots
}

#[cfg(test)]
mod tests {
    use super::super::parse;
    use super::*;
    use arch::Before;

    const MAP: &str = "1000000 T _stext\n1000000 T shrink_node\n1000100 T __alloc_pages\n1000200 T arch_cpu_idle\n\
        1000300 T rest\n1000400 T _etext\n";

    fn registers(pc: u64) -> Registers {
        Registers { pc, sp: 0, user: Some(false), irqs_off: false, halted: false, before: Before::Lost }
    }

    #[test]
    fn samples_are_counted_by_what_the_vcpu_does() {
        let symbols = Symbols::new(parse(MAP.as_bytes()), None).unwrap();
        let mut tally = Tally::new(&symbols, &arch::find("riscv64").unwrap().spec().cpu);
        assert_eq!(tally.add(&registers(0x100_0010)), Doing::Busy);
        assert_eq!(tally.add(&Registers { irqs_off: true, ..registers(0x100_0020) }), Doing::Busy);
        assert_eq!(tally.add(&registers(0x100_0110)), Doing::Busy);
        assert_eq!(tally.add(&registers(0x7777_7777)), Doing::Busy, "in the kernel's mode, but unknown");
        assert_eq!(tally.add(&Registers { irqs_off: true, ..registers(0x100_0210) }), Doing::Idle);
        assert_eq!(tally.add(&Registers { halted: true, irqs_off: true, ..registers(0x100_0310) }), Doing::Idle);
        assert_eq!(tally.add(&Registers { user: Some(true), irqs_off: true, ..registers(0x100_0010) }), Doing::User);
        assert_eq!(tally.add(&Registers { user: None, ..registers(0x2000) }), Doing::User, "outside the text");
        assert_eq!(tally.add(&Registers { user: None, ..registers(0x100_0010) }), Doing::Busy);
        let profile = tally.finish(2000);
        assert_eq!((profile.samples, profile.user, profile.idle, profile.irqs_off), (9, 2, 2, 2));
        let spot = |symbol: &str, samples| Spot { symbol: symbol.to_owned(), samples };
        assert_eq!(profile.spots, [spot("shrink_node", 3), spot("[unknown]", 1), spot("__alloc_pages", 1)]);
        assert_eq!(profile.span_ms, 2000);
    }

    #[test]
    fn callers_are_counted_once_a_stack() {
        let symbols = Symbols::new(parse(MAP.as_bytes()), None).unwrap();
        let mut tally = Tally::new(&symbols, &arch::find("riscv64").unwrap().spec().cpu);
        tally.add_stack(&[0x100_0104, 0x100_0108, 5, 0x100_0000, 0x100_0304]);
        tally.add_stack(&[0x100_0104]);
        let callers: Vec<(String, u32)> =
            tally.finish(1).callers.into_iter().map(|spot| (spot.symbol, spot.samples)).collect();
        assert_eq!(callers, [("__alloc_pages".to_owned(), 2), ("rest".to_owned(), 1)]);
    }

    #[test]
    fn no_more_is_kept_than_the_record_promises() {
        let map: String = (0..100).map(|n| format!("{:x} T f{n}\n", 0x100_0000 + n * 16)).collect();
        let symbols = Symbols::new(parse(map.as_bytes()), None).unwrap();
        let mut tally = Tally::new(&symbols, &arch::find("riscv64").unwrap().spec().cpu);
        for n in 0..100 {
            tally.add(&registers(0x100_0000 + n * 16));
            tally.add_stack(&[0x100_0004 + n * 16]);
        }
        let profile = tally.finish(1);
        assert_eq!((profile.spots.len(), profile.callers.len(), profile.samples), (16, 32, 100));
    }
}
