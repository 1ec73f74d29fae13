//! A guest's folder for its sockets. Dropping it removes it; that of a killed lab is removed with the next [`SocketDir::create`].

use super::kept::KeptGuest;
use super::private_dir::private_dir_in;
use rustix::fs::{AtFlags, FlockOperation, Mode, OFlags, flock, fstat, lstat, open, openat, unlinkat};
use rustix::process::geteuid;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

const PREFIX: &str = "oomlab-sockets-";
const SERIAL: &str = "serial";
const QMP: &str = "qmp";
const GDB: &str = "gdb";

/// The description of a guest that stays after its trial.
const KEPT: &str = "kept.json";

/// The same while it is written.
const KEPT_PART: &str = "kept.part";

/// The key of a guest's SSH server, for ssh(1).
const KNOWN_HOSTS: &str = "known_hosts";

/// What QEMU prints, of a guest without a trial's folder.
const LOG: &str = "qemu.log";

/// The kernel's symbols for gdb, of such a guest.
pub const SYMBOLS: &str = "symbols.elf";

/// Bytes that are read of a description.
const MAX_DESCRIPTION: u64 = 64 * 1024;

/// Attempts to lock a new folder before another lab removes it.
const MAX_ATTEMPTS: u32 = 100;

/// Maximum length of a socket's path in bytes (unix(7)).
const MAX_SOCKET_PATH: usize = 107;

/// Letters that `tempfile` adds to a prefix.
const SUFFIX: usize = 6;

/// A locked folder in `$TMPDIR` that only this user may enter: QEMU creates its sockets by the umask, and who connects to
/// QMP commands QEMU. A socket's path has a maximum length, and the user's folders may be deep.
#[derive(Debug)]
pub struct SocketDir {
    // Removed before it is unlocked: fields are dropped in order.
    dir: tempfile::TempDir,
    _lock: OwnedFd,
}

impl SocketDir {
    /// Creates a folder, and removes those of killed labs.
    ///
    /// # Errors
    /// When the folder cannot be created, or other labs removed every new one.
    pub fn create() -> io::Result<Self> {
        let [temporary, runtime] = parents();
        Self::create_in(&parent(temporary, runtime))
    }

    /// Removes the folders of killed labs.
    pub fn remove_abandoned() {
        let [temporary, runtime] = parents();
        remove_abandoned(&parent(temporary, runtime));
    }

    fn create_in(parent: &Path) -> io::Result<Self> {
        remove_abandoned(parent);
        for _ in 0..MAX_ATTEMPTS {
            let dir = private_dir_in(parent, PREFIX)?;
            if let Some(lock) = lock(dir.path()) {
                return Ok(Self { dir, _lock: lock });
            }
        }
        Err(io::Error::other(format!("other labs remove every new folder in {}", parent.display())))
    }

    /// Path of the serial console's socket.
    pub fn serial(&self) -> PathBuf {
        self.dir.path().join(SERIAL)
    }

    /// Path of the QMP monitor's socket.
    pub fn qmp(&self) -> PathBuf {
        self.dir.path().join(QMP)
    }

    /// Its path, of which each socket's begins.
    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    /// Path for QEMU's output, of a guest without a trial's folder.
    pub fn log(&self) -> PathBuf {
        self.dir.path().join(LOG)
    }

    /// Path for the socket of gdb's stub.
    pub fn gdb(&self) -> PathBuf {
        self.dir.path().join(GDB)
    }

    /// The sockets as another process sees them.
    pub fn kept(&self, guest: KeptGuest) -> KeptSockets {
        KeptSockets { folder: self.dir.path().to_owned(), guest }
    }

    /// Describes the guest to other processes of this user: it stays after its trial.
    ///
    /// # Errors
    /// When the description cannot be written.
    pub fn announce(&self, guest: &KeptGuest) -> io::Result<()> {
        let part = self.dir.path().join(KEPT_PART);
        std::fs::write(&part, serde_json::to_vec_pretty(guest)?)?;
        std::fs::rename(part, self.dir.path().join(KEPT))
    }
}

/// The sockets of a guest that another process keeps.
#[derive(Debug, Clone, PartialEq)]
pub struct KeptSockets {
    folder: PathBuf,
    /// The guest.
    pub guest: KeptGuest,
}

