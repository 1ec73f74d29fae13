//! The built-in files of the program: the guest's C sources, workloads, kernel descriptions.
//!
//! They are built into the program, so that an installed `oomlab` needs no checkout beside it. The user's
//! folder, laid out like the repository (`images/…`, `kernels/…`), overrides them file by file.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Path and content, sorted by path; written by `build.rs`.
static BUILTIN: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/builtin.rs"));

/// The files: the user's, then the built-in ones.
#[derive(Debug, Clone, Default)]
pub struct Assets {
    overlay: Option<PathBuf>,
}

impl Assets {
    /// The built-in files alone.
    pub fn builtin() -> Self {
        Self::default()
    }

    /// The files below `dir`, then the built-in ones.
    pub fn with_overlay(dir: impl Into<PathBuf>) -> Self {
        Self { overlay: Some(dir.into()) }
    }

    /// Content of one file; the path is relative, with forward slashes, for example `kernels/linux-6.1.yaml`.
    ///
    /// # Errors
    /// When the user's file of this name exists and cannot be read.
    pub fn read(&self, path: &str) -> std::io::Result<Option<Cow<'static, [u8]>>> {
        if let Some(file) = self.overlay.as_ref().map(|dir| dir.join(path)).filter(|file| file.is_file()) {
            return std::fs::read(file).map(|bytes| Some(Cow::Owned(bytes)));
        }
        Ok(BUILTIN.iter().find(|(name, _)| *name == path).map(|(_, content)| Cow::Borrowed(*content)))
    }

    /// Every file below a folder, as paths that [`Assets::read`] takes, sorted.
    ///
    /// # Errors
    /// When the user's folder cannot be listed.
    pub fn list(&self, folder: &str) -> std::io::Result<Vec<String>> {
        let prefix = format!("{}/", folder.trim_end_matches('/'));
        let mut found: BTreeSet<String> =
            BUILTIN.iter().map(|(path, _)| (*path).to_owned()).filter(|path| path.starts_with(&prefix)).collect();
        if let Some(dir) = &self.overlay {
            walk(&dir.join(folder), dir, &mut found)?;
        }
        Ok(found.into_iter().collect())
    }

    /// The path of a file for messages: the user's, or that within the program.
    pub fn origin(&self, path: &str) -> String {
        match self.overlay.as_ref().map(|dir| dir.join(path)).filter(|file| file.is_file()) {
            Some(file) => file.display().to_string(),
            None => path.to_owned(),
        }
    }
}

fn walk(folder: &Path, root: &Path, found: &mut BTreeSet<String>) -> std::io::Result<()> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    for entry in entries {
        let path = entry?.path();
        if path.is_dir() {
            walk(&path, root, found)?;
        } else if let Some(relative) = path.strip_prefix(root).ok().and_then(Path::to_str) {
            found.insert(relative.to_owned());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_file_overrides_the_builtin_one() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(dir.path().join("kernels")).unwrap();
        std::fs::write(dir.path().join("kernels/mine.yaml"), "x").unwrap();
        let assets = Assets::with_overlay(dir.path());
        assert_eq!(assets.read("kernels/mine.yaml").unwrap().unwrap().as_ref(), b"x");
        assert!(assets.list("kernels").unwrap().contains(&"kernels/mine.yaml".to_owned()));
        assert!(Assets::builtin().read("kernels/mine.yaml").unwrap().is_none());
    }
}
