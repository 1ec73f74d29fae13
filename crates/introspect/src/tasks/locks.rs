//! The sleeping lock that a task waits for, and its owner.
//!
//! A waiter is a structure on the stack of the task that waits, in a ring with the others (`kernel/locking/rwsem.c`, `mutex.h`). The ring leads
//! through the lock's list head; since 7.1 the lock points to the first waiter, and its address is on the stack.

use super::memory::VirtualMemory;
use crate::debuginfo::{Field, Types, field};
use kmsg::functions::Class;
use std::ops::Range;

/// Waiters of one lock that are visited.
const MAX_WAITERS: usize = 64;

/// Possible owners that are kept.
const MAX_OWNERS: usize = 4;

/// Bits of an owner that are flags (`kernel/locking/rwsem.c`, `RWSEM_OWNER_FLAGS_MASK`; `mutex.c`, `MUTEX_FLAGS`).
const OWNER_FLAGS: u64 = 7;

/// Members of a lock and of its waiters.
#[derive(Debug, Clone)]
pub(super) struct LockLayout {
    /// The kernel's name for the sort of lock.
    sort: &'static str,
    waiter_list: Field,
    waiter_task: Field,
    owner: Field,
    /// A list head, or a pointer to the first waiter.
    waiters: Waiters,
}

#[derive(Debug, Clone, Copy)]
enum Waiters {
    List(Field),
    First(Field),
}

/// A lock that a task waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Awaited {
    pub sort: &'static str,
    /// Addresses of its owner's `task_struct`, if it is one.
    pub owners: Vec<u64>,
}

impl LockLayout {
    /// The layouts of all sorts of locks; a kernel with CONFIG_PREEMPT_RT has none of them.
    pub fn all(types: &dyn Types) -> Vec<Self> {
        let of = |sort, lock: &str, waiter: &str| {
            let list = field(types, lock, "wait_list").map(Waiters::List);
            let owner = field(types, lock, "owner")?;
            // The kernel declares waiters in files of its own, which not all debug information has. From 5.10 to 7.3 they begin with the
            // list and the task.
            let word = owner.size;
            let first = |offset, size| Field { offset, size };
            Some(Self {
                sort,
                waiter_list: field(types, waiter, "list").unwrap_or(first(0, 2 * word)),
                waiter_task: field(types, waiter, "task").unwrap_or(first(2 * word, word)),
                owner,
                waiters: list.or_else(|| field(types, lock, "first_waiter").map(Waiters::First))?,
            })
        };
        [of("rwsem", "rw_semaphore", "rwsem_waiter"), of("mutex", "mutex", "mutex_waiter")]
            .into_iter()
            .flatten()
            .collect()
    }

    #[cfg(test)]
    pub fn sample(is_list: bool) -> Self {
        let at = |offset| Field { offset, size: 8 };
        let waiters = if is_list { Waiters::List(at(16)) } else { Waiters::First(at(16)) };
        Self { sort: "mutex", waiter_list: at(0), waiter_task: at(16), owner: at(0), waiters }
    }
}

/// A task that may wait.
pub(super) struct Waiter<'a> {
    pub memory: VirtualMemory<'a>,
    /// Address of its `task_struct`.
    pub task: u64,
    /// The used part of its stack.
    pub stack: Range<u64>,
}

