//! The user's files before the built-in ones.

use super::overlay::Overlay;
use std::borrow::Cow;
use std::collections::BTreeSet;
use std::path::PathBuf;

/// Path and content, sorted by path; written by `build.rs`.
static BUILTIN: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/builtin.rs"));

/// Whether a name of the user's may become that of a file: it leads to no other folder.
pub fn is_stem(name: &str) -> bool {
    name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
}

/// The files: the user's, then the built-in ones.
#[derive(Debug, Clone, Default)]
pub struct Assets {
    /// A later one is before an earlier one.
    overlays: Vec<Overlay>,
}

impl Assets {
    /// The built-in files alone.
    pub fn builtin() -> Self {
        Self::default()
    }

    /// The files below `dir`, then the built-in ones.
    pub fn with_overlay(dir: impl Into<PathBuf>) -> Self {
        Self { overlays: vec![Overlay { prefix: String::new(), dir: dir.into() }] }
    }

    /// The same with the files of `dir` as those of a workload.
    pub fn with_workload(&self, name: &str, dir: impl Into<PathBuf>) -> Self {
        let mut overlays = self.overlays.clone();
        overlays.push(Overlay { prefix: format!("images/workloads/{name}/"), dir: dir.into() });
        Self { overlays }
    }

    /// Content of one file; the path is relative, with forward slashes, for example `kernels/linux-6.1.yaml`.
    ///
    /// # Errors
    /// When the user's file of this name exists and cannot be read.
    pub fn read(&self, path: &str) -> std::io::Result<Option<Cow<'static, [u8]>>> {
        if let Some(file) = self.file(path) {
            return std::fs::read(file).map(|bytes| Some(Cow::Owned(bytes)));
        }
        Ok(BUILTIN.iter().find(|(name, _)| *name == path).map(|(_, content)| Cow::Borrowed(*content)))
    }

    /// Names of the files directly in a folder that end in `extension`, without it, in alphabetical order.
    ///
    /// # Errors
    /// When the folder cannot be listed.
    pub fn stems(&self, folder: &str, extension: &str) -> std::io::Result<Vec<String>> {
        let stem = |file: &String| {
            let name = file.strip_prefix(folder)?.strip_prefix('/')?.strip_suffix(extension)?;
            (!name.contains('/')).then(|| name.to_owned())
        };
        let mut stems: Vec<String> = self.list(folder)?.iter().filter_map(stem).collect();
        // With its extension `a-b` is before `a`.
        stems.sort_unstable();
        Ok(stems)
    }

    /// Every file below a folder, as paths that [`Assets::read`] takes, sorted.
    ///
    /// # Errors
    /// When the user's folder cannot be listed.
    pub fn list(&self, folder: &str) -> std::io::Result<Vec<String>> {
        let prefix = format!("{}/", folder.trim_end_matches('/'));
        let mut found: BTreeSet<String> =
            BUILTIN.iter().map(|(path, _)| (*path).to_owned()).filter(|path| path.starts_with(&prefix)).collect();
        for overlay in &self.overlays {
            overlay.list(&prefix, &mut found)?;
        }
        Ok(found.into_iter().collect())
    }

    /// The path of a file for messages: the user's, or that within the program.
    pub fn origin(&self, path: &str) -> String {
        self.file(path).map_or_else(|| path.to_owned(), |file| file.display().to_string())
    }

    /// The user's file.
    fn file(&self, path: &str) -> Option<PathBuf> {
        self.overlays.iter().rev().find_map(|overlay| overlay.file(path))
    }
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

    #[test]
    fn folder_of_a_workload_is_anywhere() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(dir.path().join("data/images/workloads/mine")).unwrap();
        std::fs::create_dir_all(dir.path().join("mine/deep")).unwrap();
        for (file, text) in
            [("data/images/workloads/mine/main.c", "old"), ("mine/main.c", "new"), ("mine/deep/a.h", "")]
        {
            std::fs::write(dir.path().join(file), text).unwrap();
        }
        let assets = Assets::with_overlay(dir.path().join("data")).with_workload("mine", dir.path().join("mine"));
        let files = ["images/workloads/mine/deep/a.h", "images/workloads/mine/main.c"];
        assert_eq!(assets.list("images/workloads/mine").unwrap(), files);
        assert!(assets.list("images").unwrap().contains(&files[0].to_owned()));
        assert_eq!(assets.read(files[1]).unwrap().unwrap().as_ref(), b"new");
        assert_eq!(assets.origin(files[1]), dir.path().join("mine/main.c").display().to_string());
        assert!(!assets.list("kernels").unwrap().iter().any(|path| path.contains("mine")));
    }
}
