//! Temporary folders that only this user may enter, whatever the umask.

use std::fs::Permissions;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use tempfile::{Builder, TempDir};

/// The owner alone.
const MODE: u32 = 0o700;

/// An empty folder in `$TMPDIR`; see [`private_dir_in`].
///
/// # Errors
/// When it cannot be created.
pub fn private_dir(prefix: &str) -> io::Result<TempDir> {
    private_dir_in(&std::env::temp_dir(), prefix)
}

/// An empty folder with mode 0700. mkdir(2) gets the mode, so the folder is never open to others; without one, the folder
/// has 0777 less the umask.
///
/// # Errors
/// When it cannot be created.
pub fn private_dir_in(parent: &Path, prefix: &str) -> io::Result<TempDir> {
    Builder::new().prefix(prefix).permissions(Permissions::from_mode(MODE)).tempdir_in(parent)
}
