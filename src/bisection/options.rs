//! The kernel options that cause a failure.
//!
//! The options in which the bad configuration differs are added to the good one, one after the other. The one with which
//! it starts to fail is needed. With it set from the start, the options before it are searched again, until the options
//! that were found fail without any other.

use super::cell;
use super::config::{CellSubject, SESSION_SCHEMA, SessionConfig, Subject, Variation};
use super::driver::SessionDriver;
use super::error::{RequestError, SessionError};
use super::event::SessionEvent;
use super::lists::linear_history;
use super::report::Report;
use super::request::OptionsRequest;
use super::session::{SearchOutcome, Session, SessionDir};
use super::summary::Summary;
use crate::git::{Commit, CommitId};
use crate::host::wall_clock;
use crate::kernel::{Difference, Fragment};
use bisect::{Answer, InvalidPremise};
use model::Cell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The options that were found, and the cost of the search.
#[derive(Debug, Clone, PartialEq)]
pub struct OptionsAnswer {
    /// The options; `old` is the good value, `new` the bad one.
    pub needed: Vec<Difference>,
    /// The report of the round that ended the search without an answer; `None` where these are all options.
    pub unanswered: Option<Report>,
    /// The probability that each of them is needed.
    pub probability: f64,
    /// Rounds.
    pub rounds: usize,
    /// Trials of all rounds.
    pub trials: u32,
    /// Configurations that were tried.
    pub builds: usize,
    /// Duration of all builds and trials together.
    pub seconds: f64,
}

/// A search for options between its rounds.
struct Rounds {
    request: OptionsRequest,
    cell: Cell,
    good: Fragment,
    /// The options that may be needed as well.
    remaining: Vec<Difference>,
    answer: OptionsAnswer,
}

impl SessionDriver<'_> {
    /// Searches for kernel options, or continues a search in the same folder; `None` where it was stopped.
    ///
    /// # Errors
    /// When the request is invalid, or the lab fails.
    pub async fn find_options(
        &mut self,
        request: OptionsRequest,
        place: &SessionDir,
    ) -> Result<Option<OptionsAnswer>, SessionError> {
        let mut rounds = Rounds::new(request, |cell| cell::plan(cell, &self.lab()?.known).map_err(Into::into))?;
        let dir = place.reserve()?;
        let dir = std::path::absolute(&dir).map_err(SessionError::file("read", &dir))?;
        self.listener.on_event(SessionEvent::RoundsStarted { options: rounds.remaining.len(), dir: &dir });
        loop {
            let round = dir.join(format!("round-{}", rounds.answer.rounds + 1));
            let session = match (Session::exists(&round), rounds.request.limits.rate) {
                (true, Some(rate)) => Session::open(&round)?.at_rate(rate)?,
                (true, None) => Session::open(&round)?,
                (false, _) => rounds.session(&round)?,
            };
            let SearchOutcome { session, answer } = self.resume(session).await?;
            let Some(answer) = answer else { return Ok(None) };
            if rounds.add(&session, &answer) {
                return Ok(Some(rounds.answer));
            }
        }
    }
}

impl Rounds {
    fn new(
        request: OptionsRequest,
        plan: impl FnOnce(crate::matrix::SingleCell) -> Result<Cell, SessionError>,
    ) -> Result<Self, SessionError> {
        let good = Fragment::of_config(&request.good).map_err(|error| RequestError::Config(Box::new(error)))?;
        let bad = Fragment::of_config(&request.bad).map_err(|error| RequestError::Config(Box::new(error)))?;
        let remaining = good.differences(&bad);
        if remaining.is_empty() {
            let OptionsRequest { good, bad, .. } = request;
            return Err(RequestError::SameConfig { good, bad }.into());
        }
        let cell = plan(request.cell.cell.clone())?;
        let answer = OptionsAnswer {
            needed: Vec::new(),
            unanswered: None,
            probability: 1.0,
            rounds: 0,
            trials: 0,
            builds: 0,
            seconds: 0.0,
        };
        Ok(Self { request, cell, good, remaining, answer })
    }

    /// Adds the answer of a round; whether the search is over.
    fn add(&mut self, session: &Session, answer: &Answer) -> bool {
        let summary = Summary::new(&session.search, answer, session.path());
        self.answer.rounds += 1;
        self.answer.trials += summary.trials;
        self.answer.builds += summary.builds;
        self.answer.seconds += summary.seconds;
        match answer {
            Answer::Culprit { commit, probability, .. } => {
                self.answer.probability *= probability;
                // Revision 0 has none of the remaining options.
                let at = (*commit as usize).saturating_sub(1);
                self.answer.needed.extend(self.remaining.get(at).cloned());
                self.remaining.truncate(at);
                self.remaining.is_empty()
            }
            // The options that were found fail without any other.
            Answer::InvalidPremise { reason: InvalidPremise::GoodEndHangs, .. } if !self.answer.needed.is_empty() => {
                true
            }
            Answer::InvalidPremise { .. } | Answer::Set { .. } => {
                self.answer.unanswered = Some(Report::new(&session.search, session.path()));
                true
            }
        }
    }

    /// The session of a round: the needed options are set from the start, the remaining ones are added one by one.
    fn session(&self, round: &Path) -> Result<Session, SessionError> {
        let configs = round.join("configs");
        std::fs::create_dir_all(&configs).map_err(SessionError::file("write", &configs))?;
        let (files, history) = self.history(&configs)?;
        let OptionsRequest { cell: request, limits, .. } = &self.request;
        let (cell, criterion) = (self.cell.clone(), request.criterion.clone());
        let jobs = cell::jobs(limits.jobs, &cell);
        let subject = CellSubject { cell, variation: Variation::Configs(files), criterion };
        let config = SessionConfig {
            schema: SESSION_SCHEMA,
            started: wall_clock(),
            repository: None,
            old: vec![CommitId::new("0")],
            new: CommitId::new(self.remaining.len().to_string()),
            fix: false,
            subject: Subject::Cell(Box::new(subject)),
            jobs,
            settings: limits.settings(cell::settings(true)),
            older: None,
            starts: Vec::new(),
        };
        Session::create(&SessionDir::Named(round.to_owned()), config, history)
    }

    /// Writes the configurations of a round.
    fn history(&self, configs: &Path) -> Result<(BTreeMap<String, PathBuf>, Vec<Commit>), SessionError> {
        let (mut files, mut subjects) = (BTreeMap::new(), Vec::new());
        for number in 0..=self.remaining.len() {
            let id = number.to_string();
            let path = configs.join(format!("{id}.config"));
            let options = self.answer.needed.iter().chain(&self.remaining[..number]);
            let text = self.good.with(options).text();
            std::fs::write(&path, text).map_err(SessionError::file("write", &path))?;
            let subject = match number.checked_sub(1).and_then(|at| self.remaining.get(at)) {
                Some(Difference { name, old, new }) => format!("{name}={new} (was {old})"),
                None => "none of them".to_owned(),
            };
            subjects.push((id.clone(), subject));
            files.insert(id, path);
        }
        Ok((files, linear_history(subjects)))
    }
}
