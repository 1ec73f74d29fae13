//! Errors of reading a guest or its kernel's files.

use super::symbol_cache::KernelDataError;
use crate::host::QmpError;
use introspect::tasks::TasksError;
use model::{RamMib, Step};
use std::sync::Arc;
use std::time::Duration;

/// A failed probe or diagnosis step.
#[derive(Debug, thiserror::Error)]
pub enum ProbeError {
    /// QEMU did not reply to a command, or refused it.
    #[error(transparent)]
    Qmp(#[from] QmpError),
    /// The console does not take input.
    #[error("the serial console does not take the letter: {0}")]
    Serial(std::io::Error),
    /// The whole probe took too long.
    #[error("it took longer than {} s", .0.as_secs())]
    Timeout(Duration),
    /// The kernel's symbols or layouts are not known.
    #[error(transparent)]
    Kernel(#[from] Arc<KernelDataError>),
    /// A symbol is missing.
    #[error("the symbols have no `{0}`")]
    NoSymbol(&'static str),
    /// A variable of the kernel is not mapped.
    #[error("`{0}` cannot be read")]
    Unmapped(&'static str),
    /// The register dump is of an unknown form.
    #[error("QEMU's dump of the registers cannot be read")]
    Registers,
    /// The anchor of the KASLR offset is not in the registers, or not in memory.
    #[error("the KASLR offset of the kernel cannot be read")]
    Kaslr,
    /// The KASLR offset is not possible.
    #[error("the kernel has not come up, or the symbols are of another one")]
    OtherKernel,
    /// The kernel's counters contradict each other or the size of RAM.
    #[error("the kernel's counters are not plausible")]
    Counters,
    /// No counter that shows progress can be read.
    #[error("the kernel's counters cannot be read without {}", .0.join(", "))]
    NoCounters(Vec<String>),
    /// The log buffer would be larger than RAM.
    #[error("`log_buf_len` is not plausible: {0}")]
    LogLength(u64),
    /// The log buffer is empty.
    #[error("there is no text in the log buffer")]
    EmptyLog,
    /// The kernel's tasks are not found.
    #[error(transparent)]
    Tasks(#[from] TasksError),
    /// A snapshot of this much RAM would pause the guest for too long.
    #[error("{0} MiB of RAM are too many for a snapshot of a guest that is judged")]
    RamSize(u32),
    /// There is no file for a copy of the guest's memory.
    #[error("cannot make a file for the guest's memory: {0}")]
    SnapshotFile(std::io::Error),
    /// RAM exceeds the user's limit for dumps.
    #[error("{mib} MiB of RAM are more than {max}, the most that --dump keeps")]
    DumpSize {
        /// The machine's RAM in MiB.
        mib: u64,
        /// The maximum.
        max: RamMib,
    },
    /// The path of the dump cannot be given to QEMU.
    #[error("cannot name the file for the dump: {0}")]
    DumpPath(std::io::Error),
    /// A step that is not read from outside.
    #[error("{0} is not read from outside")]
    NotReadable(Step),
    /// The thread that reads the tasks panicked.
    #[error(transparent)]
    Worker(#[from] tokio::task::JoinError),
}
