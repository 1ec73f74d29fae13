//! [`unpack`] of synthetic packages, also hostile ones.

use super::KernelError;
use super::debian::samples::package_of;
use super::unpack::{is_needed, unpack};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use tar::EntryType;

/// Kind, mode, path as it is written, and content or target of a link.
type Member<'a> = (EntryType, u32, &'a str, &'a str);

fn file<'a>(path: &'a str, content: &'a str) -> Member<'a> {
    (EntryType::Regular, 0o644, path, content)
}

fn link<'a>(path: &'a str, target: &'a str) -> Member<'a> {
    (EntryType::Symlink, 0o777, path, target)
}

/// A tar archive; paths are not checked.
fn tar(members: &[Member<'_>]) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    for (kind, mode, path, content) in members {
        let is_file = *kind == EntryType::Regular;
        let content = content.as_bytes();
        let data = if is_file { content } else { &content[..0] };
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(*kind);
        header.set_mode(*mode);
        header.set_size(data.len() as u64);
        let gnu = header.as_gnu_mut().unwrap();
        gnu.name[..path.len()].copy_from_slice(path.as_bytes());
        if !is_file {
            gnu.linkname[..content.len()].copy_from_slice(content);
        }
        header.set_cksum();
        tar.append(&header, data).unwrap();
    }
    tar.into_inner().unwrap()
}

struct Setup {
    dir: tempfile::TempDir,
}

