//! How the parts of a guest ended.

use super::clock::Moment;

/// How the workload ended.
#[derive(Debug, Clone)]
pub(super) struct Finish {
    pub at: Moment,
    pub status: i32,
    pub units: u64,
    pub why: String,
}

/// How QEMU ended.
#[derive(Debug, Clone)]
pub(super) struct Exit {
    pub code: Option<i32>,
    pub signal: Option<i32>,
    pub stderr: String,
}
