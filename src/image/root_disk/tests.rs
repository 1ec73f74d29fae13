use super::super::{ImageError, Root, RootFiles};
use super::*;
use crate::host::system_program;
use arch::Arch;
use model::{Digest, RamMib};
use std::cell::Cell;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

fn spec() -> RootDiskSpec {
    let text = "summary: Mine\nfree: 16M\npackages: [dash, openssh-server]\n";
    RootDiskSpec::parse("mine", "mine.yaml", text).unwrap()
}

fn guest() -> Arch {
    arch::find("aarch64").unwrap()
}

fn key(number: u8) -> Digest {
    Digest::of_bytes(&[number; 32])
}

/// As if packages had a program, a link and a file whose owner is not root.
fn unpack(into: &Path) -> Result<(), String> {
    let made = fs::create_dir_all(into.join("usr/bin"))
        .and_then(|()| fs::write(into.join("usr/bin/dash"), [7; 100_000]))
        .and_then(|()| fs::write(into.join("file of a user"), "x"));
    made.map_err(|error| error.to_string())?;
    // An ordinary user's files are the user's anyway.
    let _ = chown(into.join("file of a user"), Some(70_000), Some(70_001));
    Ok(())
}

/// Packages of the same names, of the version `number`.
fn root(number: u8, unpack: &dyn Fn(&Path) -> Result<(), String>) -> Root<'_> {
    Root { recipe: key(0), files: Ok(RootFiles { key: key(number), unpack }) }
}

/// The same on a host that cannot have the packages.
fn unknown() -> Root<'static> {
    Root { recipe: key(0), files: Err("there is no apt".to_owned()) }
}

fn get(cache: &Path) -> Result<RootDisk, ImageError> {
    RootDisks::new(cache).get(guest(), &spec(), &root(1, &unpack), &|| false)
}

