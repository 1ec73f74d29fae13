//! Regressions of a run: cells that fail here and did not before, down to the commit.

use super::cell;
use super::commits::CommitRange;
use super::config::{BadCriterion, CellSubject, SessionConfig, Subject, Variation};
use super::driver::SessionDriver;
use super::error::SessionError;
use super::event::{SessionEvent, SkipReason};
use super::premise;
use super::session::{SearchOutcome, Session, SessionDir};
use super::verdict::VerdictPattern;
use crate::git::{CommitId, Repository};
use crate::host::Clock;
use crate::kernel::Source;
use crate::store::RunDir;
use bisect::Answer;
use model::{
    Cell, CellId, Culprit, FailureOrigin, Origin, Outcome, Regression, RunId, RunRecord, StartWeight, TrialRecord,
};
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

/// A cell that fails and was as expected.
#[derive(Debug, Clone)]
struct Failure {
    trial: TrialRecord,
    bad: CommitId,
    good: CommitId,
    /// The run in which it was as expected.
    before: RunId,
    /// Later runs that may be the first with the failure.
    starts: Vec<StartWeight>,
}

impl SessionDriver<'_> {
    /// Bisects each regression of a run, for at most `budget` in all, and tells what became of each; sessions without an
    /// answer by then can be resumed. `origins` are those of the run's failures.
    ///
    /// # Errors
    /// When the run cannot be read, or the lab fails.
    pub async fn bisect_regressions(
        &mut self,
        run: &RunDir,
        origins: &[FailureOrigin],
        budget: Duration,
        jobs: Option<u32>,
    ) -> Result<Vec<Regression>, SessionError> {
        let record = run.record()?;
        let (found, skipped) = find(&record, origins);
        let mut regressions: Vec<Regression> = Vec::new();
        for (cell, reason) in &skipped {
            regressions.push(self.skip(cell, reason));
        }
        let clock = Clock::start();
        let deadline = self.cancel.clone();
        tokio::spawn(async move {
            tokio::time::sleep(budget).await;
            deadline.cancel();
        });
        for failure in &found {
            let has_time = clock.elapsed() < budget && !self.cancel.is_cancelled();
            regressions.push(if has_time {
                self.bisect_failure(run, failure, jobs).await?
            } else {
                self.skip(&failure.trial.cell.id, &SkipReason::NoTime)
            });
        }
        Ok(regressions)
    }

    fn skip(&mut self, cell: &CellId, reason: &SkipReason) -> Regression {
        self.listener.on_event(SessionEvent::RegressionSkipped { cell, reason });
        Regression::skipped(cell.clone(), reason.to_string())
    }

    async fn bisect_failure(
        &mut self,
        run: &RunDir,
        failure: &Failure,
        jobs: Option<u32>,
    ) -> Result<Regression, SessionError> {
        let Failure { trial, bad, good, before, starts } = failure;
        let cell = &trial.cell;
        let (repository, config) = match self.source(cell)? {
            Ok(source) => source,
            Err(reason) => return Ok(self.skip(&cell.id, &reason)),
        };
        let (id, run_id) = (&cell.id, before.as_str());
        self.listener.on_event(SessionEvent::RegressionStarted { cell: id, run: run_id, good, bad });
        let criterion = BadCriterion::Verdict(VerdictPattern::of(&trial.verdict));
        let jobs = cell::jobs(jobs, cell);
        let subject = CellSubject { cell: cell.clone(), variation: Variation::Commit { config }, criterion };
        let subject = Subject::Cell(Box::new(subject));
        let repository = Repository::open(&repository).await?;
        let range = CommitRange { old: vec![good.clone()], new: bad.clone(), fix: false };
        let (config, history) = range.plan(&repository, subject, jobs, cell::settings(true), self.listener).await?;
        let config = SessionConfig { starts: starts.clone(), ..config };
        let session = format!("bisections/{id}");
        let place = SessionDir::Named(run.path().join(&session));
        let outcome = self.resume(Session::create(&place, config, history)?).await?;
        if outcome.answer.is_some() {
            self.listener.on_event(SessionEvent::RegressionFinished { cell: id, outcome: &outcome });
        }
        Ok(Regression {
            cell: id.clone(),
            bad: Some(bad.to_string()),
            good: Some(good.to_string()),
            good_run: Some(before.clone()),
            session: Some(session),
            culprit: culprit(&outcome),
            why: no_culprit(&outcome),
        })
    }

    /// The repository of a cell's kernel and the names of its configuration fragments, or why it cannot be bisected.
    fn source(&mut self, cell: &Cell) -> Result<Result<(PathBuf, Vec<String>), SkipReason>, SessionError> {
        let entry = self.lab()?.sources.kernels.catalogue().find(cell.kernel.as_str())?;
        let Source::Git { repository, .. } = &entry.source else { return Ok(Err(SkipReason::NoCommit)) };
        if !entry.patches.is_empty() {
            return Ok(Err(SkipReason::Patched(cell.kernel.to_string())));
        }
        let fragments = entry.build.get(&cell.arch).into_iter().flatten();
        Ok(Ok((PathBuf::from(repository), fragments.map(|fragment| fragment.name.clone()).collect())))
    }
}

