//! A folder from the files of Debian packages, made without root and without their maintainer scripts.
//!
//! Paths lead where they will lead in the guest: the folder is the root of absolute symbolic links. `/usr` is merged, as in
//! Debian since 12: the files of `/bin`, `/lib`, `/lib64` and `/sbin` are in `/usr`.

use super::KernelError;
use super::debian::{open_package, path_of};
use std::ffi::OsString;
use std::fs::{self, OpenOptions, Permissions};
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt, symlink};
use std::path::{Component, Path, PathBuf};
use tar::EntryType;

/// Folders of the root that are links into `/usr` (Debian, package base-files).
const MERGED: [&str; 4] = ["bin", "lib", "lib64", "sbin"];
/// Folders that only people read, and completions of their shells.
const UNUSED_FOLDERS: &[&str] = &[
    "usr/share/bash-completion",
    "usr/share/bug",
    "usr/share/doc",
    "usr/share/doc-base",
    "usr/share/fish",
    "usr/share/info",
    "usr/share/lintian",
    "usr/share/locale",
    "usr/share/man",
    "usr/share/zsh",
];
/// Maximum number of symbolic links in a path (Linux, `include/linux/namei.h`: MAXSYMLINKS).
const MAX_LINKS: usize = 40;

/// Whether a program may need the file; `path` is relative to the root.
pub fn is_needed(path: &Path) -> bool {
    !UNUSED_FOLDERS.iter().any(|folder| path.starts_with(folder))
}

/// Puts the files of packages into a folder, in this order: a later file replaces an earlier one. The current user owns them.
/// Permissions are kept, without the bits that change user or group; device nodes and FIFOs are left out.
///
/// `keep` decides by the path relative to the root, in a merged `/usr`: [`is_needed`]. `check` is called before each file; its
/// error ends the unpacking.
///
/// # Errors
/// When a package is damaged or has a path that leads out of the folder, the folder cannot be written; and what `check` returns.
pub fn unpack(
    packages: &[PathBuf],
    into: &Path,
    keep: &dyn Fn(&Path) -> bool,
    check: impl Fn() -> Result<(), KernelError>,
) -> Result<(), KernelError> {
    fs::create_dir_all(into).map_err(KernelError::io("create", into))?;
    for name in MERGED {
        let link = into.join(name);
        if fs::symlink_metadata(&link).is_err() {
            symlink(Path::new("usr").join(name), &link).map_err(KernelError::io("create", &link))?;
        }
    }
    for package in packages {
        let target = Target { package, root: into };
        open_package(
            package,
            |_| Ok(()),
            |files| {
                for entry in files.entries().map_err(|error| target.damaged(error))? {
                    check()?;
                    target.add(entry.map_err(|error| target.damaged(error))?, keep)?;
                }
                Ok(())
            },
        )?;
    }
    Ok(())
}

/// The folder that a package is unpacked into.
struct Target<'a> {
    package: &'a Path,
    root: &'a Path,
}

