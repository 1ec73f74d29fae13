//! The folder of a session.

use super::config::{SESSION_SCHEMA, SessionConfig};
use super::entry::JournalEntry;
use super::error::SessionError;
use super::journal::{self, Journal};
use super::report::Report;
use super::search::Search;
use crate::git::{Commit, Repository};
use crate::host::today;
use bisect::Answer;
use rustix::fs::{FlockOperation, flock};
use std::fs::File;
use std::path::{Path, PathBuf};

/// Maximum size of the history: all of Linux, three times.
const MAX_HISTORY: u64 = 1 << 30;

/// Maximum size of the journal: more than 100,000 trials.
const MAX_JOURNAL: u64 = 64 << 20;

/// Maximum size of the configuration.
const MAX_CONFIG: u64 = 16 << 20;

/// A session that this process works on, under a lock.
#[derive(Debug)]
pub struct Session {
    dir: PathBuf,
    /// The state of its search.
    pub search: Search,
    journal: Journal,
    lock: File,
}

/// A session whose search has ended.
#[derive(Debug)]
pub struct SearchOutcome {
    /// The session.
    pub session: Session,
    /// Its answer; `None` where it was stopped.
    pub answer: Option<Answer>,
}

/// The place of a new session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SessionDir {
    /// This folder.
    Named(PathBuf),
    /// The first free `<date>-<n>` below this folder.
    FirstFree(PathBuf),
}

impl Session {
    /// Creates the folder of a new session.
    ///
    /// # Errors
    /// When it already has a session, cannot be written, or there is nothing to search.
    pub fn create(place: &SessionDir, config: SessionConfig, commits: Vec<Commit>) -> Result<Self, SessionError> {
        // An invalid search leaves no folder behind.
        let search = Search::new(config, commits, Vec::new())?;
        let dir = absolute(&place.reserve()?)?;
        let logs = dir.join("logs");
        std::fs::create_dir_all(&logs).map_err(SessionError::file("write", &logs))?;
        let lock = lock(&dir)?;
        journal::write(&dir.join("commits.jsonl"), search.commits())?;
        journal::write::<JournalEntry>(&dir.join("journal.jsonl"), &[])?;
        // Last: this file makes the folder a session.
        journal::write(&config_path(&dir), std::slice::from_ref(search.config()))?;
        let journal = Journal::open(&dir.join("journal.jsonl"), MAX_JOURNAL)?;
        Ok(Self { dir, search, journal, lock })
    }

    /// Opens the session of a folder, or creates it by a plan, which is left alone where the folder has a session.
    ///
    /// # Errors
    /// Those of [`Session::open`], of the plan and of [`Session::create`].
    pub async fn open_or_create(
        dir: &Path,
        plan: impl Future<Output = Result<(SessionConfig, Vec<Commit>), SessionError>>,
    ) -> Result<Self, SessionError> {
        if Self::exists(dir) {
            return Self::open(dir);
        }
        let (config, commits) = plan.await?;
        Self::create(&SessionDir::Named(dir.to_owned()), config, commits)
    }

    /// Opens a session to continue it.
    ///
    /// # Errors
    /// When there is none, it is damaged, or another process works on it.
    pub fn open(dir: &Path) -> Result<Self, SessionError> {
        let dir = absolute(dir)?;
        if !Self::exists(&dir) {
            return Err(SessionError::NoSession(dir));
        }
        let lock = lock(&dir)?;
        Self::open_locked(dir, lock)
    }

    fn open_locked(dir: PathBuf, lock: File) -> Result<Self, SessionError> {
        let journal = Journal::open(&dir.join("journal.jsonl"), MAX_JOURNAL)?;
        let search = Self::read(&dir)?;
        if search.config().schema < SESSION_SCHEMA {
            // New entries are in the present format.
            let config = SessionConfig { schema: SESSION_SCHEMA, ..search.config().clone() };
            journal::write(&config_path(&dir), std::slice::from_ref(&config))?;
        }
        Ok(Self { search, dir, journal, lock })
    }

