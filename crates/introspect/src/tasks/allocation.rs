//! Tasks inside the page allocator, and their requests.

use super::gfp;
use super::layout::{Layout, RequestLayout};
use super::memory::VirtualMemory;
use kmsg::functions::Class;
use std::ops::Range;

/// An allocation request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Request {
    pub gfp: u64,
    pub order: i32,
    /// Of reclaim: `scan_control.priority`, from 12 (`DEF_PRIORITY`) down to 0, the most urgent.
    pub priority: Option<u64>,
    /// The structure that holds it.
    pub source: &'static str,
}

/// Whether one of the functions on a stack is the page allocator's slow path's or reclaim's.
pub(super) fn is_inside(mut functions: impl Iterator<Item = impl AsRef<str>>) -> bool {
    functions.any(|name| [Class::AllocationSlowpath, Class::DirectReclaim].iter().any(|class| class.has(name.as_ref())))
}

/// Finds a task's request in the used part of its stack. Only reclaim and the OOM killer keep it in a structure; the rest
/// of the allocator has it in registers or wherever the compiler put it.
pub(super) fn request(
    memory: &VirtualMemory<'_>,
    layout: &Layout,
    stack: Range<u64>,
    functions: &[&str],
) -> Option<Request> {
    let has = |class: Class| functions.iter().any(|name| class.has(name));
    let mut places = stack.clone().step_by(usize::from(memory.word_bytes));
    let reclaim = layout.reclaim.filter(|_| has(Class::DirectReclaim)).and_then(|layout| {
        places.find_map(|at| {
            candidate(memory, &layout, at, &stack, "scan_control").filter(|_| is_reclaim(memory, &layout, at))
        })
    });
    let mut places = stack.clone().step_by(usize::from(memory.word_bytes));
    reclaim.or_else(|| {
        let layout = layout.oom.filter(|_| has(Class::OomKiller))?;
        places.find_map(|at| {
            candidate(memory, &layout, at, &stack, "oom_control").filter(|_| is_oom(memory, &layout, at))
        })
    })
}

/// The request of a structure at this address, if it is plausible.
fn candidate(
    memory: &VirtualMemory<'_>,
    layout: &RequestLayout,
    at: u64,
    stack: &Range<u64>,
    source: &'static str,
) -> Option<Request> {
    /// `MAX_ORDER`, by the configuration at most 15 or so.
    const MAX_ORDER: i32 = 15;
    const MAX_PRIORITY: u64 = 12;
    if at.checked_add(layout.size)? > stack.end {
        return None;
    }
    let gfp = memory.number(at + layout.gfp.offset, layout.gfp.size)?;
    if gfp & gfp::DIRECT_RECLAIM == 0 || gfp >= gfp::MASK_END {
        return None;
    }
    let order = memory.number(at + layout.order.offset, layout.order.size)?;
    // An `s8` in one of them, an `int` in the other.
    let order =
        if layout.order.size == 1 { i32::from((order as u8).cast_signed()) } else { (order as u32).cast_signed() };
    let priority = match layout.priority {
        Some(field) => Some(memory.number(at + field.offset, field.size)?),
        None => None,
    };
    let sane = (-1..=MAX_ORDER).contains(&order) && priority.is_none_or(|priority| priority <= MAX_PRIORITY);
    sane.then_some(Request { gfp, order, priority, source })
}

/// `try_to_free_pages()` asks for 32 pages (`include/linux/swap.h`, `SWAP_CLUSTER_MAX`).
fn is_reclaim(memory: &VirtualMemory<'_>, layout: &RequestLayout, at: u64) -> bool {
    memory.number(at + layout.first.offset, layout.first.size) == Some(32)
}

/// `zonelist` points to a table that begins with the address of a zone.
fn is_oom(memory: &VirtualMemory<'_>, layout: &RequestLayout, at: u64) -> bool {
    let zonelist = memory.word(at + layout.first.offset).filter(|&zonelist| zonelist != 0);
    let zone = zonelist.and_then(|zonelist| memory.word(zonelist)).filter(|&zone| zone != 0);
    zone.and_then(|zone| memory.word(zone)).is_some()
}

#[cfg(test)]
mod tests {
    use super::super::samples::{Ram, layout};
    use super::*;
    use arch::Paging;

    const STACK: Range<u64> = 0x1000..0x1400;

    #[test]
    fn request_finds_scan_control_on_the_stack() {
        let mut ram = Ram::new(0x1000, 0x400);
        // By chance this looks a little like one.
        ram.put_word(0x1010, 32);
        ram.put_word(0x1100, 32);
        ram.put(0x1100 + 8, &[3, 2, 0, 0, 0xc0, 0x0c, 0, 0]);
        let memory = VirtualMemory { physical: &ram, paging: Paging::Off, word_bytes: 8 };
        let find = |functions: &[&str]| request(&memory, &layout(), STACK, functions);
        let expected = Request { gfp: 0xcc0, order: 3, priority: Some(2), source: "scan_control" };
        assert_eq!(find(&["shrink_node", "try_to_free_pages"]), Some(expected));
        assert_eq!(find(&["__alloc_pages"]), None, "a leftover of an earlier call");
    }

    #[test]
    fn is_inside_knows_the_slow_path() {
        assert!(is_inside(["schedule", "__alloc_pages_slowpath"].iter()));
        assert!(!is_inside(["schedule", "kswapd", "kthread"].iter()));
    }
}
