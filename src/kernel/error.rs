//! Errors of fetching and building kernels. None of them says anything about the kernel under test.

use super::machine::ImageProblem;
use crate::diagnostic::Diagnostic;
use arch::Arch;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::Duration;

/// How a program that failed ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CommandEnd {
    /// By itself, or by a signal.
    Exited(ExitStatus),
    /// It was killed after so long without output or progress.
    Silent(Duration),
}

impl std::fmt::Display for CommandEnd {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Exited(status) => status.fmt(f),
            Self::Silent(time) => write!(f, "no output and no progress for {} s", time.as_secs()),
        }
    }
}

/// Why a kernel could not be made ready.
#[derive(Debug, thiserror::Error)]
pub enum KernelError {
    /// No such name in the catalogue.
    #[error("unknown kernel `{name}`{}; `oomlab kernel list` shows all", did_you_mean(.similar.as_deref()))]
    Unknown {
        /// The requested name.
        name: String,
        /// The nearest name there is.
        similar: Option<String>,
    },
    /// No such fragment or patch.
    #[error("there is no file {0}")]
    NoFile(String),
    /// The kernel does not exist for this architecture.
    #[error("{kernel} does not exist for {arch}, only for {}", names(.arches))]
    NotForArch {
        /// The kernel.
        kernel: String,
        /// The architecture.
        arch: Arch,
        /// The architectures for which it exists.
        arches: Vec<Arch>,
    },
    /// The kernel is not built here.
    #[error("{kernel} comes ready-made ({source_kind}), it is not built here")]
    NotBuilt {
        /// The kernel.
        kernel: String,
        /// The kind of its source.
        source_kind: &'static str,
    },
    /// Debian builds neither kernels nor programs for this architecture.
    #[error("Debian builds nothing for {0}: choose an architecture with an MMU")]
    NotInDebian(Arch),
    /// A description in the catalogue, or a configuration fragment, is wrong.
    #[error("{}", lines(.0))]
    Description(Vec<Diagnostic>),
    /// A file of the catalogue cannot be used.
    #[error("{origin}: {message}")]
    Catalogue {
        /// The file.
        origin: String,
        /// The problem.
        message: String,
    },
    /// The host's apt knows no Debian archive.
    #[error(
        "cannot fetch Debian kernels: {0}; name a mirror with `--mirror URL` or OOMLAB_DEBIAN_MIRROR \
         and install the package debian-archive-keyring"
    )]
    NoArchive(String),
    /// apt failed in every attempt.
    #[error("failed to {what}: {message}")]
    Fetch {
        /// The attempt, to be read after "failed to".
        what: String,
        /// apt's message.
        message: String,
    },
    /// The archive's index has no such package.
    #[error(
        "no package matches `{pattern}`{} in {suite} for {arch}: the suite has another version by now, or never had it",
        needed_by(.dependent.as_deref())
    )]
    NoPackage {
        /// Package name with `*` as wildcard, or a dependency (deb-control(5)).
        pattern: String,
        /// The package that depends on it; `None` when it was requested itself.
        dependent: Option<String>,
        /// Debian suite.
        suite: String,
        /// Debian's name of the architecture.
        arch: String,
    },
    /// A program is missing on the host.
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
        /// Architecture.
        arch: Arch,
        /// Options with the file and line that request them.
        options: Vec<String>,
    },
    /// A program failed.
    #[error("failed to {what}: {end}\n{tail}\nall of it: {}", .log.display())]
    Command {
        /// The attempt, to be read after "failed to".
        what: String,
        /// How it ended.
        end: CommandEnd,
        /// The last lines of its output.
        tail: String,
        /// The file with all of its output.
        log: PathBuf,
    },
    /// A file could not be read or written.
    #[error("failed to {what} {}: {}", .path.display(), describe(.source))]
    Io {
        /// The attempt, to be read after "failed to".
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A package or an image is damaged.
    #[error("{}: {message}", .path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The problem.
        message: String,
    },
    /// A file is no kernel image for the architecture.
    #[error("{}: {problem}", .path.display())]
    NoImage {
        /// The file.
        path: PathBuf,
        /// Why not.
        problem: ImageProblem,
    },
    /// No kernel of the catalogue is built for the architecture.
    #[error("no kernel of the catalogue is built for {0}: name a configuration with `--config`")]
    NoConfiguration(Arch),
    /// A configuration that is neither a fragment nor a file.
    #[error("no configuration `{0}`: it is neither a name in `kernels/config/` nor a file")]
    NoFragment(String),
    /// What a kernel's name has behind a `+`.
    #[error(
        "neither a fragment nor a patch has the name `{0}`: they are files of `kernels/config/` and `kernels/patches/`"
    )]
    NoPart(String),
    /// The kernel has a module neither built in nor loadable.
    #[error("{kernel} has no module {module}{}: it is neither built in nor loadable", which(.dependent.as_deref()))]
    NoModule {
        /// The kernel and its architecture.
        kernel: String,
        /// The module.
        module: String,
        /// The module that depends on it; `None` when it was requested itself.
        dependent: Option<String>,
    },
    /// git failed.
    #[error(transparent)]
    Git(#[from] crate::git::GitError),
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

impl From<Vec<Diagnostic>> for KernelError {
    fn from(found: Vec<Diagnostic>) -> Self {
        Self::Description(found)
    }
}

fn lines(found: &[Diagnostic]) -> String {
    found.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

fn names(arches: &[Arch]) -> String {
    arches.iter().map(|arch| arch.name).collect::<Vec<_>>().join(", ")
}

fn did_you_mean(similar: Option<&str>) -> String {
    similar.map(|name| format!(", did you mean `{name}`?")).unwrap_or_default()
}

fn which(dependent: Option<&str>) -> String {
    dependent.map(|name| format!(", which {name} depends on")).unwrap_or_default()
}

fn needed_by(dependent: Option<&str>) -> String {
    dependent.map(|name| format!(" ({name} depends on it)")).unwrap_or_default()
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
    fn full_disk_has_a_remedy() {
        let full = io::Error::from_raw_os_error(rustix::io::Errno::NOSPC.raw_os_error());
        let message = KernelError::io("write", Path::new("/cache/x"))(full).to_string();
        assert!(message.starts_with("failed to write /cache/x: No space left on device"), "{message}");
        assert!(message.contains("XDG_CACHE_HOME"), "{message}");
    }

    #[test]
    fn nearest_name_is_suggested() {
        let error = KernelError::Unknown { name: "linux-61".into(), similar: Some("linux-6.1".into()) };
        assert!(error.to_string().contains("did you mean `linux-6.1`?"));
    }
}
