//! Guests of a lab that was killed. The kernel kills them with it, which takes a moment, and longer for one in state D.

use super::error::LabError;
use super::process;
use crate::host::{is_open, pause};
use crate::store::{Events, RunDir};
use model::Event;
use std::path::Path;
use std::time::Duration;

/// How long guests may outlive their lab.
const TIMEOUT: Duration = Duration::from_secs(20);

/// Time between two looks.
const LOOK: Duration = Duration::from_millis(50);

/// Waits until no guest of the run is left: each holds a lock on its log.
///
/// # Errors
/// When one still runs after 20 s; when the run cannot be read.
pub fn wait_for_survivors(run: &RunDir) -> Result<(), LabError> {
    let mut waited = Duration::ZERO;
    for folder in run.trial_folders()? {
        while ["qemu.log", process::LOG].iter().any(|log| is_open(&folder.join(log))) {
            if waited >= TIMEOUT {
                return Err(LabError::Survivor { pid: pid(&folder), folder });
            }
            pause(LOOK);
            waited += LOOK;
        }
    }
    Ok(())
}

/// QEMU's process id, as the trial's first events have it.
fn pid(folder: &Path) -> Option<u32> {
    let events = Events::open(&folder.join("events.jsonl")).ok()?;
    events.map_while(Result::ok).find_map(|record| match record.event {
        Event::Spawned { pid } => Some(pid),
        _ => None,
    })
}
