//! The tree that one architecture's builds of a source compile: the source's files, by hard links, and edited ones.
//!
//! Its path stays the same from build to build, and only files that differ are touched: a build after another one compiles
//! what depends on those, and nothing else.

use super::KernelError;
use super::edit::{Edit, apply};
use std::collections::BTreeSet;
use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Makes `tree` what `source` is with these edits. Whoever calls holds the lock of the output tree that goes with it.
///
/// # Errors
/// When an edit does not apply, before anything is changed; or when a file cannot be read or written.
pub(super) fn bring_up(source: &Path, edits: &[Edit], tree: &Path) -> Result<(), KernelError> {
    let changed = apply(edits, |file| fs::read_to_string(source.join(file)))?;
    mirror(source, tree, Path::new(""), &|path| changed.contains_key(&*path.to_string_lossy()))?;
    for (file, content) in &changed {
        replace(&tree.join(file), content.as_bytes())?;
    }
    Ok(())
}

/// Makes a folder of the tree like that of the source, except for files that are `kept`.
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

/// Gives a file of the source its place in the tree. Where another one is, the new one must be younger than what was made of
/// the other: it is a copy, which later builds leave alone.
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

/// Writes a file anew, unless it has this content already: it may be a link to the source's.
fn replace(path: &Path, content: &[u8]) -> Result<(), KernelError> {
    if fs::read(path).is_ok_and(|there| there == content) {
        return Ok(());
    }
    let fresh = PathBuf::from(format!("{}.oomlab", path.display()));
    fs::write(&fresh, content).map_err(KernelError::io("write", &fresh))?;
    if let Ok(there) = fs::metadata(path) {
        // Scripts are run.
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

    struct World(tempfile::TempDir);

    impl World {
        fn new() -> Self {
            let world = Self(tempfile::tempdir().unwrap());
            for (file, content) in [
                ("source/mm/a.c", "one\n"),
                ("source/mm/b.c", "b\n"),
                ("source/.git/HEAD", "x"),
                ("source/run.sh", "x"),
            ] {
                world.write(file, content);
            }
            let text = "summary: x\nsource: x\nreplacements: [{file: mm/a.c, find: one, with: two}]\n";
            world.write("assets/kernels/edits/two.yaml", text);
            world
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

        fn bring_up(&self, edits: &[&str]) -> Result<(), KernelError> {
            let assets = Assets::with_overlay(self.path("assets"));
            let edits: Vec<Edit> = edits.iter().map(|name| Edit::read(&assets, name).unwrap()).collect();
            bring_up(&self.path("source"), &edits, &self.path("tree"))
        }
    }

    #[test]
    fn edits_come_and_go_and_the_source_stays_as_it_is() {
        let world = World::new();
        for (edits, content) in [(&[][..], "one\n"), (&["two"], "two\n"), (&["two"], "two\n"), (&[], "one\n")] {
            world.bring_up(edits).unwrap();
            assert_eq!(
                (world.read("tree/mm/a.c"), world.read("source/mm/a.c")),
                (content.to_owned(), "one\n".to_owned())
            );
        }
        assert!(!world.path("tree/.git").exists());
        let same = |file: &str| {
            same_file(
                &metadata(&world.path("source").join(file)).unwrap(),
                &metadata(&world.path("tree").join(file)).unwrap(),
            )
        };
        assert!(same("mm/b.c") && !same("mm/a.c"), "what differed once is younger than what was made of it");
        let before = metadata(&world.path("tree/mm/a.c")).unwrap().ino();
        world.bring_up(&[]).unwrap();
        assert_eq!(metadata(&world.path("tree/mm/a.c")).unwrap().ino(), before, "what is right is left alone");
    }

    #[test]
    fn what_the_source_has_no_more_goes_and_what_it_has_anew_comes() {
        let world = World::new();
        world.bring_up(&["two"]).unwrap();
        fs::remove_file(world.path("source/mm/b.c")).unwrap();
        world.write("source/fs/c.c", "c\n");
        fs::remove_file(world.path("source/run.sh")).unwrap();
        world.write("source/run.sh/now-a-folder", "x");
        world.bring_up(&["two"]).unwrap();
        assert!(!world.path("tree/mm/b.c").exists() && world.path("tree/run.sh/now-a-folder").is_file());
        assert_eq!((world.read("tree/fs/c.c"), world.read("tree/mm/a.c")), ("c\n".to_owned(), "two\n".to_owned()));
    }

    #[test]
    fn an_edit_that_does_not_apply_changes_nothing() {
        let world = World::new();
        world.bring_up(&[]).unwrap();
        world.write("source/mm/a.c", "three\n");
        assert!(
            world.bring_up(&["two"]).unwrap_err().to_string().contains("two.yaml: mm/a.c: the text is there 0 times")
        );
    }
}
