//! Archives of a recorded trial, unpacked again.

use super::{ArchiveError, Destination, Entry, Folder, Host, Request, contents, seconds_of};
use crate::store::digest_file;
use model::{Accel, Cell, Kind, RamMib, RuleId, RunId, TrialRecord, Verdict};
use ruzstd::decoding::StreamingDecoder;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use tokio_util::sync::CancellationToken;

const CELL: &str = "linux-6.1.arm.32M.pipe-fill+hogs=3,size=1M";

/// A home with a cache and a run of one trial.
struct Lab {
    dir: tempfile::TempDir,
    host: Host,
    folder: PathBuf,
    trial: TrialRecord,
    key: Option<PathBuf>,
}

fn in_folder(trial: &TrialRecord) -> Folder<'static> {
    Folder { name: CELL, modified: seconds_of(&trial.started), first: None }
}

fn write_all(folder: &Path, files: &[(&str, &str)]) {
    for (name, content) in files {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
}

impl Lab {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let home = dir.path().join("me");
        let (cache, current) = (home.join(".cache/oomlab"), home.join("lab"));
        let folder = current.join("runs/2026-11-24-0/cells").join(CELL);
        let slot = cache.join("kernels/linux-6.1/arm");
        let config = format!("CONFIG_INITRAMFS_SOURCE=\"{}/initramfs\"\n", home.display());
        write_all(&slot, &[("kernel", "\0kernel"), ("System.map", "c0008000 T _text\n"), ("config", &config)]);
        write_all(&cache, &[("images/a/initramfs.cpio.gz", "\0initramfs")]);
        let (kernel, initrd) = (slot.join("kernel"), cache.join("images/a/initramfs.cpio.gz"));
        let qemu = home.join("qemu/qemu-system-arm");
        let command = [
            &*qemu.display().to_string(),
            "-name",
            "guest=k.arm.32M.pipe-fill+hogs=3,,size=1M",
            "-chardev",
            "socket,id=serial0,path=/tmp/oomlab-sockets-abc123/serial,server=on,wait=on",
            "-serial",
            "chardev:serial0",
            "-kernel",
            &kernel.display().to_string(),
            "-initrd",
            &initrd.display().to_string(),
            "-append",
            "console=ttyAMA0 quiet",
        ]
        .map(str::to_owned);
        let verdict = Verdict::new(Kind::OomLivelock, RuleId::CanaryStuck, "no allocation succeeds");
        let digest = |path: &Path| Some(digest_file(path).unwrap().1);
        let trial = TrialRecord {
            command: command.to_vec(),
            kernel_digest: digest(&kernel),
            initrd_digest: digest(&initrd),
            ..TrialRecord::new(cell(), 1, Accel::Tcg, "2026-11-24T10:00:00Z".to_owned(), verdict)
        };
        let shown = folder.display();
        write_all(
            &folder,
            &[
                ("console.log", "Linux version 6.1.0\nx=/root/y\n"),
                ("qemu.log", &format!("{}: terminating on signal 15 from pid 7 ({shown}/oomlab)\n", qemu.display())),
                ("qemu.sh", "#!/bin/sh\n"),
                ("why.md", &format!("`oomlab repro {shown}`\n")),
                ("events.jsonl", &format!("{{\"us\":9,\"event\":\"exited\",\"stderr\":\"a\\n{}\"}}\n", qemu.display())),
                ("bundle/tasks.txt", &format!("layouts: BTF of {}\n", kernel.display())),
                ("bundle/memory.kdump", "\0ram"),
            ],
        );
        let host = Host { cache, home: Some(home), current };
        Self { dir, host, folder, trial, key: None }
    }

    /// With a root disk.
    fn on_a_disk() -> Self {
        let mut lab = Self::new();
        let place = lab.host.cache.join("disks/arm.debian,1");
        write_all(&place, &[("disk.ext4", "\0disk"), ("key", "private")]);
        write_all(&lab.folder, &[("test.sh", "echo /root/x\n")]);
        let disk = place.join("disk.ext4");
        let drive = format!("file={},if=none,id=oomlab-root,format=raw", disk.display().to_string().replace(',', ",,"));
        let network = "user,id=oomlab-net,restrict=on,hostfwd=tcp:127.0.0.1:0-:22";
        lab.trial.command.extend(["-drive", &drive, "-netdev", network].map(str::to_owned));
        lab.trial.root_disk_digest = Some(digest_file(&disk).unwrap().1);
        lab.key = Some(place.join("key"));
        lab
    }

    fn contents(&self, allows_paths: bool) -> Result<Vec<Entry>, ArchiveError> {
        let record = serde_json::to_string_pretty(&self.trial).unwrap();
        fs::write(self.folder.join("trial.json"), record).unwrap();
        let (folder, trial, host) = (&*self.folder, &self.trial, &self.host);
        let run = &RunId::new("2026-11-24-0");
        let key = self.key.as_deref();
        contents(&Request { folder, run, trial, key, host, qemu_version: Some("QEMU 7.2"), allows_paths })
    }

    fn refusal(&self) -> String {
        self.contents(false).unwrap_err().to_string()
    }

    /// Packs the trial; returns the archive.
    fn pack(&self, name: &str) -> PathBuf {
        let out = self.dir.path().join(name);
        let bytes = write(&self.contents(false).unwrap(), in_folder(&self.trial), &out, false).unwrap();
        assert_eq!(bytes, fs::metadata(&out).unwrap().len());
        out
    }
}

