//! Why the tasks of a guest cannot be read.

/// The debug information lacks a member that is needed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the debug information has no {structure}.{member}")]
pub struct MissingMember {
    /// The structure.
    pub structure: &'static str,
    /// Its member, or the members on the way to one in a structure inside, with dots.
    pub member: &'static str,
}

/// The kernel of a guest cannot be found in its memory.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TasksError {
    /// The architecture has no [`arch::StackSpec`].
    #[error("the lab cannot read the tasks of {0}")]
    Unsupported(arch::Arch),
    /// The kernel's symbols are incomplete.
    #[error("the symbols have no `init_task`")]
    NoInitTask,
    /// No vCPU sees `swapper` at `init_task`.
    #[error(
        "the kernel's first task is not where its symbols and debug information say: they belong to another kernel, or this \
         one has not started yet"
    )]
    NoSwapper,
}
