//! Layouts of the kernel's structures, out of its debug information: BTF or DWARF. Pure; the bytes are not trusted.

mod btf;
mod dwarf;
mod types;

#[cfg(test)]
mod samples;

pub use btf::Btf;
pub use dwarf::Dwarf;
pub use types::{Field, Member, Shape, TypeId, Types, field, size};

/// Debug information that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DebugInfoError {
    /// There is none.
    #[error("there is no debug information in it")]
    Absent,
    /// It is damaged, or in a form that is not known here.
    #[error("its debug information cannot be read: {0}")]
    Unreadable(String),
}
