//! `oomlab trial`: one trial of a run, as a child process of the run.

use super::args::TrialArgs;
use super::error::CliError;
use super::interrupt::cancel_on_signals;
use super::runtime::runtime;
use crate::host::allow_open_files;
use crate::lab::{Assignment, Executor, LocalExecutor, Observer, SPEC_SCHEMA, Status, TrialSpec};
use crate::store::read_regular;
use model::{Cell, TrialRecord};
use std::io::Write;
use tokio_util::sync::CancellationToken;

/// Maximum length of a spec in bytes.
const MAX_SPEC: u64 = 16 << 20;

/// Runs the trial and prints its status, a JSON document a line; returns the program's exit status, whatever the verdict is.
///
/// # Errors
/// When the spec cannot be read, or the trial's folder cannot be written.
pub fn run(args: &TrialArgs) -> Result<u8, CliError> {
    let wrong = |why: &dyn std::fmt::Display| CliError::Usage(format!("{}: {why}", args.spec.display()));
    let text = read_regular(&args.spec, MAX_SPEC).map_err(|error| wrong(&error))?;
    let spec: TrialSpec = serde_json::from_slice(&text).map_err(|error| wrong(&error))?;
    if spec.schema != SPEC_SCHEMA {
        return Err(wrong(&format_args!("spec of schema {}; this program reads {SPEC_SCHEMA}", spec.schema)));
    }
    allow_open_files();
    // QEMU is killed when the thread that spawned it ends: this one lives as long as the program.
    let runtime = runtime()?;
    let done = runtime.block_on(async {
        let cancel = CancellationToken::new();
        cancel_on_signals(cancel.clone())?;
        let assignment = Assignment { spec: &spec, folder: &args.out, index: 0, observer: &StatusLines, cancel };
        LocalExecutor::default().execute(assignment).await.map_err(|error| CliError::Lab(error.to_string()))
    });
    runtime.shutdown_background();
    done.map(|_| 0)
}

/// Prints each status to standard output.
struct StatusLines;

impl Observer for StatusLines {
    fn started(&self, _: usize, _: &Cell, _: u32) {}

    fn status(&self, _: usize, status: Status) {
        // EPIPE: the run's process has exited, and will be followed by this one.
        let mut out = std::io::stdout().lock();
        let _ = serde_json::to_writer(&mut out, &status).map_err(std::io::Error::from).and_then(|()| writeln!(out));
    }

    fn finished(&self, _: usize, _: &TrialRecord) {}
}
