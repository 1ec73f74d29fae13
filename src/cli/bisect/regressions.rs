//! `oomlab run --bisect-regressions`: what is red here and was green before, down to the commit.

use super::args::LabArgs;
use super::commits::{Asked, between, of_builds};
use super::session::{answer, tell};
use super::subject;
use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::cli::interrupt::cancel_on_signals;
use crate::cli::known::Catalogues;
use crate::cli::output;
use crate::git::{CommitId, Repository};
use crate::host::{Clock, today};
use crate::kernel::Source;
use crate::session::{Bad, CellSubject, Session, Subject, Vary, precise};
use crate::store::{RunDir, StoreError};
use bisect::Answer;
use model::{Outcome, RunRecord, TrialRecord};
use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// A cell that is red and was green.
struct Regression {
    trial: TrialRecord,
    bad: CommitId,
    good: CommitId,
    /// The run in which it was green.
    before: String,
}

/// Bisects each regression of a run, for at most `budget` in all. What is not through then can be gone on with.
///
/// # Errors
/// When the run cannot be read, or the lab fails.
pub fn regressions(
    run: &RunDir,
    budget: Duration,
    jobs: Option<u32>,
    lab: &LabArgs,
    context: &Context,
) -> Result<(), CliError> {
    let record = run.record()?;
    let found = find(&record, &earlier(run, &record)?);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let told = runtime.block_on(async {
        let cancel = CancellationToken::new();
        cancel_on_signals(cancel.clone())?;
        let clock = Clock::start();
        let deadline = cancel.clone();
        tokio::spawn(async move {
            tokio::time::sleep(budget).await;
            deadline.cancel();
        });
        for regression in &found {
            if clock.elapsed() >= budget || cancel.is_cancelled() {
                eprintln!("{}: no time is left to bisect it", regression.trial.cell.id);
                continue;
            }
            bisect(run, regression, jobs, lab, context, &cancel).await?;
        }
        Ok(())
    });
    runtime.shutdown_background();
    told
}

/// Runs beside this one that began before it, the last one first.
fn earlier(run: &RunDir, record: &RunRecord) -> Result<Vec<RunRecord>, StoreError> {
    let here = run.path().canonicalize().unwrap_or_else(|_| run.path().to_owned());
    let beside = here.parent().unwrap_or(Path::new("."));
    let folders = std::fs::read_dir(beside).into_iter().flatten().flatten().map(|entry| entry.path());
    let runs = folders.filter(|path| *path != here).filter_map(|path| RunDir::open(&path).ok());
    let mut records = runs.map(|run| run.record()).collect::<Result<Vec<_>, _>>()?;
    records.retain(|earlier| earlier.started <= record.started);
    records.sort_by(|one, other| other.started.cmp(&one.started).then_with(|| other.dir.cmp(&one.dir)));
    Ok(records)
}

/// Each cell once, and of those that fail alike with the same kernel one.
fn find(record: &RunRecord, earlier: &[RunRecord]) -> Vec<Regression> {
    let fails = |trial: &&TrialRecord| {
        let outcome = trial.verdict.outcome();
        !trial.as_expected() && matches!(outcome, Outcome::Hang | Outcome::Crash | Outcome::BootFailed)
    };
    let (mut seen, mut found) = (BTreeSet::new(), Vec::new());
    for trial in record.trials.iter().filter(fails) {
        let id = &trial.cell.id;
        let kind = trial.verdict.kind.to_string();
        if !seen.insert((trial.cell.kernel.clone(), trial.cell.arch, trial.verdict.title.clone().unwrap_or(kind))) {
            continue;
        }
        let Some(bad) = &trial.kernel_commit else {
            eprintln!("{id}: not bisected: its kernel is built from no git repository on this machine");
            continue;
        };
        let green = earlier.iter().find_map(|run| {
            let trials: Vec<&TrialRecord> = run.trials.iter().filter(|trial| trial.cell.id == *id).collect();
            let good = trials.first()?.kernel_commit.as_ref().filter(|good| *good != bad)?;
            trials.iter().all(|trial| trial.as_expected()).then(|| (good.clone(), run.id.to_string()))
        });
        match green {
            Some((good, before)) => found.push(Regression {
                trial: trial.clone(),
                bad: CommitId::new(bad),
                good: CommitId::new(good),
                before,
            }),
            None => {
                eprintln!("{id}: not bisected: no earlier run beside this one has it as expected, with another commit")
            }
        }
    }
    found
}

async fn bisect(
    run: &RunDir,
    regression: &Regression,
    jobs: Option<u32>,
    lab: &LabArgs,
    context: &Context,
    cancel: &CancellationToken,
) -> Result<(), CliError> {
    let cell = regression.trial.cell.clone();
    let catalogues = Catalogues::read(context, lab.mirror.clone())?;
    let entry = catalogues.kernels.catalogue().find(cell.kernel.as_str())?;
    let Source::Git { repository, .. } = &entry.source else { return Ok(()) };
    if !entry.patches.is_empty() {
        eprintln!("{}: not bisected: {} is patched before it is built", cell.id, cell.kernel);
        return Ok(());
    }
    let fragments = entry.build.get(&cell.arch).into_iter().flatten();
    let config = fragments.map(|fragment| fragment.name.clone()).collect();
    let jobs = subject::jobs(jobs, &cell);
    let (old, new) = (vec![regression.good.clone()], regression.bad.clone());
    eprintln!(
        "{} was as expected in {}: what came between {} and {} is bisected",
        cell.id,
        regression.before,
        regression.good.short(),
        new.short()
    );
    let id = cell.id.clone();
    let bad = Bad::Verdict(crate::session::word(&regression.trial));
    let subject = Subject::Cell(Box::new(CellSubject { cell, vary: Vary::Commit { config }, bad }));
    let repository = Repository::open(Path::new(repository)).await?;
    let asked = Asked { old, new, fix: false, subject, jobs, settings: of_builds() };
    let (head, history) = between(&repository, asked).await?;
    let dir = run.path().join("bisections").join(id.as_str());
    let session = Session::create(Some(&dir), run.path(), &today(), head, history)?;
    let (session, answer) = answer(session, lab, context, cancel).await?;
    if answer.is_some() {
        output::print(&tell(&session)?)?;
    }
    match answer {
        Some(Answer::Culprit { commit, probability, .. }) => {
            let culprit = session.search.commit(commit);
            let text = format!("{id}: {} {} ({})\n", culprit.id, culprit.subject, precise(probability));
            output::print(&text)
        }
        Some(_) => output::print(&format!("{id}: no single commit was found\n")),
        None => Ok(()),
    }
}
