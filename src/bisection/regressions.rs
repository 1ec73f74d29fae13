//! Regressions of a run: cells that fail here and did not before, down to the commit.

use super::cell;
use super::commits::CommitRange;
use super::config::{BadCriterion, CellSubject, SessionConfig, Subject, Variation};
use super::driver::SessionDriver;
use super::error::SessionError;
use super::event::{SessionEvent, SkipReason};
use super::premise;
use super::session::{SearchOutcome, Session};
use super::verdict::VerdictPattern;
use crate::git::{CommitId, Repository};
use crate::host::Clock;
use crate::kernel::Source;
use crate::store::RunDir;
use bisect::Answer;
use model::{
    Cell, CellId, Culprit, FailureOrigin, Origin, Outcome, Regression, RunId, RunRecord, StartWeight, TrialRecord,
};
use sha2::{Digest as _, Sha256};
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
    /// Bisects each regression of a run, for at most `budget` in all, and writes down what became of each as soon as that is
    /// known. A session without an answer by then continues the next time. `origins` are those of the run's failures.
    ///
    /// # Errors
    /// When the run cannot be read or written, or the lab fails.
    pub async fn bisect_regressions(
        &mut self,
        run: &RunDir,
        origins: &[FailureOrigin],
        budget: Duration,
        jobs: Option<u32>,
    ) -> Result<(), SessionError> {
        let record = run.record()?;
        let (found, skipped) = find(&record, origins);
        let earlier = run.regressions()?;
        let mut regressions = Vec::new();
        for (trial, reason) in &skipped {
            let skipped = self.skip(trial, reason);
            add(&mut regressions, skipped, &earlier);
        }
        run.store_regressions(with_earlier(&regressions, &earlier))?;
        let clock = Clock::start();
        let deadline = self.cancel.clone();
        tokio::spawn(async move {
            tokio::time::sleep(budget).await;
            deadline.cancel();
        });
        for failure in &found {
            let has_time = clock.elapsed() < budget && !self.cancel.is_cancelled();
            let regression = if has_time {
                self.bisect_failure(run, failure, jobs).await?
            } else {
                self.skip(&failure.trial, &SkipReason::NoTime)
            };
            add(&mut regressions, regression, &earlier);
            run.store_regressions(with_earlier(&regressions, &earlier))?;
        }
        Ok(run.store_regressions(regressions)?)
    }

    fn skip(&mut self, trial: &TrialRecord, reason: &SkipReason) -> Regression {
        let cell = &trial.cell.id;
        self.listener.on_event(SessionEvent::RegressionSkipped { cell, reason });
        Regression::skipped(cell.clone(), failure_of(trial), reason.to_string())
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
            Err(reason) => return Ok(self.skip(trial, &reason)),
        };
        let (id, run_id) = (&cell.id, before.as_str());
        self.listener.on_event(SessionEvent::RegressionStarted { cell: id, run: run_id, good, bad });
        let criterion = BadCriterion::Verdict(VerdictPattern::of(&trial.verdict));
        let jobs = cell::jobs(jobs, cell);
        let subject = CellSubject { cell: cell.clone(), variation: Variation::Commit { config }, criterion };
        let subject = Subject::Cell(Box::new(subject));
        let session = session_folder(id, &failure_of(trial), good, bad);
        let plan = async {
            let repository = Repository::open(&repository).await?;
            let range = CommitRange { old: vec![good.clone()], new: bad.clone(), fix: false };
            let (config, history) = range.plan(&repository, subject, jobs, cell::settings(true), self.listener).await?;
            Ok((SessionConfig { starts: starts.clone(), ..config }, history))
        };
        let opened = Session::open_or_create(&run.path().join(&session), plan).await?;
        let outcome = self.resume(opened).await?;
        if outcome.answer.is_some() {
            self.listener.on_event(SessionEvent::RegressionFinished { cell: id, outcome: &outcome });
        }
        Ok(Regression {
            cell: id.clone(),
            failure: Some(failure_of(trial)),
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

/// The folder of a failure's session within the run's folder. Another failure of the cell, or other ends, have another folder.
fn session_folder(cell: &CellId, failure: &model::Failure, good: &CommitId, bad: &CommitId) -> String {
    let kind = failure.kind.to_string();
    let mut hash = Sha256::new();
    for part in [&kind, good.as_str(), bad.as_str(), failure.title.as_deref().unwrap_or_default()] {
        hash.update(part);
        hash.update([0]);
    }
    let digest: String = hash.finalize().iter().take(4).map(|byte| format!("{byte:02x}")).collect();
    format!("bisections/{cell}-{digest}")
}

fn failure_of(trial: &TrialRecord) -> model::Failure {
    model::Failure { kind: trial.verdict.kind, title: trial.verdict.title.clone() }
}

/// Whether two records are about the same failure.
fn is_same(one: &Regression, other: &Regression) -> bool {
    one.failure.as_ref().is_some_and(|failure| other.is_about(&one.cell, failure))
}

/// Adds a regression, or what is known of it from before where it was skipped this time.
fn add(found: &mut Vec<Regression>, regression: Regression, earlier: &[Regression]) {
    let known =
        earlier.iter().find(|one| regression.session.is_none() && one.session.is_some() && is_same(&regression, one));
    found.push(known.cloned().unwrap_or(regression));
}

/// What was found so far, then the earlier records of the failures that are still to come.
fn with_earlier(found: &[Regression], earlier: &[Regression]) -> Vec<Regression> {
    let is_due = |one: &&Regression| !found.iter().any(|new| new == *one || is_same(new, one));
    found.iter().chain(earlier.iter().filter(is_due)).cloned().collect()
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
fn find(record: &RunRecord, origins: &[FailureOrigin]) -> (Vec<Failure>, Vec<(TrialRecord, SkipReason)>) {
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
            skipped.push((trial.clone(), SkipReason::NoCommit));
            continue;
        };
        let is_it = |origin: &&FailureOrigin| origin.cell == *id && origin.failure == failure_of(trial);
        match origins.iter().find(is_it).map(|known| &known.origin) {
            Some(Origin::After { run, commit, starts }) => found.push(Failure {
                trial: trial.clone(),
                bad: CommitId::new(bad),
                good: CommitId::new(commit),
                before: run.clone(),
                starts: starts.clone(),
            }),
            Some(Origin::Recurring) => skipped.push((trial.clone(), SkipReason::Recurring)),
            Some(Origin::Unknown) | None => skipped.push((trial.clone(), SkipReason::NeverGreen)),
        }
    }
    (found, skipped)
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::Kind;

    fn regression(cell: &str, kind: Kind, session: Option<&str>) -> Regression {
        let failure = model::Failure { kind, title: None };
        let session = session.map(str::to_owned);
        Regression { session, ..Regression::skipped(cell.into(), failure, "no time left".to_owned()) }
    }

    #[test]
    fn sessions_differ_by_failure_and_ends() {
        let failure = |kind, title: Option<&str>, good: &str| {
            let failure = model::Failure { kind, title: title.map(str::to_owned) };
            session_folder(&"c".into(), &failure, &CommitId::new(good), &CommitId::new("b"))
        };
        let session = failure(Kind::Panic, Some("A"), "g");
        assert_eq!(session, failure(Kind::Panic, Some("A"), "g"));
        for other in
            [failure(Kind::Oops, Some("A"), "g"), failure(Kind::Panic, None, "g"), failure(Kind::Panic, Some("A"), "h")]
        {
            assert!(other.starts_with("bisections/c-") && other != session, "{other}");
        }
    }

    #[test]
    fn skipped_failure_keeps_its_session() {
        let earlier = [regression("a", Kind::Panic, Some("bisections/a")), regression("b", Kind::Oops, None)];
        let mut found = Vec::new();
        add(&mut found, regression("a", Kind::Panic, None), &earlier);
        add(&mut found, regression("a", Kind::Oops, None), &earlier);
        assert_eq!(found, [earlier[0].clone(), regression("a", Kind::Oops, None)]);
        assert_eq!(with_earlier(&found, &earlier), [&found[..], &earlier[1..]].concat());
    }
}
