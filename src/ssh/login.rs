//! From a server's banner to a session in which commands run.

use super::error::SshError;
use super::host_key::{ALGORITHM, HostKey};
use super::transport::Transport;
use ssh2::{ErrorCode, MethodType, Session};
use std::net::SocketAddr;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;

/// `LIBSSH2_ERROR_EAGAIN` (libssh2, `include/libssh2.h`, also for those below).
const EAGAIN: ErrorCode = ErrorCode::Session(-37);

/// `LIBSSH2_ERROR_FILE`: the private key cannot be parsed.
const BAD_KEY: ErrorCode = ErrorCode::Session(-16);

/// `LIBSSH2_ERROR_AUTHENTICATION_FAILED` and `…_PUBLICKEY_UNVERIFIED`.
const REFUSALS: [ErrorCode; 2] = [ErrorCode::Session(-18), ErrorCode::Session(-19)];

/// Key exchanges that cost this host little, whatever the guest asks for: no groups of the server's choice.
const KEY_EXCHANGES: &str = "curve25519-sha256,curve25519-sha256@libssh.org,ecdh-sha2-nistp256";

/// Maximum bytes of a server before the login has ended. libssh2 keeps unrequested packets.
const MAX_RECEIVED: u64 = 1024 * 1024;

/// What a login needs.
pub(super) struct Credentials {
    pub(super) address: SocketAddr,
    pub(super) user: String,
    /// The private key's file, and its text.
    pub(super) key_path: PathBuf,
    pub(super) key: String,
    pub(super) host_key: HostKey,
}

/// Whether a call has to be repeated when more bytes have arrived.
pub(super) fn is_blocked(error: &ssh2::Error) -> bool {
    error.code() == EAGAIN
}

/// Logs in. `is_cancelled` is asked before each wait, and a [`super::wake::Wake`] ends the wait.
pub(super) fn log_in(
    socket: UnixStream,
    transport: &mut Transport,
    credentials: &Credentials,
    is_cancelled: &dyn Fn() -> bool,
) -> Result<Session, SshError> {
    let address = credentials.address;
    let failed = |reason: String| SshError::Handshake { address, reason };
    let library = |error: ssh2::Error| failed(error.message().to_owned());
    let mut session = Session::new().map_err(library)?;
    session.set_blocking(false);
    session.method_pref(MethodType::Kex, KEY_EXCHANGES).map_err(library)?;
    session.method_pref(MethodType::HostKey, ALGORITHM).map_err(library)?;
    session.set_tcp_stream(socket);
    drive(transport, is_cancelled, || session.handshake()).map_err(failed)?.map_err(library)?;

    let (found, _) = session.host_key().ok_or_else(|| failed("the server has no host key".to_owned()))?;
    let (found, expected) = (HostKey::of(found), credentials.host_key.text());
    if found != expected {
        return Err(SshError::WrongHostKey { address, expected: expected.to_owned(), found });
    }

    let Credentials { user, key_path, key, .. } = credentials;
    let login = drive(transport, is_cancelled, || session.userauth_pubkey_memory(user, None, key, None));
    match login.map_err(failed)? {
        Ok(()) if session.authenticated() => Ok(session),
        Ok(()) => Err(failed("the server asks for more than a key".to_owned())),
        Err(error) if REFUSALS.contains(&error.code()) => {
            Err(SshError::LoginRefused { address, user: user.clone(), reason: error.message().to_owned() })
        }
        Err(error) if error.code() == BAD_KEY => {
            Err(SshError::BadKey { path: key_path.clone(), reason: error.message().to_owned() })
        }
        Err(error) => Err(library(error)),
    }
}

/// Repeats a call of libssh2 until it does not want more bytes.
///
/// # Errors
/// Why the connection ended.
fn drive<T>(
    transport: &mut Transport,
    is_cancelled: &dyn Fn() -> bool,
    mut call: impl FnMut() -> Result<T, ssh2::Error>,
) -> Result<Result<T, ssh2::Error>, String> {
    loop {
        match call() {
            Err(error) if is_blocked(&error) => {}
            other => return Ok(other),
        }
        if is_cancelled() {
            return Err("it was cancelled".to_owned());
        }
        if transport.received() > MAX_RECEIVED {
            return Err("the server floods its client".to_owned());
        }
        let moved = transport.pump();
        if !transport.is_worth_asking(moved) {
            if let Some(reason) = transport.ended() {
                return Err(reason.to_owned());
            }
            transport.wait().map_err(|error| error.to_string())?;
        }
    }
}
