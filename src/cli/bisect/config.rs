//! `oomlab bisect config`: which options of two configurations make the difference.
//!
//! The options of which the bad one differs are put into the good one, one after the other. The one with which it begins to fail is
//! needed. With it in place from the start, those before it are searched again, until what was found fails by itself.

use super::args::ConfigArgs;
use super::commits::of_builds;
use super::session::{EXIT_OPEN, SESSIONS, answer, tell};
use super::subject;
use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::cli::interrupt::{EXIT_INTERRUPTED, cancel_on_signals};
use crate::cli::known::Catalogues;
use crate::cli::output;
use crate::git::{Commit, CommitId};
use crate::host::{today, wall_clock};
use crate::kernel::{Difference, Fragment};
use crate::matrix::SingleKernel;
use crate::session::{CellSubject, Head, SESSION_SCHEMA, Session, Subject, Summary, Vary, first_free};
use bisect::{Answer, Settings, Wrong};
use model::Cell;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use tokio_util::sync::CancellationToken;

/// Finds the options; gives the program's exit status.
///
/// # Errors
/// When the words make no sense, or the lab fails.
pub(super) async fn run(args: &ConfigArgs, context: &Context) -> Result<u8, CliError> {
    let usage = |error: crate::kernel::KernelError| CliError::Usage(error.to_string());
    let good = Fragment::of_config(&args.good).map_err(usage)?;
    let bad = Fragment::of_config(&args.bad).map_err(usage)?;
    let mut open = good.differences(&bad);
    if open.is_empty() {
        let (good, bad) = (args.good.display(), args.bad.display());
        return Err(CliError::Usage(format!("{good} and {bad} differ in no option")));
    }
    let catalogues = Catalogues::read(context, args.lab.mirror.clone())?;
    let kernel = SingleKernel::Catalogue(args.kernel.clone().unwrap_or_default());
    let cell = subject::cell(subject::wanted(&args.cell, kernel)?, &catalogues.known())?;
    let dir = match &args.search.out {
        Some(dir) => std::path::absolute(dir)?,
        None => std::path::absolute(first_free(Path::new(SESSIONS), &today())?)?,
    };
    eprintln!("{} options differ · rounds in {}", open.len(), dir.display());
    let cancel = CancellationToken::new();
    cancel_on_signals(cancel.clone())?;
    let mut found = Found::default();
    loop {
        let round = dir.join(format!("round-{}", found.rounds + 1));
        let session = if round.join("session.json").exists() {
            Session::open(&round)?
        } else {
            let (head, history) = plan(args, &cell, &good, &found.needed, &open, &round)?;
            Session::create(Some(&round), &dir, &today(), head, history)?
        };
        let (session, answer) = answer(session, &args.lab, context, &cancel).await?;
        let Some(answer) = answer else { return Ok(EXIT_INTERRUPTED as u8) };
        let told = tell(&session)?;
        found.add(&Summary::new(&session.search, &answer));
        match answer {
            Answer::Culprit { commit, probability, .. } => {
                found.probability *= probability;
                // Revision 0 has none of them.
                let at = (commit as usize).saturating_sub(1);
                found.needed.extend(open.get(at).cloned());
                open.truncate(at);
                if open.is_empty() {
                    break;
                }
            }
            // What was found fails by itself.
            Answer::Premise { wrong: Wrong::GoodEndHangs, .. } if !found.needed.is_empty() => break,
            Answer::Premise { .. } | Answer::Set { .. } => {
                eprint!("{told}");
                found.say(args.search.json, false)?;
                return Ok(EXIT_OPEN);
            }
        }
    }
    found.say(args.search.json, true)?;
    Ok(0)
}

/// What the rounds have found.
struct Found {
    needed: Vec<Difference>,
    probability: f64,
    rounds: usize,
    trials: u32,
    builds: usize,
    seconds: f64,
}

impl Default for Found {
    fn default() -> Self {
        Self { needed: Vec::new(), probability: 1.0, rounds: 0, trials: 0, builds: 0, seconds: 0.0 }
    }
}

impl Found {
    fn add(&mut self, summary: &Summary) {
        self.rounds += 1;
        self.trials += summary.trials;
        self.builds += summary.builds;
        self.seconds += summary.seconds;
    }

    fn say(&self, as_json: bool, all: bool) -> Result<(), CliError> {
        let options: Vec<Value> =
            self.needed.iter().map(|one| json!({ "name": one.name, "good": one.old, "bad": one.new })).collect();
        let Self { probability, rounds, trials, builds, seconds, .. } = self;
        if as_json {
            let probability = if all { *probability } else { 0.0 };
            let value = json!({
                "options": options, "probability": probability, "rounds": rounds, "trials": trials, "builds": builds,
                "seconds": seconds,
            });
            return output::print(&format!("{value}\n"));
        }
        let mut text = if all { "it fails with\n".to_owned() } else { "found so far:\n".to_owned() };
        for Difference { name, old, new } in &self.needed {
            text += &format!("  {name}={new} (was {old})\n");
        }
        text += &format!("{trials} trials of {builds} configurations in {rounds} rounds\n");
        output::print(&text)
    }
}

/// One round: what is needed is there from the start, and the others come one after the other.
fn plan(
    args: &ConfigArgs,
    cell: &Cell,
    good: &Fragment,
    needed: &[Difference],
    open: &[Difference],
    round: &Path,
) -> Result<(Head, Vec<Commit>), CliError> {
    let configs = round.join("configs");
    std::fs::create_dir_all(&configs)?;
    let (mut files, mut history): (BTreeMap<String, PathBuf>, Vec<Commit>) = (BTreeMap::new(), Vec::new());
    for number in 0..=open.len() {
        let id = number.to_string();
        let path = configs.join(format!("{id}.config"));
        std::fs::write(&path, good.with(needed.iter().chain(&open[..number])).text())?;
        let subject = match number.checked_sub(1).and_then(|at| open.get(at)) {
            Some(Difference { name, old, new }) => format!("{name}={new} (was {old})"),
            None => "none of them".to_owned(),
        };
        let parents = history.last().map(|commit| commit.id.clone()).into_iter().collect();
        let (author, date) = (String::new(), String::new());
        history.push(Commit { id: CommitId::new(id.clone()), parents, author, date, subject });
        files.insert(id, path);
    }
    let subject = CellSubject { cell: cell.clone(), vary: Vary::Configs(files), bad: subject::bad(&args.cell)? };
    let head = Head {
        schema: SESSION_SCHEMA,
        started: wall_clock(),
        repository: None,
        old: vec![CommitId::new("0")],
        new: CommitId::new(open.len().to_string()),
        fix: false,
        subject: Subject::Cell(Box::new(subject)),
        jobs: subject::jobs(args.search.jobs, cell),
        settings: Settings { target: args.search.sure, most_trials: args.search.most_trials, ..of_builds() },
    };
    Ok((head, history))
}
