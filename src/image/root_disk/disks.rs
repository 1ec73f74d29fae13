//! A cache of root disks by content: each is made once, and every guest with the same packages and description shares it.

use super::super::key::Key;
use super::super::{ImageError, Root, RootFiles};
use super::description::RootDiskSpec;
use super::files::{Content, GuestKeys, files};
use super::filesystem;
use super::install::install;
use super::keys::DiskKeys;
use super::record::{Record, SCHEMA};
use crate::host::{FileLock, Sharing, pause, private_dir_in, touch};
use crate::store::digest_file;
use arch::Arch;
use model::Digest;
use sha2::{Digest as _, Sha256};
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

/// Part of every key; changes with what is made of the same description and packages.
const LAYOUT: &str = "oomlab root disk 2";
const DISK: &str = "disk.ext4";
const KEY: &str = "key";

/// Locks of this folder, beside it. Each user of any disk shares the one of this name.
const LOCKS: &str = "locks";
const IN_USE: &str = "disks";

/// A root disk in the cache, and how to reach a guest that has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RootDisk {
    /// The file with the ext4 file system: it must not be written to.
    pub path: PathBuf,
    /// Digest of its content.
    pub digest: Digest,
    /// The file with the private key that logs in as root, in OpenSSH's format; its owner alone may read it.
    pub key: PathBuf,
    /// The public key of the guest's server, as `ssh-ed25519 AAAA…`.
    pub host_key: String,
}

/// The root disks in one cache folder. Several programs may share the folder.
#[derive(Debug)]
pub struct RootDisks {
    folder: PathBuf,
    /// Keeps others from removing disks.
    in_use: OnceLock<Option<FileLock>>,
}

impl RootDisks {
    /// Root disks below `cache_dir`.
    pub fn new(cache_dir: &Path) -> Self {
        Self { folder: cache_dir.join("disks"), in_use: OnceLock::new() }
    }

    /// The disk of this description with the files of packages: from the cache, or made now. Where this host cannot have those
    /// files, a disk with packages of the same names in the cache will do. Blocks; returns soon after `cancelled` says so, except
    /// that mke2fs(8) ends first.
    ///
    /// # Errors
    /// When mke2fs is missing or fails, the packages cannot be unpacked, the cache cannot be written; [`ImageError::Cancelled`].
    pub fn get(
        &self,
        arch: Arch,
        spec: &RootDiskSpec,
        root: &Root<'_>,
        cancelled: &dyn Fn() -> bool,
    ) -> Result<RootDisk, ImageError> {
        let key = key(arch, spec, root);
        self.keep();
        for place in key.folders(&self.folder) {
            if let Some(disk) = intact(&place)? {
                // The time of the last use.
                touch(&place);
                return Ok(disk);
            }
        }
        let files = root.files.as_ref().map_err(|reason| ImageError::Packages(reason.clone()))?;
        let place = self.folder.join(key.shown());
        let _lock = self.lock(&place, cancelled)?;
        match intact(&place)? {
            // Another has made it meanwhile.
            Some(disk) => Ok(disk),
            None => match self.make(&place, spec, files, cancelled) {
                Err(error @ ImageError::NoFilesystemMaker) => {
                    let older = Key { origins: vec![None], ..key }.folders(&self.folder);
                    older.iter().find_map(|place| intact(place).ok().flatten()).ok_or(error)
                }
                made => made.map_err(with_remedy(&self.folder)),
            },
        }
    }

    /// Whether a disk that [`RootDisks::get`] returns as it is lies in the cache; makes nothing.
    pub fn is_present(&self, arch: Arch, spec: &RootDiskSpec, root: &Root<'_>) -> bool {
        let places = key(arch, spec, root).folders(&self.folder);
        places.iter().any(|place| intact(place).is_ok_and(|disk| disk.is_some()))
    }

    /// The disk at this path, if it is in the cache and still has this digest by its record; none of it is read. Counts as a use.
    pub fn recorded(&self, path: &Path, digest: &Digest) -> Option<RootDisk> {
        let place =
            path.parent().filter(|place| place.parent() == Some(&self.folder) && place.file_name().is_some())?;
        self.keep();
        let disk = intact(place).ok().flatten().filter(|disk| disk.path == path && disk.digest == *digest)?;
        touch(place);
        Some(disk)
    }

    /// Keeps disks from being removed while these live. Where nothing can be locked, nothing is removed either.
    pub fn keep(&self) {
        self.in_use.get_or_init(|| {
            let locks = self.folder.with_file_name(LOCKS);
            fs::create_dir_all(&locks).and_then(|()| FileLock::wait_shared(&locks.join(IN_USE))).ok()
        });
    }

