//! What the lab makes go wrong in a guest, so that paths are reached that are rare otherwise.

use super::Throttle;
use serde::{Deserialize, Serialize};
use std::num::NonZeroU64;

/// Faults of one cell; none where there is no number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Faults {
    /// Percent of the page allocations that fail where a workload uses memory up, from 1 to 100 (`fail_page_alloc`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub page_alloc: Option<u32>,
    /// Percent of the slab allocations that fail there, from 1 to 100 (`failslab`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slab: Option<u32>,
    /// Bytes a second that the serial console takes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub console_bps: Option<NonZeroU64>,
    /// How slow the scratch disk is, in place of what the workload asks for.
    #[serde(skip_serializing_if = "Throttle::is_none")]
    pub disk: Throttle,
    /// Steal time of all vCPUs in percent, in bursts, from 1 to 95. Older records call it `stopped`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[serde(alias = "stopped")]
    pub vcpu_steal: Option<u32>,
}

impl Faults {
    /// Whether nothing is made to go wrong.
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }

    /// Options that the kernel must have, without `CONFIG_`.
    pub fn config(&self) -> impl Iterator<Item = &'static str> {
        let page_alloc = self.page_alloc.map(|_| "FAIL_PAGE_ALLOC");
        let slab = self.slab.map(|_| "FAILSLAB");
        let any = page_alloc.or(slab).map(|_| "FAULT_INJECTION_DEBUG_FS");
        [any, page_alloc, slab].into_iter().flatten()
    }

    /// Both together; where both have a number, that of `over`.
    pub fn with(self, over: &Self) -> Self {
        Self {
            page_alloc: over.page_alloc.or(self.page_alloc),
            slab: over.slab.or(self.slab),
            console_bps: over.console_bps.or(self.console_bps),
            disk: self.disk.with(&over.disk),
            vcpu_steal: over.vcpu_steal.or(self.vcpu_steal),
        }
    }
}
