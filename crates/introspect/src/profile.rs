//! A profile of vCPUs, from samples of their program counters and stacks.

use crate::symbols::Symbols;
use arch::{CpuSpec, Registers};
use model::{Profile, Spot};
use std::collections::{BTreeMap, BTreeSet};

/// Stands for program counters in kernel mode that no symbol covers: among the addresses of the kernel those of a module that
/// is not known, else those of another kernel.
const MODULE: &str = "[module]";
const UNKNOWN: &str = "[unknown]";

const MAX_SPOTS: usize = 16;
const MAX_CALLERS: usize = 32;

/// What a vCPU does at one sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activity {
    /// It runs a program or firmware.
    User,
    /// It is idle.
    Idle,
    /// It runs the kernel.
    Kernel,
}

/// Counts samples.
#[derive(Debug)]
pub struct ProfileBuilder<'a> {
    symbols: &'a Symbols,
    cpu: &'a CpuSpec,
    profile: Profile,
    spots: BTreeMap<String, u32>,
    callers: BTreeMap<String, u32>,
}

impl<'a> ProfileBuilder<'a> {
    /// An empty profile.
    pub fn new(symbols: &'a Symbols, cpu: &'a CpuSpec) -> Self {
        let (spots, callers) = (BTreeMap::new(), BTreeMap::new());
        Self { symbols, cpu, profile: Profile::default(), spots, callers }
    }

    /// Counts one sample of one vCPU.
    pub fn add(&mut self, registers: &Registers) -> Activity {
        let pc = registers.pc;
        self.profile.samples += 1;
        let idle = self.symbols.is_idle(pc, self.cpu.idle_suffixes);
        let by_address = || match self.cpu.is_kernel_address(pc) {
            Some(kernel) => !kernel,
            None => !self.symbols.is_text(pc),
        };
        let activity = if registers.user.unwrap_or_else(by_address) {
            self.profile.user += 1;
            return Activity::User;
        } else if idle || registers.halted {
            self.profile.idle += 1;
            Activity::Idle
        } else {
            let other = if self.cpu.is_kernel_address(pc) == Some(true) { MODULE } else { UNKNOWN };
            *self.spots.entry(self.symbols.function(pc).unwrap_or(other).to_owned()).or_default() += 1;
            Activity::Kernel
        };
        // The idle loop of most architectures has interrupts off and wakes up when one arrives.
        self.profile.irqs_off += u32::from(registers.irqs_off && !idle);
        activity
    }

    /// Counts the callers among the words of the stack at one sample, each function once.
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

    /// The profile of a time span of `span_ms` milliseconds.
    pub fn finish(self, span_ms: u64) -> Profile {
        let (spots, callers) = (ranked(self.spots, MAX_SPOTS), ranked(self.callers, MAX_CALLERS));
        Profile { span_ms, spots, callers, ..self.profile }
    }
}

