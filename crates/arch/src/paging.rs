//! Page tables, walked from outside.

/// How a vCPU translates the kernel's virtual addresses.
#[derive(Debug, Clone, Copy)]
pub enum Paging {
    /// Not at all: virtual addresses are physical ones.
    Off,
    /// By a tree of tables with 512 entries of 8 bytes each; the last table's entries are of pages of 4 KiB.
    Tables {
        /// Physical address of the first table.
        root: u64,
        /// How many tables there are on the way to a page of 4 KiB.
        levels: u8,
        /// Reads an entry. Whether one of the last table is of a page is not asked.
        entry: fn(u64) -> Entry,
    },
}

/// What an entry of a page table is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entry {
    /// Nothing is mapped there.
    Absent,
    /// The physical address of the next table or, in the last table, of a page.
    Table(u64),
    /// The physical address of memory as large as the entry stands for.
    Page(u64),
}

/// Bits of an address that one table stands for.
const BITS: u32 = 9;

/// Bits of an address within the smallest page.
const PAGE_BITS: u32 = 12;

impl Paging {
    /// The physical address behind a virtual one, and how many bytes from there on lie in the same page; `None` where
    /// nothing is mapped. `read` reads 8 bytes of physical memory.
    pub fn translate(&self, address: u64, read: impl Fn(u64) -> Option<u64>) -> Option<(u64, u64)> {
        let Self::Tables { root, levels, entry } = *self else {
            return Some((address, u64::MAX - address));
        };
        let mut table = root;
        for level in (0..u32::from(levels)).rev() {
            let shift = PAGE_BITS + BITS * level;
            let index = address >> shift & ((1 << BITS) - 1);
            let within = (1_u64 << shift) - 1;
            let found = |page: u64| ((page & !within) | (address & within), within + 1 - (address & within));
            match entry(read(table.checked_add(8 * index)?)?) {
                Entry::Absent => return None,
                Entry::Page(page) => return Some(found(page)),
                Entry::Table(page) if level == 0 => return Some(found(page)),
                Entry::Table(next) => table = next,
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(entry: u64) -> Entry {
        match entry & 3 {
            1 => Entry::Table(entry & !0xfff),
            3 => Entry::Page(entry & !0xfff),
            _ => Entry::Absent,
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
    fn pages_of_every_size_are_found() {
        let paging = Paging::Tables { root: 0x1000, levels: 2, entry };
        assert_eq!(paging.translate(0x20_5123, read), Some((0x7123, 0xedd)));
        assert_eq!(paging.translate(0x40_1001, read), Some((0x40_1001, 0x1f_efff)));
        assert_eq!(paging.translate(0x20_6000, read), None);
        assert_eq!(Paging::Tables { root: 0x9000, levels: 2, entry }.translate(0, read), None);
        assert_eq!(Paging::Tables { root: u64::MAX, levels: 5, entry }.translate(u64::MAX, read), None);
        assert_eq!(Paging::Off.translate(5, read), Some((5, u64::MAX - 5)));
    }
}
