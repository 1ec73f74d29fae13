//! Kernel stacks, read without unwind information.
//!
//! What a frame pointer leads to is certain, where the kernel has such. Everything else on a stack that looks like a return
//! address is held against the code in front of it: there must be a call, and where that names its function, it must be
//! the one that the next frame further in belongs to, or one that ends in a jump to that. Of all chains the one with most such links is the stack; what
//! earlier calls left behind hardly ever fits in.

use super::memory::VirtualMemory;
use crate::symbols::Symbols;
use arch::{CallTarget, FrameLayout, StackSpec};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

/// Maximum frames of a stack.
const MAX_FRAMES: usize = 64;

/// Maximum possible return addresses on a stack.
const MAX_CANDIDATES: usize = 400;

/// One line of a stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Frame {
    /// Where the task is, or will return to.
    pub address: u64,
    /// Whether a call or a frame pointer confirms it; the kernel marks other addresses with `?` as well.
    pub confirmed: bool,
}

/// Where unwinding a stack starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Start {
    pub pc: u64,
    pub sp: u64,
    pub fp: u64,
    /// A return address in a register.
    pub ra: Option<u64>,
    /// Where the stack ends.
    pub end: u64,
}

/// Unwinds the stacks of one guest.
#[derive(Clone, Copy)]
pub(super) struct Unwinder<'a> {
    pub memory: VirtualMemory<'a>,
    pub symbols: &'a Symbols,
    pub spec: &'a StackSpec,
}

/// A possible return address.
struct Candidate<'a> {
    /// Its address on the stack; `None` if it was in a register.
    slot: Option<u64>,
    address: u64,
    /// The function that it leads back to.
    function: &'a str,
    /// The function that was called; `None` for an indirect call.
    callee: Option<Callee<'a>>,
    /// Of a function that was interrupted by it: the functions of all addresses among the registers.
    interrupted: BTreeSet<&'a str>,
}

/// A function that was called.
struct Callee<'a> {
    name: &'a str,
    /// The functions that it jumps to.
    jumps: Rc<BTreeSet<&'a str>>,
}

/// Maximum bytes of a function that are searched for jumps.
const MAX_CODE: u64 = 16 << 10;

/// How much a link between two frames counts: the call names the function, or one that jumps to it; it leaves the function
/// open; it names another one.
const NAMED: i32 = 4;
const OPEN: i32 = 1;
const OTHER: i32 = -8;

impl<'a> Unwinder<'a> {
    /// The frames, innermost first.
    pub fn unwind(&self, start: Start) -> Vec<Frame> {
        let candidates = self.candidates(start);
        let slots = self.frame_pointers(start);
        // With frame pointers, indirect calls need no guess.
        let linked = chain(self.symbols.function(start.pc).unwrap_or_default(), &candidates, slots.is_empty());
        let pointed = |candidate: &Candidate<'_>| candidate.slot.is_some_and(|slot| slots.contains(&slot));
        let frames = candidates
            .iter()
            .zip(linked)
            .map(|(it, linked)| Frame { address: it.address, confirmed: linked || pointed(it) });
        std::iter::once(Frame { address: start.pc, confirmed: true }).chain(frames).take(MAX_FRAMES).collect()
    }

