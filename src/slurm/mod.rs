//! Slurm's commands: `sbatch`, `squeue`, `scancel`, `scontrol`. Each has a deadline; what they print is parsed by pure functions.

mod array;
mod client;
mod error;
mod settings;
mod state;
mod task;

pub use array::{Array, Resources};
pub use client::Slurm;
pub use error::SlurmError;
pub use settings::{Settings, SettingsError};
pub use state::{Ending, TaskState};
pub use task::{ExitCode, Task, TaskId};
