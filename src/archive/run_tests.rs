//! Archives of runs, good and hostile.

use super::reader::Limits;
use super::unpack::{unpack, unpack_run};
use super::{ArchiveError, Destination, pack_run};
use crate::store::RunDir;
use model::{PLAN_SCHEMA, Plan};
use ruzstd::encoding::{CompressionLevel, compress_to_vec};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};
use tar::{EntryType, Header};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

/// Longer than the header of a tar has room for.
const CELL: &str =
    "linux-7.3+a-fragment-with-a-long-name.riscv64-nommu.32M.zombie-victim+hogs=3+size=1M+another-option=of-many-words";

/// A run with a trial, and a link to a file elsewhere.
fn run(dir: &TempDir) -> RunDir {
    let plan = Plan { schema: PLAN_SCHEMA, name: "m".to_owned(), cells: Vec::new(), skipped: Vec::new() };
    let run = RunDir::create(Some(&dir.path().join("night")), dir.path(), "", &plan, "2026-11-24T00:00:00Z").unwrap();
    run.finish(1.0, false).unwrap();
    let folder = run.trial_folder(CELL, 1);
    fs::create_dir_all(folder.join("bundle")).unwrap();
    fs::write(folder.join("console.log"), vec![b'x'; 300_000]).unwrap();
    fs::write(folder.join("bundle/tasks.txt"), "").unwrap();
    // Of the guest.
    fs::write(folder.join("bundle/lock"), "").unwrap();
    fs::write(folder.join("bundle/.part-1"), "").unwrap();
    fs::write(folder.join("lock"), "").unwrap();
    fs::write(folder.join(".part-y"), "{").unwrap();
    fs::write(folder.join("trial.json"), "{}").unwrap();
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    fs::File::open(folder.join("trial.json")).unwrap().set_modified(time).unwrap();
    fs::write(run.path().join(".part-x"), "{").unwrap();
    fs::create_dir(run.path().join("bisections")).unwrap();
    fs::write(run.path().join("bisections/journal"), "").unwrap();
    std::os::unix::fs::symlink("/etc/passwd", folder.join("link")).unwrap();
    // Without the lab that works in it.
    RunDir::open(run.path()).unwrap()
}

fn pack(run: &RunDir, out: &Path, replace: bool) -> Result<(usize, u64), ArchiveError> {
    pack_run(run, Destination::new(out, replace)?, &CancellationToken::new())
}

fn files(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![dir.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                found.insert(path.strip_prefix(dir).unwrap().to_owned(), fs::read(&path).unwrap());
            }
        }
    }
    found
}

#[test]
fn run_is_unpacked_as_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let run = run(&dir);
    let (out, into) = (dir.path().join("night.tar.zst"), tempfile::tempdir().unwrap());
    let (count, bytes) = pack(&run, &out, false).unwrap();
    assert_eq!(bytes, fs::metadata(&out).unwrap().len());
    let unpacked = unpack_run(&out, into.path(), &CancellationToken::new()).unwrap();
    assert_eq!(unpacked, into.path().join("night"));
    let mut before = files(run.path());
    let in_trial = |name: &str| format!("cells/{CELL}/{name}");
    let left_out =
        ["lock", ".part-x", "bisections/journal", &in_trial("link"), &in_trial(".part-y")].map(PathBuf::from);
    before.retain(|path, _| !left_out.contains(path));
    assert_eq!(before.len(), count);
    assert_eq!(files(&unpacked), before);
    let record = unpacked.join("cells").join(CELL).join("trial.json");
    let modified = fs::metadata(record).unwrap().modified().unwrap();
    assert_eq!(modified.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs(), 1_700_000_000);
    let again = dir.path().join("again");
    pack(&run, &again, false).unwrap();
    assert!(fs::read(&out).unwrap() == fs::read(again).unwrap(), "the same run gives the same bytes");
    assert!(matches!(pack(&run, &out, false), Err(ArchiveError::Exists(_))));
    let renamed = dir.path().join("renamed");
    fs::rename(run.path(), &renamed).unwrap();
    let run = RunDir::open(&renamed).unwrap();
    pack(&run, &out, true).unwrap();
    let into = tempfile::tempdir().unwrap();
    assert_eq!(unpack_run(&out, into.path(), &CancellationToken::new()).unwrap(), into.path().join("renamed"));
    let _lab = run.lock().unwrap();
    assert!(pack(&run, &out, true).unwrap_err().to_string().contains("is in use"));
}

/// An archive with these entries; a path is written as it is.
fn archive(dir: &TempDir, entries: &[(&str, EntryType, &[u8])]) -> PathBuf {
    let mut tar = tar::Builder::new(Vec::new());
    for (path, kind, content) in entries {
        let mut header = Header::new_gnu();
        header.as_old_mut().name[..path.len()].copy_from_slice(path.as_bytes());
        header.set_entry_type(*kind);
        header.set_size(content.len() as u64);
        header.set_mode(0o4777);
        header.set_link_name("/etc/passwd").unwrap();
        header.set_cksum();
        tar.append(&header, *content).unwrap();
    }
    let path = dir.path().join("hostile.tar.zst");
    fs::write(&path, compress_to_vec(tar.into_inner().unwrap().as_slice(), CompressionLevel::Fastest)).unwrap();
    path
}

/// Why it is not unpacked; nothing is written beside the folder.
fn refusal(dir: &TempDir, archive: &Path, limits: Limits) -> String {
    let into = dir.path().join("deep/into");
    fs::create_dir_all(&into).unwrap();
    let text = unpack(archive, &into, limits, &CancellationToken::new()).unwrap_err().to_string();
    let beside: Vec<_> = fs::read_dir(dir.path().join("deep")).unwrap().collect();
    assert_eq!(beside.len(), 1);
    for entry in files(&into).keys() {
        assert!(!into.join(entry).is_symlink());
    }
    fs::remove_dir_all(dir.path().join("deep")).unwrap();
    text.replace(&format!("{} ", archive.display()), "")
}

