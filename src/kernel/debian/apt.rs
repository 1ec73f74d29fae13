//! A private apt root for one suite and architecture: the host's apt configuration, none of the host's state.

use super::super::KernelError;
use super::super::cache::Cache;
use super::super::command::{Job, OUTPUT_LIMITS};
use super::super::progress::{Progress, Stage, Update};
use super::Archive;
use super::index::{Package, newest};
use crate::host::{capture_blocking, file_time};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

/// Maximum age of the archive's index: the archive changes four times a day, its kernels a few times a month.
const MAX_INDEX_AGE: Duration = Duration::from_secs(24 * 60 * 60);
/// Minimum of the maximum age.
const MIN_INDEX_AGE: Duration = Duration::from_millis(1);
/// Maximum number of attempts: a mirror in the middle of a sync recovers soon.
const MAX_ATTEMPTS: u32 = 4;
/// Pause after the first failure; doubled after each further one.
const BACK_OFF: Duration = Duration::from_secs(3);

/// Options of a source that come before the same ones in any configuration (sources.list(5)).
const REQUIRE_SIGNATURE: &str = "allow-insecure=no allow-weak=no allow-downgrade-to-insecure=no";

/// Fetches packages of one suite for one architecture.
pub(crate) struct Apt<'a> {
    pub cache: &'a Cache,
    /// Finds the mirror; called only when the network is needed.
    pub archive: &'a dyn Fn() -> Result<Archive, KernelError>,
    /// `apt-get` and `apt-helper`.
    pub programs: &'a Programs,
    pub suite: &'a str,
    /// Debian's name of the architecture.
    pub arch: &'a str,
    pub progress: &'a dyn Progress,
    /// The index must be no older than this, whatever [`MAX_INDEX_AGE`] says.
    pub newer_than: Option<SystemTime>,
}

/// apt's programs; tests replace them.
#[derive(Debug, Clone)]
pub(crate) struct Programs {
    pub apt_get: PathBuf,
    pub apt_helper: PathBuf,
    /// See [`BACK_OFF`].
    pub back_off: Duration,
}

impl Default for Programs {
    fn default() -> Self {
        Self { apt_get: "apt-get".into(), apt_helper: "/usr/lib/apt/apt-helper".into(), back_off: BACK_OFF }
    }
}

