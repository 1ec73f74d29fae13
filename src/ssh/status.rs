//! How a command ended, as the server tells.

use std::fmt;

/// Signals with a name in the protocol (RFC 4254, section 6.10), and their numbers, which are the same on all of Linux'
/// architectures that the lab boots (`include/uapi/asm-generic/signal.h`).
const SIGNALS: &[(&str, u8)] = &[
    ("ABRT", 6),
    ("ALRM", 14),
    ("FPE", 8),
    ("HUP", 1),
    ("ILL", 4),
    ("INT", 2),
    ("KILL", 9),
    ("PIPE", 13),
    ("QUIT", 3),
    ("SEGV", 11),
    ("TERM", 15),
    ("USR1", 10),
    ("USR2", 12),
];

/// How a command ended. A guest may lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExitStatus {
    code: i32,
    signal: Option<String>,
    message: Option<String>,
}

impl ExitStatus {
    /// A command that exited. A server that names no status counts as one that says 0: libssh2 does not tell the two apart.
    pub(super) fn exited(code: i32) -> Self {
        Self { code, signal: None, message: None }
    }

    /// A command that a signal killed. OpenSSH calls those without a name in the protocol `SIG@openssh.com` (`session.c`,
    /// `sig2name()`).
    pub(super) fn killed(signal: String, message: Option<String>) -> Self {
        let number = SIGNALS.iter().find(|(name, _)| *name == signal).map_or(0, |(_, number)| *number);
        let message = message.filter(|message| !message.is_empty());
        Self { code: 128 + i32::from(number), signal: Some(signal), message }
    }

    /// The exit code; after a signal 128 and its number, or 128 alone if the protocol has no name for it.
    pub fn code(&self) -> i32 {
        self.code
    }

    /// The signal's name without `SIG`, for example `KILL`. A command under a shell often has none: the shell exits with
    /// [`ExitStatus::code`] itself.
    pub fn signal(&self) -> Option<&str> {
        self.signal.as_deref()
    }

    /// What the server says about the signal.
    pub fn message(&self) -> Option<&str> {
        self.message.as_deref()
    }

    /// Whether the command exited with code 0.
    pub fn success(&self) -> bool {
        self.code == 0
    }
}

impl fmt::Display for ExitStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.signal {
            None => write!(f, "exit status {}", self.code),
            Some(signal) => {
                // They are the guest's texts, and end up in messages for a terminal.
                write!(f, "signal {}", signal.escape_debug())?;
                self.message.as_ref().map_or(Ok(()), |message| write!(f, ": {}", message.escape_debug()))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signals_have_the_codes_of_shells() {
        assert_eq!(ExitStatus::killed("KILL".to_owned(), None).code(), 137);
        assert_eq!(ExitStatus::killed("TERM".to_owned(), None).code(), 143);
        assert_eq!(ExitStatus::killed("SIG@openssh.com".to_owned(), None).code(), 128);
        assert!(!ExitStatus::killed("SIG@openssh.com".to_owned(), None).success());
    }

    #[test]
    fn status_is_told_as_the_server_tells_it() {
        assert_eq!(ExitStatus::exited(3).to_string(), "exit status 3");
        assert_eq!(ExitStatus::killed("SEGV".to_owned(), Some(String::new())).to_string(), "signal SEGV");
        let escaped = ExitStatus::killed("X\u{1b}[2J".to_owned(), Some("a\nb".to_owned()));
        assert_eq!(escaped.to_string(), "signal X\\u{1b}[2J: a\\nb");
    }

    #[test]
    fn signals_of_the_table_are_those_of_this_host() {
        use rustix::process::Signal;
        let numbers = |name| SIGNALS.iter().find(|(known, _)| *known == name).map(|(_, number)| i32::from(*number));
        assert_eq!(numbers("USR1"), Some(Signal::USR1.as_raw()));
        assert_eq!(numbers("SEGV"), Some(Signal::SEGV.as_raw()));
        assert_eq!(numbers("PIPE"), Some(Signal::PIPE.as_raw()));
    }
}