const LIMITS: Limits = Limits { bytes: 1 << 20, members: 100 };
const RUN: (&str, EntryType, &[u8]) = ("night/run.json", EntryType::Regular, b"{}");

#[test]
fn nothing_is_unpacked_outside_of_the_folder() {
    let dir = tempfile::tempdir().unwrap();
    for path in ["../x", "/etc/x", "night/../../x", "..", "/", "", "a/b/c/d/e/f/g/h/i/j/k/l"] {
        let text = refusal(&dir, &archive(&dir, &[RUN, (path, EntryType::Regular, b"x")]), LIMITS);
        assert!(text.contains("leads out of its folder"), "{path}: {text}");
    }
    for kind in [
        EntryType::Symlink,
        EntryType::Link,
        EntryType::Char,
        EntryType::Fifo,
        EntryType::XHeader,
        EntryType::GNUSparse,
    ] {
        let text = refusal(&dir, &archive(&dir, &[RUN, ("night/x", kind, b"")]), LIMITS);
        assert!(text.contains("`night/x` is neither a file nor a folder"), "{kind:?}: {text}");
    }
}

#[test]
fn archive_of_something_else_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let refused = |entries: &[(&str, EntryType, &[u8])]| refusal(&dir, &archive(&dir, entries), LIMITS);
    assert!(refused(&[]).contains("it is empty"));
    assert!(refused(&[("a/x", EntryType::Regular, b"")]).contains("there is no run.json in it"));
    assert!(refused(&[RUN, ("day/x", EntryType::Regular, b"")]).contains("more than one folder"));
    assert!(refused(&[RUN, RUN]).contains("`night/run.json` is in it twice"));
    let plain = dir.path().join("plain");
    fs::write(&plain, "no archive").unwrap();
    assert!(refusal(&dir, &plain, LIMITS).contains("no zstd"));
}

#[test]
fn place_of_an_archive_is_checked_first() {
    let dir = tempfile::tempdir().unwrap();
    let refused = |name: &str| Destination::new(&dir.path().join(name), true).unwrap_err().to_string();
    assert!(refused("no/a.tar.zst").contains("cannot write "));
    fs::create_dir(dir.path().join("b.tar.zst")).unwrap();
    assert!(refused("b.tar.zst").ends_with("b.tar.zst: it is a folder; name a file"));
}

#[test]
fn cancelled_archive_is_neither_written_nor_read() {
    let dir = tempfile::tempdir().unwrap();
    let run = run(&dir);
    let (out, into) = (dir.path().join("night.tar.zst"), tempfile::tempdir().unwrap());
    let cancel = CancellationToken::new();
    cancel.cancel();
    let stopped = pack_run(&run, Destination::new(&out, false).unwrap(), &cancel).unwrap_err().to_string();
    assert!(stopped.ends_with("it was stopped"), "{stopped}");
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "the run alone");
    pack(&run, &out, false).unwrap();
    let stopped = unpack_run(&out, into.path(), &cancel).unwrap_err().to_string();
    assert!(stopped.contains("it was stopped"), "{stopped}");
}

#[test]
fn cut_archive_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let noise: Vec<u8> = (0..200_000_u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let whole = fs::read(archive(&dir, &[RUN, ("night/console.log", EntryType::Regular, &noise)])).unwrap();
    let cut = dir.path().join("cut");
    for length in [0, 3, 20, whole.len() / 2, whole.len() - 2000] {
        fs::write(&cut, &whole[..length]).unwrap();
        let text = refusal(&dir, &cut, LIMITS);
        assert!(text.contains("is no archive of a run"), "{length}: {text}");
    }
}

#[test]
fn changed_archive_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let noise: Vec<u8> = (0..200_000_u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let whole = fs::read(archive(&dir, &[RUN, ("night/console.log", EntryType::Regular, &noise)])).unwrap();
    let changed = dir.path().join("changed");
    for part in 2..8 {
        let mut bytes = whole.clone();
        bytes[whole.len() / 8 * part] ^= 1;
        fs::write(&changed, bytes).unwrap();
        let text = refusal(&dir, &changed, LIMITS);
        assert!(text.contains("is no archive of a run"), "{part}: {text}");
    }
}

#[test]
fn archive_has_limits() {
    let dir = tempfile::tempdir().unwrap();
    // Zeros take no room until they are unpacked.
    let bomb = archive(&dir, &[RUN, ("night/console.log", EntryType::Regular, &vec![0; 4 << 20])]);
    assert!(fs::metadata(&bomb).unwrap().len() < 400_000);
    let text = refusal(&dir, &bomb, Limits { bytes: 1 << 20, members: 9 });
    assert!(text.starts_with("unpacks to more than 0 GiB: "), "{text}");
    let name = vec![b'x'; 5000];
    let long = archive(&dir, &[RUN, ("././@LongLink", EntryType::GNULongName, &name)]);
    assert!(refusal(&dir, &long, LIMITS).contains("is neither a file nor a folder"));
    let many: Vec<String> = (0..101).map(|at| format!("night/{at}")).collect();
    let many: Vec<_> = many.iter().map(|name| (name.as_str(), EntryType::Regular, &b""[..])).collect();
    assert!(refusal(&dir, &archive(&dir, &many), LIMITS).starts_with("unpacks to more than 100 files: "));
}
