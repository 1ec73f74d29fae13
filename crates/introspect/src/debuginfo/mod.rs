//! Layouts of the kernel's structures, from its debug information: BTF or DWARF.

mod btf;
mod dwarf;
mod error;
mod types;

#[cfg(test)]
mod samples;

pub use btf::Btf;
pub use dwarf::Dwarf;
pub use error::DebugInfoError;
pub use types::{Field, Member, Shape, TypeId, Types, field, size};
