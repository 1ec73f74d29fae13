//! git repositories, through the git program: their history, and worktrees. The user's checkout and branches are never
//! touched.

mod command;
mod commit;
mod locks;
mod repository;
mod worktree;

pub use command::GitError;
pub use commit::{Commit, CommitId};
pub use locks::remove_stale_locks;
pub use repository::Repository;
pub use worktree::Worktree;
