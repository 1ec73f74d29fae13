//! `oomlab report mail` and `oomlab report lint`: drafts of mails to the kernel's lists, and checks of them.

mod draft;
mod lint;
mod record;
mod regression;

pub use draft::{MailArgs, run};
pub use lint::{LintArgs, lint};
