//! What the host must have, what it lacks, and the commands that install it.
//!
//! [`requirements`] says what is needed (pure, from the architectures), [`probe`] looks at the host,
//! [`Examination`] compares the two, [`installation`] turns what is missing into commands.

mod examination;
mod facts;
mod installation;
mod probe;
mod requirement;
mod text;

pub use examination::{Examination, Missing};
pub use facts::{Facts, Kvm};
pub use installation::{CannotInstall, Command, Packages, Privilege, installation, update};
pub use probe::{apt_knows, privilege, probe};
pub use requirement::{Need, Requirement, requirements};
pub use text::text;
