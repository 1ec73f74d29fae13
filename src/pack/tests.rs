//! Packs that are made, opened, and damaged.

use super::extract::extract;
use super::manifest::{MANIFEST, Manifest};
use super::*;
use crate::archive::{Entry, Host, HostPaths, Limits};
use model::{CellId, Digest, KernelArtifact, KernelName, PLAN_SCHEMA, Plan, samples};
use ruzstd::encoding::{CompressionLevel, compress_to_vec};
use std::fs;
use std::path::{Path, PathBuf};
use tokio_util::sync::CancellationToken;

/// A home with a kernel, an initramfs and a root disk of two cells.
struct Lab {
    dir: tempfile::TempDir,
    plan: Plan,
    cells: Vec<PackedCell>,
    host: HostPaths,
}

impl Lab {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let home = dir.path().join("me");
        fs::create_dir(&home).unwrap();
        let arm = arch::find("arm").unwrap();
        let file = |name: &str, content: &[u8]| {
            let path = home.join(name);
            fs::write(&path, content).unwrap();
            path
        };
        let (image, initrd) = (file("kernel", b"\0kernel"), file("initrd", b"\0initramfs"));
        let vmlinux = file("layouts.elf", format!("\0{}/objects\0", home.display()).as_bytes());
        let digest = crate::store::digest_file(&image).unwrap().1;
        let kernel = KernelArtifact {
            release: "6.1.0".to_owned(),
            commit: Some("abc".to_owned()),
            vmlinux: Some(vmlinux),
            ..KernelArtifact::of_image(KernelName::new("linux-6.1"), arm, image, digest)
        };
        let mut disk = vec![0; 600_000];
        disk[300_000] = 7;
        let test = PackedTest {
            disk: file("disk.ext4", &disk),
            key: file("key", b"secret"),
            host_key: "ssh-ed25519 A".to_owned(),
            script: "echo hello\n".to_owned(),
        };
        let cell = |id: &str| model::Cell {
            id: CellId::new(id),
            kernel: kernel.name.clone(),
            ..samples::cell(id, arm, "idle")
        };
        let plan = Plan {
            schema: PLAN_SCHEMA,
            name: "my plan".to_owned(),
            cells: vec![cell("a"), cell("b")],
            skipped: Vec::new(),
        };
        let packed = |id: &str, test| PackedCell {
            id: CellId::new(id),
            kernel: kernel.clone(),
            initrd: Some(initrd.clone()),
            firmware: None,
            test,
        };
        let cells = vec![packed("a", None), packed("b", Some(test))];
        let host = Host { cache: home.join(".cache"), home: Some(home.clone()), current: home };
        Self { plan, cells, host: HostPaths::of_host(&host), dir }
    }

    fn contents(&self) -> Result<Vec<Entry>, PackError> {
        let cancel = &CancellationToken::new();
        let request = Request { plan: &self.plan, cells: &self.cells, host: &self.host, allows_paths: false, cancel };
        contents(&request, OwnProgram::open()?)
    }

    /// Without this program, which is large.
    fn small(&self) -> Vec<Entry> {
        let mut entries = self.contents().unwrap();
        entries
            .retain(|entry| !entry.artifact().file.starts_with("bin/") && !entry.artifact().file.starts_with("lib/"));
        let manifest = entries.iter_mut().find(|entry| entry.artifact().file == MANIFEST).unwrap();
        let mut read: Manifest = serde_json::from_slice(manifest.as_text().unwrap()).unwrap();
        read.program.files.clear();
        *manifest = Entry::text(MANIFEST, serde_json::to_vec(&read).unwrap());
        entries
    }

    fn write(&self, name: &str) -> PathBuf {
        let out = self.dir.path().join(name);
        self.write_to(&out, false).unwrap();
        out
    }

    fn write_to(&self, out: &Path, replace: bool) -> Result<u64, PackError> {
        Destination::new(out, replace)?.write(&self.small(), &root(&self.plan.name), &CancellationToken::new())
    }

    fn open(&self, path: &Path) -> Result<Pack, PackError> {
        Pack::open(path, self.dir.path(), &CancellationToken::new())
    }

    /// What opening it, or using all of its files, says.
    fn refusal(&self, path: &Path) -> String {
        let used =
            self.open(path).and_then(|pack| pack.plan().cells.iter().try_for_each(|cell| pack.files(cell).map(drop)));
        used.unwrap_err().to_string()
    }
}