impl Apt<'_> {
    /// The newest package that matches `pattern`, in the cache: its description and its file.
    ///
    /// # Errors
    /// When the archive has none, or cannot be reached and the cache does not have it.
    pub fn package(&self, pattern: &str) -> Result<(Package, PathBuf), KernelError> {
        let found = self.fetch(&|| Ok(vec![self.find(pattern)?]))?;
        found.into_iter().next().ok_or_else(|| self.no_package(pattern, None))
    }

    /// The newest package that matches `pattern` by an index that is as fresh as it has to be; it is not fetched.
    ///
    /// # Errors
    /// When the archive has none, or cannot be reached and there is no index in the cache.
    pub fn newest(&self, pattern: &str) -> Result<Package, KernelError> {
        let _lock = self.cache.lock(&format!("apt-{}-{}", self.suite, self.arch), self.progress)?;
        self.refresh_index(self.max_index_age())?;
        self.find(pattern)
    }

    /// The packages that `find` takes from the index, in the cache. An index that is not fresh may lack a package: it is
    /// refreshed, and read again.
    pub(super) fn fetch(
        &self,
        find: &dyn Fn() -> Result<Vec<Package>, KernelError>,
    ) -> Result<Vec<(Package, PathBuf)>, KernelError> {
        let _lock = self.cache.lock(&format!("apt-{}-{}", self.suite, self.arch), self.progress)?;
        let fresh = self.refresh_index(self.max_index_age())?;
        let mut packages = match find() {
            Err(KernelError::NoPackage { .. }) if !fresh => {
                self.refresh_index(Duration::ZERO)?;
                find()?
            }
            other => other?,
        };
        match self.download(&packages) {
            // The archive has dropped a package that an older index names.
            Err(KernelError::Fetch { message, .. }) if !fresh && message.contains("404") => {
                self.refresh_index(Duration::ZERO)?;
                packages = find()?;
                self.download(&packages)?;
            }
            other => other?,
        }
        let with_file = |package: Package| {
            let file = self.place_of(&package);
            (package, file)
        };
        Ok(packages.into_iter().map(with_file).collect())
    }

    /// The newest package that matches by the index in the cache, however old that is, and whether the package is in the cache;
    /// without the network.
    pub fn known(&self, pattern: &str) -> Option<(Package, bool)> {
        self.index_file().ok()??;
        let package = self.find(pattern).ok()?;
        let is_here = fs::metadata(self.place_of(&package)).is_ok_and(|metadata| metadata.len() == package.size);
        Some((package, is_here))
    }

    fn find(&self, pattern: &str) -> Result<Package, KernelError> {
        newest(&self.index()?, pattern).ok_or_else(|| self.no_package(pattern, None))
    }

    /// The text of the index in the cache; empty before there is one.
    pub(super) fn index(&self) -> Result<Vec<u8>, KernelError> {
        let index = self.index_file()?.unwrap_or_default();
        let mut command = Command::new(&self.programs.apt_helper);
        command.arg("cat-file").arg(&index);
        let output = capture_blocking(command, OUTPUT_LIMITS)
            .map_err(|error| KernelError::io("run", &self.programs.apt_helper)(io::Error::other(error)))?;
        Ok(output.stdout)
    }

    pub(super) fn no_package(&self, pattern: &str, dependent: Option<String>) -> KernelError {
        KernelError::NoPackage {
            pattern: pattern.to_owned(),
            dependent,
            suite: self.suite.to_owned(),
            arch: self.arch.to_owned(),
        }
    }

    fn root(&self) -> PathBuf {
        self.cache.path(format!("apt/{}-{}", self.suite, self.arch))
    }

    /// The only index of the root; apt chooses its name and its compression.
    fn index_file(&self) -> Result<Option<PathBuf>, KernelError> {
        let lists = self.root().join("lists");
        let Ok(entries) = fs::read_dir(&lists) else { return Ok(None) };
        let is_index =
            |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().contains("_Packages"));
        Ok(entries.flatten().map(|entry| entry.path()).find(is_index))
    }

    fn max_index_age(&self) -> Duration {
        let asked = self.newer_than.map(|then| file_time().duration_since(then).unwrap_or_default());
        // Zero would mean that the index in the cache is of no use.
        asked.map_or(MAX_INDEX_AGE, |age| age.clamp(MIN_INDEX_AGE, MAX_INDEX_AGE))
    }

    /// Refreshes the index if it is older than `age`; `true` if it did. An old one is used while the network is down.
    fn refresh_index(&self, age: Duration) -> Result<bool, KernelError> {
        let stamp = self.root().join("refreshed");
        let modified = fs::metadata(&stamp).and_then(|metadata| metadata.modified()).ok();
        let young = |then: SystemTime| then.elapsed().is_ok_and(|elapsed| elapsed < age);
        let have = self.index_file()?.is_some();
        if have && modified.is_some_and(young) {
            return Ok(false);
        }
        let message = format!("{} {}", self.suite, self.arch);
        self.progress.update(Update { stage: Stage::Index, done: 0, total: None, message: &message });
        match self.update() {
            Ok(()) => fs::write(&stamp, "").map_err(KernelError::io("write", &stamp)).map(|()| true),
            Err(error @ (KernelError::Fetch { .. } | KernelError::NoArchive(_) | KernelError::MissingTool { .. }))
                if have && !age.is_zero() =>
            {
                let note = format!("the index of {} for {} is out of date: {error}", self.suite, self.arch);
                self.progress.note(&note);
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

    fn update(&self) -> Result<(), KernelError> {
        let configuration = self.configure()?;
        let what = format!("read the index of {} for {}", self.suite, self.arch);
        self.attempt(
            &what,
            &mut || {
                let mut command = Command::new(&self.programs.apt_get);
                command.arg("-c").arg(&configuration).arg("update");
                command
            },
            &|| 0,
        )
    }

    /// Writes the root's configuration, which apt reads after the host's own (apt.conf(5)).
    pub(super) fn configure(&self) -> Result<PathBuf, KernelError> {
        let archive = (self.archive)()?;
        let root = self.root();
        for folder in ["lists/partial", "cache/archives/partial"] {
            let path = root.join(folder);
            fs::create_dir_all(&path).map_err(KernelError::io("create", &path))?;
        }
        let source = format!(
            "deb [arch={} signed-by={} {REQUIRE_SIGNATURE}] {} {} main\n",
            self.arch,
            archive.keyring.display(),
            archive.uri,
            self.suite
        );
        let configuration = root.join("apt.conf");
        for (path, text) in [
            (root.join("status"), String::new()),
            (root.join("sources.list"), source),
            (configuration.clone(), self.apt_conf(&root)),
        ] {
            fs::write(&path, text).map_err(KernelError::io("write", &path))?;
        }
        Ok(configuration)
    }

    /// The host's state is neither read nor written, the host's hooks do not run, only one index is fetched, and apt's
    /// package cache, which takes longer than everything else, is not built. An expired Release file is accepted: it is
    /// signed all the same, mirrors lag behind, snapshots are frozen, and a kernel to test may be old. An archive without a
    /// signature is refused, whatever the host allows (apt-secure(8)).
    fn apt_conf(&self, root: &Path) -> String {
        let root = root.display();
        let arch = self.arch;
        format!(
            r#"#clear APT::Update;
#clear APT::Architectures;
#clear DPkg;
APT::Update::Error-Mode "any";
APT::Architecture "{arch}";
APT::Architectures {{ "{arch}"; }};
APT::Sandbox::User "";
Dir::Etc::SourceList "{root}/sources.list";
Dir::Etc::SourceParts "/dev/null";
Dir::State "{root}";
Dir::State::Lists "{root}/lists";
Dir::State::Status "{root}/status";
Dir::Cache "{root}/cache";
Acquire::Languages "none";
Acquire::Check-Valid-Until "false";
Acquire::AllowInsecureRepositories "false";
Acquire::AllowWeakRepositories "false";
Acquire::AllowDowngradeToInsecureRepositories "false";
APT::Get::AllowUnauthenticated "false";
Acquire::IndexTargets::deb::DEP-11::DefaultEnabled "false";
Acquire::IndexTargets::deb::Contents-deb::DefaultEnabled "false";
Acquire::GzipIndexes "true";
pkgCacheFile::Generate "false";
"#
        )
    }

    /// The package's file in the cache.
    pub(super) fn place_of(&self, package: &Package) -> PathBuf {
        let name = package.filename.rsplit('/').next().unwrap_or(&package.filename);
        self.cache.path(format!("packages/{}", package.digest)).join(name)
    }

    /// Runs one of apt's programs until it succeeds, at most [`MAX_ATTEMPTS`] times.
    pub(super) fn attempt(
        &self,
        what: &str,
        command: &mut dyn FnMut() -> Command,
        watch: &dyn Fn() -> u64,
    ) -> Result<(), KernelError> {
        let log = self.cache.log(&format!("apt-{}-{}", self.suite, self.arch))?;
        let mut pause = self.programs.back_off;
        let mut attempts_left = MAX_ATTEMPTS;
        loop {
            let mut command = command();
            command.env("LC_ALL", "C");
            let job = Job { what: what.to_owned(), command, log: log.clone(), progress: self.progress };
            attempts_left -= 1;
            match job.run(|_| watch()) {
                Err(KernelError::Command { tail, .. }) if attempts_left == 0 || is_final(&tail) => {
                    return Err(KernelError::Fetch { what: what.to_owned(), message: errors_in(&tail) });
                }
                Err(KernelError::Command { tail, .. }) => {
                    tracing::info!("retrying to {what}: {}", errors_in(&tail));
                    self.pause(pause)?;
                    pause *= 2;
                }
                Err(KernelError::Io { what: "start", path, .. }) => {
                    return Err(KernelError::MissingTool {
                        what: what.to_owned(),
                        tool: path.display().to_string(),
                        package: "apt (the lab fetches kernels on Debian and its derivatives)".into(),
                    });
                }
                other => return other,
            }
        }
    }

    fn pause(&self, pause: Duration) -> Result<(), KernelError> {
        let step = Duration::from_millis(100);
        for _ in 0..pause.as_millis() / step.as_millis() {
            if self.progress.cancelled() {
                return Err(KernelError::Cancelled);
            }
            crate::host::pause(step);
        }
        Ok(())
    }
}

/// Whether a retry is pointless: a bad signature, a full disk, no network (apt itself has retried).
fn is_final(message: &str) -> bool {
    const SIGNS: &[&str] = &[
        "NO_PUBKEY",
        "is not signed",
        "No space left",
        "Malformed entry",
        "Could not connect",
        "Could not resolve",
        "Temporary failure resolving",
    ];
    SIGNS.iter().any(|sign| message.contains(sign))
}

/// apt's errors, without the rest of its output.
fn errors_in(output: &str) -> String {
    let mut errors: Vec<&str> =
        output.lines().filter(|line| line.starts_with("E: ") || line.starts_with("W: ")).collect();
    errors.dedup();
    let full = output.contains("No space left").then_some("the disk is full").into_iter();
    let text: Vec<&str> = full.chain(errors.iter().map(|line| &line[3..])).take(4).collect();
    if text.is_empty() { output.trim().to_owned() } else { text.join("; ") }
}
