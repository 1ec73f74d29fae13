//! One report of the kernel.

use super::kind::ReportKind;
use crate::task::TaskRef;
use serde::Serialize;

/// One report of the kernel, put together from its lines.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// Its sort.
    pub kind: ReportKind,
    /// What the problem is and where: the same from boot to boot, so that two nights can be compared. Holds no address, no
    /// pid, no CPU.
    pub title: String,
    /// What else the same report is: the panic that a watchdog makes of a lockup.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub also: Vec<ReportKind>,
    /// The process that was killed for its memory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub victim: Option<TaskRef>,
    /// The task that is stuck, crashed or short of memory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub task: Option<TaskRef>,
    /// Whether sysrq provoked it: then it says nothing of the kernel's health.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub provoked: bool,
    /// Its first line, counted from 1.
    pub line: u64,
    /// Its last line.
    pub last_line: u64,
}
