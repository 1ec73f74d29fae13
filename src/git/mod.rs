//! git repositories, through the git program: their history, and worktrees. The user's repository is only read: a worktree
//! has a repository of its own.

mod command;
mod commit;
mod hardened;
mod inspect;
mod locks;
mod origin;
mod repository;
mod snapshot;
mod worktree;

pub use command::GitError;
pub use commit::{Commit, CommitId};
pub use hardened::{in_own_folder, in_repository, without_redirection};
pub use locks::remove_stale_locks;
pub use origin::Origin;
pub use repository::Repository;
pub use snapshot::Snapshot;
pub use worktree::Worktree;
