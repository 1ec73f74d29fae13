//! The lab's nouns: plain values, free to every other module. Depends on std and serde alone.

mod accel;
mod bundle;
mod cell;
mod course;
mod event;
mod evidence;
mod faults;
mod ids;
mod kernel;
mod needs;
mod plan;
mod printable;
mod run;
mod stamp;
mod verdict;

pub use accel::Accel;
pub use arch::{Arch, RamError, RamMib};
pub use bundle::{BUNDLE_SCHEMA, Bundle, Step, StepRecord, StepResult};
pub use cell::{Cell, Expectation, Payload, Timeouts};
pub use course::{Course, Stage};
pub use event::{Event, QmpEvent, Record, ThreadTime};
pub use evidence::{Memory, Probe, Profile, Spot, Zone};
pub use faults::Faults;
pub use ids::{CellId, Digest, KernelName, RunId, WorkloadName};
pub use kernel::{KernelArtifact, KernelModule};
pub use kmsg::Task;
pub use kmsg::console::{Beat, Frame};
pub use needs::{Filesystem, Needs, ScratchDisk, Throttle};
pub use plan::{PLAN_SCHEMA, Plan, Skipped};
pub use printable::printable;
pub use run::{Evidence, RUN_SCHEMA, RunRecord, TrialRecord, split_trial_folder, trial_folder};
pub use stamp::Stamp;
pub use verdict::{Kind, Onset, Outcome, Verdict};
