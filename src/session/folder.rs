//! A session's folder.

use super::error::SessionError;
use super::journal::{self, Journal};
use super::record::{Entry, Head, SESSION_SCHEMA};
use super::search::Search;
use crate::git::{Commit, Repository};
use rustix::fs::{FlockOperation, flock};
use std::fs::File;
use std::path::{Path, PathBuf};

/// A session that this program works on, and no other one does.
#[derive(Debug)]
pub struct Session {
    dir: PathBuf,
    /// What it is looking for, and what it knows.
    pub search: Search,
    journal: Journal,
    _lock: File,
}

impl Session {
    /// Makes a new session's folder: `named`, or else the first free `<date>-<n>` below `sessions`.
    ///
    /// # Errors
    /// When there is one already, or it cannot be written.
    pub fn create(
        named: Option<&Path>,
        sessions: &Path,
        date: &str,
        head: Head,
        commits: Vec<Commit>,
    ) -> Result<Self, SessionError> {
        // What cannot be searched leaves no folder.
        Search::new(head.clone(), commits.clone(), Vec::new())?;
        let dir = match named {
            Some(dir) if head_path(dir).exists() => {
                let dir = dir.display();
                return Err(SessionError::Wrong(format!(
                    "{dir} holds a session already: `oomlab bisect resume {dir}`"
                )));
            }
            Some(dir) => dir.to_owned(),
            None => first_free(sessions, date)?,
        };
        let logs = dir.join("logs");
        std::fs::create_dir_all(&logs).map_err(SessionError::file("write", &logs))?;
        journal::write(&dir.join("commits.jsonl"), &commits)?;
        // Last: without it there is no session.
        journal::write(&head_path(&dir), std::slice::from_ref(&head))?;
        Self::open(&dir)
    }

    /// Opens a session in order to go on with it.
    ///
    /// # Errors
    /// When there is none, it is damaged, or another program works on it.
    pub fn open(dir: &Path) -> Result<Self, SessionError> {
        // Programs work in its worktrees: a relative name would mean something else there.
        let dir = std::path::absolute(dir).map_err(SessionError::file("read", dir))?;
        if !head_path(&dir).exists() {
            return Err(no_session(&dir));
        }
        let path = dir.join("lock");
        let lock = File::create(&path).map_err(SessionError::file("write", &path))?;
        if flock(&lock, FlockOperation::NonBlockingLockExclusive).is_err() {
            return Err(SessionError::Wrong(format!("another oomlab works on {}", dir.display())));
        }
        let journal = Journal::open(&dir.join("journal.jsonl"))?;
        Ok(Self { search: Self::read(&dir)?, dir, journal, _lock: lock })
    }

    /// Reads a session, whoever works on it.
    ///
    /// # Errors
    /// When there is none, or it is damaged or of a newer format.
    pub fn read(dir: &Path) -> Result<Search, SessionError> {
        let path = head_path(dir);
        let head: serde_json::Value = match journal::read(&path)?.into_iter().next() {
            Some(head) => head,
            None => return Err(no_session(dir)),
        };
        let damaged = |reason: String| SessionError::Damaged { path: path.clone(), line: 1, reason };
        let schema = head.get("schema").and_then(serde_json::Value::as_u64).unwrap_or(0);
        if schema > u64::from(SESSION_SCHEMA) {
            let reason = format!("format {schema}, and this program knows formats up to {SESSION_SCHEMA}");
            return Err(damaged(reason));
        }
        let head: Head = serde_json::from_value(head).map_err(|error| damaged(error.to_string()))?;
        let commits: Vec<Commit> = journal::read(&dir.join("commits.jsonl"))?;
        let entries: Vec<Entry> = journal::read(&dir.join("journal.jsonl"))?;
        Search::new(head, commits, entries)
    }

    /// The session that was begun last below `sessions`.
    ///
    /// # Errors
    /// When there is none.
    pub fn latest(sessions: &Path) -> Result<PathBuf, SessionError> {
        let began = |dir: &PathBuf| std::fs::metadata(head_path(dir)).and_then(|head| head.modified()).ok();
        let folders = std::fs::read_dir(sessions).into_iter().flatten().flatten().map(|entry| entry.path());
        let latest = folders.filter_map(|dir| began(&dir).map(|began| (began, dir))).max();
        latest.map(|(_, dir)| dir).ok_or_else(|| {
            let place = sessions.display();
            SessionError::Wrong(format!("there is no session below {place}: `oomlab bisect commits` begins one"))
        })
    }

    /// The same session in search of what repaired it: the old end fails, and not the new one. Its trials count on.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn turn(self) -> Result<Self, SessionError> {
        let head = Head { fix: !self.search.head().fix, ..self.search.head().clone() };
        let dir = self.dir.clone();
        // The lock is given up before it is taken again.
        drop(self);
        journal::write(&head_path(&dir), std::slice::from_ref(&head))?;
        Self::open(&dir)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.dir
    }

    /// The repository that it is about.
    ///
    /// # Errors
    /// When it is gone.
    pub async fn repository(&self) -> Result<Repository, SessionError> {
        let repository = self.search.head().repository.as_ref();
        let repository =
            repository.ok_or_else(|| SessionError::Wrong("this session is about no repository".to_owned()))?;
        Ok(Repository::open(repository).await?)
    }

    /// Where the worktree of this number lies.
    pub fn tree(&self, number: u32) -> PathBuf {
        self.dir.join("trees").join(number.to_string())
    }

    /// Where a trial's output goes.
    pub fn log(&self, name: &str) -> PathBuf {
        self.dir.join("logs").join(name)
    }

    /// Writes a trial down, and then uses it.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn record(&mut self, entry: Entry) -> Result<(), SessionError> {
        self.journal.append(&entry)?;
        self.search.record(entry)
    }
}

fn head_path(dir: &Path) -> PathBuf {
    dir.join("session.json")
}

fn no_session(dir: &Path) -> SessionError {
    SessionError::Wrong(format!("there is no session at {}: `oomlab bisect commits` begins one", dir.display()))
}

/// Makes the first free folder `<date>-<n>` below `sessions`.
///
/// # Errors
/// When it cannot be made.
pub fn first_free(sessions: &Path, date: &str) -> Result<PathBuf, SessionError> {
    std::fs::create_dir_all(sessions).map_err(SessionError::file("write", sessions))?;
    for number in 0_u32.. {
        let dir = sessions.join(format!("{date}-{number}"));
        match std::fs::create_dir(&dir) {
            Ok(()) => return Ok(dir),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(SessionError::file("write", &dir)(error)),
        }
    }
    Err(SessionError::Wrong(format!("{} is full", sessions.display())))
}
