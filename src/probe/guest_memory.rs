//! Registers and memory of a machine, through QEMU's monitor.

use super::error::ProbeError;
use super::limits::QMP_TIMEOUT;
use crate::host::{Pause, QmpCommands};
use crate::qmp::{examine_memory, parse_memory};

/// Maximum commands that wait for their replies: half of those that a connection holds.
const BATCH: usize = 8;

/// The registers and the virtual memory of one machine.
#[derive(Debug, Clone, Copy)]
pub(super) struct GuestMemory<'a> {
    qmp: &'a QmpCommands,
}

impl<'a> GuestMemory<'a> {
    pub fn new(qmp: &'a QmpCommands) -> Self {
        Self { qmp }
    }

    /// Pauses the machine until the answer is dropped.
    pub async fn pause(&self) -> Result<Pause, ProbeError> {
        Ok(self.qmp.pause(QMP_TIMEOUT).await?)
    }

    /// The register dumps of all vCPUs, as QEMU prints them.
    pub async fn registers(&self) -> Result<String, ProbeError> {
        Ok(self.qmp.hmp("info registers -a", 0, QMP_TIMEOUT).await?)
    }

    /// The bytes at a virtual address of a vCPU: at least `bytes`, or those before the first that is not mapped.
    pub async fn read(&self, vcpu: u32, address: u64, bytes: usize) -> Result<Vec<u8>, ProbeError> {
        Ok(parse_memory(&self.qmp.hmp(&examine_memory(address, bytes), vcpu, QMP_TIMEOUT).await?))
    }

    /// [`Self::read`] on the first vCPU at several addresses; `None` yields no bytes. The commands are pipelined: QEMU is slow to
    /// poll its socket and fast to reply.
    pub async fn read_all(&self, places: &[(Option<u64>, usize)]) -> Result<Vec<Vec<u8>>, ProbeError> {
        let mut found = Vec::new();
        for batch in places.chunks(BATCH) {
            let ask = |&(address, bytes): &(Option<u64>, usize)| {
                address.map(|address| self.qmp.hmp(&examine_memory(address, bytes), 0, QMP_TIMEOUT))
            };
            let replies: Vec<_> = batch.iter().map(ask).collect();
            for reply in replies {
                found.push(match reply {
                    Some(reply) => parse_memory(&reply.await?),
                    None => Vec::new(),
                });
            }
        }
        Ok(found)
    }
}
