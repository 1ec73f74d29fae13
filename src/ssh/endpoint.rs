//! A guest's SSH server.

use std::net::SocketAddr;
use std::path::PathBuf;

/// Where a guest's SSH server listens, and how to log in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// The host's end of QEMU's port forwarding.
    pub address: SocketAddr,
    /// User in the guest.
    pub user: String,
    /// The user's private key without a passphrase, ed25519 in OpenSSH's format.
    pub key: PathBuf,
    /// The server's public key as in `ssh_host_ed25519_key.pub`: `ssh-ed25519 AAAA…`.
    pub host_key: String,
}