    /// Waits for the right to make the disk.
    fn lock(&self, place: &Path, cancelled: &dyn Fn() -> bool) -> Result<FileLock, ImageError> {
        let locks = self.folder.with_file_name(LOCKS);
        fs::create_dir_all(&locks).map_err(ImageError::io(&locks))?;
        let path = locks.join(format!("disk-{}", place.file_name().unwrap_or_default().display()));
        loop {
            if let Some(lock) = FileLock::try_new(&path, Sharing::Exclusive).map_err(ImageError::io(&path))? {
                return Ok(lock);
            }
            check(cancelled)?;
            pause(Duration::from_millis(200));
        }
    }

    /// Makes the disk in a folder beside its place, which gets its name when it is whole.
    fn make(
        &self,
        place: &Path,
        spec: &RootDiskSpec,
        root: &RootFiles<'_>,
        cancelled: &dyn Fn() -> bool,
    ) -> Result<RootDisk, ImageError> {
        check(cancelled)?;
        fs::create_dir_all(&self.folder).map_err(ImageError::io(&self.folder))?;
        let scratch = private_dir_in(&self.folder, ".making-").map_err(ImageError::io(&self.folder))?;
        let content = scratch.path().join("root");
        // The mode of the guest's `/`, whatever the umask.
        let created = fs::create_dir(&content);
        created
            .and_then(|()| fs::set_permissions(&content, Permissions::from_mode(0o755)))
            .map_err(ImageError::io(&content))?;
        (root.unpack)(&content).map_err(ImageError::Packages)?;
        let keys = DiskKeys::generate()?;
        install(&files(spec, &keys.guest), &content)?;
        write_secret(&scratch.path().join(KEY), &keys.client)?;
        check(cancelled)?;
        let disk = scratch.path().join(DISK);
        filesystem::make(&content, &disk, spec.free)?;
        check(cancelled)?;
        fs::remove_dir_all(&content).map_err(ImageError::io(&content))?;
        // After a crash of the host a file with its name and length has its content, too.
        File::open(&disk).and_then(|file| file.sync_all()).map_err(ImageError::io(&disk))?;
        let (bytes, digest) = digest_file(&disk).map_err(ImageError::io(&disk))?;
        Record::new(bytes, digest, keys.guest.host_public).write(scratch.path())?;
        // A damaged one; the lock is held, so that no other process makes it at the same time.
        match fs::remove_dir_all(place) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(ImageError::io(place)(error)),
            _ => {}
        }
        fs::rename(scratch.path(), place).map_err(ImageError::io(place))?;
        let _ = scratch.keep();
        intact(place)?.ok_or_else(|| ImageError::io(place)(io::Error::other("the disk has changed while it was made")))
    }
}

/// Everything that a disk is made of but its keys, which are its own.
fn key(arch: Arch, spec: &RootDiskSpec, root: &Root<'_>) -> Key {
    let mut digest = Sha256::new();
    let mut add = |part: &str| {
        digest.update((part.len() as u64).to_le_bytes());
        digest.update(part);
    };
    [LAYOUT, &SCHEMA.to_string(), arch.name, root.recipe.as_str(), &spec.free.to_string()]
        .into_iter()
        .for_each(&mut add);
    for entry in files(spec, &GuestKeys::default()) {
        add(entry.path);
        match entry.content {
            Content::Folder(mode) => add(&format!("folder {mode:o}")),
            Content::File(mode, text) => add(&format!("file {mode:o} {text}")),
            Content::Link(target) => add(&format!("link {target}")),
            Content::FirstOf(choices) => add(&format!("first of {}", choices.join(" "))),
        }
    }
    let recipe = Digest::of_bytes(&digest.finalize());
    Key { prefix: format!("{}.{}", arch.name, spec.name), recipe, origins: vec![root.origin()] }
}

/// The disk in a folder; `None` when there is none, or a truncated one.
fn intact(place: &Path) -> Result<Option<RootDisk>, ImageError> {
    let Some(record) = Record::read(place)? else { return Ok(None) };
    let (path, key) = (place.join(DISK), place.join(KEY));
    let length = |path: &Path| fs::symlink_metadata(path).ok().filter(fs::Metadata::is_file).map(|file| file.len());
    let is_whole = length(&path) == Some(record.bytes) && length(&key).is_some_and(|length| length > 0);
    Ok(is_whole.then_some(RootDisk { path, key, digest: record.digest, host_key: record.host_key }))
}

fn check(cancelled: &dyn Fn() -> bool) -> Result<(), ImageError> {
    if cancelled() { Err(ImageError::Cancelled) } else { Ok(()) }
}

fn write_secret(path: &Path, text: &str) -> Result<(), ImageError> {
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    file.and_then(|mut file| file.write_all(text.as_bytes())).map_err(ImageError::io(path))
}

/// Tells what helps when the disk of the cache is full.
fn with_remedy(folder: &Path) -> impl FnOnce(ImageError) -> ImageError {
    let folder = folder.to_owned();
    |error| match error {
        ImageError::Io { path, source }
            if matches!(source.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded) =>
        {
            ImageError::NoRoom { folder, path, source }
        }
        error => error,
    }
}
