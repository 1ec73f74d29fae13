//! The state of a night on disk: what is done, so that a night that died can be resumed.

use super::outcome::{Counts, NightResult};
use crate::host::{FileLock, LockedBy, rfc_3339};
use crate::store::{StoreError, read_json, write_durably};
use jiff::{SignedDuration, Timestamp};
use model::{Digest, Quarantine, RunId};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// Version of `night.json`.
const SCHEMA: u32 = 2;

/// A night that died longer ago is over: the next one is due.
const MAX_AGE: SignedDuration = SignedDuration::from_hours(24);

/// `night.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Night {
    schema: u32,
    /// Name of its folder.
    pub id: String,
    /// When it began, RFC 3339.
    pub started: String,
    /// Digest of its configuration.
    pub config: Digest,
    /// Whether the command before it has run.
    #[serde(default)]
    pub prepared: bool,
    /// Its runs, in the order of the matrices.
    #[serde(default)]
    pub runs: Vec<NightRun>,
    /// Time that bisections which have ended took, in seconds.
    #[serde(default)]
    pub bisections_s: f64,
    /// Parts that have failed, each with the reason.
    #[serde(default)]
    pub failed: Vec<String>,
    /// Numbers of cells that have changed; `None` until it is over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counts: Option<Counts>,
    /// What it has found; `None` until it is over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<NightResult>,
}

/// A matrix of a night.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NightRun {
    /// The matrix.
    pub matrix: PathBuf,
    /// Its run; `None` before it has begun.
    pub run: Option<RunId>,
    /// Entries of its quarantine that had expired.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub expired: Vec<Quarantine>,
    /// Whether all its trials have ended, further ones too, or the budget has.
    #[serde(default)]
    pub ran: bool,
    /// Whether its failures have been bisected, as far as the budget allowed.
    #[serde(default)]
    pub bisected: bool,
}

/// How a night has begun.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Started {
    /// It is a new one.
    New,
    /// It is a new one; an earlier one that died is left as it is, for this reason.
    Left {
        /// The earlier one.
        id: String,
        /// Why it is not resumed.
        why: &'static str,
    },
    /// It died and goes on.
    Resumed,
}

/// Why a night cannot begin.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Another one goes on.
    #[error(
        "another night{pid} works in {}: wait for its end, or give this one another folder with `runs`", runs.display()
    )]
    InUse {
        /// The folder of the runs.
        runs: PathBuf,
        /// The process, in parentheses, if it is known.
        pid: String,
    },
    /// Its folder cannot be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Its folder cannot be made or locked.
    #[error("cannot make or lock {}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The operating system's error.
        source: std::io::Error,
    },
}

/// A night in progress. No other works in the same folder of runs as long as this lives.
#[derive(Debug)]
pub struct NightDir {
    dir: PathBuf,
    night: Night,
    _lock: FileLock,
}

impl NightDir {
    /// Begins a night at `now`, whose local date is `today`, or resumes the latest one of this configuration if it has died less than a
    /// day after its start.
    ///
    /// # Errors
    /// When another one goes on, or the folder cannot be read or written.
    pub fn start(
        runs: &Path,
        config: &Digest,
        matrices: &[PathBuf],
        now: Timestamp,
        today: &str,
    ) -> Result<(Self, Started), StartError> {
        let nights = runs.join("nights");
        let io = |path: &Path| {
            let path = path.to_owned();
            |source| StartError::Io { path, source }
        };
        std::fs::create_dir_all(&nights).map_err(io(&nights))?;
        let lock_path = nights.join("lock");
        let lock = FileLock::try_owned(&lock_path).map_err(io(&lock_path))?;
        let lock = lock.map_err(|LockedBy(pid)| {
            let pid = pid.map(|pid| format!(" (process {pid})")).unwrap_or_default();
            StartError::InUse { runs: runs.to_owned(), pid }
        })?;
        let dead = latest(&nights).filter(|night| night.result.is_none());
        let started = match &dead {
            None => Started::New,
            Some(night) => match why_left(night, config, now) {
                None => Started::Resumed,
                Some(why) => Started::Left { id: night.id.clone(), why },
            },
        };
        let night = match dead.filter(|_| started == Started::Resumed) {
            Some(night) => night,
            None => {
                let run = |matrix: &PathBuf| NightRun {
                    matrix: matrix.clone(),
                    run: None,
                    expired: Vec::new(),
                    ran: false,
                    bisected: false,
                };
                Night {
                    schema: SCHEMA,
                    id: make_folder(&nights, today).map_err(io(&nights))?,
                    started: rfc_3339(now),
                    config: config.clone(),
                    prepared: false,
                    runs: matrices.iter().map(run).collect(),
                    bisections_s: 0.0,
                    failed: Vec::new(),
                    counts: None,
                    result: None,
                }
            }
        };
        let mut dir = Self { dir: nights.join(&night.id), night, _lock: lock };
        dir.update(|_| ())?;
        Ok((dir, started))
    }

