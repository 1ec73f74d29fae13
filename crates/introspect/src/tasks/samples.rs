//! Memory for tests.

use super::layout::{Layout, RequestLayout, SavedLayout, SignalLayout, TaskLayout};
use super::locks::LockLayout;
use super::memory::PhysicalMemory;
use crate::debuginfo::Field;
use crate::symbols::{Symbols, parse_map};
use std::ops::Range;

/// RAM at some address.
pub(super) struct Ram {
    base: u64,
    bytes: Vec<u8>,
}

impl Ram {
    pub fn new(base: u64, length: usize) -> Self {
        Self { base, bytes: vec![0; length] }
    }

    pub fn put(&mut self, address: u64, bytes: &[u8]) {
        let at = (address - self.base) as usize;
        self.bytes[at..at + bytes.len()].copy_from_slice(bytes);
    }

    pub fn put_word(&mut self, address: u64, word: u64) {
        self.put(address, &word.to_le_bytes());
    }
}

impl PhysicalMemory for Ram {
    fn ranges(&self) -> Vec<Range<u64>> {
        std::iter::once(self.base..self.base + self.bytes.len() as u64).collect()
    }

    fn read(&self, address: u64, bytes: &mut [u8]) -> Option<()> {
        let at = usize::try_from(address.checked_sub(self.base)?).ok()?;
        bytes.copy_from_slice(self.bytes.get(at..at.checked_add(bytes.len())?)?);
        Some(())
    }
}

/// A layout without regard to any kernel.
pub(super) fn layout() -> Layout {
    let at = |offset, size| Field { offset, size };
    Layout {
        task: TaskLayout {
            thread_flags: Some(at(0, 8)),
            state: at(8, 4),
            exit_state: at(12, 4),
            flags: at(16, 4),
            pid: at(20, 4),
            tgid: at(24, 4),
            on_cpu: Some(at(28, 4)),
            cpu: Some(at(32, 4)),
            policy: at(36, 4),
            rt_priority: at(40, 4),
            comm: at(48, 16),
            tasks: at(64, 16),
            thread_node: at(80, 16),
            real_parent: at(96, 8),
            mm: at(104, 8),
            signal: at(112, 8),
            stack: at(120, 8),
        },
        signal: SignalLayout { thread_head: at(0, 16), oom_mm: at(16, 8), oom_score_adj: at(24, 2) },
        mm_flags: at(0, 8),
        saved_registers: SavedLayout { pc: at(128, 8), sp: at(136, 8), fp: at(144, 8), on_stack: None },
        reclaim: Some(RequestLayout {
            size: 24,
            first: at(0, 8),
            order: at(8, 1),
            priority: Some(at(9, 1)),
            gfp: at(12, 4),
        }),
        oom: Some(RequestLayout { size: 16, first: at(0, 8), gfp: at(8, 4), order: at(12, 4), priority: None }),
        locks: vec![LockLayout::sample(true)],
    }
}

/// Eight functions of 256 bytes each, from 32 MiB on, and the first task.
pub(super) fn symbols() -> Symbols {
    let functions: String = (0..8).map(|at| format!("{:x} T f{at}\n", 0x200_0000 + 256 * at)).collect();
    let map = format!("2000000 T _stext\n{functions}2000800 T _etext\n80001000 D init_task\n");
    Symbols::new(parse_map(map.as_bytes()), None).expect("functions")
}
