//! A consistent copy of a machine's memory and registers.

use super::error::ProbeError;
use super::guest_memory::GuestMemory;
use super::limits::QMP_TIMEOUT;
use crate::host::{QmpCommands, unnamed_file};
use introspect::tasks::PhysicalMemory;
use qapi_qmp::pmemsave;
use std::cell::RefCell;
use std::fs::File;
use std::ops::Range;
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;
use std::time::Duration;

/// Minimum write rate of the host's disk, in bytes per second.
const MIN_RATE: u64 = 16 << 20;

/// The machine at one moment.
#[derive(Debug)]
pub(super) struct Snapshot {
    /// All vCPUs' registers, as QEMU prints them.
    pub registers: String,
    /// Its RAM.
    pub ram: Ram,
}

/// Timeout of a snapshot of this many bytes.
pub(super) fn timeout(bytes: u64) -> Duration {
    2 * QMP_TIMEOUT + Duration::from_secs(bytes / MIN_RATE)
}

/// Takes a snapshot of a machine with RAM in these ranges of physical addresses. The machine is paused meanwhile.
pub(super) async fn take(qmp: &QmpCommands, ranges: Vec<Range<u64>>) -> Result<Snapshot, ProbeError> {
    let bytes: u64 = ranges.iter().map(|range| range.end - range.start).sum();
    let mut ram = Ram { parts: Vec::new(), page: RefCell::default() };
    let machine = GuestMemory::new(qmp);
    let pause = machine.pause().await?;
    let registers = machine.registers().await?;
    for range in ranges {
        let file = unnamed_file().map_err(ProbeError::SnapshotFile)?;
        let path = format!("/proc/{}/fd/{}", std::process::id(), file.as_raw_fd());
        let save = pmemsave { val: range.start, size: range.end - range.start, filename: path };
        qmp.execute(save, timeout(bytes)).await?;
        ram.parts.push((range, file));
    }
    drop(pause);
    Ok(Snapshot { registers, ram })
}

/// RAM in unlinked files, which the kernel frees when this is dropped or the process exits.
#[derive(Debug)]
pub(super) struct Ram {
    parts: Vec<(Range<u64>, File)>,
    /// The last page that was read, with its address: most reads are near each other.
    page: RefCell<Option<(u64, Vec<u8>)>>,
}

const PAGE: u64 = 4096;

impl Ram {
    fn page(&self, at: u64) -> Option<std::cell::Ref<'_, Vec<u8>>> {
        if self.page.borrow().as_ref().is_none_or(|(here, _)| *here != at) {
            let (range, file) = self.parts.iter().find(|(range, _)| range.contains(&at))?;
            let mut bytes = vec![0; PAGE as usize];
            file.read_exact_at(&mut bytes, at - range.start).ok()?;
            self.page.replace(Some((at, bytes)));
        }
        std::cell::Ref::filter_map(self.page.borrow(), |page| page.as_ref().map(|(_, bytes)| bytes)).ok()
    }
}

impl PhysicalMemory for Ram {
    fn ranges(&self) -> Vec<Range<u64>> {
        self.parts.iter().map(|(range, _)| range.clone()).collect()
    }

    fn read(&self, mut address: u64, mut bytes: &mut [u8]) -> Option<()> {
        while !bytes.is_empty() {
            let (start, offset) = (address / PAGE * PAGE, (address % PAGE) as usize);
            let (now, later) = bytes.split_at_mut(bytes.len().min(PAGE as usize - offset));
            now.copy_from_slice(&self.page(start)?[offset..offset + now.len()]);
            address = address.checked_add(now.len() as u64)?;
            bytes = later;
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_cross_pages_and_end_with_ram() {
        let file = unnamed_file().unwrap();
        file.write_all_at(&[7; 3 * PAGE as usize], 0).unwrap();
        file.write_all_at(&[1, 2, 3, 4], PAGE - 2).unwrap();
        let ram = Ram { parts: vec![(0x8000_0000..0x8000_0000 + 3 * PAGE, file)], page: RefCell::default() };
        let mut bytes = [0; 6];
        assert_eq!(ram.read(0x8000_0ffd, &mut bytes), Some(()));
        assert_eq!(bytes, [7, 1, 2, 3, 4, 7]);
        assert_eq!(ram.read(0x8000_2ffd, &mut bytes), None);
        assert_eq!((ram.read(0x7fff_ffff, &mut bytes), ram.read(u64::MAX - 2, &mut bytes)), (None, None));
    }
}