impl KeptSockets {
    /// All guests of this user that stay, in the order of their cells.
    pub fn all() -> Vec<Self> {
        let [temporary, runtime] = parents();
        let mut parents = vec![temporary, runtime, Some(PathBuf::from("/tmp"))];
        parents.dedup();
        let mut found: Vec<Self> = parents.into_iter().flatten().flat_map(|parent| Self::all_in(&parent)).collect();
        found.sort_by(|a, b| {
            (&a.guest.cell, a.guest.trial, a.guest.qemu).cmp(&(&b.guest.cell, b.guest.trial, b.guest.qemu))
        });
        found.dedup_by(|a, b| a.guest.qemu == b.guest.qemu);
        found
    }

    fn all_in(parent: &Path) -> Vec<Self> {
        let described = |folder: PathBuf| {
            let guest: KeptGuest = serde_json::from_slice(&description(&folder)?).ok()?;
            // A folder that can be locked has no owner any more.
            (guest.is_known() && lock(&folder).is_none()).then_some(Self { folder, guest })
        };
        folders_in(parent).filter_map(described).collect()
    }

    /// Path of the serial console's socket.
    pub fn serial(&self) -> PathBuf {
        self.folder.join(SERIAL)
    }

    /// Path of the QMP monitor's socket.
    pub fn qmp(&self) -> PathBuf {
        self.folder.join(QMP)
    }

    /// Path for the socket of gdb's stub.
    pub fn gdb(&self) -> PathBuf {
        self.folder.join(GDB)
    }

    /// Path for the key of the guest's SSH server, for ssh(1).
    pub fn known_hosts(&self) -> PathBuf {
        self.folder.join(KNOWN_HOSTS)
    }
}

/// The description in a folder of this user that no other may enter. What lies elsewhere may be a trap: a FIFO, a device, a link.
fn description(folder: &Path) -> Option<Vec<u8>> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let dir = open(folder, flags | OFlags::DIRECTORY, Mode::empty()).ok()?;
    let found = fstat(&dir).ok()?;
    if found.st_uid != geteuid().as_raw() || found.st_mode & 0o077 != 0 {
        return None;
    }
    let file = File::from(openat(&dir, KEPT, flags | OFlags::NONBLOCK, Mode::empty()).ok()?);
    let mut text = Vec::new();
    let is_file = file.metadata().is_ok_and(|metadata| metadata.is_file());
    let read = is_file.then(|| file.take(MAX_DESCRIPTION).read_to_end(&mut text));
    read.is_some_and(|read| read.is_ok()).then_some(text)
}

/// `$TMPDIR` and `$XDG_RUNTIME_DIR`, if they are folders.
fn parents() -> [Option<PathBuf>; 2] {
    let runtime = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
    let runtime = runtime.filter(|dir| dir.is_absolute() && dir.is_dir());
    [Some(std::env::temp_dir()).filter(|dir| dir.is_dir()), runtime]
}

fn folders_in(parent: &Path) -> impl Iterator<Item = PathBuf> {
    let entries = parent.read_dir().into_iter().flatten().flatten();
    entries
        .filter(|entry| entry.file_name().to_str().is_some_and(|it| it.starts_with(PREFIX)))
        .map(|entry| entry.path())
}

/// The first folder that exists and in which a socket's path is not too long: `$TMPDIR`, `$XDG_RUNTIME_DIR`, `/tmp`.
fn parent(temporary: Option<PathBuf>, runtime: Option<PathBuf>) -> PathBuf {
    let socket = 1 + PREFIX.len() + SUFFIX + 1 + SERIAL.len().max(QMP.len());
    let all = [temporary, runtime, Some(PathBuf::from("/tmp"))];
    let mut short = all.into_iter().flatten().filter(|dir| dir.as_os_str().len() + socket <= MAX_SOCKET_PATH);
    short.next().unwrap_or_else(|| PathBuf::from("/tmp"))
}

/// Locks a folder of this user; `None` if it is no folder, is another user's, is locked, or was just removed.
fn lock(path: &Path) -> Option<OwnedFd> {
    // The temporary folder is writable for every user: do not follow a symbolic link in it.
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let dir = open(path, flags, Mode::empty()).ok()?;
    flock(&dir, FlockOperation::NonBlockingLockExclusive).ok()?;
    let (locked, there) = (fstat(&dir).ok()?, lstat(path).ok()?);
    (locked.st_ino == there.st_ino && locked.st_uid == geteuid().as_raw()).then_some(dir)
}

