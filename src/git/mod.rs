//! git repositories, through the git program: their history, and worktrees. The user's checkout and branches are never
//! touched.

mod command;
mod commit;
mod hardened;
mod locks;
mod repository;
mod worktree;

pub use command::GitError;
pub use commit::{Commit, CommitId};
pub use hardened::{in_own_folder, in_repository};
pub use locks::remove_stale_locks;
pub use repository::Repository;
pub use worktree::Worktree;
