//! Page table walks from outside the guest.

/// How a vCPU translates the kernel's virtual addresses.
#[derive(Debug, Clone, Copy)]
pub enum Paging {
    /// Not at all: virtual addresses are physical ones.
    Off,
    /// By page tables with 512 entries of 8 bytes each; the last level maps pages of 4 KiB.
    Tables {
        /// Physical address of the top level table.
        root: u64,
        /// Levels of the walk to a page of 4 KiB.
        levels: u8,
        /// Decodes an entry. In the last level, [`PageTableEntry::Table`] stands for a page as well.
        decode_entry: fn(u64) -> PageTableEntry,
    },
}

/// A decoded page table entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PageTableEntry {
    /// Nothing is mapped there.
    Absent,
    /// Physical address of the next table or, in the last level, of a page.
    Table(u64),
    /// Physical address of a page as large as an entry of its level maps.
    Page(u64),
}

/// Bits of an address that one level translates.
const LEVEL_BITS: u32 = 9;

/// Bits of an address within a page of 4 KiB.
const PAGE_BITS: u32 = 12;

impl Paging {
    /// The physical address of a virtual one, and the bytes from there to the end of its page; `None` where nothing is
    /// mapped. `read` reads 8 bytes at a physical address.
    pub fn translate(&self, address: u64, read: impl Fn(u64) -> Option<u64>) -> Option<(u64, u64)> {
        let Self::Tables { root, levels, decode_entry } = *self else {
            return Some((address, u64::MAX - address));
        };
        let mut table = root;
        for level in (0..u32::from(levels)).rev() {
            let shift = PAGE_BITS + LEVEL_BITS * level;
            let index = address >> shift & ((1 << LEVEL_BITS) - 1);
            let within = (1_u64 << shift) - 1;
            let found = |page: u64| ((page & !within) | (address & within), within + 1 - (address & within));
            match decode_entry(read(table.checked_add(8 * index)?)?) {
                PageTableEntry::Absent => return None,
                PageTableEntry::Page(page) => return Some(found(page)),
                PageTableEntry::Table(page) if level == 0 => return Some(found(page)),
                PageTableEntry::Table(next) => table = next,
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode_entry(entry: u64) -> PageTableEntry {
        match entry & 3 {
            1 => PageTableEntry::Table(entry & !0xfff),
            3 => PageTableEntry::Page(entry & !0xfff),
            _ => PageTableEntry::Absent,
        }
    }

    /// A table at 0x1000 whose second entry is a table at 0x2000, with a page of 4 KiB and nothing else.
    fn read(address: u64) -> Option<u64> {
        match address {
            0x1008 => Some(0x2001),
            0x1010 => Some(0x40_0003),
            0x2028 => Some(0x7001),
            0x1000..0x3000 => Some(0),
            _ => None,
        }
    }

    #[test]
    fn translate_finds_pages_of_every_size() {
        let paging = Paging::Tables { root: 0x1000, levels: 2, decode_entry };
        assert_eq!(paging.translate(0x20_5123, read), Some((0x7123, 0xedd)));
        assert_eq!(paging.translate(0x40_1001, read), Some((0x40_1001, 0x1f_efff)));
        assert_eq!(paging.translate(0x20_6000, read), None);
        assert_eq!(Paging::Tables { root: 0x9000, levels: 2, decode_entry }.translate(0, read), None);
        assert_eq!(Paging::Tables { root: u64::MAX, levels: 5, decode_entry }.translate(u64::MAX, read), None);
        assert_eq!(Paging::Off.translate(5, read), Some((5, u64::MAX - 5)));
    }
}