impl Target<'_> {
    fn add<R: Read>(&self, mut entry: tar::Entry<'_, R>, keep: &dyn Fn(&Path) -> bool) -> Result<(), KernelError> {
        let damaged = |error| self.damaged(error);
        let kind = entry.header().entry_type();
        let mode = entry.header().mode().map_err(damaged)?;
        let inside = path_of(&entry).map_err(damaged)?;
        // base-files has the links of the merged folders themselves.
        let is_merged = MERGED.iter().any(|name| inside == Path::new(name));
        let path = self.merge(&inside)?;
        let (Some(name), true) = (path.file_name(), keep(&path)) else { return Ok(()) };
        if kind == EntryType::Directory {
            // With all access for the owner, who puts files into it.
            return set_mode(&self.folder(&path)?, mode & 0o1777 | 0o700);
        }
        let file = self.folder(path.parent().unwrap_or(Path::new("")))?.join(name);
        match kind {
            EntryType::Symlink if is_merged || file.is_dir() && !file.is_symlink() => Ok(()),
            EntryType::Symlink => {
                let link = self.link_of(&entry)?;
                self.make_room(&file)?;
                symlink(link, &file).map_err(KernelError::io("create", &file))
            }
            EntryType::Link => {
                let link = self.merge(&self.link_of(&entry)?)?;
                let source = self.folder(link.parent().unwrap_or(Path::new("")))?;
                let source = source.join(link.file_name().unwrap_or_default());
                if !fs::symlink_metadata(&source).is_ok_and(|metadata| metadata.is_file()) || source == file {
                    return Err(self.refused(&path, "its hard link leads to no file"));
                }
                self.make_room(&file)?;
                fs::hard_link(&source, &file).map_err(KernelError::io("create", &file))
            }
            EntryType::Regular | EntryType::Continuous => {
                self.make_room(&file)?;
                let created = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&file);
                let mut content = created.map_err(KernelError::io("create", &file))?;
                io::copy(&mut entry, &mut content).map_err(KernelError::io("unpack", &file))?;
                set_mode(&file, mode & 0o777)
            }
            _ => Ok(()),
        }
    }

    /// The target of a link.
    fn link_of<R: Read>(&self, entry: &tar::Entry<'_, R>) -> Result<PathBuf, KernelError> {
        let link = entry.link_name().map_err(|error| self.damaged(error))?;
        let link = link.ok_or_else(|| self.damaged(io::Error::other("a link has no target")))?;
        Ok(link.into_owned())
    }

    /// A path of the package in a merged `/usr`.
    fn merge(&self, path: &Path) -> Result<PathBuf, KernelError> {
        let mut merged = PathBuf::new();
        for part in path.components() {
            match part {
                Component::CurDir => {}
                Component::Normal(name) => merged.push(name),
                _ => return Err(self.refused(path, "it leads out of the package")),
            }
        }
        let is_merged = MERGED.iter().any(|name| merged.starts_with(name));
        Ok(if is_merged { Path::new("usr").join(merged) } else { merged })
    }

    /// The folder of a path as the guest will see it; missing ones are created.
    fn folder(&self, path: &Path) -> Result<PathBuf, KernelError> {
        let mut folder = self.root.to_owned();
        let mut rest = reversed(path);
        let mut links_left = MAX_LINKS;
        while let Some(part) = rest.pop() {
            if part == ".." {
                if folder == self.root {
                    return Err(self.refused(path, "a symbolic link leads out of the root"));
                }
                folder.pop();
                continue;
            }
            let next = folder.join(part);
            match fs::symlink_metadata(&next) {
                Ok(metadata) if metadata.is_dir() => folder = next,
                Ok(metadata) if metadata.is_symlink() && links_left > 0 => {
                    links_left -= 1;
                    let link = fs::read_link(&next).map_err(KernelError::io("read", &next))?;
                    if link.is_absolute() {
                        folder = self.root.to_owned();
                    }
                    rest.extend(reversed(&link));
                }
                Ok(_) => return Err(self.refused(path, "its folder is a file, or a loop of symbolic links")),
                Err(error) if error.kind() == ErrorKind::NotFound => {
                    fs::create_dir(&next).map_err(KernelError::io("create", &next))?;
                    set_mode(&next, 0o755)?;
                    folder = next;
                }
                Err(error) => return Err(KernelError::io("read", &next)(error)),
            }
        }
        Ok(folder)
    }

    /// Removes the file that is to be replaced.
    fn make_room(&self, file: &Path) -> Result<(), KernelError> {
        match fs::symlink_metadata(file) {
            Ok(metadata) if metadata.is_dir() => {
                Err(self.refused(file.strip_prefix(self.root).unwrap_or(file), "there is a folder in its place"))
            }
            Ok(_) => fs::remove_file(file).map_err(KernelError::io("replace", file)),
            Err(_) => Ok(()),
        }
    }

    fn refused(&self, path: &Path, problem: &str) -> KernelError {
        self.damaged(io::Error::other(format!("{}: {problem}", path.display())))
    }

    fn damaged(&self, error: io::Error) -> KernelError {
        KernelError::Damaged { path: self.package.to_owned(), message: error.to_string() }
    }
}

/// The parts of a path, last first.
fn reversed(path: &Path) -> Vec<OsString> {
    let part = |part: Component<'_>| match part {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some("..".into()),
        _ => None,
    };
    path.components().rev().filter_map(part).collect()
}

fn set_mode(path: &Path, mode: u32) -> Result<(), KernelError> {
    fs::set_permissions(path, Permissions::from_mode(mode)).map_err(KernelError::io("write", path))
}
