//! The index as an SQLite database: its tables, and the file that has them.
//!
//! The file is a snapshot. It is read into memory as a whole, and replaced as a whole by another one: no program sees a part of
//! it, none waits for another, and what two programs write at once is one of two good snapshots. What a snapshot lacks, the next
//! use adds.

use rusqlite::{Connection, MAIN_DB};
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

/// Version of the tables and of the rules by which words are found; an index of any other is made again.
const VERSION: i32 = 2;
/// `application_id` of the file, for file(1): `ooml`.
const APPLICATION: i32 = i32::from_be_bytes(*b"ooml");
/// Maximum length of the file.
const MAX_FILE: u64 = 1 << 30;

const TABLES: &str = "
CREATE TABLE run (
    id INTEGER PRIMARY KEY,
    folder TEXT NOT NULL UNIQUE,
    stamp BLOB NOT NULL,
    trials_stamp BLOB,              -- NULL for a run that has ended: its own stamp tells all
    problem TEXT,                   -- why it is left out; then the other columns mean nothing
    matrix TEXT NOT NULL DEFAULT '',
    started TEXT NOT NULL DEFAULT '',
    started_us INTEGER NOT NULL DEFAULT 0,
    finished INTEGER NOT NULL DEFAULT 0,
    interrupted INTEGER NOT NULL DEFAULT 0,
    planned INTEGER NOT NULL DEFAULT 0,
    passed INTEGER NOT NULL DEFAULT 0,
    expected_failures INTEGER NOT NULL DEFAULT 0,
    unexpected INTEGER NOT NULL DEFAULT 0,
    quarantined INTEGER NOT NULL DEFAULT 0,
    without_verdict INTEGER NOT NULL DEFAULT 0,
    changes TEXT                    -- numbers of cells that changed; NULL until they are asked for
);
CREATE INDEX run_in_order ON run (matrix, started_us, folder);
CREATE TABLE cell (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE,
    arch TEXT NOT NULL, workload TEXT NOT NULL
);
CREATE TABLE failure (
    id INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,
    title TEXT NOT NULL,            -- empty without one
    UNIQUE (kind, title)
);
CREATE TABLE build (
    id INTEGER PRIMARY KEY,
    release TEXT NOT NULL, commit_id TEXT NOT NULL,
    -- The first digits of digests.
    kernel TEXT NOT NULL, initrd TEXT NOT NULL, firmware TEXT NOT NULL, root_disk TEXT NOT NULL
);
CREATE TABLE result (
    cell INTEGER NOT NULL, run INTEGER NOT NULL, build INTEGER NOT NULL, setup INTEGER NOT NULL,
    passed INTEGER NOT NULL, failed INTEGER NOT NULL,
    unexpected INTEGER NOT NULL, quarantined INTEGER NOT NULL,
    inconclusive INTEGER NOT NULL, lab_errors INTEGER NOT NULL,
    median_ms INTEGER NOT NULL,     -- duration of its trials that had a guest; 0 where none had
    alias TEXT,                     -- the cell's id in the run's files, where that is another
    PRIMARY KEY (cell, run)
) WITHOUT ROWID;
CREATE INDEX result_of_run ON result (run);
CREATE TABLE failed (
    cell INTEGER NOT NULL, failure INTEGER NOT NULL, run INTEGER NOT NULL,
    trials INTEGER NOT NULL, expected INTEGER NOT NULL,
    PRIMARY KEY (cell, failure, run)
) WITHOUT ROWID;
CREATE INDEX failed_of_run ON failed (run);
";

/// An index of no runs.
pub(super) fn empty() -> rusqlite::Result<Connection> {
    let db = Connection::open_in_memory()?;
    db.execute_batch(TABLES)?;
    db.pragma_update(None, "application_id", APPLICATION)?;
    db.pragma_update(None, "user_version", VERSION)?;
    Ok(db)
}

/// The index in a file; `None` where that is missing, damaged or of another version.
pub(super) fn load(path: &Path) -> Option<Connection> {
    let read = || -> Result<Option<Connection>, Box<dyn std::error::Error>> {
        let file = crate::store::open_regular(path)?;
        let bytes = file.metadata()?.len();
        if bytes == 0 || bytes > MAX_FILE {
            return Ok(None);
        }
        let mut db = Connection::open_in_memory()?;
        db.deserialize_read_exact(MAIN_DB, file, usize::try_from(bytes)?, false)?;
        // It may be another user's.
        db.pragma_update(None, "trusted_schema", false)?;
        let number = |pragma: &str| db.pragma_query_value(None, pragma, |row| row.get::<_, i32>(0));
        if number("application_id")? != APPLICATION || number("user_version")? != VERSION {
            return Ok(None);
        }
        if tables(&db)? != tables(&empty()?)? {
            return Ok(None);
        }
        let found: String = db.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
        Ok((found == "ok").then_some(db))
    };
    read().unwrap_or_else(|error| {
        tracing::debug!("the index {} is not used: {error}", path.display());
        None
    })
}

/// How each table is defined: a view of another user's may have any name.
fn tables(db: &Connection) -> rusqlite::Result<Vec<Option<String>>> {
    db.prepare("SELECT sql FROM sqlite_schema ORDER BY name")?.query_map([], |row| row.get(0))?.collect()
}

/// Replaces the file.
///
/// # Errors
/// When the folder cannot be written, or the disk is full.
pub(super) fn save(db: &Connection, path: &Path) -> io::Result<()> {
    let bytes = db.serialize(MAIN_DB).map_err(io::Error::other)?;
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(&bytes)?;
    rustix::fs::fchmod(&file, rustix::fs::Mode::from_raw_mode(0o644))?;
    let _: File = file.persist(path)?;
    Ok(())
}