#[test]
fn folder_and_archive_have_what_was_packed() {
    let lab = Lab::new();
    for name in ["folder", "archive.tar.zst"] {
        let pack = lab.open(&lab.write(name)).unwrap();
        assert_eq!(*pack.plan(), lab.plan);
        let files: Vec<CellFiles> = lab.plan.cells.iter().map(|cell| pack.files(cell).unwrap()).collect();
        for (files, packed) in files.iter().zip(&lab.cells) {
            let (kernel, was) = (&files.kernel, &packed.kernel);
            assert_eq!((&kernel.release, &kernel.commit, &kernel.digest), (&was.release, &was.commit, &was.digest));
            assert_eq!(fs::read(&kernel.image).unwrap(), b"\0kernel");
            let (initrd, digest) = files.initrd.as_ref().unwrap();
            assert_eq!(crate::store::digest_file(initrd).unwrap().1, *digest);
        }
        let test = files[1].test.as_ref().unwrap();
        assert_eq!((test.script.as_str(), test.host_key.as_str()), ("echo hello\n", "ssh-ed25519 A"));
        assert_eq!(fs::read(&test.key).unwrap(), b"secret");
        let disk = fs::read(&test.disk.0).unwrap();
        assert!(disk.len() == 600_000 && disk[300_000] == 7 && files[0].test.is_none());
        let vmlinux = fs::read_to_string(files[0].kernel.vmlinux.as_ref().unwrap()).unwrap();
        assert!(vmlinux.ends_with("/objects\0") && !vmlinux.contains("/me"), "{vmlinux}");
    }
}

#[test]
fn same_plan_and_files_give_the_same_bytes() {
    let (lab, other) = (Lab::new(), Lab::new());
    let bytes = |lab: &Lab, name: &str| fs::read(lab.write(name)).unwrap();
    let first = bytes(&lab, "a.tar.zst");
    assert!(first == bytes(&lab, "b.tar.zst") && first == bytes(&other, "a.tar.zst"));
}

#[test]
fn equal_files_are_packed_once() {
    let names: Vec<String> = Lab::new().contents().unwrap().iter().map(|entry| entry.artifact().file.clone()).collect();
    assert_eq!(names.iter().filter(|name| name.starts_with("objects/")).count(), 6, "{names:?}");
    for name in [MANIFEST, "plan.json", "run.sh", "README.txt", "bin/oomlab"] {
        assert!(names.iter().any(|other| other == name), "{name}");
    }
}

#[test]
fn plan_that_names_this_host_is_refused() {
    let mut lab = Lab::new();
    let home = lab.dir.path().join("me");
    let place = format!("{}/quarantine.yaml:1", home.display());
    lab.plan.cells[0].append = vec!["a=/somewhere/else".to_owned()];
    lab.contents().unwrap();
    lab.plan.cells[1].append = vec![place];
    let message = lab.contents().unwrap_err().to_string();
    assert!(message.starts_with("plan.json, line ") && message.contains("`--allow-paths`"), "{message}");
}

#[test]
fn existing_pack_is_replaced_only_by_force() {
    let lab = Lab::new();
    for name in ["folder", "archive.tar.zst"] {
        let out = lab.write(name);
        let message = lab.write_to(&out, false).unwrap_err().to_string();
        assert!(message.contains("exists: `--force`"), "{message}");
    }
    fs::create_dir(lab.dir.path().join("empty")).unwrap();
    lab.open(&lab.write("empty")).unwrap();
}

