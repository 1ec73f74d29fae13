//! Puts the lab's files among those of the packages.

use super::super::ImageError;
use super::files::{Content, Entry};
use std::fs::{self, OpenOptions, Permissions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt, symlink};
use std::path::{Component, Path, PathBuf};

/// Puts the entries into a folder.
pub(super) fn install(entries: &[Entry], root: &Path) -> Result<(), ImageError> {
    for entry in entries {
        let path = root.join(entry.path);
        put(entry, root, &path).map_err(ImageError::io(&path))?;
    }
    Ok(())
}

fn put(entry: &Entry, root: &Path, path: &Path) -> io::Result<()> {
    check_parents(root, Path::new(entry.path))?;
    let there = fs::symlink_metadata(path);
    match &entry.content {
        Content::Folder(mode) => match there {
            // A package's link to a folder.
            Ok(metadata) if metadata.is_symlink() => Ok(()),
            there => {
                if there.is_err() {
                    fs::create_dir(path)?;
                }
                // With all access for the owner, who puts files into it.
                fs::set_permissions(path, Permissions::from_mode(mode | 0o700))
            }
        },
        Content::File(mode, text) => {
            if there.is_ok() {
                fs::remove_file(path)?;
            }
            let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
            file.write_all(text.as_bytes())?;
            file.set_permissions(Permissions::from_mode(*mode))
        }
        Content::Link(target) => {
            // base-files has folders where a maintainer script would make links.
            if there.is_err() || fs::remove_dir(path).is_ok() { symlink(target, path) } else { Ok(()) }
        }
        Content::FirstOf(choices) if there.is_err() => {
            let is_there = |choice: &&&str| fs::symlink_metadata(path.with_file_name(choice)).is_ok();
            choices.iter().find(is_there).map_or(Ok(()), |choice| symlink(choice, path))
        }
        Content::FirstOf(_) => Ok(()),
    }
}

/// Refuses a path whose folder is a symbolic link of a package: it would lead elsewhere on this host.
fn check_parents(root: &Path, path: &Path) -> io::Result<()> {
    let mut folder = PathBuf::from(root);
    for part in path.parent().into_iter().flat_map(Path::components) {
        let Component::Normal(name) = part else { continue };
        folder.push(name);
        if !fs::symlink_metadata(&folder)?.is_dir() {
            let text = format!("{} is no folder: a package has something else there", folder.display());
            return Err(io::Error::new(ErrorKind::NotADirectory, text));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::symlink_metadata(path).unwrap().permissions().mode() & 0o7777
    }

    #[test]
    fn files_replace_those_of_packages_and_links_do_not() {
        let dir = tempfile::tempdir().unwrap();
        let at = |path: &str| dir.path().join(path);
        fs::create_dir_all(at("etc/full/of")).unwrap();
        fs::create_dir_all(at("etc/empty")).unwrap();
        fs::write(at("outside"), "kept").unwrap();
        symlink("../outside", at("etc/resolv.conf")).unwrap();
        fs::write(at("etc/awk"), "of a package").unwrap();
        fs::write(at("etc/less"), "").unwrap();
        let entries = [
            Entry { path: "tmp", content: Content::Folder(0o1777) },
            Entry { path: "proc", content: Content::Folder(0o555) },
            Entry { path: "etc/resolv.conf", content: Content::File(0o640, "new".to_owned()) },
            Entry { path: "etc/awk", content: Content::FirstOf(&["less"]) },
            Entry { path: "etc/pager", content: Content::FirstOf(&["no", "less"]) },
            Entry { path: "etc/none", content: Content::FirstOf(&["no"]) },
            Entry { path: "etc/full", content: Content::Link("no") },
            Entry { path: "etc/empty", content: Content::Link("/run") },
            Entry { path: "etc/mtab", content: Content::Link("../proc/self/mounts") },
        ];
        install(&entries, dir.path()).unwrap();
        install(&entries, dir.path()).unwrap();
        assert_eq!((mode(&at("tmp")), mode(&at("proc")), mode(&at("etc/resolv.conf"))), (0o1777, 0o755, 0o640));
        assert_eq!(fs::read_to_string(at("outside")).unwrap(), "kept");
        assert_eq!(fs::read_to_string(at("etc/resolv.conf")).unwrap(), "new");
        assert_eq!(fs::read_to_string(at("etc/awk")).unwrap(), "of a package");
        assert_eq!(fs::read_link(at("etc/pager")).unwrap(), Path::new("less"));
        assert_eq!(fs::read_link(at("etc/mtab")).unwrap(), Path::new("../proc/self/mounts"));
        assert_eq!(fs::read_link(at("etc/empty")).unwrap(), Path::new("/run"));
        assert!(at("etc/full/of").is_dir() && !at("etc/none").is_symlink());
    }

    #[test]
    fn link_in_place_of_a_folder_is_not_followed() {
        let dir = tempfile::tempdir().unwrap();
        let outside = tempfile::tempdir().unwrap();
        symlink(outside.path(), dir.path().join("etc")).unwrap();
        let entries = [Entry { path: "etc/passwd", content: Content::File(0o644, "x".to_owned()) }];
        let error = install(&entries, dir.path()).unwrap_err().to_string();
        assert!(error.ends_with("etc is no folder: a package has something else there"), "{error}");
        assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 0);
    }
}
