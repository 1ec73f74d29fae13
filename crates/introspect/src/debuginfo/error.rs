//! Why debug information cannot be used.

/// Debug information that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DebugInfoError {
    /// There is none.
    #[error("there is no debug information in it")]
    Absent,
    /// It is damaged, or in an unknown form.
    #[error("its debug information cannot be read: {0}")]
    Unreadable(String),
}
