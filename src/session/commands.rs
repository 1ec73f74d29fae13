//! Trials that are a command of the user's, each in a worktree of its own.

use super::error::SessionError;
use super::folder::Session;
use super::runner::{Came, Coming, Job, Runner};
use super::trial::{Trial, Tried};
use crate::git::{Repository, Worktree};
use bisect::Slot;
use std::cell::RefCell;
use std::path::PathBuf;
use std::pin::Pin;
use std::rc::Rc;
use std::time::Duration;

/// Runs a command in worktrees.
#[derive(Debug)]
pub struct Commands {
    repository: Repository,
    trees: Vec<PathBuf>,
    idle: Rc<RefCell<Vec<Worktree>>>,
    command: String,
    timeout: Option<Duration>,
}

impl Commands {
    /// Makes the worktrees of a session, or takes those that it has.
    ///
    /// # Errors
    /// When the repository is gone, or git fails.
    pub async fn open(session: &Session, command: &str, timeout_s: Option<f64>) -> Result<Self, SessionError> {
        let repository = session.repository().await?;
        let trees: Vec<PathBuf> = (0..session.search.head().jobs).map(|number| session.tree(number)).collect();
        let mut idle = Vec::new();
        for tree in trees.iter().rev() {
            idle.push(Worktree::open(&repository, tree.clone()).await?);
        }
        let (command, timeout) = (command.to_owned(), timeout_s.map(Duration::from_secs_f64));
        Ok(Self { repository, trees, idle: Rc::new(RefCell::new(idle)), command, timeout })
    }
}

impl Runner for Commands {
    fn slots(&self) -> Vec<Slot> {
        vec![Slot::Any; self.trees.len()]
    }

    fn begin(&mut self, job: Job) -> Coming {
        let idle = Rc::clone(&self.idle);
        let trial = Trial {
            commit: job.commit.id,
            number: job.number,
            command: self.command.clone(),
            timeout: self.timeout,
            log: job.log,
        };
        // Taken now, and not when the future is first looked at: where it was tried last, it is built.
        let tree = {
            let mut idle = idle.borrow_mut();
            let at = idle.iter().position(|tree| tree.at() == Some(&trial.commit));
            match at {
                Some(at) => Some(idle.swap_remove(at)),
                None => idle.pop(),
            }
        };
        Box::pin(async move {
            let Some(mut tree) = tree else {
                return Err(SessionError::Wrong("there is no worktree for this trial: this is a bug".to_owned()));
            };
            let tried = trial.run(&mut tree).await;
            idle.borrow_mut().push(tree);
            let Tried { ended, exit, seconds } = tried?;
            Ok(Came { ended, exit: Some(exit), verdict: None, title: None, seconds, log: trial.log })
        })
    }

    fn close(self: Box<Self>, answered: bool) -> Pin<Box<dyn Future<Output = Result<(), SessionError>>>> {
        Box::pin(async move {
            // Who goes on with the search needs what is built in them.
            if answered {
                for tree in &self.trees {
                    Worktree::remove(&self.repository, tree).await?;
                }
            }
            Ok(())
        })
    }
}
