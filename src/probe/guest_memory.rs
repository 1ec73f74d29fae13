//! Looking at a machine through QEMU's monitor.

use crate::host::{Pause, QmpCommands, QmpError};
use crate::qmp::{examine_memory, parse_memory};
use std::time::Duration;

/// How long QEMU may take to answer one command.
const PATIENCE: Duration = Duration::from_secs(5);

/// A machine that is looked at.
#[derive(Debug, Clone, Copy)]
pub(super) struct GuestMemory<'a> {
    qmp: &'a QmpCommands,
}

impl<'a> GuestMemory<'a> {
    pub fn new(qmp: &'a QmpCommands) -> Self {
        Self { qmp }
    }

    /// Holds the machine still until the answer is dropped.
    pub async fn pause(&self) -> Result<Pause, String> {
        self.qmp.pause(PATIENCE).await.map_err(text)
    }

    /// The dumps of all vCPUs' registers.
    pub async fn registers(&self) -> Result<String, String> {
        self.qmp.hmp("info registers -a", 0, PATIENCE).await.map_err(text)
    }

    /// Bytes at a virtual address as this vCPU sees it, up to the first that cannot be read; at least as many as asked
    /// for, otherwise.
    pub async fn read(&self, vcpu: u32, address: u64, bytes: usize) -> Result<Vec<u8>, String> {
        let shown = self.qmp.hmp(&examine_memory(address, bytes), vcpu, PATIENCE).await.map_err(text)?;
        Ok(parse_memory(&shown))
    }
}

fn text(error: QmpError) -> String {
    error.to_string()
}
