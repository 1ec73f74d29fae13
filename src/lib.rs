//! # oomlab
//!
//! Boots Linux kernels in QEMU, puts them under memory pressure, and judges from outside whether and how they
//! hang.
//!
//! ```text
//! matrix.yaml ─read→ Raw ─resolve→ Matrix ─expand→ Plan (complete and printable)
//!   └ per cell: launch argv ─spawn→ Event* ─watchdog→ Action* / Verdict ─store→ TrialRecord
//! run directory ─report→ terminal · JSON · JUnit
//! Request ─plan→ SessionConfig, history ─decide→ build or trial ─Runner→ JournalEntry ─Search→ Answer ─report→ terminal · markdown
//! ```
//!
//! A run is plain values; only the edges do I/O. The pure core is in crates, and cargo enforces which may use which:
//!
//! - [`arch`]: architectures: QEMU's arguments, registers, page tables;
//! - [`kmsg`]: console bytes → lines → messages → reports and titles;
//! - [`model`]: cells, events, evidence, verdicts and records;
//! - [`introspect`]: symbols, debug information and tasks from a guest's memory;
//! - [`watchdog`]: events → verdict; replay;
//! - [`changepoint`]: when the failure rate of a noisy test changed;
//! - [`bisect`]: noisy, cost-aware search over a commit graph.
//!
//! The modules of this crate do the I/O. Each uses only modules below it; `tests/it/architecture.rs` has the table.
//!
//! ## Invariants
//!
//! 1. Kernel misbehaviour is a [`model::Verdict`]; `Err` means that the lab broke.
//! 2. The watchdog is a pure state machine; time is passed in.
//! 3. An event is on disk before it is judged.
//! 4. One loop owns one guest.
//! 5. No guest outlives its owner.
//! 6. A cell starts only when the host has the RAM and CPU for it.
//! 7. No output of a guest is trusted.
//! 8. One place per extension.

// They panic where nothing can be written: a closed pipe, a full device, a terminal that is gone.
#![cfg_attr(not(test), warn(clippy::print_stdout, clippy::print_stderr))]

pub mod archive;
pub mod assets;
pub mod bisection;
pub mod cli;
pub mod diagnostic;
pub mod doctor;
pub mod git;
pub mod guest;
pub mod history;
pub mod host;
pub mod image;
pub mod kernel;
pub mod lab;
pub mod launch;
pub mod matrix;
pub mod merge;
pub mod nightly;
pub mod pack;
pub mod probe;
pub mod qmp;
pub mod report;
pub mod retention;
pub mod schedule;
pub mod slurm;
#[cfg(feature = "ssh")]
pub mod ssh;
pub mod store;
pub mod workload;
