//! git repositories, through the git program: their history, and worktrees of the lab's own. Neither the user's checkout nor
//! any branch is ever touched.

mod command;
mod commit;
mod repository;
mod worktree;

pub use command::GitError;
pub use commit::{Commit, CommitId};
pub use repository::Repository;
pub use worktree::Worktree;
