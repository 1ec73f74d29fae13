//! The pure core of a session: a history with commit names, and the results of its trials.

use super::config::SessionConfig;
use super::entry::{JournalEntry, TrialResult};
use super::error::SessionError;
use super::prior;
use crate::git::{Commit, CommitId};
use bisect::{Answer, Bisection, Decision, History, Outcome, Progress, Revision, Sample, Settings, Slot};
use std::collections::HashMap;

/// A search in a history of commits.
#[derive(Debug, Clone)]
pub struct Search {
    config: SessionConfig,
    commits: Vec<Commit>,
    index: HashMap<CommitId, Revision>,
    bisection: Bisection,
    entries: Vec<JournalEntry>,
}

impl Search {
    /// A search in `commits`, parents first and with the old ends, after the trials of `entries`.
    ///
    /// # Errors
    /// When the history is invalid, or an entry is not of this history.
    pub fn new(config: SessionConfig, commits: Vec<Commit>, entries: Vec<JournalEntry>) -> Result<Self, SessionError> {
        let index: HashMap<CommitId, Revision> =
            commits.iter().enumerate().map(|(at, commit)| (commit.id.clone(), at as Revision)).collect();
        // Parents that are not listed are ancestors of the old ends.
        let known = |commit: &Commit| commit.parents.iter().filter_map(|parent| index.get(parent).copied()).collect();
        let parents: Vec<Vec<Revision>> = commits.iter().map(known).collect();
        let revision = |id: &CommitId| index.get(id).copied().ok_or_else(|| SessionError::UnknownCommit(id.clone()));
        let old = config.old.iter().map(revision).collect::<Result<Vec<_>, _>>()?;
        let mut history = History::new(&parents, &old, revision(&config.new)?)?;
        if let Some(weights) = prior::weights(&commits, &index, &old, &config.starts) {
            history = history.weighted(&weights)?;
        }
        let bisection = Bisection::new(history, settings(&config))?;
        let mut search = Self { config, commits, index, bisection, entries: Vec::new() };
        entries.into_iter().try_for_each(|entry| search.record(entry))?;
        Ok(search)
    }

    /// What is searched for, and how.
    pub const fn config(&self) -> &SessionConfig {
        &self.config
    }

    /// The history, parents first.
    pub fn commits(&self) -> &[Commit] {
        &self.commits
    }

    /// All finished builds and trials.
    pub fn entries(&self) -> &[JournalEntry] {
        &self.entries
    }

    /// Adds a finished build or trial.
    ///
    /// # Errors
    /// When its commit is not in the history.
    pub fn record(&mut self, entry: JournalEntry) -> Result<(), SessionError> {
        let revision = self.revision(&entry.commit).ok_or_else(|| SessionError::UnknownCommit(entry.commit.clone()))?;
        let outcome = match (entry.result, self.config.fix) {
            (TrialResult::Bad, false) | (TrialResult::Good, true) => Outcome::Hang,
            (TrialResult::Good, false) | (TrialResult::Bad, true) => Outcome::Pass,
            (TrialResult::Skip, _) => Outcome::Skipped,
            (TrialResult::Other, _) => Outcome::Other,
            (TrialResult::Built, _) => Outcome::Built,
        };
        self.bisection.record(Sample { revision, outcome, seconds: entry.seconds })?;
        self.entries.push(entry);
        Ok(())
    }

    /// The answer, once there is one.
    pub fn answer(&self) -> Option<Answer> {
        // While nothing runs, all kinds of slots agree on whether the search is over.
        match self.bisection.decide(Slot::Any, &[]) {
            Decision::Done(answer) => Some(answer),
            Decision::Run { .. } | Decision::Wait => None,
        }
    }

    /// The state of the search.
    pub fn progress(&self) -> Progress {
        self.bisection.progress()
    }

    /// The engine.
    pub const fn bisection(&self) -> &Bisection {
        &self.bisection
    }

    /// The number of candidates before the first trial.
    pub fn candidates(&self) -> usize {
        self.commits.len() - self.config.old.len()
    }

    /// The number of commits that were tried.
    pub fn tried(&self) -> usize {
        self.bisection.counts().len()
    }

    /// The number of finished trials of a commit.
    pub fn trials_of(&self, commit: &CommitId) -> usize {
        self.entries.iter().filter(|entry| entry.commit == *commit && entry.result != TrialResult::Built).count()
    }

    /// The commit of a revision.
    pub fn commit(&self, revision: Revision) -> &Commit {
        &self.commits[revision as usize]
    }

    /// Whether a revision is an end that fails.
    pub fn is_bad_end(&self, revision: Revision) -> bool {
        let history = self.bisection.history();
        if self.config.fix { history.good().contains(&revision) } else { history.bad() == revision }
    }

    /// The revision of a commit.
    pub fn revision(&self, id: &CommitId) -> Option<Revision> {
        self.index.get(id).copied()
    }

    /// Whether a commit is an ancestor of a revision, or the revision itself.
    pub fn contains(&self, revision: Revision, commit: Revision) -> bool {
        let mut pending = vec![revision];
        let mut seen = vec![false; self.commits.len()];
        while let Some(at) = pending.pop() {
            if at == commit {
                return true;
            }
            // Parents come before their children: older revisions do not contain the commit.
            if at > commit && !std::mem::replace(&mut seen[at as usize], true) {
                let parents = &self.commits[at as usize].parents;
                pending.extend(parents.iter().filter_map(|parent| self.index.get(parent)));
            }
        }
        false
    }
}

/// The settings of the engine. In search of a fix, a pass is the sign of an affected revision.
fn settings(config: &SessionConfig) -> Settings {
    let settings = Settings { either_end: config.is_undirected(), ..config.settings.clone() };
    if config.fix { settings.inverted() } else { settings }
}