#[test]
fn damaged_folders_are_refused_with_the_file() {
    let lab = Lab::new();
    let file = |pack: &Path, content: &[u8]| {
        let object = pack.join(format!("objects/{}", crate::store::digest_reader(content).unwrap().1));
        assert!(object.is_file());
        object
    };
    let remedy = "copy the pack again, or make it again with `oomlab pack`";
    let damaged = |name: &str, damage: &dyn Fn(&Path)| {
        let pack = lab.write(name);
        damage(&pack);
        let message = lab.refusal(&pack);
        assert!(message.ends_with(remedy), "{message}");
        message
    };
    let message = damaged("a", &|pack| fs::remove_file(file(pack, b"\0kernel")).unwrap());
    assert!(message.starts_with("there is no objects/"), "{message}");
    let message = damaged("b", &|pack| fs::write(file(pack, b"\0kernel"), "\0kernem").unwrap());
    assert!(message.contains("is not the file that was packed: its SHA-256 is "), "{message}");
    let message = damaged("c", &|pack| fs::write(file(pack, b"\0kernel"), "").unwrap());
    assert!(message.contains("it has 0 bytes, not 7"), "{message}");
    let message = damaged("d", &|pack| {
        let object = file(pack, b"\0kernel");
        fs::remove_file(&object).unwrap();
        std::os::unix::fs::symlink(lab.dir.path().join("me/kernel"), object).unwrap();
    });
    assert!(message.contains("it is no regular file"), "{message}");
    let message = damaged("e", &|pack| fs::write(pack.join("plan.json"), "{}").unwrap());
    assert!(message.starts_with("plan.json is not the file that was packed"), "{message}");
    let message = lab.refusal(&lab.dir.path().join("me"));
    assert!(message.contains("is no pack: pack.json: ") && message.contains("`oomlab pack`"), "{message}");
}

#[test]
fn hostile_manifests_are_refused() {
    let lab = Lab::new();
    let changed = |name: &str, from: &str, to: &str| {
        let pack = lab.write(name);
        let text = fs::read_to_string(pack.join(MANIFEST)).unwrap();
        assert!(text.contains(from), "{text}");
        fs::write(pack.join(MANIFEST), text.replace(from, to)).unwrap();
        lab.refusal(&pack)
    };
    let message = changed("a", "\"objects/", "\"../objects/");
    assert!(message.starts_with("pack.json is wrong: `../objects/"), "{message}");
    let message = changed("b", "\"schema\":1", "\"schema\":2");
    assert!(message.starts_with("the pack has the format 2, and this program knows 1: "), "{message}");
    let message = changed("c", "\"plan.json\"", "\"/etc/passwd\"");
    assert!(message.contains("its plan is not `plan.json`"), "{message}");
    let message = changed("d", "\"bytes\":7", "\"bytes\":99999999999999");
    assert!(message.contains("more than 64"), "{message}");
    let message = changed("e", "\"name\":\"linux-6.1\"", "\"name\":\"linux-6.2\"");
    assert!(message.contains("it has no kernel for the cell a of its plan"), "{message}");
    let message = changed("f", "\"id\":\"b\"", "\"id\":\"../b\"");
    assert!(message.starts_with("pack.json is wrong: "), "{message}");
}

/// An archive with these files, by path, after what the headers of `first` say.
fn archive(files: &[(&str, tar::EntryType, &[u8])]) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    for (path, kind, content) in files {
        let mut header = tar::Header::new_gnu();
        header.as_mut_bytes()[..path.len()].copy_from_slice(path.as_bytes());
        header.set_entry_type(*kind);
        header.set_mode(0o644);
        header.set_size(content.len() as u64);
        if kind.is_symlink() {
            header.set_link_name("/etc/passwd").unwrap();
        }
        header.set_cksum();
        tar.append(&header, *content).unwrap();
    }
    compress_to_vec(tar.into_inner().unwrap().as_slice(), CompressionLevel::Fastest)
}