impl Waiter<'_> {
    /// The lock that it waits for, by the functions that it is in, innermost first.
    pub fn awaited(&self, layouts: &[LockLayout], functions: &[&str]) -> Option<Awaited> {
        let function = functions.iter().find(|name| Class::Lock.has(name))?;
        let sort = match function {
            name if name.contains("mutex") => "mutex",
            name if ["rwsem", "down_read", "down_write"].iter().any(|part| name.contains(part)) => "rwsem",
            _ => return None,
        };
        let layout = layouts.iter().find(|layout| layout.sort == sort)?;
        let words = self.memory.words(self.stack.start, self.stack.end);
        let tasks = words.iter().filter(|(_, word)| *word == self.task);
        let mut nodes =
            tasks.map(|(at, _)| at.wrapping_sub(layout.waiter_task.offset).wrapping_add(layout.waiter_list.offset));
        let ring = nodes.find_map(|node| self.ring(node))?;
        let locks: Vec<u64> = match layout.waiters {
            Waiters::List(head) => {
                let heads = ring.iter().filter(|node| !self.stack.contains(node));
                heads.map(|node| node.wrapping_sub(head.offset)).collect()
            }
            Waiters::First(first) => {
                let list = layout.waiter_list.offset;
                let leads_here = |lock: &u64| {
                    let first = self.memory.word(lock.wrapping_add(first.offset));
                    first.is_some_and(|first| ring.contains(&first.wrapping_add(list)))
                };
                words.iter().map(|(_, word)| *word).filter(leads_here).collect()
            }
        };
        let owner = |lock: &u64| self.memory.word(lock.wrapping_add(layout.owner.offset));
        let owners = locks.iter().filter_map(owner).map(|owner| owner & !OWNER_FLAGS).filter(|owner| *owner != 0);
        Some(Awaited { sort, owners: owners.filter(|owner| *owner != self.task).take(MAX_OWNERS).collect() })
    }

    /// The members of the ring that a node on the stack is in; `None` if it is in none.
    fn ring(&self, first: u64) -> Option<Vec<u64>> {
        let mut ring = vec![first];
        loop {
            let last = *ring.last()?;
            let next = self.memory.word(last)?;
            let back = self.memory.word(next.wrapping_add(u64::from(self.memory.word_bytes)))?;
            if back != last {
                return None;
            }
            if next == first {
                return Some(ring);
            }
            if ring.len() >= MAX_WAITERS {
                return None;
            }
            ring.push(next);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples::Ram;
    use super::*;
    use arch::Paging;

    const TASK: u64 = 0x1800;
    const OWNER: u64 = 0x1900;
    const LOCK: u64 = 0x1700;
    const STACK: Range<u64> = 0x1000..0x1400;
    /// The waiter of the task, and one of another.
    const NODES: [u64; 2] = [0x1100, 0x1600];

    /// A task on whose stack a waiter lies, in a ring of these nodes.
    fn awaited(ring: &[u64], is_list: bool, functions: &[&str]) -> Option<Awaited> {
        let mut ram = Ram::new(0x1000, 0x1000);
        for (at, node) in ring.iter().enumerate() {
            let next = ring[(at + 1) % ring.len()];
            ram.put_word(*node, next);
            ram.put_word(next + 8, *node);
        }
        ram.put_word(NODES[0] + 16, TASK);
        ram.put_word(0x1020, TASK);
        ram.put_word(0x1040, LOCK);
        ram.put_word(LOCK, OWNER | 1);
        if !is_list {
            ram.put_word(LOCK + 16, NODES[1]);
        }
        let memory = VirtualMemory { physical: &ram, paging: Paging::Off, word_bytes: 8 };
        Waiter { memory, task: TASK, stack: STACK }.awaited(&[LockLayout::sample(is_list)], functions)
    }

    const IN_MUTEX: &[&str] = &["schedule", "__mutex_lock.constprop.0", "do_exit"];

    #[test]
    fn owner_is_found_by_the_list_head() {
        let found = awaited(&[NODES[0], LOCK + 16], true, IN_MUTEX).unwrap();
        assert_eq!(found, Awaited { sort: "mutex", owners: vec![OWNER] });
        let two = awaited(&[NODES[0], NODES[1], LOCK + 16], true, IN_MUTEX).unwrap();
        assert!(two.owners.contains(&OWNER));
    }

    #[test]
    fn owner_is_found_by_the_first_waiter() {
        assert_eq!(awaited(&NODES, false, IN_MUTEX).unwrap().owners, [OWNER]);
    }

    #[test]
    fn others_wait_for_no_lock() {
        assert_eq!(awaited(&NODES, false, &["schedule", "do_wait"]), None);
        assert_eq!(awaited(&NODES, false, &["down_write", "do_mmap"]), None, "a sort without a layout");
        assert_eq!(awaited(&[0x1300], false, IN_MUTEX), None, "no ring");
    }
}