fn write(entries: &[Entry], folder: Folder<'_>, out: &Path, replace: bool) -> Result<u64, ArchiveError> {
    Destination::new(out, replace)?.write(entries, folder, &CancellationToken::new())
}

fn cell() -> Cell {
    Cell {
        kernel: "linux-6.1".into(),
        ram: RamMib(32),
        ..model::samples::cell(CELL, arch::find("arm").unwrap(), "pipe-fill")
    }
}

/// What `tar` unpacks of an archive: mode and content by path, in the order of the archive.
fn unpacked(archive: &Path) -> Vec<(String, u32, Vec<u8>)> {
    let mut tar = Vec::new();
    StreamingDecoder::new(fs::File::open(archive).unwrap()).unwrap().read_to_end(&mut tar).unwrap();
    let mut archive = tar::Archive::new(tar.as_slice());
    let unpack = |entry: std::io::Result<tar::Entry<'_, &[u8]>>| {
        let mut entry = entry.unwrap();
        let header = entry.header();
        assert_eq!((header.uid().unwrap(), header.gid().unwrap(), header.mtime().unwrap()), (0, 0, 1_795_514_400));
        let (path, mode) = (entry.path().unwrap().display().to_string(), header.mode().unwrap());
        let mut content = Vec::new();
        entry.read_to_end(&mut content).unwrap();
        (path, mode, content)
    };
    archive.entries().unwrap().map(unpack).collect()
}

#[test]
fn archive_has_the_guest_and_its_records() {
    let files = unpacked(&Lab::new().pack("a.tar.zst"));
    let names: Vec<&str> = files.iter().map(|(path, _, _)| path.strip_prefix(CELL).unwrap()).collect();
    let expected = [
        "/",
        "/MANIFEST.json",
        "/README.txt",
        "/System.map",
        "/bundle/",
        "/bundle/memory.kdump",
        "/bundle/tasks.txt",
        "/config",
        "/console.log",
        "/events.jsonl",
        "/initramfs.cpio.gz",
        "/kernel",
        "/qemu.log",
        "/run.sh",
        "/trial.json",
        "/why.md",
    ];
    assert_eq!(names, expected);
    for (path, mode, _) in &files {
        let is_open = path.ends_with('/') || path.ends_with("/run.sh");
        assert_eq!(*mode, if is_open { 0o755 } else { 0o644 }, "{path}");
    }
    let content = |name: &str| &files.iter().find(|(path, _, _)| path.ends_with(name)).unwrap().2;
    let manifest: serde_json::Value = serde_json::from_slice(content("/MANIFEST.json")).unwrap();
    assert_eq!(manifest["qemu"], serde_json::json!({"program": "qemu-system-arm", "version": "QEMU 7.2"}));
    let listed = manifest["files"].as_array().unwrap();
    assert_eq!(listed.len(), files.len() - 3, "neither folders nor itself");
    let dir = tempfile::tempdir().unwrap();
    for file in listed {
        let path = dir.path().join("file");
        fs::write(&path, content(&format!("/{}", file["file"].as_str().unwrap()))).unwrap();
        let (bytes, digest) = digest_file(&path).unwrap();
        assert_eq!(file["bytes"], bytes, "{file}");
        assert_eq!(file["sha256"], digest.as_str(), "{file}");
    }
}

