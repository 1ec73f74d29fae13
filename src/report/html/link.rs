//! URLs and anchors made of names that the guest or the user chose.

use std::fmt::Write as _;

/// The URL before the paths of a run's files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Base(String);

impl Base {
    /// For a page in the run's folder.
    pub const fn here() -> Self {
        Self(String::new())
    }

    /// For a page in a trial's folder.
    pub fn from_trial() -> Self {
        Self("../../".to_owned())
    }

    /// For a page in a folder from which `way`, a relative path, leads to the run's folder or that of the runs; empty for the same one.
    pub fn relative(way: &str) -> Self {
        let way = way.trim_end_matches('/');
        Self(if way.is_empty() { String::new() } else { format!("{}/", encoded(way)) })
    }

    /// For a page anywhere else on this host; `folder` is the absolute path of the run's.
    pub fn folder(folder: &str) -> Self {
        Self(format!("file://{}/", encoded(folder.trim_end_matches('/'))))
    }

    /// The URL of a path within the folder, which ends in `/` where it is a folder; `None` for a path that leaves it.
    pub fn url(&self, path: &str) -> Option<String> {
        let inside = path.trim_end_matches('/').split('/').all(|name| !matches!(name, "" | "." | ".."));
        inside.then(|| format!("{}{}", self.0, encoded(path)))
    }
}

/// Percent-encodes all but unreserved characters and slashes (RFC 3986, 2.3). A colon is encoded, too: a path never has a scheme.
fn encoded(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            out.push(char::from(byte));
        } else {
            // Writing to a string does not fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

/// The anchor of a cell: different ids have different ones, and it is a plain word of a URL, of HTML and of CSS.
pub(super) fn anchor(cell: &str) -> String {
    let mut out = "cell-".to_owned();
    for byte in cell.bytes() {
        if byte.is_ascii_alphanumeric() || b"-.".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "_{byte:02x}");
        }
    }
    out
}

/// A text with its URL, where there is one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Link {
    pub text: String,
    pub url: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn url_stays_in_its_folder() {
        assert_eq!(Base::here().url("cells/a+b=1/console.log").as_deref(), Some("cells/a%2Bb%3D1/console.log"));
        assert_eq!(Base::here().url("cells/a/").as_deref(), Some("cells/a/"));
        assert_eq!(Base::folder("/a b/r/").url("x").as_deref(), Some("file:///a%20b/r/x"));
        assert_eq!(Base::relative("../a b").url("x").as_deref(), Some("../a%20b/x"));
        assert_eq!(Base::relative("").url("x").as_deref(), Some("x"));
        assert_eq!(Base::here().url("javascript:alert(1)").as_deref(), Some("javascript%3Aalert%281%29"));
        for path in ["../x", "a/../../x", "/etc/passwd", "//host/x", "", "a//b", "./x"] {
            assert_eq!(Base::here().url(path), None, "{path}");
        }
    }

    #[test]
    fn anchors_are_plain_and_differ() {
        assert_eq!(anchor("linux-6.1.arm.32M.idle"), "cell-linux-6.1.arm.32M.idle");
        let ids = ["a b", "a_b", "a+b", "a\"b", "a<b", "a漢b", "a_20b"];
        let anchors: std::collections::BTreeSet<String> = ids.iter().map(|id| anchor(id)).collect();
        assert_eq!(anchors.len(), ids.len());
        let plain = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
        assert!(anchors.iter().all(|anchor| anchor.chars().all(plain)), "{anchors:?}");
    }
}
