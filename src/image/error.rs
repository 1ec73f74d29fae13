//! Errors of building an image.

use super::flat::FlatError;
use crate::diagnostic::Diagnostic;
use std::path::PathBuf;
use std::time::Duration;

/// An image that could not be built: an error of the lab, never of the guest's kernel.
#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    /// The cross compiler is not installed.
    #[error(
        "no C compiler for {arch}: `{cc}` is needed to build the guest agent\n\
         on Debian: apt install {package}      or: oomlab doctor --fix"
    )]
    NoCompiler {
        /// The guest's architecture.
        arch: &'static str,
        /// The compiler.
        cc: &'static str,
        /// The Debian package that contains it.
        package: &'static str,
    },
    /// The compiler rejected the sources.
    #[error("{cc} could not build the {program} for {arch}:\n{output}")]
    Compiler {
        /// The compiler.
        cc: &'static str,
        /// What was built: `agent` or a workload.
        program: String,
        /// The guest's architecture.
        arch: &'static str,
        /// The first lines of its output, with the files' names as the user knows them.
        output: String,
    },
    /// The compiler did not exit.
    #[error("{cc} did not finish the {program} within {} s", after.as_secs())]
    CompilerStuck {
        /// The compiler.
        cc: &'static str,
        /// What was built.
        program: String,
        /// The timeout.
        after: Duration,
    },
    /// The program cannot run without an MMU.
    #[error("the {program} cannot be converted to a flat binary: {source}")]
    Flat {
        /// What was built.
        program: String,
        /// Why.
        source: FlatError,
    },
    /// The files of Debian's packages could not be unpacked.
    #[error("{0}")]
    Packages(String),
    /// There is no description of a root disk of this name.
    #[error("unknown root disk `{name}`: there is no `images/{name}.yaml`; {hint}")]
    NoRootDisk {
        /// What was asked for.
        name: String,
        /// What there is.
        hint: String,
    },
    /// The program that makes ext4 file systems is not installed.
    #[error(
        "there is no mke2fs, which makes guests' root disks\non Debian: apt install e2fsprogs      or: oomlab doctor --fix"
    )]
    NoFilesystemMaker,
    /// The file system of a root disk could not be made.
    #[error("the root disk {} could not be made: mke2fs: {message}", path.display())]
    Filesystem {
        /// The file that was to become the disk.
        path: PathBuf,
        /// What the program says.
        message: String,
    },
    /// The cache's disk is full.
    #[error(
        "no room for a root disk in {}: {}: {source}\n\
         `oomlab cache prune --max-size SIZE` makes some; OOMLAB_CACHE names another folder",
        folder.display(),
        path.display()
    )]
    NoRoom {
        /// The folder of root disks.
        folder: PathBuf,
        /// What could not be written.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The keys of a root disk could not be made.
    #[error("no SSH keys for a root disk: {0}")]
    Keys(std::io::Error),
    /// The caller has cancelled the work.
    #[error("cancelled")]
    Cancelled,
    /// The shell rejects a script.
    #[error("the script of workload {workload} is wrong:\n{output}")]
    BadScript {
        /// Its name.
        workload: String,
        /// What the shell says.
        output: String,
    },
    /// A script is not compiled.
    #[error("workload {workload} is a script: there is no program to build")]
    Script {
        /// Its name.
        workload: String,
    },
    /// The folder has no C source.
    #[error("no C source in `{folder}`: a workload is a folder with `manifest.yaml` and `main.c`")]
    NoSource {
        /// The folder.
        folder: String,
    },
    /// The folder has no manifest.
    #[error("the folder `{folder}` has no `manifest.yaml`: a workload is a folder with `manifest.yaml` and `main.c`")]
    NoManifest {
        /// Its name.
        folder: String,
    },
    /// Invalid manifests.
    #[error("{}", join(.0))]
    Manifests(Vec<Diagnostic>),
    /// A file or folder could not be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

impl ImageError {
    /// Adds the path to an I/O error; for `map_err`.
    pub(super) fn io(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { path, source }
    }
}

fn join(errors: &[Diagnostic]) -> String {
    errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}
