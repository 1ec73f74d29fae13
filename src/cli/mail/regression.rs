//! What proves a regression: a bisection, or trials of a good and of a bad commit in one run.

use super::record::{Bisection, Record};
use crate::bisection::{Search, Session, Subject, TrialResult, Variation};
use crate::cli::error::CliError;
use crate::cli::runtime::runtime;
use crate::git::{CommitId, GitError, Repository};
use crate::report::mail::{FirstBad, Occurrence, Regression, TestedCommit, good_kernels, people, upstream_commit};
use bisect::{Answer, Candidate, Revision};
use std::path::{Path, PathBuf};

/// What was found, and what kept it from being more.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub regression: Option<Regression>,
    /// `MAINTAINERS` of the bad commit.
    pub maintainers: Option<String>,
    pub notes: Vec<String>,
}

/// The folder of a session that a word names: its path, or its name below `bisections`.
pub(super) fn session_folder(text: &str) -> Option<PathBuf> {
    let candidates = [PathBuf::from(text), Path::new("bisections").join(text)];
    candidates.into_iter().find(|dir| Session::exists(dir))
}

/// Reads a session that a mail can be about.
///
/// # Errors
/// When it is damaged, or searches for something else than a commit with a failure of a cell.
pub(super) fn read_session(dir: &Path) -> Result<Search, CliError> {
    let search = Session::read(dir)?;
    let config = search.config();
    let refuse = |why: &str| Err(CliError::Usage(format!("{}: {why}", dir.display())));
    match &config.subject {
        _ if config.fix => refuse("the bisection looks for a fix: there is no regression to report"),
        Subject::Command { .. } => refuse(
            "the bisection runs a command of yours, so no trial is recorded that a mail could describe; bisect a cell \
             (`oomlab bisect commits --arch … --workload …`)",
        ),
        Subject::Cell(cell) if !matches!(cell.variation, Variation::Commit { .. }) => {
            refuse("the bisection varies something else than commits; `oomlab bisect commits` finds the first bad one")
        }
        Subject::Cell(_) => match search.answer() {
            None => refuse("the bisection has no answer yet: `oomlab bisect resume` continues it"),
            Some(Answer::InvalidPremise { .. }) => refuse(
                "the bisection has found its ends to be other than they were said to be: `oomlab bisect report` explains it",
            ),
            Some(_) => Ok(search),
        },
    }
}

/// The regression that the record proves.
///
/// # Errors
/// When git cannot be run.
pub(super) fn find(record: &Record, tree: Option<&Path>) -> Result<Found, CliError> {
    let runtime = runtime()?;
    let found = runtime.block_on(async {
        match &record.bisection {
            Some(bisection) => of_bisection(bisection, tree).await,
            None => of_run(record, tree).await,
        }
    });
    runtime.shutdown_background();
    found
}

async fn of_bisection(bisection: &Bisection, tree: Option<&Path>) -> Result<Found, CliError> {
    let search = &bisection.search;
    let mut found = Found::default();
    let mut regression = match search.answer() {
        Some(Answer::Culprit { commit, probability, confirmed: true, .. }) => {
            let first = search.commit(commit);
            let parents = first.parents.iter().map(|parent| tested(search, parent));
            let first_bad = FirstBad {
                tested: tested(search, &first.id),
                subject: first.subject.clone(),
                parents: parents.filter(|parent| parent.trials.trials > 0).collect(),
                upstream: None,
                probability,
                people: people(&first.author, ""),
                files: Vec::new(),
            };
            Regression { first_bad: Some(first_bad), ..ends(search) }
        }
        Some(Answer::Culprit { .. }) => {
            found
                .notes
                .push("the first bad commit is not confirmed by further trials: the text has the range".to_owned());
            ends(search)
        }
        Some(Answer::Set { candidates, .. }) => narrow(search, &candidates).unwrap_or_else(|| ends(search)),
        _ => return Ok(found),
    };
    if regression.first_bad.is_none() && !regression.is_shown() {
        found.notes.push("the trials of the ends do not differ by more than chance: no [REGRESSION]".to_owned());
        return Ok(found);
    }
    let dir = search.config().repository.as_deref().or(tree);
    let repository = match dir {
        Some(dir) => Repository::open(dir).await,
        None => Err(GitError::NoRepository(bisection.dir.clone())),
    };
    match repository {
        Ok(repository) => {
            read_commits(&mut regression, &repository).await?;
            found.maintainers = repository.file(&search.config().new, "MAINTAINERS").await?;
            found.notes.extend((!regression.is_published).then(|| UNPUBLISHED.to_owned()));
        }
        Err(error) => {
            found.notes.push(format!("{error}: no [REGRESSION], as the commits are not known to be released"))
        }
    }
    found.regression = Some(regression);
    Ok(found)
}

const UNPUBLISHED: &str = "no tag of a release (v6.1, v6.1.5, next-20261130) has the commits, and their messages name no upstream \
                           commit: no [REGRESSION], as others cannot find them; fetch the tags if they are upstream";

