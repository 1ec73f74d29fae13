//! The command line: one file per subcommand.

mod args;
mod bisect;
mod boot;
mod cache;
mod capacity;
mod classify;
mod completion;
mod context;
mod doctor;
mod error;
mod execute;
mod guest_args;
mod interrupt;
mod kernel;
mod known;
mod live;
mod lookup;
mod needed;
mod output;
mod plan;
mod program;
mod range;
mod replay;
mod repro;
mod run;
mod runtime;
mod timings;
mod trial;
mod trust;
mod values;
mod watch;
mod workload;

pub use args::Program;
pub use program::main;
