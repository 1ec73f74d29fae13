//! `oomlab bisect`: goes on with bisections and shows them.

use super::args::{BisectAction, BisectArgs, LabArgs, SearchArgs, SessionArgs};
use super::live::Live;
use super::{commits, config, lists, simulate, subject};
use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::cli::interrupt::{EXIT_INTERRUPTED, cancel_on_signals};
use crate::cli::output;
use crate::host::today;
use crate::session::{self, Commands, Head, Runner, Session, SessionError, Subject, Summary, Vary};
use bisect::{Answer, Wrong};
use std::path::{Path, PathBuf};
use tokio_util::sync::CancellationToken;

/// Where bisections go.
pub(super) const SESSIONS: &str = "bisections";

/// Exit status where no single commit was found.
pub(super) const EXIT_OPEN: u8 = 1;

/// Does what was asked for; gives the program's exit status.
///
/// # Errors
/// When the words make no sense, or the lab fails.
pub fn run(args: &BisectArgs, context: &Context) -> Result<u8, CliError> {
    // One thread runs everything, and everything ends with it.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let code = runtime.block_on(async {
        match &args.action {
            BisectAction::Commits(args) => {
                let (head, history) = commits::begin(args, context).await?;
                let session = create(&args.search, head, history)?;
                go_on(session, args.search.json, &args.lab, context).await
            }
            BisectAction::Versions(args) => {
                let (head, history) = lists::versions(args, context)?;
                let session = create(&args.search, head, history)?;
                go_on(session, args.search.json, &args.lab, context).await
            }
            BisectAction::Axis(args) => {
                let (head, history) = lists::axis(args, context)?;
                let session = create(&args.search, head, history)?;
                go_on(session, args.search.json, &args.lab, context).await
            }
            BisectAction::Config(args) => config::run(args, context).await,
            BisectAction::Simulate(args) => simulate::run(args),
            BisectAction::Resume(args) => {
                go_on(Session::open(&folder(&args.session)?)?, args.json, &args.lab, context).await
            }
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

fn create(args: &SearchArgs, head: Head, history: Vec<crate::git::Commit>) -> Result<Session, SessionError> {
    Session::create(args.out.as_deref(), Path::new(SESSIONS), &today(), head, history)
}

async fn go_on(session: Session, json: bool, lab: &LabArgs, context: &Context) -> Result<u8, CliError> {
    let cancel = CancellationToken::new();
    cancel_on_signals(cancel.clone())?;
    let (session, answer) = answer(session, lab, context, &cancel).await?;
    let Some(answer) = answer else { return Ok(EXIT_INTERRUPTED as u8) };
    let text = tell(&session)?;
    if json {
        eprint!("{text}");
        let summary = serde_json::to_string(&Summary::new(&session.search, &answer)).map_err(std::io::Error::from)?;
        output::print(&format!("{summary}\n"))?;
    } else {
        output::print(&text)?;
    }
    Ok(if matches!(answer, Answer::Culprit { .. }) { 0 } else { EXIT_OPEN })
}

/// Goes on with a session until it has an answer, or is stopped.
///
/// # Errors
/// When the lab or the command is broken.
pub(super) async fn answer(
    mut session: Session,
    lab: &LabArgs,
    context: &Context,
    cancel: &CancellationToken,
) -> Result<(Session, Option<Answer>), CliError> {
    let mut ended = search(&mut session, lab, context, cancel).await?;
    if ended.as_ref().is_some_and(|answer| is_the_other_way_round(&session, answer)) {
        eprintln!("it fails at the first end already: what repairs it is looked for");
        session = session.turn()?;
        ended = search(&mut session, lab, context, cancel).await?;
    }
    if ended.is_none() {
        eprintln!("stopped: `oomlab bisect resume {}` goes on", shown(session.path()).display());
    }
    Ok((session, ended))
}

/// Writes the report and gives all of it but the trials.
///
/// # Errors
/// When it cannot be written.
pub(super) fn tell(session: &Session) -> Result<String, CliError> {
    let report = session::report(&session.search);
    let path = session.path().join("report.md");
    output::write_file(&path, &report)?;
    let head = report.split("\n## Trials").next().unwrap_or(&report);
    Ok(format!("{head}\nall trials: {}\n", shown(&path).display()))
}

async fn search(
    session: &mut Session,
    lab: &LabArgs,
    context: &Context,
    cancel: &CancellationToken,
) -> Result<Option<Answer>, CliError> {
    let mut live = Live::new(session);
    let runner = runner(session, lab, context).await?;
    let ended = session::run(session, runner, &mut live, cancel).await;
    live.close();
    Ok(ended?)
}

/// Of versions and of the values of an axis, nobody said which end fails.
fn is_the_other_way_round(session: &Session, answer: &Answer) -> bool {
    let head = session.search.head();
    let is_open = matches!(&head.subject, Subject::Cell(subject) if matches!(subject.vary, Vary::Cells(_)));
    let fails_first = match answer {
        Answer::Premise { wrong: Wrong::GoodEndHangs, .. } => true,
        Answer::Premise { wrong: Wrong::BadEndPasses, good, .. } => good.hangs > 0,
        _ => false,
    };
    is_open && !head.fix && fails_first
}

/// What tries what the session is about.
async fn runner(session: &Session, lab: &LabArgs, context: &Context) -> Result<Box<dyn Runner>, CliError> {
    match &session.search.head().subject {
        Subject::Command { command, timeout_s } => Ok(Box::new(Commands::open(session, command, *timeout_s).await?)),
        Subject::Cell(subject) => Ok(Box::new(subject::runner(session, subject, lab, context)?)),
    }
}

/// A path as the user would type it.
fn shown(path: &Path) -> PathBuf {
    let here = std::env::current_dir().unwrap_or_default();
    path.strip_prefix(here).unwrap_or(path).to_owned()
}
