//! `oomlab bisect commits`: what lies between two revisions of a git repository.

use super::args::CommitsArgs;
use super::subject;
use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::cli::known::Catalogues;
use crate::git::{Commit, CommitId, Repository};
use crate::host::wall_clock;
use crate::session::{CellSubject, Head, SESSION_SCHEMA, Subject, Vary};
use bisect::Settings;

/// What a trial of a cell and an incremental build are expected to take, in seconds, before there was one.
const TRIAL_S: f64 = 20.0;
const BUILD_S: f64 = 60.0;

/// What was asked for, and the history between the ends.
///
/// # Errors
/// When the words make no sense, or git fails.
pub(super) async fn begin(args: &CommitsArgs, context: &Context) -> Result<(Head, Vec<Commit>), CliError> {
    let (subject, jobs, settings) = subject(args, context)?;
    let repository = Repository::open(&args.repo).await?;
    let mut good = Vec::new();
    for words in &args.good {
        good.push(repository.resolve(words).await?);
    }
    let bad = repository.resolve(&args.bad).await?;
    let (old, new) = match (args.fix, good.as_slice()) {
        (false, _) => (good, bad),
        (true, [good]) => (vec![bad], good.clone()),
        (true, _) => return Err(CliError::Usage("with `--fix` there is one good end".to_owned())),
    };
    let target = Settings { target: args.search.sure, most_trials: args.search.most_trials, ..settings };
    let asked = Asked { old, new, fix: args.fix, subject, jobs, settings: target };
    between(&repository, asked).await
}

/// A search between two commits.
pub(super) struct Asked {
    /// Commits without what is looked for.
    pub old: Vec<CommitId>,
    /// The commit with it.
    pub new: CommitId,
    /// Whether what is looked for is a repair.
    pub fix: bool,
    /// What is tried.
    pub subject: Subject,
    /// Trials at a time.
    pub jobs: u32,
    /// What is expected.
    pub settings: Settings,
}

/// The history between the ends, and what a session must know.
///
/// # Errors
/// When nothing lies between them, or git fails.
pub(super) async fn between(repository: &Repository, asked: Asked) -> Result<(Head, Vec<Commit>), CliError> {
    let Asked { old, new, fix, subject, jobs, settings } = asked;
    let ends = Ends { repository, fix };
    let old = ends.before(old, &new).await?;
    let commits = ends.history(&old, &new).await?;
    let (schema, started, repository) = (SESSION_SCHEMA, wall_clock(), Some(repository.path().to_owned()));
    Ok((Head { schema, started, repository, old, new, fix, subject, jobs, settings }, commits))
}

/// What is expected of cells whose kernels are built.
pub(super) fn of_builds() -> Settings {
    Settings { trial_s: TRIAL_S, build_s: BUILD_S, ..Settings::default() }
}

/// What is tried on each commit, how many at a time, and what is expected of it.
fn subject(args: &CommitsArgs, context: &Context) -> Result<(Subject, u32, Settings), CliError> {
    let defaults = Settings::default();
    match &args.exec {
        Some(command) if command.trim().is_empty() => {
            Err(CliError::Usage("`--exec` is empty: name the command that is a trial".to_owned()))
        }
        Some(command) => {
            let subject = Subject::Command { command: command.clone(), timeout_s: args.timeout };
            Ok((subject, args.search.jobs.unwrap_or(1), defaults))
        }
        None if args.cell.workload.is_none() && args.cell.cell.is_none() => {
            let text = "nothing to try: name a command with `--exec`, or a cell with `--arch` and `--workload`";
            Err(CliError::Usage(text.to_owned()))
        }
        None => {
            let catalogues = Catalogues::read(context, args.lab.mirror.clone())?;
            let cell = subject::cell(subject::wanted(&args.cell, subject::any_commit())?, &catalogues.known())?;
            // What is missing is known before anything is built.
            subject::fragments(&args.config, cell.arch, context)?;
            let jobs = subject::jobs(args.search.jobs, &cell);
            let config = args.config.iter().map(|name| absolute(name)).collect();
            let subject = CellSubject { cell, vary: Vary::Commit { config }, bad: subject::bad(&args.cell)? };
            Ok((Subject::Cell(Box::new(subject)), jobs, of_builds()))
        }
    }
}

/// A file's path as it is anywhere; a fragment's name as it is.
fn absolute(name: &str) -> String {
    let path = std::path::Path::new(name);
    let is_file = name.contains('/') || path.is_file();
    let absolute = std::path::absolute(path).ok().filter(|_| is_file);
    absolute.map_or_else(|| name.to_owned(), |path| path.display().to_string())
}

/// What a bisection lies between.
struct Ends<'a> {
    repository: &'a Repository,
    fix: bool,
}

impl Ends<'_> {
    /// The old ends, each before the new one: where histories have parted, the commit where they did stands for the old end.
    async fn before(&self, old: Vec<CommitId>, new: &CommitId) -> Result<Vec<CommitId>, CliError> {
        let mut before = Vec::new();
        for end in old {
            let (older, newer) = if self.fix { ("bad", "good") } else { ("good", "bad") };
            let base = self.repository.merge_base(&end, new).await?;
            let base = match base {
                Some(base) if base == *new => {
                    let hint = if self.fix { "leave out `--fix`" } else { "did you mean `--fix`?" };
                    let text = format!("the {newer} end is not newer than the {older} one {}: {hint}", end.short());
                    return Err(CliError::Usage(text));
                }
                Some(base) => base,
                None => {
                    let text = format!("{} and {} have no commit in common", end.short(), new.short());
                    return Err(CliError::Usage(text));
                }
            };
            if base != end {
                eprintln!(
                    "{} is not before {}: {}, where they part, stands for it",
                    end.short(),
                    new.short(),
                    base.short()
                );
            }
            if !before.contains(&base) {
                before.push(base);
            }
        }
        Ok(before)
    }

    /// The old ends and all after them, parents first.
    async fn history(&self, old: &[CommitId], new: &CommitId) -> Result<Vec<Commit>, CliError> {
        let mut commits = Vec::new();
        for end in old {
            commits.push(Commit { parents: Vec::new(), ..self.repository.commit(end).await? });
        }
        commits.extend(self.repository.between(old, new).await?);
        Ok(commits)
    }
}
