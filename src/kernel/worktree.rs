//! The tree that one architecture's builds of a source compile: hard links to the source's files, and patched files.
//!
//! Its path stays the same from build to build, and only files that differ are touched: a build after another one compiles
//! what depends on those, and nothing else.

use super::KernelError;
use super::patch::{Patch, apply};
use std::collections::BTreeSet;
use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Makes `tree` a mirror of `source` with these patches. The caller holds the lock of its output tree.
///
/// # Errors
/// When a patch does not apply, before anything is changed; or when a file cannot be read or written.
pub(super) fn update(source: &Path, patches: &[Patch], tree: &Path) -> Result<(), KernelError> {
    let changed = apply(patches, |file| fs::read_to_string(source.join(file)))?;
    mirror(source, tree, Path::new(""), &|path| changed.contains_key(&*path.to_string_lossy()))?;
    for (file, content) in &changed {
        replace(&tree.join(file), content.as_bytes())?;
    }
    Ok(())
}

/// Makes a folder of the tree like that of the source, without touching files that are `kept`.
fn mirror(source: &Path, tree: &Path, folder: &Path, kept: &dyn Fn(&Path) -> bool) -> Result<(), KernelError> {
    let (from, to) = (source.join(folder), tree.join(folder));
    if fs::symlink_metadata(&to).is_ok_and(|there| !there.is_dir()) {
        remove(&to)?;
    }
    fs::create_dir_all(&to).map_err(KernelError::io("create", &to))?;
    let mut names = BTreeSet::new();
    for entry in fs::read_dir(&from).map_err(KernelError::io("list", &from))? {
        let entry = entry.map_err(KernelError::io("list", &from))?;
        let (name, path) = (entry.file_name(), folder.join(entry.file_name()));
        if path == Path::new(".git") {
            continue;
        }
        let kind = entry.file_type().map_err(KernelError::io("read", &entry.path()))?;
        if kind.is_dir() {
            mirror(source, tree, &path, kept)?;
        } else if !kept(&path) {
            link(&entry.path(), &to.join(&name))?;
        }
        names.insert(name);
    }
    for entry in fs::read_dir(&to).map_err(KernelError::io("list", &to))? {
        let entry = entry.map_err(KernelError::io("list", &to))?;
        if !names.contains(&entry.file_name()) {
            remove(&entry.path())?;
        }
    }
    Ok(())
}

/// Links a file of the source into the tree. To replace another file it is copied: the new one must be younger than the
/// objects of the other, and later updates leave it alone.
fn link(from: &Path, to: &Path) -> Result<(), KernelError> {
    let source = metadata(from)?;
    match fs::symlink_metadata(to) {
        Ok(there) if same_file(&source, &there) => Ok(()),
        Ok(there) if source.is_file() && there.is_file() => {
            let content = fs::read(from).map_err(KernelError::io("read", from))?;
            replace(to, &content)
        }
        Ok(_) => {
            remove(to)?;
            hard_link(from, to)
        }
        Err(_) => hard_link(from, to),
    }
}

fn hard_link(from: &Path, to: &Path) -> Result<(), KernelError> {
    fs::hard_link(from, to).map_err(KernelError::io("link", to))
}

fn metadata(path: &Path) -> Result<Metadata, KernelError> {
    fs::symlink_metadata(path).map_err(KernelError::io("read", path))
}

fn same_file(a: &Metadata, b: &Metadata) -> bool {
    (a.dev(), a.ino()) == (b.dev(), b.ino())
}

/// Replaces a file, unless it has this content already. It is not written in place: it may be a link to the source's.
fn replace(path: &Path, content: &[u8]) -> Result<(), KernelError> {
    if fs::read(path).is_ok_and(|there| there == content) {
        return Ok(());
    }
    let fresh = PathBuf::from(format!("{}.oomlab", path.display()));
    fs::write(&fresh, content).map_err(KernelError::io("write", &fresh))?;
    if let Ok(there) = fs::metadata(path) {
        // Scripts stay executable.
        fs::set_permissions(&fresh, there.permissions()).map_err(KernelError::io("write", &fresh))?;
    }
    fs::rename(&fresh, path).map_err(KernelError::io("replace", path))
}