/// What the commits themselves say: people, files, and where they are published.
async fn read_commits(regression: &mut Regression, repository: &Repository) -> Result<(), CliError> {
    let Some(first) = &mut regression.first_bad else {
        let [good, bad] = [&regression.good, &regression.bad].map(|tested| CommitId::new(&tested.commit));
        regression.is_published = repository.is_released(&good).await? && repository.is_released(&bad).await?;
        return Ok(());
    };
    let id = CommitId::new(&first.tested.commit);
    let (commit, message) = (repository.commit(&id).await?, repository.message(&id).await?);
    first.people = people(&commit.author, &message);
    first.upstream = upstream_commit(&message);
    first.files = repository.changed_files(&id).await?;
    regression.is_published = first.upstream.is_some() || repository.is_released(&id).await?;
    Ok(())
}

/// The ends of a search, which it found to be as they were said to be.
fn ends(search: &Search) -> Regression {
    let config = search.config();
    let good = config.old.iter().map(|old| tested(search, old)).max_by_key(|tested| tested.trials.trials);
    let good = good.unwrap_or_else(|| TestedCommit { commit: String::new(), trials: Occurrence::default() });
    Regression { good, bad: tested(search, &config.new), first_bad: None, is_published: false }
}

/// The candidates that are left, if they are a chain from a good commit to a bad one.
fn narrow(search: &Search, candidates: &[Candidate]) -> Option<Regression> {
    let mut chain: Vec<Revision> = candidates.iter().map(|candidate| candidate.revision).collect();
    chain.sort_unstable();
    let parent = |revision: Revision| match &search.commit(revision).parents[..] {
        [parent] => Some(parent),
        _ => None,
    };
    let is_chain = chain.windows(2).all(|pair| parent(pair[1]) == Some(&search.commit(pair[0]).id));
    let (good, bad) = (parent(*chain.first()?)?, &search.commit(*chain.last()?).id);
    let [good, bad] = [good, bad].map(|id| tested(search, id));
    let regression = Regression { good, bad, first_bad: None, is_published: false };
    (is_chain && regression.is_shown()).then_some(regression)
}

/// A commit with its trials.
fn tested(search: &Search, id: &CommitId) -> TestedCommit {
    let count = |result| {
        let entries = search.entries().iter().filter(|entry| entry.commit == *id && entry.result == result);
        u32::try_from(entries.count()).unwrap_or(u32::MAX)
    };
    let (hits, others) = (count(TrialResult::Bad), count(TrialResult::Other));
    let trials = hits.saturating_add(others).saturating_add(count(TrialResult::Good));
    TestedCommit { commit: id.to_string(), trials: Occurrence { hits, trials, others, undecided: 0 } }
}

/// A kernel of the same run that is good, of a commit before that of the bad one.
async fn of_run(record: &Record, tree: Option<&Path>) -> Result<Found, CliError> {
    let (trial, mut found) = (&record.trial, Found::default());
    let is_commit = |name| record.origins.get(name).is_some_and(|origin| origin.is_commit());
    let good = good_kernels(trial, &record.trials);
    if good.is_empty() {
        return Ok(found);
    }
    let commit = |commit: &Option<String>| commit.as_deref().filter(|name| is_hash(name)).map(CommitId::new);
    let dir = record.repositories.get(&trial.cell.kernel).map(PathBuf::as_path).or(tree);
    let (Some(bad), Some(dir), true) = (commit(&trial.kernel_commit), dir, is_commit(&trial.cell.kernel)) else {
        found.notes.push(
            "another kernel of the run is good, but [REGRESSION] needs both of a git repository without patches: name it with \
             `--tree DIR`, or use `oomlab bisect commits`"
                .to_owned(),
        );
        return Ok(found);
    };
    let repository = Repository::open(dir).await?;
    let mut nearest: Option<TestedCommit> = None;
    for (other, trials) in good {
        let Some(id) = commit(&other.kernel_commit).filter(|_| is_commit(&other.cell.kernel)) else { continue };
        let is_before = id != bad && repository.is_ancestor(&id, &bad).await?;
        let is_nearer = match &nearest {
            Some(known) => repository.is_ancestor(&CommitId::new(&known.commit), &id).await?,
            None => true,
        };
        if is_before && is_nearer {
            nearest = Some(TestedCommit { commit: id.to_string(), trials });
        }
    }
    let Some(good) = nearest else { return Ok(found) };
    let same = record.trials.iter().filter(|other| other.cell.id == trial.cell.id);
    let bad = TestedCommit { commit: bad.to_string(), trials: Occurrence::of(&trial.verdict, same) };
    let mut regression = Regression { good, bad, first_bad: None, is_published: false };
    read_commits(&mut regression, &repository).await?;
    found.maintainers = repository.file(&CommitId::new(&regression.bad.commit), "MAINTAINERS").await?;
    found.notes.extend((!regression.is_published).then(|| UNPUBLISHED.to_owned()));
    found.regression = Some(regression);
    Ok(found)
}

fn is_hash(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}
