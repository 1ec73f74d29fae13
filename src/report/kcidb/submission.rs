//! What the user says of the results.

use model::is_url;

/// Who submits the results, where their files are published, and where the kernels come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Submission {
    origin: String,
    pub(super) logs: Option<String>,
    pub(super) repository: Option<String>,
    pub(super) tree: Option<String>,
}

/// A value that the schema of KCIDB does not allow.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SubmissionError {
    /// The name of the CI system.
    #[error("`{}` is not an origin of KCIDB: lower-case letters, digits and `_`, as its operators have assigned it", .0.escape_debug())]
    Origin(String),
    /// The URL of the run's folder.
    #[error("`{}` is not the URL of a folder: write `https://…`", .0.escape_debug())]
    Logs(String),
    /// The URL of a git repository.
    #[error("`{}` is not the URL of a git repository: KCIDB takes `https://…` alone", .0.escape_debug())]
    Repository(String),
    /// The name of a kernel tree.
    #[error("`{}` is not the name of a kernel tree such as `mainline` or `net-next`", .0.escape_debug())]
    Tree(String),
}

impl Submission {
    /// Results of this CI system, of which nothing else is known.
    ///
    /// # Errors
    /// When the origin is none.
    pub fn new(origin: &str) -> Result<Self, SubmissionError> {
        let is_allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        if origin.is_empty() || !origin.bytes().all(is_allowed) {
            return Err(SubmissionError::Origin(origin.to_owned()));
        }
        Ok(Self { origin: origin.to_owned(), logs: None, repository: None, tree: None })
    }

    /// The same with the URL at which the run's folder is published.
    ///
    /// # Errors
    /// When it is no URL.
    pub fn with_logs(self, url: &str) -> Result<Self, SubmissionError> {
        if !is_url(url, &["https://", "http://"]) {
            return Err(SubmissionError::Logs(url.to_owned()));
        }
        Ok(Self { logs: Some(url.trim_end_matches('/').to_owned()), ..self })
    }

    /// The same with the URL of the kernels' git repository.
    ///
    /// # Errors
    /// When it is no `https` URL.
    pub fn with_repository(self, url: &str) -> Result<Self, SubmissionError> {
        if !is_url(url, &["https://"]) {
            return Err(SubmissionError::Repository(url.to_owned()));
        }
        Ok(Self { repository: Some(url.to_owned()), ..self })
    }

    /// The same with the widely known name of the kernels' tree.
    ///
    /// # Errors
    /// When it has spaces or control characters.
    pub fn with_tree(self, name: &str) -> Result<Self, SubmissionError> {
        if name.is_empty() || name.contains(|c: char| c.is_whitespace() || c.is_control()) {
            return Err(SubmissionError::Tree(name.to_owned()));
        }
        Ok(Self { tree: Some(name.to_owned()), ..self })
    }

    /// Name of the CI system.
    pub fn origin(&self) -> &str {
        &self.origin
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn submission_refuses_what_the_schema_does_not_allow() {
        let submission = Submission::new("my_lab2").unwrap();
        for origin in ["", "My", "my-lab", "my lab", "ä"] {
            assert!(Submission::new(origin).is_err(), "{origin}");
        }
        let logs = |url: &str| submission.clone().with_logs(url).map(|submission| submission.logs.unwrap());
        assert_eq!(logs("https://ci.example.org/runs/1//").as_deref(), Ok("https://ci.example.org/runs/1"));
        for url in ["", "file:///x", "ci.example.org"] {
            assert!(logs(url).is_err(), "{url}");
        }
        assert!(submission.clone().with_repository("git://git.kernel.org/x").is_err());
        assert!(submission.clone().with_tree("net-next").is_ok() && submission.with_tree("net next").is_err());
    }
}
