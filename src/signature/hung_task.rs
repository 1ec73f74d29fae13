//! `INFO: task … blocked for more than … seconds.` (`kernel/hung_task.c`).

use super::text::{between, comm_colon_pid};
use super::{Finding, Signature};
use crate::model::Kind;

/// khungtaskd's report; newer kernels also write `blocked in I/O wait for more than`.
pub(super) const HUNG_TASK: Signature = Signature {
    name: "hung-task",
    needles: &["INFO: task "],
    read: |text| {
        if !text.contains(" for more than ") || !text.contains(" blocked ") {
            return None;
        }
        let task = comm_colon_pid(between(text, "INFO: task ", " blocked ")?)?;
        Some(Finding::trouble(Kind::HungTask, format!("hung task {}", task.comm), Some(task)))
    },
};
