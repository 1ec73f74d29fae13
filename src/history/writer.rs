//! Writing runs into the index.

use super::reading::{Build, CellFacts, RunFacts};
use super::update::Changed;
use model::Failure;
use rusqlite::{OptionalExtension, Statement, Transaction, params};
use std::collections::HashMap;

/// Writes runs within one transaction.
pub(super) struct Writer<'t> {
    transaction: &'t Transaction<'t>,
    cells: HashMap<String, i64>,
    failures: HashMap<(String, String), i64>,
    builds: HashMap<Build, i64>,
    result: Statement<'t>,
    failed: Statement<'t>,
    has_removed: bool,
}

impl<'t> Writer<'t> {
    pub fn new(transaction: &'t Transaction<'t>) -> rusqlite::Result<Self> {
        let mut cells = transaction.prepare("SELECT name, id FROM cell")?;
        let mut failures = transaction.prepare("SELECT kind, title, id FROM failure")?;
        let mut builds =
            transaction.prepare("SELECT release, commit_id, kernel, initrd, firmware, root_disk, id FROM build")?;
        Ok(Self {
            cells: cells.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<Result<_, _>>()?,
            failures: failures
                .query_map([], |row| Ok(((row.get(0)?, row.get(1)?), row.get(2)?)))?
                .collect::<Result<_, _>>()?,
            builds: builds.query_map([], |row| Ok((Build::of_row(row)?, row.get(6)?)))?.collect::<Result<_, _>>()?,
            result: transaction.prepare(
                "INSERT INTO result (cell, run, build, setup, passed, failed, unexpected, quarantined, inconclusive, lab_errors, alias,
                 median_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
            )?,
            failed: transaction
                .prepare("INSERT INTO failed (cell, failure, run, trials, expected) VALUES (?1, ?2, ?3, ?4, ?5)")?,
            transaction,
            has_removed: false,
        })
    }

    /// Removes a run.
    pub fn remove(&mut self, run: i64) -> rusqlite::Result<()> {
        self.forget_changes_since(run)?;
        for table in ["DELETE FROM failed WHERE run = ?1", "DELETE FROM result WHERE run = ?1"] {
            self.transaction.execute(table, [run])?;
        }
        self.transaction.execute("DELETE FROM run WHERE id = ?1", [run])?;
        self.has_removed = true;
        Ok(())
    }

    /// Writes a run as it was read, in place of what there is of it.
    pub fn replace(&mut self, run: &Changed) -> rusqlite::Result<()> {
        let old = self.transaction.query_row("SELECT id FROM run WHERE folder = ?1", [&run.folder], |row| row.get(0));
        if let Some(old) = old.optional()? {
            self.remove(old)?;
        }
        let trials = (!run.has_ended()).then(|| run.trials.as_bytes());
        self.transaction.execute(
            "INSERT INTO run (folder, stamp, trials_stamp) VALUES (?1, ?2, ?3)",
            params![run.folder, run.stamp.as_bytes(), trials],
        )?;
        let id = self.transaction.last_insert_rowid();
        match &run.facts {
            Ok(facts) => self.fill(id, facts),
            Err(error) => {
                self.transaction
                    .execute("UPDATE run SET problem = ?2 WHERE id = ?1", params![id, error.to_string()])?;
                Ok(())
            }
        }
    }

    fn fill(&mut self, run: i64, facts: &RunFacts) -> rusqlite::Result<()> {
        let RunFacts { head, started_us, planned, cells } = facts;
        let sum = |count: fn(&CellFacts) -> u32| cells.iter().map(count).sum::<u32>();
        self.transaction.execute(
            "UPDATE run SET matrix = ?2, started = ?3, started_us = ?4, finished = ?5, interrupted = ?6, planned = ?7, passed = ?8,
             expected_failures = ?9, unexpected = ?10, quarantined = ?11, without_verdict = ?12 WHERE id = ?1",
            params![
                run,
                head.name,
                head.started,
                started_us,
                head.finished,
                head.interrupted,
                planned,
                sum(|cell| cell.passed),
                sum(CellFacts::expected_failures),
                sum(|cell| cell.unexpected),
                sum(|cell| cell.quarantined),
                sum(|cell| cell.inconclusive + cell.lab_errors),
            ],
        )?;
        cells.iter().try_for_each(|cell| self.add(run, cell))?;
        self.forget_changes_since(run)
    }

    fn add(&mut self, run: i64, facts: &CellFacts) -> rusqlite::Result<()> {
        let cell = self.cell(facts)?;
        let build = self.build(&facts.build)?;
        let alias = facts.alias.as_ref().map(|alias| alias.as_str());
        let CellFacts { setup, passed, unexpected, quarantined, inconclusive, lab_errors, .. } = facts;
        self.result.execute(params![
            cell,
            run,
            build,
            setup,
            passed,
            facts.failed(),
            unexpected,
            quarantined,
            inconclusive,
            lab_errors,
            alias,
            facts.median_ms()
        ])?;
        for (failure, facts) in &facts.failures {
            let failure = self.failure(failure)?;
            self.failed.execute(params![cell, failure, run, facts.trials, facts.is_expected])?;
        }
        Ok(())
    }

    /// The words for a run and for those after it depend on it.
    fn forget_changes_since(&self, run: i64) -> rusqlite::Result<()> {
        self.transaction.execute(
            "UPDATE run SET changes = NULL FROM (SELECT matrix, started_us FROM run WHERE id = ?1) AS this
             WHERE run.matrix = this.matrix AND run.started_us >= this.started_us AND run.changes IS NOT NULL",
            [run],
        )?;
        Ok(())
    }

    /// Removes names that no run has any more.
    pub fn finish(self) -> rusqlite::Result<()> {
        if self.has_removed {
            self.transaction.execute_batch(
                "DELETE FROM cell WHERE id NOT IN (SELECT cell FROM result);
                 DELETE FROM failure WHERE id NOT IN (SELECT failure FROM failed);
                 DELETE FROM build WHERE id NOT IN (SELECT build FROM result);",
            )?;
        }
        Ok(())
    }

    fn cell(&mut self, CellFacts { id: name, arch, workload, .. }: &CellFacts) -> rusqlite::Result<i64> {
        if let Some(id) = self.cells.get(name) {
            return Ok(*id);
        }
        let insert = "INSERT INTO cell (name, arch, workload) VALUES (?1, ?2, ?3)";
        self.transaction.execute(insert, [name, arch, workload])?;
        let id = self.transaction.last_insert_rowid();
        self.cells.insert(name.clone(), id);
        Ok(id)
    }

    fn failure(&mut self, failure: &Failure) -> rusqlite::Result<i64> {
        let key = (failure.kind.to_string(), failure.title.clone().unwrap_or_default());
        if let Some(id) = self.failures.get(&key) {
            return Ok(*id);
        }
        self.transaction.execute("INSERT INTO failure (kind, title) VALUES (?1, ?2)", params![key.0, key.1])?;
        let id = self.transaction.last_insert_rowid();
        self.failures.insert(key, id);
        Ok(id)
    }

    fn build(&mut self, build: &Build) -> rusqlite::Result<i64> {
        if let Some(id) = self.builds.get(build) {
            return Ok(*id);
        }
        let Build { release, commit, kernel, initrd, firmware, root_disk } = build;
        self.transaction.execute(
            "INSERT INTO build (release, commit_id, kernel, initrd, firmware, root_disk) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            params![release, commit, kernel, initrd, firmware, root_disk],
        )?;
        let id = self.transaction.last_insert_rowid();
        self.builds.insert(build.clone(), id);
        Ok(id)
    }
}
