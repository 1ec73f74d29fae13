//! Completion of words at a shell's prompt. The shell's script asks the program, which knows what is there.

use super::args::Program;
use super::context::Context;
use super::error::CliError;
use super::lookup::LATEST;
use super::output::print;
use crate::history::Index;
use crate::image::load_workloads;
use crate::kernel::Catalogue;
use crate::report::is_plain_word;
use clap::CommandFactory;
use clap_complete::engine::{ArgValueCandidates, ArgValueCompleter, CompletionCandidate};
use clap_complete::env::{CompleteEnv, Shells};
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::path::Path;

/// The variable by which the script asks.
const VARIABLE: &str = "OOMLAB_COMPLETE";

/// Answers a shell's script and ends the program, where one asks.
pub(super) fn answer() {
    CompleteEnv::with_factory(Program::command).var(VARIABLE).complete();
}

/// Names of the shells.
pub(super) fn shells() -> Vec<&'static str> {
    Shells::builtins().names().collect()
}

/// Prints the script for a shell; returns the exit status.
///
/// # Errors
/// When there is no such shell, or standard output cannot be written.
pub(super) fn script(shell: &str) -> Result<u8, CliError> {
    let shells = Shells::builtins();
    let completer = shells.completer(shell).ok_or_else(|| CliError::Usage(format!("unknown shell `{shell}`")))?;
    let mut script = Vec::new();
    completer.write_registration(VARIABLE, "oomlab", "oomlab", "oomlab", &mut script)?;
    print(&String::from_utf8_lossy(&script)).map(|()| 0)
}

/// Kernels of the catalogue.
pub(super) fn kernels() -> ArgValueCandidates {
    ArgValueCandidates::new(|| {
        let entries = context().and_then(|context| Catalogue::read(&context.assets).ok());
        let names = entries.iter().flat_map(Catalogue::entries).map(|entry| entry.name.to_string());
        names.map(CompletionCandidate::new).collect()
    })
}

/// Workloads.
pub(super) fn workloads() -> ArgValueCandidates {
    ArgValueCandidates::new(|| {
        let manifests = context().and_then(|context| load_workloads(&context.assets).ok()).unwrap_or_default();
        manifests.known.keys().map(|name| CompletionCandidate::new(name.to_string())).collect()
    })
}

/// Runs in the folder `runs`, and behind `RUN/` the cells of one.
pub(super) fn trials() -> ArgValueCompleter {
    ArgValueCompleter::new(|current: &OsStr| recorded(Path::new("runs"), &current.to_string_lossy()))
}

/// Runs in the folder `runs`.
pub(super) fn runs() -> ArgValueCandidates {
    ArgValueCandidates::new(|| {
        let names = folders(Path::new("runs")).filter(|name| is_plain_word(name));
        names.chain([LATEST.to_owned()]).map(CompletionCandidate::new).collect()
    })
}

/// Cells of the runs in the folder `runs`.
pub(super) fn cells() -> ArgValueCompleter {
    ArgValueCompleter::new(|current: &OsStr| indexed(Path::new("runs"), &current.to_string_lossy()))
}

fn indexed(runs: &Path, current: &str) -> Vec<CompletionCandidate> {
    // A prompt does not wait for an index to be made.
    let cells = Index::as_left(runs).and_then(|index| index.cells(None).ok()).unwrap_or_default();
    let names: BTreeSet<String> = cells.into_iter().map(|cell| cell.cell.to_string()).collect();
    let matching = names.into_iter().filter(|name| name.starts_with(current) && is_plain_word(name));
    matching.map(CompletionCandidate::new).collect()
}

fn recorded(runs: &Path, current: &str) -> Vec<CompletionCandidate> {
    let names = match current.split_once('/') {
        Some((run, _)) => folders(&runs.join(run).join("cells")).map(|cell| format!("{run}/{cell}")).collect(),
        None => folders(runs).map(|run| format!("{run}/")).collect::<Vec<String>>(),
    };
    // The shells insert a candidate as it is: a folder's name must not be a command.
    let matching = names.into_iter().filter(|name| name.starts_with(current) && is_plain_word(name));
    matching.map(CompletionCandidate::new).collect()
}

fn folders(dir: &Path) -> impl Iterator<Item = String> {
    let entries = dir.read_dir().into_iter().flatten().flatten().filter(|entry| entry.path().is_dir());
    entries.map(|entry| entry.file_name().to_string_lossy().into_owned())
}

fn context() -> Option<Context> {
    let data = std::env::var_os("OOMLAB_DATA").filter(|value| !value.is_empty());
    Context::new(data.as_deref().map(Path::new), false).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_and_their_cells_are_completed() {
        let dir = tempfile::tempdir().unwrap();
        for cell in [
            "2026;touch x/cells/a",
            "2026-11-29-0/cells/a.arm.64M.idle",
            "2026-11-29-0/cells/b.arm.64M.idle",
            "2026-11-30-0/cells/c",
        ] {
            std::fs::create_dir_all(dir.path().join(cell)).unwrap();
        }
        let values = |current: &str| {
            let mut values: Vec<String> = recorded(dir.path(), current)
                .iter()
                .map(|candidate| candidate.get_value().to_string_lossy().into_owned())
                .collect();
            values.sort();
            values
        };
        assert_eq!(values("2026-11-2"), ["2026-11-29-0/"]);
        assert_eq!(values("2026-11-29-0/a"), ["2026-11-29-0/a.arm.64M.idle"]);
        assert_eq!(values("2026-11-29-0/").len(), 2);
        assert_eq!(values("2026-12"), [""; 0]);
        assert_eq!(values("2026;"), [""; 0]);
    }
}
