//! `oomlab doctor`: reports what the host lacks and why it matters, and installs it.

use super::output::{broken, print_err, write_stdout};
use crate::doctor::{self, Examination, Requirement, Uses};
use model::{printable_json, printable_lines};
use std::io;
use std::path::Path;
use std::process;

/// The host is complete.
const COMPLETE: u8 = 0;
/// The host lacks something: runs would fail with lab errors.
const INCOMPLETE: u8 = 3;
/// Maximum rounds: packages of one round may need others, such as firmware, in the next.
const MAX_ROUNDS: usize = 2;

/// Arguments of `oomlab doctor`.
#[derive(Debug, clap::Args)]
pub struct DoctorArgs {
    /// Install what is missing; shows each command before it runs, with sudo unless root
    #[arg(long)]
    fix: bool,
    /// Print a JSON document
    #[arg(long)]
    json: bool,
}

/// Installing the missing packages failed.
#[derive(Debug, thiserror::Error)]
pub enum DoctorError {
    /// It cannot be installed from here.
    #[error(transparent)]
    CannotInstall(#[from] doctor::CannotInstall),
    /// A command failed.
    #[error("`{command}` failed: {status}")]
    Failed {
        /// The command.
        command: String,
        /// Its exit status.
        status: String,
    },
    /// A command could not be started, or the result could not be printed.
    #[error("{0}")]
    Io(#[from] io::Error),
}

/// Runs `oomlab doctor`; returns the program's exit code. `cache` is the folder of the cache.
///
/// # Errors
/// When something cannot be installed, or the result cannot be printed.
pub fn run(args: &DoctorArgs, cache: &Path) -> Result<u8, DoctorError> {
    let requirements = doctor::requirements(&Uses::all(arch::ALL), std::env::consts::ARCH);
    let examine = || Examination::new(&requirements, doctor::probe(&requirements, cache));
    let mut examination = examine();
    for _ in 0..MAX_ROUNDS {
        if !args.fix || examination.is_complete() {
            break;
        }
        install(&examination.missing)?;
        examination = examine();
    }
    let text = if args.json {
        printable_json(&serde_json::to_string_pretty(&examination).map_err(io::Error::from)?) + "\n"
    } else {
        broken(&printable_lines(&doctor::text(&examination)), &console::Term::stdout())
    };
    write_stdout(&text)?;
    Ok(if examination.is_complete() { COMPLETE } else { INCOMPLETE })
}

/// Package lists are updated first: stale ones name versions that the archive has dropped.
fn install(missing: &[Requirement]) -> Result<(), DoctorError> {
    let privilege = doctor::privilege()?;
    show_and_run(&doctor::update(privilege))?;
    let known = doctor::apt_knows(missing.iter().flat_map(|one| one.packages.iter().copied()));
    show_and_run(&doctor::installation(missing, &known, privilege)?)
}

/// Standard output stays free for the result.
fn show_and_run(command: &doctor::Command) -> Result<(), DoctorError> {
    print_err(&format!("+ {command}\n"));
    let (program, words) = command.0.split_first().expect("every command has a program");
    let status = process::Command::new(program).args(words).stdout(io::stderr()).status()?;
    if status.success() {
        return Ok(());
    }
    Err(DoctorError::Failed { command: command.to_string(), status: status.to_string() })
}
