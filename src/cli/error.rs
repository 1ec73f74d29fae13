//! Why a command did not do what it was asked.

use crate::diagnostic::Diagnostic;

/// Exit status for wrong usage or a wrong matrix.
pub const EXIT_USAGE: u8 = 2;
/// Exit status when the lab failed.
pub const EXIT_LAB: u8 = 3;

/// Why a command did not do what it was asked.
#[derive(Debug)]
pub enum CliError {
    /// Something is wrong with the matrix, the filter or the cell.
    Diagnostics(Vec<Diagnostic>),
    /// The compiler refuses the sources of a workload: its messages, line by line.
    Sources(String),
    /// Something else is wrong with what the user wrote.
    Usage(String),
    /// The lab failed.
    Lab(String),
}

impl CliError {
    /// The program's exit status.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Diagnostics(_) | Self::Sources(_) | Self::Usage(_) => EXIT_USAGE,
            Self::Lab(_) => EXIT_LAB,
        }
    }

    /// What it says, without the word `error`.
    pub fn reason(&self) -> String {
        self.render(false).trim().trim_start_matches("error: ").to_owned()
    }

    /// The same about something that the user has named: what cannot be read is wrong usage then.
    pub fn of_argument(self) -> Self {
        match self {
            Self::Lab(text) => Self::Usage(text),
            other => other,
        }
    }

    /// What the user is told, ending in a newline.
    pub fn render(&self, color: bool) -> String {
        match self {
            Self::Diagnostics(found) => found.iter().map(|diagnostic| diagnostic.render(color) + "\n").collect(),
            Self::Sources(text) => labelled(&format!("the sources have errors {text}"), color),
            Self::Usage(text) | Self::Lab(text) => labelled(text, color),
        }
    }
}

fn labelled(text: &str, color: bool) -> String {
    let error = console::Style::new().red().bold().force_styling(color).apply_to("error");
    format!("{error}: {}\n", model::printable_lines(text))
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

lab_error!(std::io::Error, crate::lab::LabError, super::doctor::DoctorError,);

impl From<crate::store::StoreError> for CliError {
    fn from(error: crate::store::StoreError) -> Self {
        match error {
            error @ crate::store::StoreError::InUse { .. } => Self::Usage(error.to_string()),
            error => Self::Lab(error.to_string()),
        }
    }
}

impl From<crate::image::ImageError> for CliError {
    fn from(error: crate::image::ImageError) -> Self {
        match error {
            crate::image::ImageError::Manifests(found) => Self::Diagnostics(found),
            error @ (crate::image::ImageError::NoManifest { .. } | crate::image::ImageError::NoSource { .. }) => {
                Self::Usage(error.to_string())
            }
            error => Self::Lab(error.to_string()),
        }
    }
}

impl From<super::context::ContextError> for CliError {
    fn from(error: super::context::ContextError) -> Self {
        use super::context::ContextError as E;
        match error {
            E::NoCache => Self::Lab(error.to_string()),
            E::Data { .. } | E::Limit { .. } => Self::Usage(error.to_string()),
        }
    }
}

impl From<crate::git::GitError> for CliError {
    fn from(error: crate::git::GitError) -> Self {
        use crate::git::GitError as E;
        match error {
            E::Folder { .. } | E::NoRepository(_) | E::NoRange { .. } | E::UnknownRevision { .. } => {
                Self::Usage(error.to_string())
            }
            E::Run(_) | E::Failed { .. } => Self::Lab(error.to_string()),
        }
    }
}

impl From<crate::bisection::RequestError> for CliError {
    fn from(error: crate::bisection::RequestError) -> Self {
        match error {
            crate::bisection::RequestError::Cell(found) => Self::Diagnostics(found),
            crate::bisection::RequestError::Config(error) => Self::from(*error).of_argument(),
            error => Self::Usage(error.to_string()),
        }
    }
}

impl From<crate::bisection::SessionError> for CliError {
    fn from(error: crate::bisection::SessionError) -> Self {
        use crate::bisection::SessionError as E;
        match error {
            E::Request(error) => error.into(),
            E::Git(error) => error.into(),
            E::Kernel(error) => error.into(),
            E::NoSession(_) | E::NoSessions(_) | E::Exists(_) | E::InUse(_) | E::NoRepository | E::NoResult { .. } => {
                Self::Usage(error.to_string())
            }
            error => Self::Lab(error.to_string()),
        }
    }
}

impl From<crate::bisection::StepError> for CliError {
    fn from(error: crate::bisection::StepError) -> Self {
        match error {
            crate::bisection::StepError::Request(error) => error.into(),
            error => Self::Lab(error.to_string()),
        }
    }
}

impl From<crate::kernel::KernelError> for CliError {
    fn from(error: crate::kernel::KernelError) -> Self {
        use crate::kernel::KernelError as E;
        match error {
            E::Description(found) => Self::Diagnostics(found),
            E::Unknown { .. }
            | E::NotForArch { .. }
            | E::NoFile(_)
            | E::NotBuilt { .. }
            | E::NotInDebian(_)
            | E::Catalogue { .. }
            | E::NoImage { .. }
            | E::NoConfiguration(_)
            | E::NoFragment(_)
            | E::NoPart(_) => Self::Usage(error.to_string()),
            E::Git(error) => error.into(),
            _ => Self::Lab(error.to_string()),
        }
    }
}
