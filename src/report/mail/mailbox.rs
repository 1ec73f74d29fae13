//! Addresses of people and lists.

use model::printable;
use std::fmt;

/// Bytes of an address (RFC 5321, 4.5.3.1.3: of a path).
const MAX_ADDRESS: usize = 254;

/// Bytes of a name.
const MAX_NAME: usize = 80;

/// A name and an address, safe in a header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mailbox {
    name: String,
    address: String,
}

impl Mailbox {
    /// A list.
    pub(super) fn list(address: &str) -> Self {
        Self { name: String::new(), address: address.to_owned() }
    }

    /// Reads `Name <user@host>`, or `user@host`; `None` where there is no address that a mailer takes.
    pub fn parse(text: &str) -> Option<Self> {
        let (name, address) = match text.split_once('<') {
            Some((name, rest)) => (name, rest.split_once('>')?.0),
            None => ("", text.trim()),
        };
        let (user, host) = address.split_once('@')?;
        // RFC 5322, 3.2.3: an atom with dots.
        let is_user = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~.".contains(c);
        let is_host = |c: char| c.is_ascii_alphanumeric() || "-.".contains(c);
        let is_address = !user.is_empty()
            && user.chars().all(is_user)
            && host.contains('.')
            && host.chars().all(is_host)
            && address.len() <= MAX_ADDRESS;
        let name = printable(name.trim().trim_matches('"'));
        let name: String = name.chars().filter(|c| !matches!(c, '"' | '\\' | '<' | '>')).collect();
        let name = if name.len() > MAX_NAME { String::new() } else { name };
        is_address.then(|| Self { name, address: address.to_owned() })
    }

    /// The address alone.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Whether mail goes to the same place.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.address.eq_ignore_ascii_case(&other.address)
    }
}

impl fmt::Display for Mailbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // RFC 5322, 3.2.3: other characters need quotes.
        let is_plain = |c: char| c.is_alphanumeric() || c == ' ' || "!#$%&'*+-/=?^_`{|}~".contains(c);
        match (self.name.is_empty(), self.name.chars().all(is_plain)) {
            (true, _) => f.write_str(&self.address),
            (false, true) => write!(f, "{} <{}>", self.name, self.address),
            (false, false) => write!(f, "\"{}\" <{}>", self.name, self.address),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> Option<String> {
        Mailbox::parse(text).map(|mailbox| mailbox.to_string())
    }

    #[test]
    fn mailbox_is_quoted_where_it_must_be() {
        assert_eq!(shown("A Developer <a@example.org>").as_deref(), Some("A Developer <a@example.org>"));
        assert_eq!(shown("L. X <l@example.org>").as_deref(), Some("\"L. X\" <l@example.org>"));
        assert_eq!(shown(" linux-mm@kvack.org ").as_deref(), Some("linux-mm@kvack.org"));
        assert_eq!(shown("Jérôme <j@example.org> # 6.1+").as_deref(), Some("Jérôme <j@example.org>"));
    }

    #[test]
    fn mailbox_forges_no_header() {
        for text in ["A <a@b>", "A <a b@example.org>", "A <@example.org>", "a", "A <a@example.org\r\nBcc: x@y.z>", "<>"]
        {
            assert_eq!(shown(text), None, "{text}");
        }
        let forged = shown("A\nBcc: \"x\" <a@example.org>").unwrap();
        assert_eq!(forged, "\"A\u{fffd}Bcc: x\" <a@example.org>");
    }
}
