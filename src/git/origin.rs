//! What a worktree takes from the user's repository: its objects, which are shared, and its refs, which are copied.

use super::command::{GitError, bytes, git, output};
use super::repository::Repository;
use crate::store::read_regular;
use std::io::ErrorKind;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

/// Copied refs: tags and branches, so that `git describe` and `git log v6.1..` work; and what changes how commits are shown.
/// `refs/bisect`, `refs/worktree` and the stash belong to the user's own worktree.
const REFS: [&str; 5] = ["refs/heads", "refs/tags", "refs/remotes", "refs/replace", "refs/notes"];

/// Settings of a partial clone that its missing objects are fetched with.
const PROMISORS: &str = r"^remote\..*\.(promisor|url)$";

/// Maximum size of a list of shallow commits.
const MAX_SHALLOW: u64 = 64 << 20;

/// The user's repository, as worktrees with a repository of their own see it.
#[derive(Debug)]
pub struct Origin {
    /// `sha1` or `sha256`.
    pub(super) format: String,
    /// The line for `objects/info/alternates` (gitrepository-layout(5)).
    pub(super) alternates: Vec<u8>,
    /// The refs in the format of `packed-refs`.
    pub(super) refs: Vec<u8>,
    /// The commits at which a shallow clone ends.
    pub(super) shallow: Option<Vec<u8>>,
    /// Names and values of settings.
    pub(super) promisors: Vec<(String, String)>,
}

impl Origin {
    /// No repository: a worktree of it has nothing but its own objects.
    pub fn none() -> Self {
        Self {
            format: "sha1".to_owned(),
            alternates: Vec::new(),
            refs: Vec::new(),
            shallow: None,
            promisors: Vec::new(),
        }
    }

    /// Reads the repository.
    ///
    /// # Errors
    /// When git fails, or a file cannot be read.
    pub async fn of(repository: &Repository) -> Result<Self, GitError> {
        let dir = repository.path();
        let mut command = git(dir);
        command.args(["rev-parse", "--show-object-format", "--path-format=absolute", "--git-common-dir"]);
        let found = bytes(&mut command, "find the objects", dir).await?;
        let (format, common) = format_and_folder(&found).ok_or_else(|| {
            GitError::failed(
                "find the objects",
                dir,
                format!("unexpected output `{}`", String::from_utf8_lossy(&found)),
            )
        })?;
        let mut command = git(dir);
        command.args(["for-each-ref", "--format=%(objectname) %(refname)"]).args(REFS);
        Ok(Self {
            format,
            alternates: quoted_line(&common.join("objects")),
            refs: bytes(&mut command, "list the refs", dir).await?,
            shallow: shallow(&common)?,
            promisors: promisors(dir).await?,
        })
    }
}

/// The lines that `git rev-parse` prints; a path may have line feeds.
fn format_and_folder(found: &[u8]) -> Option<(String, PathBuf)> {
    let end = found.iter().position(|&byte| byte == b'\n')?;
    let (format, path) = (&found[..end], found[end + 1..].strip_suffix(b"\n")?);
    let path = PathBuf::from(std::ffi::OsString::from_vec(path.to_vec()));
    path.is_absolute().then(|| (String::from_utf8_lossy(format).into_owned(), path))
}

/// A path in the quotes in which git accepts any byte (git, `quote.c`, `unquote_c_style()`).
fn quoted_line(path: &Path) -> Vec<u8> {
    let mut line = vec![b'"'];
    for &byte in path.as_os_str().as_bytes() {
        match byte {
            b'\n' => line.extend(b"\\n"),
            b'"' | b'\\' => line.extend([b'\\', byte]),
            other => line.push(other),
        }
    }
    line.extend(b"\"\n");
    line
}

fn shallow(common: &Path) -> Result<Option<Vec<u8>>, GitError> {
    let path = common.join("shallow");
    match read_regular(&path, MAX_SHALLOW) {
        Ok(commits) => Ok(Some(commits)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(source) => Err(GitError::Folder { dir: path, source }),
    }
}

/// Addresses of the remotes from which a partial clone fetches missing objects (git, `promisor-remote.c`). No other setting of
/// the repository is taken: those may name programs.
async fn promisors(dir: &Path) -> Result<Vec<(String, String)>, GitError> {
    let mut command = git(dir);
    command.args(["config", "--null", "--get-regexp", PROMISORS]);
    match output(&mut command, "read the configuration", dir).await {
        Ok(found) => Ok(of_promisors(&found)),
        // git prints nothing where nothing matches (git-config(1)).
        Err(GitError::Failed { message, .. }) if message.starts_with("exit status") => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

fn of_promisors(found: &str) -> Vec<(String, String)> {
    let settings: Vec<(&str, &str)> = found.split('\0').filter_map(|setting| setting.split_once('\n')).collect();
    let is_promisor = |remote: &str| {
        let name = format!("{remote}.promisor");
        settings.iter().any(|(other, value)| *other == name && matches!(*value, "true" | "yes" | "on" | "1"))
    };
    let of_promisor = settings.iter().filter(|(name, _)| name.rsplit_once('.').is_some_and(|(it, _)| is_promisor(it)));
    of_promisor.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_quoted_for_git() {
        let (format, path) = format_and_folder(b"sha1\n/a \"b\"\n\\c\n").unwrap();
        assert_eq!((format.as_str(), path.to_str()), ("sha1", Some("/a \"b\"\n\\c")));
        assert_eq!(quoted_line(&path), b"\"/a \\\"b\\\"\\n\\\\c\"\n");
        assert_eq!(format_and_folder(b"sha1\nrelative\n"), None);
    }

    #[test]
    fn only_promisors_are_taken() {
        let found = "remote.o.url\nssh://h/r\0remote.o.promisor\ntrue\0remote.p.url\n/x\0remote.q.promisor\nfalse\0";
        let expected = [("remote.o.url", "ssh://h/r"), ("remote.o.promisor", "true")];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(of_promisors(found), expected);
        assert_eq!(of_promisors(""), []);
    }
}