/// The `limit` most frequent names; equally frequent ones in alphabetical order.
fn ranked(counts: BTreeMap<String, u32>, limit: usize) -> Vec<Spot> {
    let mut spots: Vec<Spot> = counts.into_iter().map(|(symbol, samples)| Spot { symbol, samples }).collect();
    spots.sort_by_key(|spot| std::cmp::Reverse(spot.samples));
    spots.truncate(limit);
    spots
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::symbols::parse_map;
    use arch::InterruptedPc;

    const MAP: &str = "1000000 T _stext\n1000000 T shrink_node\n1000100 T __alloc_pages\n1000200 T arch_cpu_idle\n\
        1000300 T rest\n1000400 T _etext\n";

    fn registers(pc: u64) -> Registers {
        Registers { pc, sp: 0, user: Some(false), irqs_off: false, halted: false, interrupted: InterruptedPc::Unknown }
    }

    #[test]
    fn samples_are_counted_by_activity() {
        let symbols = Symbols::new(parse_map(MAP.as_bytes()), None).unwrap();
        let mut profile = ProfileBuilder::new(&symbols, &arch::find("riscv64").unwrap().spec().cpu);
        assert_eq!(profile.add(&registers(0x100_0010)), Activity::Kernel);
        assert_eq!(profile.add(&Registers { irqs_off: true, ..registers(0x100_0020) }), Activity::Kernel);
        assert_eq!(profile.add(&registers(0x100_0110)), Activity::Kernel);
        assert_eq!(profile.add(&registers(0x7777_7777)), Activity::Kernel, "in the kernel's mode, but unknown");
        assert_eq!(profile.add(&Registers { irqs_off: true, ..registers(0x100_0210) }), Activity::Idle);
        assert_eq!(profile.add(&Registers { halted: true, irqs_off: true, ..registers(0x100_0310) }), Activity::Idle);
        assert_eq!(
            profile.add(&Registers { user: Some(true), irqs_off: true, ..registers(0x100_0010) }),
            Activity::User
        );
        assert_eq!(profile.add(&Registers { user: None, ..registers(0x2000) }), Activity::User, "a program's address");
        let profile = profile.finish(2000);
        assert_eq!((profile.samples, profile.user, profile.idle, profile.irqs_off), (8, 2, 2, 2));
        let spot = |symbol: &str, samples| Spot { symbol: symbol.to_owned(), samples };
        assert_eq!(profile.spots, [spot("shrink_node", 2), spot("[unknown]", 1), spot("__alloc_pages", 1)]);
        assert_eq!(profile.span_ms, 2000);
    }

    #[test]
    fn code_outside_the_text_is_a_modules_by_its_address() {
        let symbols = Symbols::new(parse_map(MAP.as_bytes()), None).unwrap();
        let module = crate::modules::ModuleText { name: "[zram]".to_owned(), range: 0xbf00_1000..0xbf00_2000 };
        let symbols = symbols.with_modules(vec![module]);
        let spots = |arch: &str, pc| {
            let mut profile = ProfileBuilder::new(&symbols, &arch::find(arch).unwrap().spec().cpu);
            profile.add(&Registers { user: None, ..registers(pc) });
            let profile = profile.finish(1);
            (profile.user, profile.spots.first().map(|spot| spot.symbol.clone()))
        };
        assert_eq!(spots("arm", 0xbf00_1004), (0, Some("[zram]".to_owned())));
        assert_eq!(spots("arm", 0xbf00_2004), (0, Some("[module]".to_owned())));
        assert_eq!((spots("arm", 0xbeff_0000), spots("riscv64-nommu", 0x2000)), ((1, None), (1, None)));
        assert_eq!(spots("riscv64-nommu", 0x100_0010), (0, Some("shrink_node".to_owned())));
    }

    #[test]
    fn callers_are_counted_once_per_stack() {
        let symbols = Symbols::new(parse_map(MAP.as_bytes()), None).unwrap();
        let mut profile = ProfileBuilder::new(&symbols, &arch::find("riscv64").unwrap().spec().cpu);
        profile.add_stack(&[0x100_0104, 0x100_0108, 5, 0x100_0000, 0x100_0304]);
        profile.add_stack(&[0x100_0104]);
        let callers: Vec<(String, u32)> =
            profile.finish(1).callers.into_iter().map(|spot| (spot.symbol, spot.samples)).collect();
        assert_eq!(callers, [("__alloc_pages".to_owned(), 2), ("rest".to_owned(), 1)]);
    }

    #[test]
    fn profile_keeps_the_most_frequent_names() {
        let map: String = (0..100).map(|n| format!("{:x} T f{n}\n", 0x100_0000 + n * 16)).collect();
        let symbols = Symbols::new(parse_map(map.as_bytes()), None).unwrap();
        let mut profile = ProfileBuilder::new(&symbols, &arch::find("riscv64").unwrap().spec().cpu);
        for n in 0..100 {
            profile.add(&registers(0x100_0000 + n * 16));
            profile.add_stack(&[0x100_0004 + n * 16]);
        }
        let profile = profile.finish(1);
        assert_eq!((profile.spots.len(), profile.callers.len(), profile.samples), (16, 32, 100));
    }
}