    /// Reads the state of a session, also while another process works on it.
    ///
    /// # Errors
    /// When there is none, or it is damaged or of a newer format.
    pub fn read(dir: &Path) -> Result<Search, SessionError> {
        let path = config_path(dir);
        let Some(config) = journal::read::<serde_json::Value>(&path, MAX_CONFIG)?.into_iter().next() else {
            return Err(SessionError::NoSession(dir.to_owned()));
        };
        let found = config.get("schema").and_then(serde_json::Value::as_u64).unwrap_or(0);
        if found > u64::from(SESSION_SCHEMA) {
            return Err(SessionError::Newer { path, found, max: SESSION_SCHEMA });
        }
        let config: SessionConfig = serde_json::from_value(config).map_err(|source| SessionError::Damaged {
            path: path.clone(),
            line: 1,
            source,
        })?;
        let commits: Vec<Commit> = journal::read(&dir.join("commits.jsonl"), MAX_HISTORY)?;
        let entries: Vec<JournalEntry> = journal::read(&dir.join("journal.jsonl"), MAX_JOURNAL)?;
        Search::new(config, commits, entries)
    }

    /// Whether a folder has a session.
    pub fn exists(dir: &Path) -> bool {
        config_path(dir).exists()
    }

    /// The session below `sessions` that was started last.
    ///
    /// # Errors
    /// When there is none.
    pub fn latest(sessions: &Path) -> Result<PathBuf, SessionError> {
        let started = |dir: &PathBuf| std::fs::metadata(config_path(dir)).and_then(|config| config.modified()).ok();
        let folders = std::fs::read_dir(sessions).into_iter().flatten().flatten().map(|entry| entry.path());
        let latest = folders.filter_map(|dir| started(&dir).map(|started| (started, dir))).max();
        latest.map(|(_, dir)| dir).ok_or_else(|| SessionError::NoSessions(sessions.to_owned()))
    }

    /// The same session in search of the fix instead of the failure, or the other way round. Its trials stay.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn invert(self) -> Result<Self, SessionError> {
        let fix = !self.search.config().fix;
        self.reconfigure(|config| SessionConfig { fix, ..config })
    }

    /// The same session in search of failures of at least this rate. Its trials stay; the answer may change.
    ///
    /// # Errors
    /// When the rate is invalid, or the session cannot be written.
    pub fn at_rate(self, rate: f64) -> Result<Self, SessionError> {
        let settings = self.search.config().settings.clone().at_rate(rate);
        settings.check()?;
        self.reconfigure(|config| SessionConfig { settings, ..config })
    }

    fn reconfigure(self, change: impl FnOnce(SessionConfig) -> SessionConfig) -> Result<Self, SessionError> {
        let config = SessionConfig { schema: SESSION_SCHEMA, ..change(self.search.config().clone()) };
        // The lock stays: a child between fork and exec holds a copy, which would keep this process out, too.
        let Self { dir, lock, .. } = self;
        journal::write(&config_path(&dir), std::slice::from_ref(&config))?;
        Self::open_locked(dir, lock)
    }

    /// Its folder.
    pub fn path(&self) -> &Path {
        &self.dir
    }

    /// Its repository.
    ///
    /// # Errors
    /// When there is none, or it is gone.
    pub async fn repository(&self) -> Result<Repository, SessionError> {
        let repository = self.search.config().repository.as_ref().ok_or(SessionError::NoRepository)?;
        Ok(Repository::open(repository).await?)
    }

    /// The path of a worktree.
    pub fn tree(&self, number: u32) -> PathBuf {
        self.dir.join("trees").join(number.to_string())
    }

    /// The path of a job's output.
    pub fn log(&self, name: &str) -> PathBuf {
        self.dir.join("logs").join(name)
    }

    /// Writes an entry to the journal, then adds it to the search.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn record(&mut self, entry: JournalEntry) -> Result<(), SessionError> {
        self.journal.append(&entry)?;
        self.search.record(entry)
    }

    /// The path of the report.
    pub fn report_path(&self) -> PathBuf {
        self.dir.join("report.md")
    }

    /// Writes the report.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write_report(&self) -> Result<(), SessionError> {
        let path = self.report_path();
        std::fs::write(&path, Report::new(&self.search, &self.dir).to_string())
            .map_err(SessionError::file("write", &path))
    }
}