#[test]
fn hostile_archives_are_refused() {
    use tar::EntryType::{Regular, Symlink};
    let lab = Lab::new();
    let entries = lab.small();
    let manifest = entries[0].as_text().unwrap();
    let out = lab.dir.path().join("hostile.tar.zst");
    let refusal = |files: &[(&str, tar::EntryType, &[u8])]| {
        fs::write(&out, archive(files)).unwrap();
        let message = lab.refusal(&out);
        assert!(!lab.dir.path().join("evil").exists());
        message
    };
    let first = ("x/pack.json", Regular, manifest);
    for (path, why) in [
        ("x/../../evil", "leads out of its folder"),
        ("/evil", "leads out of its folder"),
        ("x/evil", "pack.json does not name"),
        ("y/plan.json", "it has more than one folder"),
    ] {
        let message = refusal(&[first, (path, Regular, b"x")]);
        assert!(message.contains(why), "{path}: {message}");
    }
    let message = refusal(&[first, ("x/plan.json", Symlink, b"")]);
    assert!(message.contains("`x/plan.json` is neither a file nor a folder"), "{message}");
    let message = refusal(&[("x/plan.json", Regular, b"{}"), first]);
    assert!(message.contains("its first file is `x/plan.json`, not pack.json"), "{message}");
    let message = refusal(&[first]);
    assert!(message.starts_with("there is no "), "{message}");
    let message = refusal(&[first, ("x/plan.json", Regular, &[b'x'; 1 << 20])]);
    assert!(message.contains("plan.json is not the file that was packed: it has 1048576 bytes, not "), "{message}");
    assert!(refusal(&[]).contains("it has no pack.json"));
    assert!(
        lab.dir
            .path()
            .read_dir()
            .unwrap()
            .flatten()
            .all(|entry| !entry.file_name().to_string_lossy().starts_with(".oomlab-"))
    );
}

#[test]
fn skipped_files_are_bounded() {
    use tar::EntryType::{Directory, Regular};
    let lab = Lab::new();
    let mut manifest: Manifest = serde_json::from_slice(lab.small()[0].as_text().unwrap()).unwrap();
    let program = Entry::text("bin/oomlab", b"1234".to_vec()).artifact().clone();
    manifest.program.files.push(program);
    let manifest = serde_json::to_vec(&manifest).unwrap();
    let out = lab.dir.path().join("hostile.tar.zst");
    let refusal = |files: &[(&str, tar::EntryType, &[u8])]| {
        fs::write(&out, archive(&[&[("x/pack.json", Regular, &manifest[..])], files].concat())).unwrap();
        lab.refusal(&out)
    };
    let message = refusal(&[("x/bin/oomlab", Regular, &[0; 1 << 16])]);
    assert!(message.starts_with("bin/oomlab is not the file that was packed: it has 65536 bytes, not 4"), "{message}");
    let message = refusal(&[("x/run.sh", Regular, b""), ("x/run.sh", Regular, b"")]);
    assert!(message.contains("pack.json does not name `x/run.sh`"), "{message}");
    let message = refusal(&[("x/README.txt", Regular, &vec![0; 2 << 20])]);
    assert!(message.contains("pack.json does not name `x/README.txt`"), "{message}");
    let message = refusal(&[("x/lib/", Directory, &[0; 1 << 16])]);
    assert!(message.contains("`x/lib/` is neither a file nor a folder"), "{message}");
    let message = refusal(&[("x/bin/oomlab", Regular, b"5678")]);
    assert!(message.starts_with("there is no "), "only files that are unpacked are hashed: {message}");
    let folders: Vec<String> = (0..20).map(|at| format!("x/{at}/")).collect();
    let folders: Vec<_> = folders.iter().map(|name| (name.as_str(), Directory, &b""[..])).collect();
    refusal(&folders);
    let limits = Limits { bytes: 1 << 20, members: 10 };
    let message = extract(&out, lab.dir.path(), limits, &CancellationToken::new()).unwrap_err().to_string();
    assert!(message.contains("it unpacks to more than 10 files"), "{message}");
}

