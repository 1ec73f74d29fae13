//! `oomlab bisect`: begins, goes on with and shows bisections.

use super::args::{BisectAction, BisectArgs, CommitsArgs, SessionArgs};
use super::live::Live;
use crate::bisect::{Answer, Settings};
use crate::cli::error::CliError;
use crate::cli::interrupt::{EXIT_INTERRUPTED, cancel_on_signals};
use crate::cli::output;
use crate::git::{Commit, CommitId, Repository};
use crate::host::{today, wall_clock};
use crate::session::{self, Commands, Head, Runner, SESSION_SCHEMA, Session, SessionError, Subject, Summary};
use std::path::{Path, PathBuf};
use tokio_util::sync::CancellationToken;

/// Where bisections go.
const SESSIONS: &str = "bisections";

/// Exit status where no single commit was found.
const EXIT_OPEN: u8 = 1;

/// Does what was asked for; gives the program's exit status.
///
/// # Errors
/// When the words make no sense, or the lab fails.
pub fn run(args: &BisectArgs) -> Result<u8, CliError> {
    // One thread runs everything, and everything ends with it.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let code = runtime.block_on(async {
        match &args.action {
            BisectAction::Commits(args) => go_on(begin(args).await?, args.json).await,
            BisectAction::Resume(args) => go_on(Session::open(&folder(&args.session)?)?, args.json).await,
            BisectAction::Status(args) => {
                let dir = folder(args)?;
                let lines = session::status(&Session::read(&dir)?, output::style(false).width);
                output::print(&format!("{}\n{}\n", dir.display(), lines.join("\n"))).map(|()| 0)
            }
            BisectAction::Log(args) => output::print(&session::git_log(&Session::read(&folder(args)?)?)).map(|()| 0),
            BisectAction::Report(args) => output::print(&session::report(&Session::read(&folder(args)?)?)).map(|()| 0),
        }
    });
    runtime.shutdown_background();
    code
}

fn folder(args: &SessionArgs) -> Result<PathBuf, SessionError> {
    args.session.clone().map_or_else(|| Session::latest(Path::new(SESSIONS)), Ok)
}

async fn begin(args: &CommitsArgs) -> Result<Session, CliError> {
    if args.exec.trim().is_empty() {
        return Err(CliError::Usage("`--exec` is empty: name the command that is a trial".to_owned()));
    }
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
    let ends = Ends { repository: &repository, fix: args.fix };
    let old = ends.before(old, &new).await?;
    let commits = ends.history(&old, &new).await?;
    let head = Head {
        schema: SESSION_SCHEMA,
        started: wall_clock(),
        repository: Some(repository.path().to_owned()),
        old,
        new,
        fix: args.fix,
        subject: Subject::Command { command: args.exec.clone(), timeout_s: args.timeout },
        jobs: args.jobs,
        settings: Settings { target: args.sure, most_trials: args.most_trials, ..Settings::default() },
    };
    Ok(Session::create(args.out.as_deref(), Path::new(SESSIONS), &today(), head, commits)?)
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

async fn go_on(mut session: Session, json: bool) -> Result<u8, CliError> {
    let cancel = CancellationToken::new();
    cancel_on_signals(cancel.clone())?;
    let mut live = Live::new(&session);
    let runner = runner(&session).await?;
    let ended = session::run(&mut session, runner, &mut live, &cancel).await;
    live.close();
    let dir = shown(session.path());
    let Some(answer) = ended? else {
        eprintln!("stopped: `oomlab bisect resume {}` goes on", dir.display());
        return Ok(EXIT_INTERRUPTED as u8);
    };
    let report = session::report(&session.search);
    output::write_file(&session.path().join("report.md"), &report)?;
    let head = report.split("\n## Trials").next().unwrap_or(&report);
    let text = format!("{head}\nall trials: {}\n", dir.join("report.md").display());
    if json {
        eprint!("{text}");
        let summary = serde_json::to_string(&Summary::new(&session.search, &answer)).map_err(std::io::Error::from)?;
        output::print(&format!("{summary}\n"))?;
    } else {
        output::print(&text)?;
    }
    Ok(if matches!(answer, Answer::Culprit { .. }) { 0 } else { EXIT_OPEN })
}

/// What tries what the session is about.
async fn runner(session: &Session) -> Result<Box<dyn Runner>, CliError> {
    match &session.search.head().subject {
        Subject::Command { command, timeout_s } => Ok(Box::new(Commands::open(session, command, *timeout_s).await?)),
        Subject::Cell(_) => Err(CliError::Usage("cells cannot be bisected yet".to_owned())),
    }
}

/// A path as the user would type it.
fn shown(path: &Path) -> PathBuf {
    let here = std::env::current_dir().unwrap_or_default();
    path.strip_prefix(here).unwrap_or(path).to_owned()
}
