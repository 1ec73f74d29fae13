//! The archive's index of packages (`Packages`, deb-control(5)).

use super::version;
use model::Digest;

/// A package as the signed index describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Package {
    pub name: String,
    pub version: String,
    /// Path below the archive's root.
    pub filename: String,
    /// Bytes.
    pub size: u64,
    pub digest: Digest,
}

/// The newest package whose name matches. One `*` in the pattern stands for a version: in it a digit follows every
/// `-`, so that `linux-image-6.1.*-armmp` is not `linux-image-6.1.0-50-rt-armmp`.
pub(super) fn newest(index: &[u8], pattern: &str) -> Option<Package> {
    let fixed = pattern.split('*').next().unwrap_or_default();
    let marker = format!("Package: {fixed}");
    let at_line_start = |&at: &usize| at == 0 || index[at - 1] == b'\n';
    memchr::memmem::find_iter(index, marker.as_bytes())
        .filter(at_line_start)
        .filter_map(|start| {
            let end = memchr::memmem::find(&index[start..], b"\n\n").map_or(index.len(), |length| start + length);
            parse(std::str::from_utf8(&index[start..end]).ok()?)
        })
        .filter(|package| matches(pattern, &package.name))
        .max_by(|a, b| version::compare(&a.version, &b.version))
}

/// The package that a paragraph describes; `None` without a SHA-256.
pub(super) fn parse(stanza: &str) -> Option<Package> {
    let field = |name| field(stanza, name);
    Some(Package {
        name: field("Package")?.to_owned(),
        version: field("Version")?.to_owned(),
        filename: field("Filename")?.to_owned(),
        size: field("Size")?.parse().ok()?,
        digest: field("SHA256").filter(|digest| is_digest(digest)).map(Digest::new)?,
    })
}

/// The value of a field that takes one line.
pub(super) fn field<'a>(stanza: &'a str, name: &str) -> Option<&'a str> {
    stanza.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
}

fn is_digest(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn matches(pattern: &str, name: &str) -> bool {
    let Some((head, tail)) = pattern.split_once('*') else { return pattern == name };
    let version = name.strip_prefix(head).and_then(|rest| rest.strip_suffix(tail));
    version.is_some_and(|version| {
        version.split('-').skip(1).all(|part| part.starts_with(|first: char| first.is_ascii_digit()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stanza(name: &str, version: &str) -> String {
        let digest = "ab".repeat(32);
        format!(
            "Package: {name}\nSource: linux\nVersion: {version}\nDescription: kernel\n Package: linux-image-6.1.999-cloud-amd64\n\
             Filename: pool/{name}_{version}.deb\nSize: 7\nSHA256: {digest}\n\n"
        )
    }

    #[test]
    fn newest_matching_package_is_found() {
        let index = [
            stanza("linux-image-6.1.0-9-cloud-amd64", "6.1.27-1"),
            stanza("linux-image-6.1.0-50-cloud-amd64", "6.1.176-1"),
            stanza("linux-image-6.1.0-60-cloud-amd64-dbg", "6.1.200-1"),
            stanza("linux-image-6.1.0-60-rt-cloud-amd64", "6.1.200-1"),
            stanza("linux-image-6.1.0-47-cloud-amd64", "6.1.170-3"),
        ]
        .concat();
        let package = newest(index.as_bytes(), "linux-image-6.1.*-cloud-amd64").unwrap();
        assert_eq!(package.name, "linux-image-6.1.0-50-cloud-amd64");
        assert_eq!((package.version.as_str(), package.size), ("6.1.176-1", 7));
        assert_eq!(newest(index.as_bytes(), "linux-image-6.1.0-9-cloud-amd64").unwrap().version, "6.1.27-1");
        assert_eq!(newest(index.as_bytes(), "linux-source-6.1"), None);
        assert_eq!(newest(index.as_bytes(), "linux-image-6.2*"), None);
    }

    #[test]
    fn stanza_without_digest_is_ignored() {
        let index = stanza("linux-source-6.1", "6.1.176-1").replace("SHA256", "MD5sum");
        assert_eq!(newest(index.as_bytes(), "linux-source-6.1"), None);
    }
}
