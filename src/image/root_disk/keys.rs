//! Key pairs for the guest's server and its only client.

use super::super::ImageError;
use super::files::GuestKeys;
use rustix::io::Errno;
use rustix::rand::{GetRandomFlags, getrandom};
use ssh_key::private::{Ed25519Keypair, PrivateKey};
use ssh_key::{LineEnding, PublicKey};
use std::io;

/// New keys for one disk.
pub(super) struct DiskKeys {
    /// As the guest has them.
    pub guest: GuestKeys,
    /// The client's, in OpenSSH's format.
    pub client: String,
}

impl DiskKeys {
    /// Makes them of the kernel's random numbers.
    pub fn generate() -> Result<Self, ImageError> {
        let (host, host_public) = pair(&seed()?, "")?;
        let (client, client_public) = pair(&seed()?, "oomlab")?;
        Ok(Self { guest: GuestKeys { host, host_public, client_public }, client })
    }
}

/// A private key (ed25519, without a passphrase), and its public part as a line.
fn pair(seed: &[u8; 32], comment: &str) -> Result<(String, String), ImageError> {
    let mut key = PrivateKey::from(Ed25519Keypair::from_seed(seed));
    key.set_comment(comment);
    let public = PublicKey::from(&key).to_openssh();
    let text = key.to_openssh(LineEnding::LF).and_then(|private| Ok((private.to_string(), public?)));
    text.map_err(|error| ImageError::Keys(io::Error::other(error.to_string())))
}

fn seed() -> Result<[u8; 32], ImageError> {
    let mut seed = [0; 32];
    loop {
        match getrandom(&mut seed, GetRandomFlags::empty()) {
            // Up to 256 bytes come whole (getrandom(2)).
            Ok(_) => return Ok(seed),
            Err(Errno::INTR) => {}
            Err(error) => return Err(ImageError::Keys(error.into())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_of_openssh_and_of_this_disk_alone() {
        let (one, other) = (DiskKeys::generate().unwrap(), DiskKeys::generate().unwrap());
        assert_ne!(one.client, other.client);
        assert_ne!(one.guest.host, other.guest.host);
        assert_ne!(one.guest.host_public, one.guest.client_public);
        assert!(one.client.starts_with("-----BEGIN OPENSSH PRIVATE KEY-----\n"), "no such format");
        assert!(one.client.ends_with("-----END OPENSSH PRIVATE KEY-----\n"), "no such format");
        let read = PrivateKey::from_openssh(&one.client).unwrap();
        assert_eq!(read.public_key().to_openssh().unwrap(), one.guest.client_public);
        assert!(one.guest.host_public.starts_with("ssh-ed25519 AAAA"), "{}", one.guest.host_public);
        assert_eq!(one.guest.host_public.split(' ').count(), 2, "it has no comment");
    }

    /// RFC 8032 7.1, test 1: the public key of a seed.
    #[test]
    fn public_key_is_that_of_the_seed() {
        let hex = |text: &str| -> Vec<u8> {
            (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
        };
        let seed = hex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60");
        let (private, _) = pair(&seed.try_into().unwrap(), "x").unwrap();
        let read = PrivateKey::from_openssh(private).unwrap();
        let public = read.key_data().ed25519().unwrap().public;
        assert_eq!(public.0.to_vec(), hex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"));
    }
}