/// Removes unlocked folders of this user that contain nothing but what the lab puts there.
fn remove_abandoned(parent: &Path) {
    for path in folders_in(parent) {
        if let Some(dir) = lock(&path) {
            for file in [SERIAL, QMP, GDB, KEPT, KEPT_PART, LOG, SYMBOLS] {
                let _ = unlinkat(&dir, file, AtFlags::empty());
            }
            let _ = std::fs::remove_dir(path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fs::{CWD, mkfifoat};
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn folders_of_killed_labs_are_removed_and_others_kept() {
        let parent = tempfile::tempdir().unwrap();
        let used = SocketDir::create_in(parent.path()).unwrap();
        let folder = |name: &str| {
            let path = parent.path().join(name);
            std::fs::create_dir(&path).unwrap();
            std::fs::write(path.join(SERIAL), "").unwrap();
            path
        };
        let (abandoned, other, precious) =
            (folder("oomlab-sockets-1"), folder("oomlab-other"), folder("oomlab-sockets-2"));
        std::fs::write(precious.join("mine"), "").unwrap();
        let next = SocketDir::create_in(parent.path()).unwrap();
        assert!(!abandoned.exists() && other.join(SERIAL).exists() && precious.join("mine").exists());
        assert!(used.serial().parent().unwrap().exists() && next.qmp().parent().unwrap().exists());
        let path = used.serial();
        drop(used);
        assert!(!path.parent().unwrap().exists());
    }

    /// Nor is one that has no owner any more.
    #[test]
    fn kept_guest_in_a_foreign_folder_is_not_read() {
        let parent = tempfile::tempdir().unwrap();
        let kept = |name: &str, mode: u32| {
            let folder = parent.path().join(name);
            std::fs::create_dir(&folder).unwrap();
            std::fs::set_permissions(&folder, PermissionsExt::from_mode(mode)).unwrap();
            folder.join(KEPT)
        };
        mkfifoat(CWD, kept("oomlab-sockets-fifo", 0o700), Mode::RWXU).unwrap();
        std::os::unix::fs::symlink("/dev/zero", kept("oomlab-sockets-link", 0o700)).unwrap();
        std::fs::write(kept("oomlab-sockets-open", 0o755), "{}").unwrap();
        assert_eq!(KeptSockets::all_in(parent.path()), []);
        let folder = parent.path().join("oomlab-sockets-file");
        std::fs::write(kept("oomlab-sockets-file", 0o700), "{}").unwrap();
        assert_eq!(description(&folder).unwrap(), b"{}");
        assert!(description(&parent.path().join("oomlab-sockets-open")).is_none());
    }

    #[test]
    fn path_of_a_socket_is_never_too_long() {
        let (deep, runtime) = (PathBuf::from(format!("/{}", "d".repeat(229))), PathBuf::from("/run/user/1000"));
        assert_eq!(parent(Some("/var/tmp".into()), Some(runtime.clone())), Path::new("/var/tmp"));
        assert_eq!(parent(Some(deep.clone()), Some(runtime.clone())), runtime);
        assert_eq!(parent(Some(deep.clone()), Some(deep.clone())), Path::new("/tmp"));
        assert_eq!(parent(Some(deep), None), Path::new("/tmp"));
        let dir = tempfile::tempdir().unwrap();
        let length = |parent: PathBuf| SocketDir::create_in(&parent).unwrap().serial().as_os_str().len();
        let room = MAX_SOCKET_PATH - length(dir.path().to_owned());
        let longest = dir.path().join("x".repeat(room - 1));
        std::fs::create_dir(&longest).unwrap();
        assert_eq!(parent(Some(longest.clone()), None), longest);
        assert_eq!(length(longest.clone()), MAX_SOCKET_PATH);
        assert_eq!(parent(Some(PathBuf::from(format!("{}x", longest.display()))), None), Path::new("/tmp"));
    }

    #[test]
    fn folders_of_labs_that_start_together_are_kept() {
        let parent = tempfile::tempdir().unwrap();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..50 {
                        let dir = SocketDir::create_in(parent.path()).unwrap();
                        std::fs::write(dir.serial(), "").unwrap();
                        assert!(dir.serial().exists());
                    }
                });
            }
        });
        assert_eq!(parent.path().read_dir().unwrap().count(), 0);
    }
}