    /// Its folder.
    pub fn path(&self) -> &Path {
        &self.dir
    }

    /// Its state.
    pub fn night(&self) -> &Night {
        &self.night
    }

    /// Changes its state, on disk, too.
    ///
    /// # Errors
    /// When `night.json` cannot be written.
    pub fn update(&mut self, change: impl FnOnce(&mut Night)) -> Result<(), StoreError> {
        change(&mut self.night);
        write_durably(&self.dir.join("night.json"), &self.night)
    }
}

/// The nights in a folder `nights`, oldest first; those that cannot be read are left out.
pub fn nights(folder: &Path) -> Vec<Night> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let read = |entry: std::fs::DirEntry| -> Option<Night> {
        let night: Night = read_json(&entry.path().join("night.json"), SCHEMA).ok()?;
        // A copied or renamed folder is another night's.
        (entry.file_name().to_str() == Some(&night.id)).then_some(night)
    };
    let mut nights: Vec<Night> = entries.filter_map(read).collect();
    nights.sort_by(|one, other| (&one.started, &one.id).cmp(&(&other.started, &other.id)));
    nights
}

fn latest(folder: &Path) -> Option<Night> {
    nights(folder).pop()
}

/// Why a night that died is not resumed.
fn why_left(night: &Night, config: &Digest, now: Timestamp) -> Option<&'static str> {
    let age = night.started.parse::<Timestamp>().map(|started| now.duration_since(started));
    if age.is_ok_and(|age| age < MAX_AGE) {
        (night.config != *config).then_some("the configuration has changed since")
    } else {
        Some("it began more than a day ago")
    }
}

fn make_folder(nights: &Path, today: &str) -> std::io::Result<String> {
    let mut number = 0_u32;
    loop {
        let id = format!("{today}-{number}");
        match std::fs::create_dir(nights.join(&id)) {
            Ok(()) => return Ok(id),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => number += 1,
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start(runs: &Path, config: &str, now: &str) -> (NightDir, Started) {
        let now: Timestamp = now.parse().unwrap();
        NightDir::start(runs, &Digest::new(config), &["m.yaml".into()], now, &now.strftime("%Y-%m-%d").to_string())
            .unwrap()
    }

    #[test]
    fn dead_night_is_resumed_within_a_day() {
        let dir = tempfile::tempdir().unwrap();
        let (mut night, started) = start(dir.path(), "a", "2026-11-30T01:00:00Z");
        assert_eq!((night.night().id.as_str(), started), ("2026-11-30-0", Started::New));
        night.update(|night| night.runs[0].run = Some(RunId::new("r"))).unwrap();
        let died = |now: Timestamp, config: &str| {
            let other = dir.path().join("nights/2026-11-30-0/night.json");
            let night: Night = read_json(&other, SCHEMA).unwrap();
            why_left(&night, &Digest::new(config), now)
        };
        assert_eq!(died("2026-12-01T00:59:59Z".parse().unwrap(), "a"), None);
        assert_eq!(died("2026-12-01T01:00:00Z".parse().unwrap(), "a"), Some("it began more than a day ago"));
        assert_eq!(died("2026-11-30T02:00:00Z".parse().unwrap(), "b"), Some("the configuration has changed since"));
        drop(night);
        let (night, started) = start(dir.path(), "a", "2026-11-30T09:00:00Z");
        assert_eq!((started, night.night().started.as_str()), (Started::Resumed, "2026-11-30T01:00:00Z"));
        assert_eq!(night.night().runs[0].run, Some(RunId::new("r")));
        drop(night);
        let (mut night, started) = start(dir.path(), "b", "2026-11-30T10:00:00Z");
        assert!(matches!(started, Started::Left { id, .. } if id == "2026-11-30-0"));
        assert_eq!(night.night().id, "2026-11-30-1");
        night.update(|night| night.result = Some(NightResult::Quiet)).unwrap();
        drop(night);
        assert_eq!(start(dir.path(), "b", "2026-11-30T11:00:00Z").1, Started::New);
    }

    #[test]
    fn one_night_at_a_time_works_in_a_folder() {
        let dir = tempfile::tempdir().unwrap();
        let _night = start(dir.path(), "a", "2026-11-30T01:00:00Z");
        let now = "2026-11-30T02:00:00Z".parse().unwrap();
        let refused = NightDir::start(dir.path(), &Digest::new("a"), &[], now, "2026-11-30").unwrap_err();
        assert!(matches!(&refused, StartError::InUse { .. }), "{refused}");
    }
}
