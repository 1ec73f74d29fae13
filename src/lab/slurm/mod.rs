//! Runs trials as tasks of Slurm job arrays.
//!
//! ```text
//! SlurmExecutor ─ requests → Dispatcher: groups → batches → arrays (`sbatch`)
//!       ↑ status, records         │ polls squeue, and the run's folder, which the nodes share
//!       └─────────────────────────┘
//! a task on its node: `oomlab batch FILE` → LocalExecutor, trial after trial: FILE's folder → rename → `cells/`
//! ```
//!
//! A trial's folder appears below `cells/` in one step, with its record. So a worker that the lab believes dead cannot write into
//! what another one has made: the first that ends a trial has ended it. A task whose batch was removed ends none.

mod batch;
mod dispatcher;
mod disposition;
mod executor;
mod folder;
mod following;
mod grouping;
mod intake;
mod leftovers;
mod look;
mod stop;
mod submission;
mod task_tracker;
mod worker;

pub use batch::{BATCH_SCHEMA, Batch};
pub use executor::{SlurmExecutor, SlurmOptions};
pub use leftovers::cancel_leftovers;
pub use worker::{TaskSignals, run_batch};

/// Maximum number of trials that wait or run in Slurm's queue.
pub const MAX_QUEUED: u32 = 2000;