#[test]
fn plan_that_no_matrix_makes_is_refused() {
    let lab = Lab::new();
    let pack = lab.write("folder");
    let mut plan = lab.plan.clone();
    plan.cells.push(plan.cells[0].clone());
    let text = serde_json::to_vec(&plan).unwrap();
    let mut manifest: Manifest = serde_json::from_slice(&fs::read(pack.join(MANIFEST)).unwrap()).unwrap();
    manifest.plan = Entry::text("plan.json", text.clone()).artifact().clone();
    fs::write(pack.join("plan.json"), text).unwrap();
    fs::write(pack.join(MANIFEST), serde_json::to_vec(&manifest).unwrap()).unwrap();
    assert!(lab.refusal(&pack).starts_with("pack.json is wrong: plan.json: it has the cell `a` twice; "));
}

#[test]
fn place_of_a_pack_is_checked_first() {
    let lab = Lab::new();
    lab.write("folder");
    for (name, why) in [("folder", "exists"), ("no/pack", "cannot write "), ("no/pack.tar.zst", "cannot write ")] {
        let message = Destination::new(&lab.dir.path().join(name), true).unwrap_err().to_string();
        assert!(message.contains(why), "{name}: {message}");
    }
}

#[test]
fn cancelled_pack_leaves_nothing() {
    let lab = Lab::new();
    let cancel = &CancellationToken::new();
    cancel.cancel();
    let before = lab.dir.path().read_dir().unwrap().count();
    for name in ["folder", "archive.tar.zst"] {
        let destination = Destination::new(&lab.dir.path().join(name), false).unwrap();
        let message = destination.write(&lab.small(), "x", cancel).unwrap_err().to_string();
        assert!(message.ends_with("it was stopped"), "{message}");
    }
    let request = Request { plan: &lab.plan, cells: &lab.cells, host: &lab.host, allows_paths: false, cancel };
    assert!(contents(&request, OwnProgram::open().unwrap()).unwrap_err().to_string().ends_with("it was stopped"));
    assert_eq!(lab.dir.path().read_dir().unwrap().count(), before);
}

#[test]
fn truncated_archive_is_refused() {
    let lab = Lab::new();
    let out = lab.write("a.tar.zst");
    let whole = fs::read(&out).unwrap();
    for length in [0, 3, 20, whole.len() / 2, whole.len() - 20] {
        fs::write(&out, &whole[..length]).unwrap();
        let message = lab.refusal(&out);
        assert!(message.contains("a.tar.zst") || message.starts_with("there is no "), "{length}: {message}");
    }
    fs::write(&out, "text").unwrap();
    assert!(lab.refusal(&out).contains("is no pack: "));
}

#[test]
fn folder_of_an_archive_has_a_plain_name() {
    for (plan, name) in [("my plan", "my-plan"), ("../x", "x"), ("", "pack"), ("ärger", "-rger")] {
        assert_eq!(root(plan).trim_start_matches('-'), name.trim_start_matches('-'), "{plan}");
    }
    assert_eq!(root(&"x".repeat(100)).len(), 24);
}

#[test]
fn digests_of_objects_are_digests() {
    let lab = Lab::new();
    let mut manifest: Manifest = serde_json::from_slice(lab.small()[0].as_text().unwrap()).unwrap();
    manifest.check().unwrap();
    manifest.kernels[0].image.sha256 = Digest::new("../../etc/passwd");
    manifest.kernels[0].image.file = "objects/../../etc/passwd".to_owned();
    assert!(manifest.check().is_err());
}
