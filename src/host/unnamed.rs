//! Files without a name: they are gone when their last user has ended, however that happens.

use std::fs::File;
use std::path::PathBuf;

/// An empty file without a name in [`scratch_folder`].
///
/// # Errors
/// When the folder cannot be written to, or its file system has no such files and no room for a named one.
pub fn unnamed_file() -> std::io::Result<File> {
    tempfile::tempfile_in(scratch_folder())
}

/// Where files as large as a guest's disk or memory go. `/tmp` may be a tmpfs: a guest that fills its disk would use up the
/// host's memory. `/var/tmp` is on a disk (file-hierarchy(7)).
pub fn scratch_folder() -> PathBuf {
    let disk = PathBuf::from("/var/tmp");
    if std::env::var_os("TMPDIR").is_none() && disk.is_dir() { disk } else { std::env::temp_dir() }
}