fn remove(path: &Path) -> Result<(), KernelError> {
    let removed = if metadata(path)?.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    removed.map_err(KernelError::io("remove", path))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::assets::Assets;

    struct Setup(tempfile::TempDir);

    impl Setup {
        fn new() -> Self {
            let setup = Self(tempfile::tempdir().unwrap());
            for (file, content) in [
                ("source/mm/a.c", "one\n"),
                ("source/mm/b.c", "b\n"),
                ("source/.git/HEAD", "x"),
                ("source/run.sh", "x"),
            ] {
                setup.write(file, content);
            }
            let text = "summary: x\nsource: x\nreplacements: [{file: mm/a.c, find: one, with: two}]\n";
            setup.write("assets/kernels/patches/two.yaml", text);
            setup
        }

        fn path(&self, file: &str) -> PathBuf {
            self.0.path().join(file)
        }

        fn write(&self, file: &str, content: &str) {
            fs::create_dir_all(self.path(file).parent().unwrap()).unwrap();
            fs::write(self.path(file), content).unwrap();
        }

        fn read(&self, file: &str) -> String {
            fs::read_to_string(self.path(file)).unwrap()
        }

        fn update(&self, patches: &[&str]) -> Result<(), KernelError> {
            let assets = Assets::with_overlay(self.path("assets"));
            let patches: Vec<Patch> = patches.iter().map(|name| Patch::read(&assets, name).unwrap()).collect();
            update(&self.path("source"), &patches, &self.path("tree"))
        }
    }

    #[test]
    fn patches_are_applied_and_reverted_and_the_source_is_untouched() {
        let setup = Setup::new();
        for (patches, content) in [(&[][..], "one\n"), (&["two"], "two\n"), (&["two"], "two\n"), (&[], "one\n")] {
            setup.update(patches).unwrap();
            assert_eq!(
                (setup.read("tree/mm/a.c"), setup.read("source/mm/a.c")),
                (content.to_owned(), "one\n".to_owned())
            );
        }
        assert!(!setup.path("tree/.git").exists());
        let same = |file: &str| {
            same_file(
                &metadata(&setup.path("source").join(file)).unwrap(),
                &metadata(&setup.path("tree").join(file)).unwrap(),
            )
        };
        assert!(same("mm/b.c") && !same("mm/a.c"), "a replaced file is younger than its objects");
        let before = metadata(&setup.path("tree/mm/a.c")).unwrap().ino();
        setup.update(&[]).unwrap();
        assert_eq!(metadata(&setup.path("tree/mm/a.c")).unwrap().ino(), before, "an unchanged file is not touched");
    }

    #[test]
    fn removed_and_added_files_are_mirrored() {
        let setup = Setup::new();
        setup.update(&["two"]).unwrap();
        fs::remove_file(setup.path("source/mm/b.c")).unwrap();
        setup.write("source/fs/c.c", "c\n");
        fs::remove_file(setup.path("source/run.sh")).unwrap();
        setup.write("source/run.sh/now-a-folder", "x");
        setup.update(&["two"]).unwrap();
        assert!(!setup.path("tree/mm/b.c").exists() && setup.path("tree/run.sh/now-a-folder").is_file());
        assert_eq!((setup.read("tree/fs/c.c"), setup.read("tree/mm/a.c")), ("c\n".to_owned(), "two\n".to_owned()));
    }

    #[test]
    fn patch_that_does_not_apply_changes_nothing() {
        let setup = Setup::new();
        setup.update(&[]).unwrap();
        setup.write("source/mm/a.c", "three\n");
        assert!(
            setup.update(&["two"]).unwrap_err().to_string().contains("two.yaml: mm/a.c: the text is found 0 times")
        );
    }
}