impl SessionDir {
    /// The folder of a new session. One without a name is created, so that no other process takes it.
    ///
    /// # Errors
    /// When it has a session, or cannot be created.
    pub fn reserve(&self) -> Result<PathBuf, SessionError> {
        let sessions = match self {
            Self::Named(dir) if Session::exists(dir) => return Err(SessionError::Exists(dir.clone())),
            Self::Named(dir) => return Ok(dir.clone()),
            Self::FirstFree(sessions) => sessions,
        };
        std::fs::create_dir_all(sessions).map_err(SessionError::file("write", sessions))?;
        let date = today();
        let mut number = 0_u32;
        loop {
            let dir = sessions.join(format!("{date}-{number}"));
            match std::fs::create_dir(&dir) {
                Ok(()) => return Ok(dir),
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => number += 1,
                Err(error) => return Err(SessionError::file("write", &dir)(error)),
            }
        }
    }
}

/// Commands run in a session's worktrees, where a relative path has another meaning.
fn absolute(dir: &Path) -> Result<PathBuf, SessionError> {
    std::path::absolute(dir).map_err(SessionError::file("read", dir))
}

/// Locks a session against other processes, until the file is dropped.
fn lock(dir: &Path) -> Result<File, SessionError> {
    let path = dir.join("lock");
    // Reading and writing does not wait where it is a FIFO. Where it is a link, the file is not emptied.
    let open = File::options().read(true).write(true).create(true).truncate(false).open(&path);
    let lock = open.map_err(SessionError::file("write", &path))?;
    match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(lock),
        Err(rustix::io::Errno::WOULDBLOCK) => Err(SessionError::InUse(dir.to_owned())),
        Err(error) => Err(SessionError::file("lock", &path)(error.into())),
    }
}

fn config_path(dir: &Path) -> PathBuf {
    dir.join("session.json")
}

#[cfg(test)]
mod tests {
    use super::super::config::Subject;
    use super::super::lists::linear_history;
    use super::*;
    use crate::git::CommitId;
    use crate::host::wall_clock;

    fn plan() -> (SessionConfig, Vec<Commit>) {
        let config = SessionConfig {
            schema: SESSION_SCHEMA,
            started: wall_clock(),
            repository: None,
            old: vec![CommitId::new("0")],
            new: CommitId::new("1"),
            fix: false,
            subject: Subject::Command { command: "true".into(), timeout_s: None },
            jobs: 1,
            settings: bisect::Settings::default(),
            older: None,
            starts: Vec::new(),
        };
        (config, linear_history(["0", "1"].map(|id| (id.to_owned(), String::new()))))
    }

    fn session(dir: &Path) -> Session {
        let (config, history) = plan();
        Session::create(&SessionDir::Named(dir.join("session")), config, history).unwrap()
    }

    #[tokio::test]
    async fn stopped_session_is_opened_with_its_trials() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("session");
        let mut stopped = Session::open_or_create(&folder, async { Ok(plan()) }).await.unwrap();
        let entry = r#"{"at": "2026-11-24T10:00:00Z", "commit": "1", "result": "bad", "seconds": 1.0, "log": "", "purpose": ""}"#;
        stopped.record(serde_json::from_str(entry).unwrap()).unwrap();
        drop(stopped);
        let unused = async { panic!("the plan of a session that exists") };
        let resumed = Session::open_or_create(&folder, unused).await.unwrap();
        assert_eq!(resumed.search.entries().len(), 1);
    }

    #[test]
    fn inverted_session_keeps_its_lock() {
        let dir = tempfile::tempdir().unwrap();
        let session = session(dir.path());
        // As a child has it between fork and exec.
        let inherited = session.lock.try_clone().unwrap();
        let session = session.invert().unwrap();
        assert!(session.search.config().fix);
        let other = Session::open(session.path());
        assert!(matches!(other, Err(SessionError::InUse(_))), "{other:?}");
        drop((session, inherited));
        assert!(Session::open(&dir.path().join("session")).is_ok());
    }
}