fn culprit(outcome: &SearchOutcome) -> Option<Culprit> {
    let Some(Answer::Culprit { commit, probability, confirmed, .. }) = &outcome.answer else { return None };
    let culprit = outcome.session.search.commit(*commit);
    Some(Culprit {
        commit: culprit.id.to_string(),
        subject: culprit.subject.clone(),
        author: culprit.author.clone(),
        probability: *probability,
        confirmed: *confirmed,
    })
}

/// Why an outcome has no culprit; `None` where it has one.
fn no_culprit(outcome: &SearchOutcome) -> Option<String> {
    match &outcome.answer {
        Some(Answer::Culprit { .. }) => None,
        Some(Answer::Set { candidates, .. }) => Some(format!("one of {} commits", candidates.len())),
        Some(answer @ Answer::InvalidPremise { .. }) => premise::explain(&outcome.session.search, answer),
        None => Some("stopped before an answer; `oomlab bisect resume` continues the session".to_owned()),
    }
}

/// The regressions of a run, and the failures that cannot be bisected. Cells with the same kernel and the same failure
/// count once.
fn find(record: &RunRecord, origins: &[FailureOrigin]) -> (Vec<Failure>, Vec<(CellId, SkipReason)>) {
    let fails = |trial: &&TrialRecord| {
        let outcome = trial.verdict.outcome();
        trial.is_unexpected() && matches!(outcome, Outcome::Hang | Outcome::Crash | Outcome::BootFailed | Outcome::Fail)
    };
    let (mut seen, mut found, mut skipped) = (BTreeSet::new(), Vec::new(), Vec::new());
    for trial in record.trials.iter().filter(fails) {
        let id = &trial.cell.id;
        let kind = trial.verdict.kind.to_string();
        if !seen.insert((trial.cell.kernel.clone(), trial.cell.arch, trial.verdict.title.clone().unwrap_or(kind))) {
            continue;
        }
        let Some(bad) = &trial.kernel_commit else {
            skipped.push((id.clone(), SkipReason::NoCommit));
            continue;
        };
        let is_it = |origin: &&FailureOrigin| {
            let model::Failure { kind, title } = &origin.failure;
            origin.cell == *id && *kind == trial.verdict.kind && *title == trial.verdict.title
        };
        match origins.iter().find(is_it).map(|known| &known.origin) {
            Some(Origin::After { run, commit, starts }) => found.push(Failure {
                trial: trial.clone(),
                bad: CommitId::new(bad),
                good: CommitId::new(commit),
                before: run.clone(),
                starts: starts.clone(),
            }),
            Some(Origin::Recurring) => skipped.push((id.clone(), SkipReason::Recurring)),
            Some(Origin::Unknown) | None => skipped.push((id.clone(), SkipReason::NeverGreen)),
        }
    }
    (found, skipped)
}
