//! A folder of the user, in front of the built-in files.

use std::collections::BTreeSet;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

/// A folder of the user.
#[derive(Debug, Clone)]
pub(super) struct Overlay {
    /// What the paths of its files begin with: empty, or ending in a slash.
    pub prefix: String,
    pub dir: PathBuf,
}

impl Overlay {
    /// The file of this path, if there is one.
    pub fn file(&self, path: &str) -> Option<PathBuf> {
        Some(self.dir.join(path.strip_prefix(&self.prefix)?)).filter(|file| file.is_file())
    }

    /// Adds the paths of its files that begin with `folder`, which ends in a slash.
    pub fn list(&self, folder: &str, found: &mut BTreeSet<String>) -> io::Result<()> {
        if let Some(inside) = folder.strip_prefix(&self.prefix) {
            self.walk(&self.dir.join(inside), found)
        } else if self.prefix.starts_with(folder) {
            self.walk(&self.dir, found)
        } else {
            Ok(())
        }
    }

    fn walk(&self, folder: &Path, found: &mut BTreeSet<String>) -> io::Result<()> {
        let entries = match folder.read_dir() {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error),
        };
        for entry in entries {
            let path = entry?.path();
            if path.is_dir() {
                self.walk(&path, found)?;
            } else if let Some(relative) = path.strip_prefix(&self.dir).ok().and_then(Path::to_str) {
                found.insert(format!("{}{relative}", self.prefix));
            }
        }
        Ok(())
    }
}