/// What debugfs(8) prints.
fn debugfs(disk: &Path, request: &str) -> String {
    let output = Command::new(system_program("debugfs").unwrap()).args(["-R", request]).arg(disk).output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

fn entries(folder: &Path) -> usize {
    fs::read_dir(folder).map_or(0, Iterator::count)
}

#[test]
fn disk_is_made_once_and_keeps_its_secrets() {
    let cache = tempfile::tempdir().unwrap();
    let disks = RootDisks::new(cache.path());
    let [one, two] = [1, 2].map(|number| root(number, &unpack));
    assert!(!disks.is_present(guest(), &spec(), &one));
    let first = get(cache.path()).unwrap();
    assert!(disks.is_present(guest(), &spec(), &one));
    assert!(!disks.is_present(guest(), &spec(), &two) && !disks.is_present(arch::ALL[0], &spec(), &one));
    assert!(!disks.is_present(guest(), &RootDiskSpec { free: RamMib(17), ..spec() }, &one));
    assert_eq!(get(cache.path()).unwrap(), first);
    assert_eq!((mode(&first.key), mode(&first.path), mode(first.key.parent().unwrap())), (0o600, 0o600, 0o700));
    assert_eq!(entries(&cache.path().join("disks")), 1);
    assert_eq!(entries(first.path.parent().unwrap()), 3, "the unpacked files are gone");
    let metadata = fs::metadata(&first.path).unwrap();
    assert!(metadata.blocks() * 512 < metadata.len() / 2, "{} of {}", metadata.blocks() * 512, metadata.len());
}

#[test]
fn files_are_roots_and_have_their_modes() {
    let cache = tempfile::tempdir().unwrap();
    let disk = get(cache.path()).unwrap();
    let folder = |mode| format!("Type: directory    Mode:  {mode} ");
    let file = |mode| format!("Type: regular    Mode:  {mode} ");
    for (path, start) in [
        ("/", folder("0755")),
        ("/tmp", folder("01777")),
        ("/root/.ssh", folder("0700")),
        ("/lost+found", folder("0700")),
        ("/root/.ssh/authorized_keys", file("0600")),
        ("/etc/ssh/ssh_host_ed25519_key", file("0600")),
        ("/etc/passwd", file("0644")),
        ("\"/file of a user\"", file("0644")),
    ] {
        let found = debugfs(&disk.path, &format!("stat {path}"));
        assert!(found.contains(&start), "{path}: {found}");
        assert!(found.contains("User:     0   Group:     0 "), "{path}: {found}");
    }
    assert!(debugfs(&disk.path, "stat /usr/bin/sh").contains("Fast link dest: \"dash\""));
    assert!(debugfs(&disk.path, "cat /etc/ssh/ssh_host_ed25519_key.pub").starts_with(&disk.host_key));
    let check = Command::new(system_program("e2fsck").unwrap()).arg("-fn").arg(&disk.path).output().unwrap();
    assert!(check.status.success(), "{}", String::from_utf8_lossy(&check.stdout));
}

#[test]
fn file_system_has_the_free_space_that_was_asked_for() {
    let cache = tempfile::tempdir().unwrap();
    let disk = get(cache.path()).unwrap();
    let statistics = debugfs(&disk.path, "show_super_stats -h");
    let value = |name: &str| -> u64 {
        let line = statistics.lines().find(|line| line.starts_with(name)).unwrap();
        line.rsplit(' ').next().unwrap().parse().unwrap()
    };
    let free = value("Free blocks:") * 4096;
    assert!((16 << 20..20 << 20).contains(&free), "{free}");
    assert!(value("Free inodes:") >= 2048);
    assert_eq!(value("Reserved block count:"), 0);
    let features = statistics.lines().find(|line| line.starts_with("Filesystem features:")).unwrap();
    assert!(!features.contains("has_journal") && !features.contains("csum"), "{features}");
}

#[test]
fn damaged_disk_is_made_again() {
    let cache = tempfile::tempdir().unwrap();
    let first = get(cache.path()).unwrap();
    let length = fs::metadata(&first.path).unwrap().len();
    let damages: [&dyn Fn(); 3] = [
        &|| fs::File::options().write(true).open(&first.path).unwrap().set_len(length / 2).unwrap(),
        &|| fs::remove_file(&first.key).unwrap(),
        &|| fs::write(first.path.with_file_name("disk.json"), "{").unwrap(),
    ];
    let mut last = first.clone();
    for damage in damages {
        damage();
        let again = get(cache.path()).unwrap();
        assert_eq!((&again.path, fs::metadata(&again.path).unwrap().len()), (&first.path, length));
        assert_ne!(again.host_key, last.host_key, "the keys are new");
        last = again;
    }
}

/// A record of a trial may be another's, and name any file.
#[test]
fn recorded_disk_is_found_by_its_path_and_digest_alone() {
    let cache = tempfile::tempdir().unwrap();
    let disk = get(cache.path()).unwrap();
    let disks = RootDisks::new(cache.path());
    assert_eq!(disks.recorded(&disk.path, &disk.digest).as_ref(), Some(&disk));
    assert_eq!(disks.recorded(&disk.path, &key(9)), None);
    let outside = cache.path().join("elsewhere");
    std::os::unix::fs::symlink(disk.path.parent().unwrap(), &outside).unwrap();
    for path in [outside.join("disk.ext4"), disk.path.with_file_name("key"), "disk.ext4".into(), "/".into()] {
        assert_eq!(disks.recorded(&path, &disk.digest), None, "{}", path.display());
    }
    fs::remove_file(&disk.key).unwrap();
    assert_eq!(disks.recorded(&disk.path, &disk.digest), None);
}

#[test]
fn cancelled_or_failed_disk_leaves_nothing() {
    let cache = tempfile::tempdir().unwrap();
    let disks = RootDisks::new(cache.path());
    for after in 0..3 {
        let calls = Cell::new(0);
        let cancelled = || calls.replace(calls.get() + 1) >= after;
        let cancelled = disks.get(guest(), &spec(), &root(1, &unpack), &cancelled);
        assert!(matches!(cancelled, Err(ImageError::Cancelled)), "{after}");
        assert_eq!(entries(&cache.path().join("disks")), 0);
    }
    let error = disks.get(guest(), &spec(), &root(1, &|_| Err("no such package".to_owned())), &|| false).unwrap_err();
    assert_eq!((error.to_string().as_str(), entries(&cache.path().join("disks"))), ("no such package", 0));
}

#[test]
fn disk_of_another_host_is_used_without_packages() {
    let cache = tempfile::tempdir().unwrap();
    let disks = RootDisks::new(cache.path());
    let error = disks.get(guest(), &spec(), &unknown(), &|| false).unwrap_err().to_string();
    assert_eq!(error, "there is no apt");
    let first = get(cache.path()).unwrap();
    assert!(disks.is_present(guest(), &spec(), &unknown()));
    assert_eq!(disks.get(guest(), &spec(), &unknown(), &|| false).unwrap(), first);
    let other = RootDiskSpec { free: RamMib(17), ..spec() };
    assert!(disks.get(guest(), &other, &unknown(), &|| false).is_err(), "it has other contents");
}

#[test]
fn disk_that_several_need_at_once_is_made_once() {
    let cache = tempfile::tempdir().unwrap();
    let made = AtomicUsize::new(0);
    let count = |into: &Path| {
        made.fetch_add(1, Ordering::Relaxed);
        unpack(into)
    };
    let found: Vec<RootDisk> = std::thread::scope(|scope| {
        let make = || RootDisks::new(cache.path()).get(guest(), &spec(), &root(1, &count), &|| false).unwrap();
        let threads: Vec<_> = (0..3).map(|_| scope.spawn(make)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!((made.load(Ordering::Relaxed), &found[0]), (1, &found[1]));
    assert_eq!(found[1], found[2]);
}

#[test]
fn waiting_for_another_can_be_cancelled() {
    let cache = tempfile::tempdir().unwrap();
    let disk = get(cache.path()).unwrap();
    let name = disk.path.parent().unwrap().file_name().unwrap().display().to_string();
    fs::remove_dir_all(disk.path.parent().unwrap()).unwrap();
    let lock = cache.path().join(format!("locks/disk-{name}"));
    let _other = crate::host::FileLock::try_new(&lock, crate::host::Sharing::Exclusive).unwrap().unwrap();
    let waited = RootDisks::new(cache.path()).get(guest(), &spec(), &root(1, &unpack), &|| true);
    assert!(matches!(waited, Err(ImageError::Cancelled)));
}

#[test]
fn unwritable_cache_error_names_its_path() {
    let dir = tempfile::tempdir().unwrap();
    let blocked = dir.path().join("file");
    fs::write(&blocked, "").unwrap();
    let error = get(&blocked).unwrap_err().to_string();
    assert!(error.starts_with(&blocked.display().to_string()), "{error}");
}
