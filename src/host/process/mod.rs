//! Programs of the host, each in a process group that ends with its owner.

mod capture;
mod group;
mod output;
mod pidfd;
mod supervisor;
#[cfg(test)]
mod tests;

pub use capture::{Captured, Limits, RunError, block_on, capture, capture_blocking, run_blocking};
pub use group::{Orphans, ProcessGroup, SpawnError};
pub use output::{Output, PipedProcess};
pub use pidfd::ProcessFd;
pub use supervisor::{supervise, supervised};
