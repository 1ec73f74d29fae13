//! `oomlab archive`: a run in one file.

use super::completion::runs;
use super::error::CliError;
use super::interrupt::stoppable;
use super::lookup;
use super::output::print;
use crate::archive::{Destination, folder_name, pack_run, unpack_run};
use crate::host::ScratchDir;
use crate::store::RunDir;
use indicatif::HumanBytes;
use model::printable;
use std::path::{Path, PathBuf};
use tokio_util::sync::CancellationToken;

/// Arguments of `oomlab archive`.
#[derive(Debug, Clone, clap::Args)]
pub struct ArchiveArgs {
    /// The run, as reports name it, or the path of its folder; `latest` for the latest one
    #[arg(value_name = "RUN", add = runs())]
    pub run: String,
    /// The archive [default: RUN.tar.zst in the current folder]
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Replace the archive if it exists
    #[arg(long)]
    pub force: bool,
}

/// Packs a run; returns the program's exit status.
///
/// # Errors
/// When there is no such run, a lab works in it, or the archive cannot be written.
pub fn run(args: &ArchiveArgs) -> Result<u8, CliError> {
    let run = RunDir::open(&lookup::run(&args.run)?)?;
    let out = match &args.out {
        Some(out) => out.clone(),
        None => format!("{}.tar.zst", folder_name(&run)?).into(),
    };
    let force = args.force;
    stoppable(move |cancel| {
        let destination = Destination::new(&out, force)?;
        let (files, bytes) = pack_run(&run, destination, cancel)?;
        print(&format!("{}: {files} files, {}\n", printable(&out.display().to_string()), HumanBytes(bytes)))?;
        Ok(0)
    })
}

/// A run that may have been unpacked.
pub(super) struct OpenRun {
    pub dir: PathBuf,
    /// The folder into which it was unpacked, removed with this.
    _unpacked: Option<ScratchDir>,
}

impl OpenRun {
    /// The run of this name, or in this archive, which is unpacked into a folder below `place`.
    ///
    /// # Errors
    /// When there is no such run, the archive cannot be read, or `cancel` is cancelled.
    pub fn find(text: &str, place: &Path, cancel: &CancellationToken) -> Result<Self, CliError> {
        let file = Path::new(text);
        if !file.is_file() {
            return Ok(Self { dir: lookup::run(text)?, _unpacked: None });
        }
        std::fs::create_dir_all(place)?;
        let folder = ScratchDir::create_in(place)?;
        let dir = unpack_run(file, folder.path(), cancel)?;
        Ok(Self { dir, _unpacked: Some(folder) })
    }
}
