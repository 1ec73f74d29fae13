//! Failures of SSH, and where to look.

use super::status::ExitStatus;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

/// A failure of SSH.
#[derive(Debug, thiserror::Error)]
pub enum SshError {
    /// No SSH server has announced itself.
    #[error("no SSH server at {address} within {seconds} s: {reason}; does sshd run in the guest?")]
    NoBanner {
        /// The host's end of the port forwarding.
        address: SocketAddr,
        /// Seconds waited.
        seconds: u64,
        /// Why the last attempt failed.
        reason: String,
    },
    /// The server has announced itself, then nothing led to a login.
    #[error(
        "SSH server at {address} announced itself, but the login did not end within {seconds} s: the guest is slow or hangs"
    )]
    LoginTimedOut {
        /// The host's end of the port forwarding.
        address: SocketAddr,
        /// Seconds waited, including those for the server.
        seconds: u64,
    },
    /// The server has announced itself, then no encrypted connection came about or it was lost during the login.
    #[error("SSH handshake with {address} failed: {reason}")]
    Handshake {
        /// The host's end of the port forwarding.
        address: SocketAddr,
        /// The library's reason.
        reason: String,
    },
    /// The server has another host key: it is not the guest that was meant.
    #[error(
        "SSH server at {address} has the host key `{found}`, not `{expected}`: it is another guest, or its key was replaced"
    )]
    WrongHostKey {
        /// The host's end of the port forwarding.
        address: SocketAddr,
        /// The key of the endpoint.
        expected: String,
        /// The key of the server.
        found: String,
    },
    /// The server does not accept the user's key.
    #[error("SSH server at {address} refused {user}: {reason}; is the key in the guest's authorized_keys?")]
    LoginRefused {
        /// The host's end of the port forwarding.
        address: SocketAddr,
        /// The user.
        user: String,
        /// The library's reason.
        reason: String,
    },
    /// The user's key cannot be read.
    #[error("cannot read the SSH key {}: {source}", path.display())]
    Key {
        /// File of the key.
        path: PathBuf,
        /// The operating system's error.
        source: io::Error,
    },
    /// The user's key cannot be used.
    #[error("cannot use the SSH key {}: {reason}; it has to be an ed25519 key without a passphrase", path.display())]
    BadKey {
        /// File of the key.
        path: PathBuf,
        /// The library's reason.
        reason: String,
    },
    /// The endpoint's host key is none.
    #[error("`{text}` is no host key: expected `ssh-ed25519 AAAA…`")]
    NoHostKey {
        /// What the endpoint has.
        text: String,
    },
    /// The connection's thread or its sockets cannot be made.
    #[error("cannot start an SSH client: {0}")]
    Client(#[source] io::Error),
    /// The server refused to start a command.
    #[error("SSH server did not start `{line}`: {reason}")]
    NotStarted {
        /// The command.
        line: String,
        /// The library's reason.
        reason: String,
    },
    /// A command has not started or not ended in time.
    #[error("`{line}` did not {act} within {seconds} s: the guest is slow or hangs")]
    TimedOut {
        /// The command.
        line: String,
        /// What it did not do: `start` or `end`.
        act: &'static str,
        /// Seconds waited.
        seconds: u64,
    },
    /// The connection ended before the command.
    #[error("lost the SSH connection to {address}: {reason}")]
    Lost {
        /// The host's end of the port forwarding.
        address: SocketAddr,
        /// Who ended it.
        reason: String,
    },
    /// A command takes no more input: it has ended, or its input was ended.
    #[error("the command takes no input")]
    NoInput,
    /// A command printed more than allowed.
    #[error("`{line}` printed more than {bytes} bytes")]
    TooLong {
        /// The command.
        line: String,
        /// The limit, in bytes.
        bytes: usize,
    },
    /// A command failed in the guest.
    #[error("`{line}`: {}", if stderr.is_empty() { status.to_string() } else { stderr.clone() })]
    Failed {
        /// The command.
        line: String,
        /// How it ended.
        status: ExitStatus,
        /// The end of its standard error, trimmed.
        stderr: String,
    },
    /// A path cannot be passed to the guest's shell.
    #[error("the path {path:?} has a NUL byte")]
    Path {
        /// The path.
        path: String,
    },
    /// The content to be sent cannot be read.
    #[error("cannot read what is to be sent to the guest: {0}")]
    Content(#[source] io::Error),
}
