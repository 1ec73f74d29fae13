//! Why a command did not do what it was asked.

use crate::matrix::Diagnostic;

/// Exit status for wrong usage or a wrong matrix.
pub const EXIT_USAGE: u8 = 2;
/// Exit status when the lab failed.
pub const EXIT_LAB: u8 = 3;

/// Why a command did not do what it was asked.
#[derive(Debug)]
pub enum CliError {
    /// Something is wrong with the matrix, the filter or the cell.
    Diagnostics(Vec<Diagnostic>),
    /// Something else is wrong with what the user wrote.
    Usage(String),
    /// The lab failed.
    Lab(String),
}

impl CliError {
    /// The program's exit status.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Diagnostics(_) | Self::Usage(_) => EXIT_USAGE,
            Self::Lab(_) => EXIT_LAB,
        }
    }

    /// What the user is told, ending in a newline.
    pub fn render(&self, color: bool) -> String {
        match self {
            Self::Diagnostics(found) => found.iter().map(|diagnostic| diagnostic.render(color) + "\n").collect(),
            Self::Usage(text) | Self::Lab(text) => {
                let error = console::Style::new().red().bold().force_styling(color).apply_to("error");
                format!("{error}: {text}\n")
            }
        }
    }
}

impl From<Vec<Diagnostic>> for CliError {
    fn from(found: Vec<Diagnostic>) -> Self {
        Self::Diagnostics(found)
    }
}

macro_rules! lab_error {
    ($($error:ty),+ $(,)?) => {
        $(impl From<$error> for CliError {
            fn from(error: $error) -> Self {
                Self::Lab(error.to_string())
            }
        })+
    };
}

lab_error!(
    std::io::Error,
    crate::image::ImageError,
    crate::lab::LabError,
    crate::store::StoreError,
    super::context::NoCache,
    super::doctor::DoctorError,
);

impl From<crate::git::GitError> for CliError {
    fn from(error: crate::git::GitError) -> Self {
        match error {
            crate::git::GitError::Wrong(text) => Self::Usage(text),
            other => Self::Lab(other.to_string()),
        }
    }
}

impl From<crate::session::SessionError> for CliError {
    fn from(error: crate::session::SessionError) -> Self {
        use crate::session::SessionError as E;
        match error {
            E::Git(error) => error.into(),
            E::Wrong(_) | E::Command { .. } | E::Settings(_) => Self::Usage(error.to_string()),
            E::File { .. } | E::Damaged { .. } | E::History(_) | E::Lab(_) => Self::Lab(error.to_string()),
        }
    }
}

impl From<crate::kernel::KernelError> for CliError {
    fn from(error: crate::kernel::KernelError) -> Self {
        use crate::kernel::KernelError as E;
        match error {
            E::Unknown { .. } | E::NotForArch { .. } | E::NotBuilt { .. } | E::NotInDebian(_) | E::Catalogue { .. } => {
                Self::Usage(error.to_string())
            }
            _ => Self::Lab(error.to_string()),
        }
    }
}
