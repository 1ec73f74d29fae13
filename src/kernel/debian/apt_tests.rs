//! [`Apt`] against scripts in place of apt's programs.

use super::super::cache::Cache;
use super::super::{KernelError, NullProgress};
use super::index::Package;
use super::{Apt, Archive, Programs};
use std::cell::Cell;
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, SystemTime};

/// SHA-256 of "content".
const DIGEST: &str = "ed7002b439e9ac845f22357d822bac1444730fbdb6016d3ec9432297b9ec9f73";

/// A successful `apt-get -c FILE update`: it puts an index into the root.
const UPDATE: &str = "mkdir -p $root/lists; cp $here/index $root/lists/mirror_dists_sid_main_binary-amd64_Packages";
/// `apt-helper cat-file FILE` and `apt-helper -c FILE download-file URI TARGET DIGEST`.
const HELPER: &str = "if [ $1 = cat-file ]; then cat $2; else printf content > $5; fi";

pub(super) struct Setup {
    dir: tempfile::TempDir,
    newer_than: Cell<Option<SystemTime>>,
}

impl Setup {
    pub(super) fn new() -> Self {
        let setup = Self { dir: tempfile::tempdir().unwrap(), newer_than: Cell::default() };
        setup.publish("6.1.176-1");
        setup.script("apt-get", UPDATE);
        setup.script("apt-helper", HELPER);
        setup
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// A script that knows its folder, the apt root, and how often it ran.
    pub(super) fn script(&self, name: &str, body: &str) {
        let path = self.path(name);
        let here = self.dir.path().display();
        let text = format!(
            "#!/bin/sh\nset -e\nhere={here}\nroot=$here/cache/apt/sid-amd64\necho x >> $here/{name}.runs\n\
             runs=$(wc -l < $here/{name}.runs)\n{body}\n"
        );
        let plain = self.path("script");
        fs::write(&plain, text).unwrap();
        // Written by another process: a file that this one, or a fork of another test, has open for writing cannot run.
        let installed = Command::new("install").arg("-m755").arg(plain).arg(path).status().unwrap();
        assert!(installed.success());
    }

    pub(super) fn runs(&self, name: &str) -> usize {
        fs::read_to_string(self.path(&format!("{name}.runs"))).unwrap_or_default().lines().count()
    }

    fn publish(&self, version: &str) {
        let stanza = format!(
            "Package: linux-source-6.1\nVersion: {version}\nFilename: pool/linux-source-6.1_{version}.deb\nSize: 7\n\
             SHA256: {DIGEST}\n\n"
        );
        fs::write(self.path("index"), stanza).unwrap();
    }

    fn make_index_old(&self) {
        let stamp = self.path("cache/apt/sid-amd64/refreshed");
        let made = fs::metadata(&stamp).unwrap().modified().unwrap();
        let yesterday = made - Duration::from_secs(90_000);
        fs::File::options().write(true).open(stamp).unwrap().set_modified(yesterday).unwrap();
    }

    fn fetch(&self, pattern: &str) -> Result<(String, PathBuf), KernelError> {
        self.with_apt(|apt| apt.package(pattern).map(|(package, file)| (package.version, file)))
    }

    fn known(&self, pattern: &str) -> Option<(Package, bool)> {
        self.with_apt(|apt| apt.known(pattern))
    }

    pub(super) fn with_apt<T>(&self, ask: impl FnOnce(&Apt<'_>) -> T) -> T {
        let cache = Cache::new(self.path("cache"));
        let programs =
            Programs { apt_get: self.path("apt-get"), apt_helper: self.path("apt-helper"), back_off: Duration::ZERO };
        let archive = || Ok(Archive { uri: "http://m.example/debian".into(), keyring: "/keyring".into() });
        let (suite, arch, progress) = ("sid", "amd64", &NullProgress);
        let newer_than = self.newer_than.get();
        ask(&Apt { cache: &cache, archive: &archive, programs: &programs, suite, arch, progress, newer_than })
    }

    fn message(&self) -> String {
        self.fetch("linux-source-6.1").unwrap_err().to_string()
    }
}

#[test]
fn package_is_fetched_once() {
    let setup = Setup::new();
    let (version, file) = setup.fetch("linux-source-6.1").unwrap();
    assert_eq!((version.as_str(), fs::read(&file).unwrap().as_slice()), ("6.1.176-1", &b"content"[..]));
    let configuration = fs::read_to_string(setup.path("cache/apt/sid-amd64/apt.conf")).unwrap();
    assert!(configuration.contains("#clear APT::Update;") && configuration.contains("DEP-11"), "{configuration}");
    let sources = fs::read_to_string(setup.path("cache/apt/sid-amd64/sources.list")).unwrap();
    assert_eq!(
        sources,
        "deb [arch=amd64 signed-by=/keyring allow-insecure=no allow-weak=no allow-downgrade-to-insecure=no] http://m.example/debian sid main\n"
    );
    let downloads = setup.runs("apt-helper");
    assert_eq!(setup.fetch("linux-source-6.1").unwrap().1, file);
    assert_eq!((setup.runs("apt-get"), setup.runs("apt-helper")), (1, downloads + 1));
}

#[test]
fn known_package_needs_no_network() {
    let setup = Setup::new();
    let known = || setup.known("linux-source-6.1").map(|(package, is_here)| (package.size, is_here));
    assert_eq!(known(), None, "there is no index yet");
    let (_, file) = setup.fetch("linux-source-6.1").unwrap();
    setup.make_index_old();
    let updates = setup.runs("apt-get");
    assert_eq!(known(), Some((7, true)));
    fs::remove_file(file).unwrap();
    assert_eq!(known(), Some((7, false)));
    assert_eq!(setup.known("linux-source-9.9"), None);
    assert_eq!(setup.runs("apt-get"), updates);
}

#[test]
fn index_is_as_fresh_as_it_has_to_be() {
    let setup = Setup::new();
    setup.fetch("linux-source-6.1").unwrap();
    setup.publish("6.1.180-1");
    let newest = || setup.with_apt(|apt| apt.newest("linux-source-6.1")).unwrap().version;
    assert_eq!(newest(), "6.1.176-1", "it is less than a day old");
    let stamp = fs::metadata(setup.path("cache/apt/sid-amd64/refreshed")).unwrap().modified().unwrap();
    setup.newer_than.set(Some(stamp - Duration::from_secs(60)));
    assert_eq!((newest().as_str(), setup.runs("apt-get")), ("6.1.176-1", 1), "it was read since then");
    setup.make_index_old();
    assert_eq!((newest().as_str(), setup.runs("apt-get")), ("6.1.180-1", 2));
    setup.make_index_old();
    setup.script("apt-get", "echo 'E: no network' >&2; exit 100");
    assert_eq!(newest(), "6.1.180-1", "the network is down");
}

#[test]
fn truncated_or_changed_package_is_fetched_again() {
    let setup = Setup::new();
    let (_, file) = setup.fetch("linux-source-6.1").unwrap();
    for broken in ["cont", "CONTENT"] {
        fs::write(&file, broken).unwrap();
        setup.fetch("linux-source-6.1").unwrap();
        assert_eq!(fs::read(&file).unwrap(), b"content");
    }
}

#[test]
fn mirror_in_the_middle_of_a_sync_is_retried() {
    let setup = Setup::new();
    let sync = "echo 'E: File has unexpected size (1 != 2). Mirror sync in progress?' >&2; exit 100";
    setup.script("apt-get", &format!("if [ $runs -lt 3 ]; then {sync}; fi; {UPDATE}"));
    setup.fetch("linux-source-6.1").unwrap();
    assert_eq!(setup.runs("apt-get"), 3);
    let setup = Setup::new();
    setup.script("apt-get", sync);
    let message = setup.message();
    assert!(message.starts_with("failed to read the index of sid for amd64: File has unexpected size"), "{message}");
    assert_eq!(setup.runs("apt-get"), 4);
}

#[test]
fn network_failure_is_reported_unless_the_package_is_cached() {
    let setup = Setup::new();
    let offline = "echo 'E: Could not resolve the name of the mirror' >&2; exit 100";
    setup.script("apt-get", offline);
    let message = setup.message();
    assert!(message.ends_with("Could not resolve the name of the mirror"), "{message}");
    setup.script("apt-get", UPDATE);
    let (_, file) = setup.fetch("linux-source-6.1").unwrap();
    setup.make_index_old();
    setup.script("apt-get", offline);
    assert_eq!(setup.fetch("linux-source-6.1").unwrap().1, file);
}

#[test]
fn dropped_package_is_looked_up_again() {
    let setup = Setup::new();
    setup.fetch("linux-source-6.1").unwrap();
    fs::remove_dir_all(setup.path("cache/packages")).unwrap();
    setup.publish("6.1.180-1");
    let gone = "case $4 in *176*) echo 'E: Failed to fetch x 404 Not Found' >&2; exit 100;; esac;";
    setup.script("apt-helper", &format!("if [ $1 = -c ]; then {gone} fi; {HELPER}"));
    assert_eq!(setup.fetch("linux-source-6.1").unwrap().0, "6.1.180-1");
}

#[test]
fn permanent_failure_is_not_retried() {
    for (output, message) in [
        ("W: GPG error: NO_PUBKEY 123", "GPG error: NO_PUBKEY 123"),
        ("E: write - write (28: No space left on device)", "the disk is full; write - write"),
    ] {
        let setup = Setup::new();
        setup.script("apt-get", &format!("echo '{output}' >&2; exit 100"));
        let shown = setup.message();
        assert!(shown.contains(message), "{shown}");
        assert_eq!(setup.runs("apt-get"), 1);
    }
}

#[test]
fn wrong_content_is_refused() {
    let setup = Setup::new();
    setup.script("apt-helper", &HELPER.replace("content", "malice"));
    assert!(setup.message().ends_with("its digest is not that of the archive's index"));
    let kept = fs::read_dir(setup.path("cache/packages")).unwrap().count();
    assert_eq!(kept, 0);
}

#[test]
fn unknown_package_and_missing_apt_are_named() {
    let setup = Setup::new();
    let message = setup.fetch("linux-source-9.9").unwrap_err().to_string();
    assert!(message.starts_with("no package matches `linux-source-9.9` in sid for amd64"), "{message}");
    fs::remove_file(setup.path("apt-get")).unwrap();
    setup.make_index_old();
    fs::remove_dir_all(setup.path("cache/apt")).unwrap();
    let message = setup.message();
    assert!(message.starts_with("cannot read the index of sid for amd64: `") && message.contains("apt"), "{message}");
}
