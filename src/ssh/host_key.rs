//! A server's public key as text.

use super::error::SshError;

/// The only algorithm that is asked for.
pub(super) const ALGORITHM: &str = "ssh-ed25519";

const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// The key that a server must have.
#[derive(Debug, Clone)]
pub(super) struct HostKey(String);

impl HostKey {
    /// Parses a line of a `.pub` file; a comment after the key is ignored.
    pub(super) fn parse(line: &str) -> Result<Self, SshError> {
        let mut words = line.split_whitespace();
        match (words.next(), words.next()) {
            (Some(ALGORITHM), Some(key)) if key.bytes().all(|byte| DIGITS.contains(&byte) || byte == b'=') => {
                Ok(Self(format!("{ALGORITHM} {key}")))
            }
            _ => Err(SshError::NoHostKey { text: line.to_owned() }),
        }
    }

    /// The text of a key that a server has sent.
    pub(super) fn of(key: &[u8]) -> String {
        format!("{ALGORITHM} {}", base64(key))
    }

    /// Compared with [`HostKey::of`].
    pub(super) fn text(&self) -> &str {
        &self.0
    }
}

/// RFC 4648, section 4.
fn base64(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let bits = group.iter().chain(&[0, 0]).take(3).fold(0, |bits, byte| bits << 8 | usize::from(*byte));
        for digit in 0..4 {
            let is_padding = digit > group.len();
            text.push(if is_padding { '=' } else { char::from(DIGITS[bits >> (18 - 6 * digit) & 63]) });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 4648, section 10.
    #[test]
    fn base64_has_the_digits_of_the_standard() {
        let known =
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("foobar", "Zm9vYmFy")];
        for (bytes, text) in known {
            assert_eq!(base64(bytes.as_bytes()), text);
        }
        assert_eq!(base64(&[0xfb, 0xff]), "+/8=");
    }

    #[test]
    fn host_key_has_no_comment() {
        assert_eq!(HostKey::parse(" ssh-ed25519  Zm9v root@guest\n").unwrap().text(), HostKey::of(b"foo"));
    }

    #[test]
    fn other_texts_are_no_host_keys() {
        for text in ["", "ssh-ed25519", "ssh-rsa AAAA", "AAAA", "ssh-ed25519 <key>"] {
            assert!(matches!(HostKey::parse(text), Err(SshError::NoHostKey { .. })), "{text}");
        }
    }
}