#[test]
fn texts_have_names_in_place_of_paths() {
    let lab = Lab::new();
    let files = unpacked(&lab.pack("a.tar.zst"));
    let root = lab.dir.path().display().to_string();
    for (path, _, content) in &files {
        assert!(!String::from_utf8_lossy(content).contains(&root), "{path}");
    }
    let text = |name: &str| {
        let (_, _, content) = files.iter().find(|(path, _, _)| path.ends_with(name)).unwrap();
        String::from_utf8(content.clone()).unwrap()
    };
    assert_eq!(
        text("/qemu.log"),
        format!("qemu-system-arm: terminating on signal 15 from pid 7 (2026-11-24-0/cells/{CELL}/oomlab)\n")
    );
    assert_eq!(text("/why.md"), format!("`oomlab repro 2026-11-24-0/cells/{CELL}`\n"));
    assert_eq!(text("/events.jsonl"), "{\"us\":9,\"event\":\"exited\",\"stderr\":\"a\\nqemu-system-arm\"}\n");
    assert_eq!(text("/config"), "CONFIG_INITRAMFS_SOURCE=\"~/initramfs\"\n");
    assert_eq!(text("/bundle/tasks.txt"), "layouts: BTF of kernel\n");
    assert_eq!(text("/console.log"), "Linux version 6.1.0\nx=/root/y\n");
    let trial: TrialRecord = serde_json::from_str(&text("/trial.json")).unwrap();
    assert_eq!(trial.command[..2], ["qemu-system-arm", "-name"]);
    assert_eq!(trial.command[4], "socket,id=serial0,path=sockets/serial,server=on,wait=on");
    assert_eq!(trial.command[7..11], ["-kernel", "kernel", "-initrd", "initramfs.cpio.gz"]);
}

#[test]
fn same_trial_gives_the_same_bytes() {
    let lab = Lab::new();
    let first = fs::read(lab.pack("a")).unwrap();
    assert!(first == fs::read(lab.pack("b")).unwrap());
}

#[test]
fn path_of_the_host_is_refused() {
    let mut lab = Lab::new();
    let home = lab.host.home.clone().unwrap().display().to_string();
    lab.trial.cell.qemu = vec!["-cdrom".to_owned(), format!("{home}/x.iso")];
    lab.trial.command.extend(lab.trial.cell.qemu.clone());
    let message = lab.refusal();
    assert!(message.starts_with("run.sh, line ") && message.contains(&format!("names `{home}`")), "{message}");
    assert!(lab.contents(true).is_ok());
    let mut lab = Lab::new();
    let home = lab.host.home.clone().unwrap();
    fs::write(lab.folder.join("console.log"), format!("Linux\nsee {}/x\n", home.display())).unwrap();
    let expected = format!(
        "console.log, line 2: it names `{}` of this host; with `--allow-paths` it is packed as it is",
        home.display()
    );
    assert_eq!(lab.refusal(), expected);
    lab.host.home = None;
    assert!(lab.contents(false).is_ok(), "neither the cache nor the current folder is named");
}

#[test]
fn other_files_than_the_recorded_ones_are_refused() {
    let mut lab = Lab::new();
    let kernel = lab.host.cache.join("kernels/linux-6.1/arm/kernel");
    fs::write(&kernel, "\0another kernel").unwrap();
    let shown = kernel.display();
    let remedy = "`oomlab repro` makes it again; pack the trial of that run";
    assert_eq!(lab.refusal(), format!("{shown} is not the kernel of this trial any more: {remedy}"));
    fs::remove_file(&kernel).unwrap();
    assert_eq!(lab.refusal(), format!("there is no {shown} any more, the kernel of this trial: {remedy}"));
    fs::write(&kernel, "\0kernel").unwrap();
    lab.trial.initrd_digest = None;
    assert!(
        lab.refusal().contains("is not the initramfs of this trial"),
        "a record without a digest may name any file"
    );
    lab.trial.command.clear();
    assert!(lab.refusal().contains("was never started"));
}

#[test]
fn root_disk_is_packed_with_its_key_and_test() {
    let lab = Lab::on_a_disk();
    let files = unpacked(&lab.pack("a.tar.zst"));
    let found = |name: &str| files.iter().find(|(path, _, _)| path.strip_prefix(CELL) == Some(name)).unwrap();
    for (name, mode, content) in
        [("/disk.ext4", 0o644, "\0disk"), ("/key", 0o600, "private"), ("/test.sh", 0o644, "echo /root/x\n")]
    {
        let (_, has, bytes) = found(name);
        assert_eq!((*has, bytes.as_slice()), (mode, content.as_bytes()), "{name}");
    }
    let trial: TrialRecord = serde_json::from_slice(&found("/trial.json").2).unwrap();
    assert_eq!(trial.command[14], "file=disk.ext4,if=none,id=oomlab-root,format=raw");
    let readme = String::from_utf8(found("/README.txt").2.clone()).unwrap();
    assert!(readme.contains("\n  ssh -i key -p 2222 ") && readme.contains(" sh -s <test.sh\n"), "{readme}");
}

