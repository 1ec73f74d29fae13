//! The session over which the lab runs a test in a guest with a root disk.

use serde::{Deserialize, Serialize};

/// What happened in the session. It starts and feeds the test; beats, console and host alone tell whether the guest hangs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SshEvent {
    /// The guest's SSH server has let the lab log in.
    LoggedIn,
    /// The test's command has been started.
    Started,
    /// The test has printed a line, or with `more` a part of one.
    Output {
        /// The text without its line end; bytes that are no UTF-8 are replaced.
        text: String,
        /// Whether the line goes on.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        more: bool,
    },
    /// The test has printed more than the lab keeps.
    OutputDropped {
        /// Bytes since the last such event.
        bytes: u64,
    },
    /// The time of the test is almost up, and the lab has asked it to end (SIGTERM).
    Ending,
    /// The command has exited: its status, or 128 + signal.
    Exited(i32),
    /// A file that the test was to leave is there, and could not be fetched.
    NotFetched {
        /// Its path in the guest.
        path: String,
        /// Why not.
        why: String,
    },
    /// All files have been fetched, and nothing more comes.
    Closed,
    /// There was no session, or it has broken off.
    Failed(String),
}
