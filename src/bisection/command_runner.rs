//! Trials that are a command of the user's, each in a worktree of its own.

use super::command_trial::{CommandOutcome, CommandTrial};
use super::error::SessionError;
use super::runner::{Job, JobFuture, JobOutcome, Runner};
use super::session::Session;
use crate::git::{Origin, Worktree};
use bisect::Slot;
use model::duration;
use std::cell::RefCell;
use std::path::PathBuf;
use std::pin::Pin;
use std::rc::Rc;
use std::time::Duration;

/// Runs a command in worktrees.
#[derive(Debug)]
pub struct CommandRunner {
    trees: Vec<PathBuf>,
    idle: Rc<RefCell<Vec<Worktree>>>,
    command: String,
    timeout: Option<Duration>,
}

impl CommandRunner {
    /// Creates the worktrees of a session, or opens those that exist.
    ///
    /// # Errors
    /// When the repository is gone, or git fails.
    pub async fn open(session: &Session, command: &str, timeout_s: Option<f64>) -> Result<Self, SessionError> {
        let origin = Rc::new(Origin::of(&session.repository().await?).await?);
        let trees: Vec<PathBuf> = (0..session.search.config().jobs).map(|number| session.tree(number)).collect();
        let mut idle = Vec::new();
        for tree in trees.iter().rev() {
            idle.push(Worktree::open(Rc::clone(&origin), tree.clone()).await?);
        }
        let (command, timeout) = (command.to_owned(), timeout_s.map(duration));
        Ok(Self { trees, idle: Rc::new(RefCell::new(idle)), command, timeout })
    }
}

impl Runner for CommandRunner {
    fn slots(&self) -> Vec<Slot> {
        vec![Slot::Any; self.trees.len()]
    }

    fn start(&mut self, job: Job) -> JobFuture {
        let idle = Rc::clone(&self.idle);
        let trial = CommandTrial {
            commit: job.commit.id,
            number: job.number,
            command: self.command.clone(),
            timeout: self.timeout,
            log: job.log,
        };
        // Reserved before the future is polled: the worktree of the last trial of this commit has it built.
        let tree = {
            let mut idle = idle.borrow_mut();
            let at = idle.iter().position(|tree| tree.at() == Some(&trial.commit));
            match at {
                Some(at) => Some(idle.swap_remove(at)),
                None => idle.pop(),
            }
        };
        Box::pin(async move {
            let mut tree = tree.ok_or(SessionError::Internal("no worktree is left for a trial"))?;
            let outcome = trial.run(&mut tree).await;
            idle.borrow_mut().push(tree);
            let CommandOutcome { result, exit, seconds } = outcome?;
            Ok(JobOutcome { result, exit: Some(exit), verdict: None, title: None, seconds, log: trial.log })
        })
    }

    fn finish(self: Box<Self>, answered: bool) -> Pin<Box<dyn Future<Output = Result<(), SessionError>>>> {
        Box::pin(async move {
            // A resumed session reuses the builds in its worktrees.
            if answered {
                for tree in &self.trees {
                    Worktree::remove(tree).await?;
                }
            }
            Ok(())
        })
    }
}
