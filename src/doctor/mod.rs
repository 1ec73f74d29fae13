//! Requirements of the lab on its host, and the commands that install missing ones.
//!
//! [`requirements`] lists them (pure, from what the host is used for), [`probe`] inspects the host, [`Examination`] compares the
//! two, [`installation`] makes commands of what is missing.

mod examination;
mod facts;
mod installation;
mod probe;
mod requirement;
mod text;

pub use examination::{EXAMINATION_SCHEMA, Examination, Missing};
pub use facts::{Facts, Kvm};
pub use installation::{CannotInstall, Command, Packages, Privilege, installation, update};
pub use probe::{apt_knows, missing, privilege, probe};
pub use requirement::{Need, Requirement, Uses, requirements};
pub use text::{remedies, text};
