//! Unlinked temporary files: the kernel frees them with their last file descriptor.

use std::fs::File;
use std::path::PathBuf;

/// An empty unlinked file in [`scratch_folder`] (`O_TMPFILE` where the file system has it).
///
/// # Errors
/// When the file cannot be created.
pub fn unnamed_file() -> std::io::Result<File> {
    tempfile::tempfile_in(scratch_folder())
}

/// The folder for files as large as a guest's disk or memory: `$TMPDIR`, else `/var/tmp`, which is on a disk
/// (file-hierarchy(7)). `/tmp` may be a tmpfs: a guest that fills its disk would use up the host's memory.
pub fn scratch_folder() -> PathBuf {
    let disk = PathBuf::from("/var/tmp");
    if std::env::var_os("TMPDIR").is_none() && disk.is_dir() { disk } else { std::env::temp_dir() }
}
