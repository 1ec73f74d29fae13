//! The history between two commits of a repository.

use super::cell;
use super::config::{CellSubject, SESSION_SCHEMA, SessionConfig, Subject, Variation};
use super::error::{RequestError, SessionError};
use super::event::{SessionEvent, SessionListener};
use super::request::{CommitsRequest, LabContext, TrialRequest};
use crate::git::{Commit, CommitId, Repository};
use crate::host::{Resources, wall_clock};
use crate::matrix::SingleCell;
use bisect::Settings;

/// The configuration of a session, and its history.
///
/// # Errors
/// When the request is invalid, or git fails.
pub(super) async fn plan(
    request: CommitsRequest,
    lab: Option<&LabContext<'_>>,
    listener: &mut dyn SessionListener,
) -> Result<(SessionConfig, Vec<Commit>), SessionError> {
    let CommitsRequest { repository, old, new, fix, trial, limits } = request;
    let (subject, jobs, settings) = subject(trial, limits.jobs, lab)?;
    let settings = limits.settings(settings);
    let repository = Repository::open(&repository).await?;
    let mut ends = Vec::new();
    for revision in &old {
        ends.push(repository.resolve(revision).await?);
    }
    let new = repository.resolve(&new).await?;
    let range = CommitRange { old: ends, new, fix };
    range.plan(&repository, subject, jobs, settings, listener).await
}

/// What is tried at each commit, the number of parallel trials, and the settings of the search.
fn subject(
    trial: TrialRequest,
    jobs: Option<u32>,
    lab: Option<&LabContext<'_>>,
) -> Result<(Subject, u32, Settings), SessionError> {
    let (request, config) = match trial {
        TrialRequest::Command { command, timeout_s } => {
            return Ok((
                Subject::Command { command, timeout_s },
                jobs.unwrap_or(1).min(Resources::of_host().files.guests()),
                Settings::default(),
            ));
        }
        TrialRequest::Cell { cell, config } => (*cell, config),
    };
    let lab = lab.ok_or(SessionError::Internal("a cell is tried without a lab"))?;
    let cell = cell::plan(SingleCell { kernel: cell::commit_kernel(), ..request.cell }, &lab.known)?;
    // Refuses an unknown fragment before anything is built.
    let fragments = lab.configuration(&config, &cell)?;
    let jobs = cell::jobs(jobs, &cell);
    // The default is written down: it changes with the catalogue.
    let default = || fragments.into_iter().map(|fragment| fragment.name).collect();
    let named = || config.iter().map(|name| cell::absolute_config(name)).collect();
    let variation = Variation::Commit { config: if config.is_empty() { default() } else { named() } };
    let subject = CellSubject { cell, variation, criterion: request.criterion };
    Ok((Subject::Cell(Box::new(subject)), jobs, cell::settings(true)))
}

/// The ends of a search.
pub(super) struct CommitRange {
    /// Commits without the change.
    pub old: Vec<CommitId>,
    /// The commit with it.
    pub new: CommitId,
    /// Whether the change is the fix of a failure.
    pub fix: bool,
}

impl CommitRange {
    /// The configuration of a session, and its history: the old ends and their descendants, parents first.
    ///
    /// # Errors
    /// When nothing lies between the ends, or git fails.
    pub async fn plan(
        self,
        repository: &Repository,
        subject: Subject,
        jobs: u32,
        settings: Settings,
        listener: &mut dyn SessionListener,
    ) -> Result<(SessionConfig, Vec<Commit>), SessionError> {
        let old = self.merge_bases(repository, listener).await?;
        let Self { new, fix, .. } = self;
        let mut commits = Vec::new();
        for end in &old {
            commits.push(Commit { parents: Vec::new(), ..repository.commit(end).await? });
        }
        commits.extend(repository.between(&old, &new).await?);
        let repository = Some(repository.path().to_owned());
        let (schema, started) = (SESSION_SCHEMA, wall_clock());
        let (older, starts) = (None, Vec::new());
        let config =
            SessionConfig { schema, started, repository, old, new, fix, subject, jobs, settings, older, starts };
        Ok((config, commits))
    }

    /// The old ends, each replaced by its merge base with the new end, where it is not an ancestor of it.
    async fn merge_bases(
        &self,
        repository: &Repository,
        listener: &mut dyn SessionListener,
    ) -> Result<Vec<CommitId>, SessionError> {
        let mut bases = Vec::new();
        let new = &self.new;
        for end in &self.old {
            let base = repository.merge_base(end, new).await?;
            let base = base.ok_or_else(|| RequestError::Unrelated { one: end.clone(), other: new.clone() })?;
            if base == *new {
                return Err(self.wrong_order(end).into());
            }
            if base != *end {
                listener.on_event(SessionEvent::MergeBase { end, new, base: &base });
            }
            if !bases.contains(&base) {
                bases.push(base);
            }
        }
        Ok(bases)
    }

    fn wrong_order(&self, end: &CommitId) -> RequestError {
        let (old, new) = if self.fix { ("bad", "good") } else { ("good", "bad") };
        let hint = if self.fix { "leave out `--fix`" } else { "did you mean `--fix`?" };
        RequestError::Order { new, old, end: end.clone(), hint }
    }
}
