//! The kernel's view of a machine's memory.

use crate::bytes::{le_uint, le_words};
use arch::Paging;
use std::ops::Range;

/// The memory of a machine, by physical address.
pub trait PhysicalMemory {
    /// Addresses of its RAM.
    fn ranges(&self) -> Vec<Range<u64>>;

    /// Fills `bytes` from an address on; `None` if some of them are not RAM or cannot be read.
    fn read(&self, address: u64, bytes: &mut [u8]) -> Option<()>;
}

/// VirtualMemory by the kernel's virtual addresses.
#[derive(Clone, Copy)]
pub(super) struct VirtualMemory<'a> {
    pub physical: &'a dyn PhysicalMemory,
    pub paging: Paging,
    pub word_bytes: u8,
}

impl VirtualMemory<'_> {
    /// Fills `bytes` from an address on; `None` if some of them are not mapped.
    pub fn read(&self, mut address: u64, mut bytes: &mut [u8]) -> Option<()> {
        let entry = |address| {
            let mut entry = [0; 8];
            self.physical.read(address, &mut entry)?;
            Some(le_uint(&entry))
        };
        while !bytes.is_empty() {
            let (physical, more) = self.paging.translate(address, entry)?;
            let length = bytes.len().min(usize::try_from(more).unwrap_or(usize::MAX));
            let (now, later) = bytes.split_at_mut(length);
            self.physical.read(physical, now)?;
            address = address.wrapping_add(length as u64);
            bytes = later;
        }
        Some(())
    }

    /// The number of `size` bytes, at most 8, at an address.
    pub fn number(&self, address: u64, size: u64) -> Option<u64> {
        let mut bytes = [0; 8];
        self.read(address, bytes.get_mut(..usize::try_from(size).ok()?)?)?;
        Some(le_uint(&bytes))
    }

    /// The pointer or `unsigned long` at an address.
    pub fn word(&self, address: u64) -> Option<u64> {
        self.number(address, u64::from(self.word_bytes))
    }

    /// The aligned words between two addresses, each with its address; none if any of them cannot be read.
    pub fn words(&self, from: u64, end: u64) -> Vec<(u64, u64)> {
        let step = u64::from(self.word_bytes);
        let from = from.next_multiple_of(step);
        let mut bytes = vec![0; usize::try_from(end.saturating_sub(from) / step * step).unwrap_or(0)];
        if self.read(from, &mut bytes).is_none() {
            return Vec::new();
        }
        (from..).step_by(step as usize).zip(le_words(&bytes, self.word_bytes)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples::Ram;
    use super::*;
    use arch::PageTableEntry;

    /// Two pages, in the other order.
    fn decode_entry(entry: u64) -> PageTableEntry {
        if entry == 0 { PageTableEntry::Absent } else { PageTableEntry::Table(entry) }
    }

    #[test]
    fn reads_cross_pages() {
        let mut ram = Ram::new(0x1000, 0x3000);
        ram.put(0x1000, &0x3000_u64.to_le_bytes());
        ram.put(0x1008, &0x2000_u64.to_le_bytes());
        ram.put(0x3ffc, &[1, 2, 3, 4]);
        ram.put(0x2000, &[5, 6, 7, 8]);
        let paging = Paging::Tables { root: 0x1000, levels: 1, decode_entry };
        let memory = VirtualMemory { physical: &ram, paging, word_bytes: 8 };
        assert_eq!(memory.word(0xffc), Some(0x0807_0605_0403_0201));
        assert_eq!((memory.number(0xffe, 4), memory.number(0, 9)), (Some(0x0605_0403), None));
        assert_eq!(memory.words(0xff7, 0x1009), [(0xff8, 0x0403_0201_0000_0000), (0x1000, 0x0807_0605)]);
        assert_eq!((memory.word(0x1ffc), memory.words(0x1f00, 0x2f00)), (None, Vec::new()));
    }
}
