//! Runs trials: one driver loop a guest, admission by what the host can spare, and the run as a whole.
//!
//! ```text
//! Lab ─ admits → Trial ─ spec → Executor ─ opens → Guest
//!                                 └ Driver: select! → Input → Conductor (Phase) → Effect → Performer
//! ```

mod answer;
mod booted;
mod conductor;
mod diagnosed;
mod diagnosis;
mod driver;
mod error;
mod executor;
mod input;
mod journal;
mod keep;
mod local;
mod ltp;
mod observer;
mod performer;
mod phase;
mod planned;
mod prepare;
mod process;
mod recorder;
mod residency;
mod roster;
mod run;
mod scratch;
mod session;
mod shell;
mod slurm;
mod step_error;
mod stopping;
mod survivors;
mod test_log;
mod trial;
mod user_space;
mod vcpu_throttle;

pub use booted::{Replaced, has_booted, replaced};
pub use error::LabError;
pub use executor::{Assignment, Execution, Executor};
pub use keep::{Keeper, MAX_KEPT};
pub use local::LocalExecutor;
pub use observer::{Observer, Status};
pub use prepare::{Accelerators, Sources};
pub use process::ProcessExecutor;
pub use run::{Lab, Preparation, Preparations, RunOptions, prepared};
pub use shell::{ShellGuest, Terminal};
pub use slurm::{
    BATCH_SCHEMA, Batch, MAX_QUEUED, SlurmExecutor, SlurmOptions, TaskSignals, cancel_leftovers, run_batch,
};
pub use survivors::wait_for_survivors;
pub use trial::{GuestSpec, Ready, SPEC_SCHEMA, Test, TestDisk, TrialSpec};
pub use user_space::CachedUserSpace;