impl Setup {
    fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap() }
    }

    fn root(&self) -> PathBuf {
        self.dir.path().join("root")
    }

    fn unpack(&self, packages: &[&[Member<'_>]]) -> Result<(), KernelError> {
        let write = |(n, members): (usize, &&[Member<'_>])| {
            package_of(self.dir.path().join(format!("{n}.deb")), ".xz", &tar(members))
        };
        let packages: Vec<PathBuf> = packages.iter().enumerate().map(write).collect();
        unpack(&packages, &self.root(), &is_needed, || Ok(()))
    }

    fn read(&self, path: &str) -> String {
        fs::read_to_string(self.root().join(path)).unwrap()
    }

    fn mode(&self, path: &str) -> u32 {
        fs::symlink_metadata(self.root().join(path)).unwrap().mode() & 0o7777
    }

    fn target(&self, path: &str) -> String {
        fs::read_link(self.root().join(path)).unwrap().to_str().unwrap().to_owned()
    }
}

#[test]
fn files_come_with_modes_and_links() {
    let setup = Setup::new();
    let members = [
        (EntryType::Directory, 0o755, "./", ""),
        (EntryType::Directory, 0o1777, "./tmp/", ""),
        (EntryType::Directory, 0o2500, "./var/mail/", ""),
        file("./var/mail/root", "letter"),
        (EntryType::Regular, 0o4755, "./usr/bin/su", "su"),
        (EntryType::Regular, 0o640, "./etc/secret", "x"),
        (EntryType::Link, 0o755, "./usr/bin/sudo", "./usr/bin/su"),
        link("./etc/os-release", "../usr/lib/os-release"),
        link("./etc/dangling", "/nowhere/at/all"),
        (EntryType::Char, 0o666, "./dev/null", ""),
        (EntryType::Fifo, 0o666, "./run/fifo", ""),
        file("./usr/share/doc/su/copyright", "text"),
        file("./usr/share/documents", "no documentation"),
    ];
    setup.unpack(&[&members]).unwrap();
    let paths = ["tmp", "var", "var/mail", "var/mail/root", "usr/bin/su", "etc/secret"];
    assert_eq!(paths.map(|path| setup.mode(path)), [0o1777, 0o755, 0o700, 0o644, 0o755, 0o640]);
    assert_eq!((setup.read("usr/bin/su"), setup.read("usr/bin/sudo")), ("su".into(), "su".into()));
    assert_eq!(fs::metadata(setup.root().join("usr/bin/su")).unwrap().nlink(), 2);
    let links = ["etc/os-release", "etc/dangling"].map(|path| setup.target(path));
    assert_eq!(links, ["../usr/lib/os-release", "/nowhere/at/all"]);
    for path in ["dev/null", "run/fifo", "usr/share/doc"] {
        assert!(fs::symlink_metadata(setup.root().join(path)).is_err(), "{path}");
    }
    assert_eq!(setup.read("usr/share/documents"), "no documentation");
}

#[test]
fn usr_is_merged() {
    let setup = Setup::new();
    let old = [(EntryType::Directory, 0o755, "./lib/", ""), file("./lib/modules/a.ko", "a"), file("bin/x", "x")];
    let base = [link("./lib", "usr/lib"), link("./bin", "usr/bin"), file("./usr/lib/b", "b")];
    let hard = [(EntryType::Link, 0o644, "./sbin/x", "bin/x"), file("./library", "c")];
    setup.unpack(&[&old, &base, &hard]).unwrap();
    for name in ["bin", "lib", "lib64", "sbin"] {
        assert_eq!(setup.target(name), format!("usr/{name}"));
    }
    let paths = ["usr/lib/modules/a.ko", "lib/modules/a.ko", "usr/bin/x", "sbin/x", "lib/b", "library"];
    assert_eq!(paths.map(|path| setup.read(path)), ["a", "a", "x", "x", "b", "c"]);
}

#[test]
fn links_to_folders_are_followed_within_the_root() {
    let setup = Setup::new();
    let one = [link("./var/run", "/run"), link("./var/lock", "../run/lock"), file("./usr/share/a/x", "old")];
    let two = [
        file("./var/run/pid", "1"),
        (EntryType::Directory, 0o755, "./var/lock/", ""),
        file("./var/lock/l", "2"),
        file("./usr/share/a/x", "new"),
        link("./usr/share/a", "b"),
    ];
    setup.unpack(&[&one, &two]).unwrap();
    assert_eq!(["run/pid", "run/lock/l", "usr/share/a/x"].map(|path| setup.read(path)), ["1", "2", "new"]);
    assert_eq!(setup.target("var/run"), "/run");
}

#[test]
fn file_replaces_a_link_and_does_not_follow_it() {
    let setup = Setup::new();
    let outside = setup.dir.path().join("outside");
    fs::write(&outside, "mine").unwrap();
    let one = [link("./etc/a", outside.to_str().unwrap())];
    setup.unpack(&[&one, &[file("./etc/a", "theirs")]]).unwrap();
    assert_eq!((fs::read_to_string(outside).unwrap(), setup.read("etc/a")), ("mine".into(), "theirs".into()));
}

#[test]
fn hostile_paths_are_refused() {
    let cases: &[(&[Member<'_>], &str)] = &[
        (&[file("../x", "x")], "../x: it leads out of the package"),
        (&[file("./usr/../../x", "x")], "usr/../../x: it leads out of the package"),
        (&[file("/etc/x", "x")], "/etc/x: it leads out of the package"),
        (&[link("./a", "../.."), file("./a/x", "x")], "a: a symbolic link leads out of the root"),
        (&[link("./a", "/../b"), file("./a/x", "x")], "a: a symbolic link leads out of the root"),
        (
            &[link("./a", "b"), link("./b", "a"), file("./a/x", "x")],
            "a: its folder is a file, or a loop of symbolic links",
        ),
        (&[file("./a", "x"), file("./a/x", "x")], "a: its folder is a file, or a loop of symbolic links"),
        (&[file("./a/x", "x"), file("./a", "x")], "a: there is a folder in its place"),
        (&[(EntryType::Link, 0o644, "./x", "../../etc/passwd")], "../../etc/passwd: it leads out of the package"),
        (&[link("./l", "/etc/passwd"), (EntryType::Link, 0o644, "./x", "l")], "x: its hard link leads to no file"),
    ];
    for (members, problem) in cases {
        let setup = Setup::new();
        let error = setup.unpack(&[members]).unwrap_err();
        assert!(matches!(error, KernelError::Damaged { .. }), "{problem}");
        let message = error.to_string();
        assert!(message.contains("0.deb: ") && message.ends_with(problem), "{message}");
        assert!(!setup.dir.path().join("x").exists());
    }
}

#[test]
fn absolute_links_stay_in_the_root() {
    let setup = Setup::new();
    let outside = setup.dir.path().join("outside");
    fs::create_dir(&outside).unwrap();
    setup.unpack(&[&[link("./a", outside.to_str().unwrap()), file("./a/x", "x")]]).unwrap();
    assert_eq!(fs::read_dir(outside).unwrap().count(), 0);
    assert_eq!(setup.read(&format!(".{}/x", setup.dir.path().join("outside").display())), "x");
}

#[test]
fn check_ends_it() {
    let setup = Setup::new();
    let package = package_of(setup.dir.path().join("a.deb"), "", &tar(&[file("./a", "x")]));
    let result = unpack(&[package], &setup.root(), &|_| true, || Err(KernelError::Cancelled));
    assert!(matches!(result, Err(KernelError::Cancelled)) && !setup.root().join("a").exists());
}
