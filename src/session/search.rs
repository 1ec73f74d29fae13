//! The pure core of a session: a history with names, and what its trials have shown.

use super::error::SessionError;
use super::record::{Ended, Entry, Head};
use crate::git::{Commit, CommitId};
use bisect::{
    Answer, Beta, Bisection, Decision, History, Outcome, Revision, Running, Sample, Settings, Slot, Standing,
};
use std::collections::HashMap;

/// A search in a history of commits.
#[derive(Debug, Clone)]
pub struct Search {
    head: Head,
    commits: Vec<Commit>,
    index: HashMap<CommitId, Revision>,
    bisection: Bisection,
    entries: Vec<Entry>,
}

impl Search {
    /// A search in `commits`, parents first and the old ends among them, after the trials of `entries`.
    ///
    /// # Errors
    /// When the history or an entry makes no sense.
    pub fn new(head: Head, commits: Vec<Commit>, entries: Vec<Entry>) -> Result<Self, SessionError> {
        let index: HashMap<CommitId, Revision> =
            commits.iter().enumerate().map(|(at, commit)| (commit.id.clone(), at as Revision)).collect();
        // What is not listed lies before the old ends.
        let known = |commit: &Commit| commit.parents.iter().filter_map(|parent| index.get(parent).copied()).collect();
        let parents: Vec<Vec<Revision>> = commits.iter().map(known).collect();
        let revision = |id: &CommitId| {
            index.get(id).copied().ok_or_else(|| SessionError::Wrong(format!("{id} is not in the session's history")))
        };
        let old = head.old.iter().map(revision).collect::<Result<Vec<_>, _>>()?;
        let history = History::new(&parents, &old, revision(&head.new)?)?;
        let bisection = Bisection::new(history, settings(&head))?;
        let mut search = Self { head, commits, index, bisection, entries: Vec::new() };
        entries.into_iter().try_for_each(|entry| search.record(entry))?;
        Ok(search)
    }

    /// What was asked for.
    pub const fn head(&self) -> &Head {
        &self.head
    }

    /// All trials so far.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Takes a trial.
    ///
    /// # Errors
    /// When its commit is not in the history.
    pub fn record(&mut self, entry: Entry) -> Result<(), SessionError> {
        let revision = self
            .revision(&entry.commit)
            .ok_or_else(|| SessionError::Wrong(format!("{} is not in the session's history", entry.commit)))?;
        let outcome = match (entry.ended, self.head.fix) {
            (Ended::Bad, false) | (Ended::Good, true) => Outcome::Hang,
            (Ended::Good, false) | (Ended::Bad, true) => Outcome::Pass,
            (Ended::Skip, _) => Outcome::Skipped,
            (Ended::Other, _) => Outcome::Other,
            (Ended::Built, _) => Outcome::Built,
        };
        self.bisection.record(Sample { revision, outcome, seconds: entry.seconds })?;
        self.entries.push(entry);
        Ok(())
    }

    /// What a free slot should do while `running` goes on.
    pub fn decide(&self, slot: Slot, running: &[Running]) -> Decision {
        self.bisection.decide(slot, running)
    }

    /// The answer, once there is one.
    pub fn answer(&self) -> Option<Answer> {
        // With nothing running no slot can tell more than another whether it is over.
        match self.bisection.decide(Slot::Any, &[]) {
            Decision::Done(answer) => Some(answer),
            Decision::Run { .. } | Decision::Wait => None,
        }
    }

    /// Where it stands.
    pub fn standing(&self) -> Standing {
        self.bisection.standing()
    }

    /// The search itself.
    pub const fn bisection(&self) -> &Bisection {
        &self.bisection
    }

    /// How many commits may be the culprit before the first trial.
    pub fn candidates(&self) -> usize {
        self.commits.len() - self.head.old.len()
    }

    /// How many commits were tried.
    pub fn tried(&self) -> usize {
        self.bisection.counts().len()
    }

    /// How many trials of a commit have ended.
    pub fn trials_of(&self, commit: &CommitId) -> usize {
        self.entries.iter().filter(|entry| entry.commit == *commit && entry.ended != Ended::Built).count()
    }

    /// A commit of the history.
    pub fn commit(&self, revision: Revision) -> &Commit {
        &self.commits[revision as usize]
    }

    /// Whether a revision is the end that fails.
    pub fn is_bad_end(&self, revision: Revision) -> bool {
        let history = self.bisection.history();
        if self.head.fix { history.good().contains(&revision) } else { history.bad() == revision }
    }

    /// The revision that a commit is.
    pub fn revision(&self, id: &CommitId) -> Option<Revision> {
        self.index.get(id).copied()
    }

    /// Whether a revision has a commit in its history, itself included.
    pub fn contains(&self, revision: Revision, commit: Revision) -> bool {
        let mut open = vec![revision];
        let mut seen = vec![false; self.commits.len()];
        while let Some(at) = open.pop() {
            if at == commit {
                return true;
            }
            // Parents stand before their children: what is older than the commit does not have it.
            if at > commit && !std::mem::replace(&mut seen[at as usize], true) {
                let parents = &self.commits[at as usize].parents;
                open.extend(parents.iter().filter_map(|parent| self.index.get(parent)));
            }
        }
        false
    }
}

/// Of a fix, *affected* means repaired: what is believed of the two sides changes places, and every trial that passes is what is
/// looked for.
fn settings(head: &Head) -> Settings {
    let Settings { affected, unaffected, .. } = head.settings;
    if !head.fix {
        return head.settings.clone();
    }
    let turned = |beta: Beta| Beta { hangs: beta.passes, passes: beta.hangs };
    Settings { affected: turned(unaffected), unaffected: turned(affected), ..head.settings.clone() }
}
