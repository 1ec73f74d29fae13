//! `oomlab bundle`: a trial as an archive for people without the lab.

use super::completion::trials;
use super::context::Context;
use super::error::CliError;
use super::lookup;
use super::output::print;
use super::trust::refuse_watched;
use crate::archive::{ArchiveError, Destination, Folder, Request, contents, qemu_version, seconds_of};
use crate::image::{RootDisk, RootDisks};
use crate::report::GuestFile;
use crate::store::read_trial;
use indicatif::HumanBytes;
use model::{TrialRecord, printable};
use std::path::{Path, PathBuf};
use tokio_util::sync::CancellationToken;

/// Arguments of `oomlab bundle`.
#[derive(Debug, Clone, clap::Args)]
pub struct BundleArgs {
    /// The trial, as reports name it: RUN/CELL, or the path of its folder
    #[arg(value_name = "RUN/CELL", add = trials())]
    pub trial: String,
    /// The archive [default: CELL.tar.zst in the current folder]
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Replace the archive if it exists
    #[arg(long)]
    pub force: bool,
    /// Pack texts although they name the cache, your home, the current folder or that of the runs
    #[arg(long)]
    pub allow_paths: bool,
}

/// Packs a trial; returns the program's exit status.
///
/// # Errors
/// When there is no such trial, the lab cannot boot it, a file of it is missing, or the archive cannot be written.
pub fn run(args: &BundleArgs, context: &Context) -> Result<u8, CliError> {
    let folder = lookup::trial(&args.trial)?;
    // Nothing is booted: the arguments of QEMU in it need no trust.
    let trial = read_trial(&folder)?;
    refuse_watched(&folder, &trial)?;
    if !trial.removed.is_empty() {
        let trial = printable(&args.trial);
        return Err(CliError::Usage(format!(
            "the evidence of {trial} was removed, as the run is old: `oomlab repro {trial}` boots it again"
        )));
    }
    let out = args.out.clone().unwrap_or_else(|| format!("{}.tar.zst", trial.folder()).into());
    let destination = Destination::new(&out, args.force)?;
    let host = context.host()?;
    let (run, version) = (lookup::run_id(&folder), qemu_version(&trial));
    let disks = RootDisks::new(&context.cache);
    let disk = root_disk(&trial, &disks);
    let request = Request {
        folder: &folder,
        run: &run,
        trial: &trial,
        key: disk.as_ref().map(|disk| &*disk.key),
        host: &host,
        qemu_version: version.as_deref(),
        allows_paths: args.allow_paths,
    };
    let entries = contents(&request)?;
    let (name, modified) = (trial.folder(), seconds_of(&trial.started));
    let folder = Folder { name: &name, modified, first: None };
    let bytes = destination.write(&entries, folder, &CancellationToken::new())?;
    let out = printable(&out.display().to_string());
    print(&format!("{out}: {} files, {}; its README.txt explains how to boot it\n", entries.len(), HumanBytes(bytes)))?;
    Ok(0)
}

/// The trial's root disk, if the cache still has it. A record may be another's: no other key is packed.
fn root_disk(trial: &TrialRecord, disks: &RootDisks) -> Option<RootDisk> {
    disks.recorded(Path::new(&*GuestFile::RootDisk.path(trial)?), trial.root_disk_digest.as_ref()?)
}

impl From<ArchiveError> for CliError {
    fn from(error: ArchiveError) -> Self {
        match error {
            ArchiveError::Store(error) => error.into(),
            ArchiveError::Read { .. } | ArchiveError::Write { .. } => Self::Lab(error.to_string()),
            error => Self::Usage(error.to_string()),
        }
    }
}
