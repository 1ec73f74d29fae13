//! Removal of a part of the cache that is not in use.

use super::super::KernelError;
use super::super::cache::{Cache, MAKING};
use super::item::{Category, Item};
use super::scan::links;
use std::ffi::OsStr;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// Names of what is being removed begin with this; it is whole no longer.
pub(super) const REMOVING: &str = ".removing-";

/// The folder of root disks, and the lock of whoever uses or makes one.
const DISKS: &str = "disks";

/// Removes a part, or only tells with `dry_run` whether it could; `false` while it is in use.
pub(super) fn remove(cache: &Cache, item: &Item, dry_run: bool) -> Result<bool, KernelError> {
    let Some(lock) = cache.try_lock(&lock_of(item))? else { return Ok(false) };
    if dry_run {
        return Ok(true);
    }
    let renamed = item.paths.iter().map(|path| rename(&cache.path(path))).collect::<Result<Vec<_>, _>>()?;
    // Deleting takes longer; from now on it is not found.
    drop(lock);
    if item.category == Category::Kernel {
        unlink(cache, item)?;
    }
    renamed.iter().try_for_each(|path| delete(path))?;
    Ok(true)
}

/// The lock that its users share.
fn lock_of(item: &Item) -> String {
    match item.category {
        Category::Kernel => format!("artifacts-{}", key(item).display()),
        Category::Image => "images".to_owned(),
        Category::Disk => DISKS.to_owned(),
        // What is being made is none.
        Category::Leftover if item.paths.iter().any(|path| path.starts_with(DISKS)) => DISKS.to_owned(),
        Category::Firmware => "firmware".to_owned(),
        _ => MAKING.to_owned(),
    }
}

fn key(item: &Item) -> &OsStr {
    item.paths.first().and_then(|path| path.file_name()).unwrap_or_default()
}

fn rename(path: &Path) -> Result<PathBuf, KernelError> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    if name.starts_with(REMOVING) {
        return Ok(path.to_owned());
    }
    let renamed = path.with_file_name(format!("{REMOVING}{name}"));
    // What a killed process has left.
    delete(&renamed)?;
    match fs::rename(path, &renamed) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(KernelError::io("remove", path)(error)),
        _ => Ok(renamed),
    }
}

/// Removes the links to a kernel that is gone, unless a builder is about to replace them.
fn unlink(cache: &Cache, item: &Item) -> Result<(), KernelError> {
    let key = key(item).to_str().unwrap_or_default();
    for (name, arch) in links(cache)?.remove(key).unwrap_or_default() {
        let Some(_lock) = cache.try_lock(&format!("{name}-{arch}"))? else { continue };
        let link = cache.path(format!("kernels/{name}/{arch}"));
        if fs::read_link(&link).is_ok_and(|target| target.ends_with(key)) {
            fs::remove_file(&link).map_err(KernelError::io("remove", &link))?;
            // It stays while it has other architectures.
            let _ = link.parent().map(fs::remove_dir);
        }
    }
    Ok(())
}

/// Symbolic links are removed, not followed.
fn delete(path: &Path) -> Result<(), KernelError> {
    let result = match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(error) => Err(error),
    };
    match result {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(KernelError::io("remove", path)(error)),
        _ => Ok(()),
    }
}