/// The home of root is that of the guest's root.
#[test]
fn home_of_root_is_no_path_of_the_host_alone() {
    for (mut lab, is_refused) in [(Lab::new(), true), (Lab::on_a_disk(), false)] {
        lab.host.home = Some("/root".into());
        fs::write(lab.folder.join("console.log"), "Accepted key found at /root/.ssh/authorized_keys:1\n").unwrap();
        assert_eq!(lab.contents(false).is_err(), is_refused);
        lab.host.home = Some("/root/me".into());
        fs::write(lab.folder.join("console.log"), "/root/me/x\n").unwrap();
        assert!(lab.contents(false).is_err());
    }
}

#[test]
fn root_disk_without_its_key_or_test_is_refused() {
    let mut lab = Lab::on_a_disk();
    fs::remove_file(lab.key.as_ref().unwrap()).unwrap();
    let gone = lab.refusal();
    assert!(gone.starts_with("the key that logs in") && gone.contains("`oomlab repro` makes both again"), "{gone}");
    lab.key = None;
    assert_eq!(lab.refusal(), gone);
    let disk = lab.host.cache.join("disks/arm.debian,1/disk.ext4");
    fs::write(&disk, "\0another disk").unwrap();
    assert!(lab.refusal().contains("is not the root disk of this trial any more"));
    let lab = Lab::on_a_disk();
    fs::remove_file(lab.folder.join("test.sh")).unwrap();
    let message = lab.refusal();
    assert!(message.contains("test.sh, the test of this trial: `oomlab repro` runs it again"), "{message}");
}

#[test]
fn links_of_a_folder_are_not_followed() {
    let lab = Lab::new();
    let secret = lab.dir.path().join("secret");
    fs::write(&secret, "secret").unwrap();
    std::os::unix::fs::symlink(&secret, lab.folder.join("bundle/registers.txt")).unwrap();
    std::os::unix::fs::symlink(&secret, lab.folder.join("verdict.json")).unwrap();
    let entries = lab.contents(false).unwrap();
    let names: Vec<&str> = entries.iter().map(|entry| entry.artifact().file.as_str()).collect();
    assert!(!names.contains(&"bundle/registers.txt") && !names.contains(&"verdict.json"), "{names:?}");
    let bundle = lab.folder.join("bundle");
    fs::rename(&bundle, lab.dir.path().join("elsewhere")).unwrap();
    std::os::unix::fs::symlink(lab.dir.path().join("elsewhere"), &bundle).unwrap();
    let entries = lab.contents(false).unwrap();
    assert!(!entries.iter().any(|entry| entry.artifact().file.starts_with("bundle/")));
}

#[test]
fn archive_that_exists_is_kept() {
    let lab = Lab::new();
    let (entries, out) = (lab.contents(false).unwrap(), lab.dir.path().join("a"));
    fs::write(&out, "mine").unwrap();
    let message = write(&entries, in_folder(&lab.trial), &out, false).unwrap_err().to_string();
    assert_eq!(message, format!("{} exists: `--force` replaces it, `--out` names another file", out.display()));
    assert_eq!(fs::read(&out).unwrap(), b"mine");
    write(&entries, in_folder(&lab.trial), &out, true).unwrap();
    assert!(unpacked(&out).len() > 10);
    let nowhere = lab.dir.path().join("no/a");
    assert!(matches!(write(&entries, in_folder(&lab.trial), &nowhere, false), Err(ArchiveError::Write { .. })));
    assert_eq!(fs::read_dir(lab.dir.path()).unwrap().count(), 2, "no part stays");
}

#[test]
fn file_that_changes_while_it_is_packed_is_an_error() {
    let lab = Lab::new();
    let entries = lab.contents(false).unwrap();
    fs::write(lab.host.cache.join("kernels/linux-6.1/arm/kernel"), "\0kerneL").unwrap();
    let message = write(&entries, in_folder(&lab.trial), &lab.dir.path().join("a"), false).unwrap_err().to_string();
    assert!(message.ends_with("kernel changes while it is packed; try again"), "{message}");
    assert!(!lab.dir.path().join("a").exists());
}