    fn candidates(&self, start: Start) -> Vec<Candidate<'a>> {
        let mut jumps = Jumps::new();
        let words = self.memory.words(start.sp, start.end).into_iter();
        let words: Vec<Candidate<'a>> = words
            .filter_map(|(slot, word)| self.candidate(Some(slot), word, &mut jumps))
            .take(MAX_CANDIDATES)
            .collect();
        // A function that has put it on the stack has it there as well.
        let saved = |ra: &u64| words.first().is_some_and(|first| first.address == *ra);
        let register = start.ra.filter(|ra| !saved(ra)).and_then(|ra| self.candidate(None, ra, &mut jumps));
        register.into_iter().chain(words).collect()
    }

    fn candidate(&self, slot: Option<u64>, address: u64, jumps: &mut Jumps<'a>) -> Option<Candidate<'a>> {
        // The longest call: two instructions of RISC-V.
        const CODE: usize = 8;
        let function = self.symbols.caller(address)?;
        let mut code = [0; CODE];
        self.memory.read(address.checked_sub(CODE as u64)?, &mut code)?;
        let callee = match (self.spec.decode_call)(&code, address)? {
            CallTarget::Direct(callee) => self.symbols.function(callee).filter(|name| !is_thunk(name)).map(|name| {
                let jumps = Rc::clone(jumps.entry(callee).or_insert_with(|| Rc::new(self.jumps(callee))));
                Callee { name, jumps }
            }),
            CallTarget::Indirect => None,
        };
        let entry = slot.filter(|_| self.spec.exception_entries.iter().any(|entry| function.starts_with(entry)));
        let interrupted = entry.map(|slot| self.interrupted(slot)).unwrap_or_default();
        Some(Candidate { slot, address, function, callee, interrupted })
    }

    /// The functions of all addresses that lie above a place on the stack where `struct pt_regs` does.
    fn interrupted(&self, slot: u64) -> BTreeSet<&'a str> {
        /// Words of the structure, and of the frame in front of it.
        const WORDS: u64 = 48;
        let words = self.memory.words(slot + 1, slot.saturating_add(WORDS * u64::from(self.memory.word_bytes)));
        words.into_iter().filter_map(|(_, word)| self.symbols.function(word)).collect()
    }

    /// The functions to whose beginnings the function at an address jumps, and those that these jump to in turn.
    fn jumps(&self, callee: u64) -> BTreeSet<&'a str> {
        /// Jumps one after the other.
        const MAX_JUMPS: u32 = 3;
        let (mut seen, mut from) = (BTreeSet::new(), BTreeSet::from([callee]));
        for _ in 0..MAX_JUMPS {
            let to: BTreeSet<u64> = from.iter().flat_map(|&function| self.jumps_once(function)).collect();
            from = to.difference(&seen).copied().collect();
            seen.extend(&from);
        }
        seen.into_iter().filter_map(|function| self.symbols.function(function)).collect()
    }

    fn jumps_once(&self, function: u64) -> BTreeSet<u64> {
        let Some(range) = self.symbols.function_range(function) else { return BTreeSet::new() };
        let mut code = vec![0; (range.end - range.start).min(MAX_CODE) as usize];
        if self.memory.read(range.start, &mut code).is_none() {
            return BTreeSet::new();
        }
        let places = (0..code.len()).step_by(usize::from(self.spec.instruction_align));
        let targets = places.filter_map(|at| (self.spec.decode_jump)(&code[at..], range.start + at as u64));
        let begins = |target: &u64| self.symbols.function_and_offset(*target).is_some_and(|(_, offset)| offset == 0);
        targets.filter(|target| !range.contains(target) && begins(target)).collect()
    }

    /// Places of the return addresses that frame pointers lead to; few of them are chance.
    fn frame_pointers(&self, start: Start) -> BTreeSet<u64> {
        const MIN_SLOTS: usize = 3;
        let (mut fp, mut lowest, mut slots) = (start.fp, start.sp, BTreeSet::new());
        let FrameLayout { fp: caller, ra: address } = self.spec.frame;
        while slots.len() < MAX_FRAMES && fp > lowest && fp <= start.end {
            let slot = fp.wrapping_add_signed(address);
            let Some(word) = self.memory.word(slot).filter(|&word| self.symbols.is_text(word)) else { break };
            if self.symbols.caller(word).is_some() {
                slots.insert(slot);
            }
            lowest = fp;
            fp = self.memory.word(fp.wrapping_add_signed(caller)).unwrap_or(0);
        }
        if slots.len() < MIN_SLOTS { BTreeSet::new() } else { slots }
    }
}

/// The jumps of each called function.
type Jumps<'a> = BTreeMap<u64, Rc<BTreeSet<&'a str>>>;

/// Functions through which x86 calls the function in a register (`arch/x86/lib/retpoline.S`).
fn is_thunk(name: &str) -> bool {
    name.starts_with("__x86_indirect_") || name.starts_with("__x86_return_")
}

/// For each candidate, whether it belongs to the chain that holds together best, and something confirms it; for calls that
/// leave their function open that may be their place.
fn chain(innermost: &str, candidates: &[Candidate<'_>], with_open: bool) -> Vec<bool> {
    let link = |inner: Option<usize>, outer: usize| {
        let function = inner.map_or(innermost, |inner| candidates[inner].function);
        let is_interrupted = |name| inner.is_some_and(|inner| candidates[inner].interrupted.contains(name));
        match &candidates[outer].callee {
            Some(callee) if callee.name == function || callee.jumps.contains(function) => NAMED,
            Some(callee) if is_interrupted(callee.name) => NAMED,
            Some(_) => OTHER,
            None => OPEN,
        }
    };
    let mut best: Vec<(i32, Option<usize>)> = Vec::with_capacity(candidates.len());
    for outer in 0..candidates.len() {
        let from_start = (link(None, outer), None);
        let from_others = (0..outer).map(|inner| (best[inner].0 + link(Some(inner), outer), Some(inner)));
        best.push(from_others.fold(from_start, |best, other| if other.0 > best.0 { other } else { best }));
    }
    let mut sure = vec![false; candidates.len()];
    let mut at = (0..candidates.len()).max_by_key(|&at| best[at].0);
    // The outermost one is confirmed by its place. A call that leaves its function open is so by the next call further
    // out, if that names the function, or if there is nothing between them that could have been left behind.
    let mut confirmed = at.is_some_and(|at| at + 1 == candidates.len());
    while let Some(outer) = at {
        let inner = best[outer].1;
        let link = link(inner, outer);
        sure[outer] = link == NAMED || (with_open && link == OPEN && confirmed);
        confirmed = link == NAMED || (sure[outer] && inner.is_some_and(|inner| inner + 1 == outer));
        at = inner;
    }
    sure
}

#[cfg(test)]
#[path = "stack_tests.rs"]
mod tests;
