//! What can go wrong while a kernel is made ready. None of it says anything about the kernel under test.

use std::io;
use std::path::{Path, PathBuf};

/// Why a kernel is not ready.
#[derive(Debug, thiserror::Error)]
pub enum KernelError {
    /// No such name in the catalogue.
    #[error("unknown kernel `{name}`{}; `oomlab kernel list` shows all", did_you_mean(.similar.as_deref()))]
    Unknown {
        /// What was asked for.
        name: String,
        /// The nearest name there is.
        similar: Option<String>,
    },
    /// The kernel does not exist for this architecture.
    #[error("{0}")]
    Unsupported(String),
    /// A description in the catalogue, or a configuration fragment, cannot be used.
    #[error("{origin}: {message}")]
    Catalogue {
        /// File, with line and column where they are known.
        origin: String,
        /// What is wrong with it.
        message: String,
    },
    /// The host's apt knows no Debian archive.
    #[error(
        "cannot fetch Debian kernels: {0}; name a mirror with `--mirror URL` or OOMLAB_DEBIAN_MIRROR \
         and install the package debian-archive-keyring"
    )]
    NoArchive(String),
    /// apt could not do what was asked, after every attempt.
    #[error("failed to {what}: {message}")]
    Fetch {
        /// The attempt, to be read after "failed to".
        what: String,
        /// apt's own words.
        message: String,
    },
    /// The archive's index has no such package.
    #[error("no package matches `{pattern}` in {suite} for {arch}: the suite has moved on, or never had it")]
    NoPackage {
        /// Package name with `*` as wildcard.
        pattern: String,
        /// Debian suite.
        suite: String,
        /// Debian's name of the architecture.
        arch: String,
    },
    /// Something of the host's is missing.
    #[error("cannot {what}: `{tool}` is missing; install {package} or let `oomlab doctor --fix` do it")]
    MissingTool {
        /// What it is needed for.
        what: String,
        /// The program.
        tool: String,
        /// Debian packages that have it.
        package: String,
    },
    /// Options of a fragment that the final configuration does not have.
    #[error(
        "the configuration of {kernel} for {arch} lacks {}: a dependency is missing, \
         or this kernel has no such option (mark it `# optional`)", .options.join(", ")
    )]
    NotApplied {
        /// Name of the kernel.
        kernel: String,
        /// Name of the architecture.
        arch: String,
        /// Options with the file and line that ask for them.
        options: Vec<String>,
    },
    /// A program failed.
    #[error("failed to {what}: {status}\n{tail}\nall of it: {}", .log.display())]
    Command {
        /// The attempt, to be read after "failed to".
        what: String,
        /// How it ended.
        status: String,
        /// The last lines that it printed.
        tail: String,
        /// Everything that it printed.
        log: PathBuf,
    },
    /// A file of the host's could not be read or written.
    #[error("failed to {what} {}: {}", .path.display(), describe(.source))]
    Io {
        /// The attempt, to be read after "failed to".
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A package or an image is not what it should be.
    #[error("{}: {message}", .path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        message: String,
    },
    /// The kernel has a module neither built in nor loadable.
    #[error("{kernel} has no module {module}{}: it is neither built in nor loadable", which(.dependent.as_deref()))]
    NoModule {
        /// The kernel and its architecture.
        kernel: String,
        /// The module.
        module: String,
        /// The module that depends on it; `None` when it was asked for itself.
        dependent: Option<String>,
    },
    /// The user stopped it.
    #[error("interrupted")]
    Cancelled,
}

impl KernelError {
    /// Turns an I/O error into one that names the attempt and the file.
    pub(crate) fn io(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { what, path, source }
    }
}

fn did_you_mean(similar: Option<&str>) -> String {
    similar.map(|name| format!(", did you mean `{name}`?")).unwrap_or_default()
}

fn which(dependent: Option<&str>) -> String {
    dependent.map(|name| format!(", which {name} depends on")).unwrap_or_default()
}

fn describe(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            format!("{error}; free some space, or choose another cache with XDG_CACHE_HOME")
        }
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_gets_a_remedy() {
        let full = io::Error::from_raw_os_error(rustix::io::Errno::NOSPC.raw_os_error());
        let message = KernelError::io("write", Path::new("/cache/x"))(full).to_string();
        assert!(message.starts_with("failed to write /cache/x: No space left on device"), "{message}");
        assert!(message.contains("XDG_CACHE_HOME"), "{message}");
    }

    #[test]
    fn a_near_miss_is_named() {
        let error = KernelError::Unknown { name: "linux-61".into(), similar: Some("linux-6.1".into()) };
        assert!(error.to_string().contains("did you mean `linux-6.1`?"));
    }
}
