//! The host's mirror of the Debian archive.

use super::super::KernelError;
use std::path::{Path, PathBuf};

/// Where the package debian-archive-keyring puts its keys; the second name is the one since Debian 13.
const KEYRINGS: &[&str] =
    &["usr/share/keyrings/debian-archive-keyring.gpg", "usr/share/keyrings/debian-archive-keyring.pgp"];

/// Names under which Debian's archive has suites; a third party's or Ubuntu's suite has none of them.
const SUITES: &[&str] = &[
    "stable",
    "oldstable",
    "oldoldstable",
    "testing",
    "unstable",
    "sid",
    "buster",
    "bullseye",
    "bookworm",
    "trixie",
    "forky",
    "duke",
];

/// A mirror of the Debian archive and the keys that sign it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Archive {
    pub uri: String,
    pub keyring: PathBuf,
}

/// One source of the host's apt.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
struct AptSource {
    uri: String,
    suites: Vec<String>,
    components: Vec<String>,
    signed_by: Option<PathBuf>,
}

impl Archive {
    /// The mirror that the user named, or else the one in the host's apt sources below `root` (normally `/`).
    ///
    /// # Errors
    /// When there is neither, or no keyring.
    pub fn find(root: &Path, mirror: Option<&str>) -> Result<Self, KernelError> {
        let sources = read_sources(root);
        let configured = sources.into_iter().filter(AptSource::is_debian).min_by_key(|source| !source.is_certain());
        let default_keyring = || KEYRINGS.iter().map(|keyring| root.join(keyring)).find(|path| path.is_file());
        let (uri, signed_by) = match (mirror, configured) {
            (Some(uri), _) => (uri.to_owned(), None),
            (None, Some(source)) => (resolve_mirror_file(&source.uri)?, source.signed_by),
            (None, None) => {
                return Err(KernelError::NoArchive("the host's apt sources name no Debian archive".into()));
            }
        };
        let keyring = signed_by
            .filter(|path| path.is_file())
            .or_else(default_keyring)
            .ok_or_else(|| KernelError::NoArchive("the archive's keys are missing".into()))?;
        Ok(Self { uri: uri.trim_end_matches('/').to_owned(), keyring })
    }
}

impl AptSource {
    fn is_debian(&self) -> bool {
        let known =
            |suite: &String| SUITES.contains(&suite.trim_end_matches("-updates").trim_end_matches("-backports"));
        self.suites.iter().any(known) && self.components.iter().any(|component| component == "main")
    }

    /// Third parties use Debian's suite names, too; the key or the path identifies Debian.
    fn is_certain(&self) -> bool {
        let debian_key = |path: &PathBuf| path.to_string_lossy().contains("debian-archive");
        self.signed_by.as_ref().is_some_and(debian_key) || self.uri.trim_end_matches('/').ends_with("/debian")
    }
}

/// Cloud images name a file with mirrors instead of a mirror (apt-transport-mirror(1)).
fn resolve_mirror_file(uri: &str) -> Result<String, KernelError> {
    if let Some(path) = uri.strip_prefix("mirror+file:").or_else(|| uri.strip_prefix("mirror:file:")) {
        let path = Path::new("/").join(path.trim_start_matches('/'));
        let text = std::fs::read_to_string(&path).map_err(KernelError::io("read", &path))?;
        let first = text.split_whitespace().find(|word| word.contains("://"));
        return first
            .map(str::to_owned)
            .ok_or_else(|| KernelError::Damaged { path, message: "names no mirror".into() });
    }
    if uri.starts_with("mirror") {
        return Err(KernelError::NoArchive(format!("the host's apt sources name a list of mirrors, {uri}")));
    }
    Ok(uri.to_owned())
}

fn read_sources(root: &Path) -> Vec<AptSource> {
    let etc = root.join("etc/apt");
    let mut files = vec![etc.join("sources.list")];
    let parts = std::fs::read_dir(etc.join("sources.list.d")).into_iter().flatten().flatten();
    let mut parts: Vec<PathBuf> = parts.map(|entry| entry.path()).collect();
    parts.sort();
    files.append(&mut parts);
    let mut sources = Vec::new();
    for file in files {
        // A file that is not readable may hold a password; the Debian archive needs none.
        let Ok(text) = std::fs::read_to_string(&file) else { continue };
        match file.extension().and_then(|extension| extension.to_str()) {
            Some("list") => sources.extend(text.lines().filter_map(parse_line)),
            Some("sources") => sources.extend(parse_deb822(&text)),
            _ => {}
        }
    }
    sources
}

/// `deb [options] uri suite component…` (sources.list(5)).
fn parse_line(line: &str) -> Option<AptSource> {
    let rest = line.split('#').next()?.trim().strip_prefix("deb")?;
    let rest = rest.strip_prefix([' ', '\t'])?.trim_start();
    let (options, rest) = match rest.strip_prefix('[') {
        Some(rest) => rest.split_once(']')?,
        None => ("", rest),
    };
    let mut words = rest.split_whitespace().map(str::to_owned);
    let signed_by = options.split_whitespace().find_map(|option| option.strip_prefix("signed-by=")).map(PathBuf::from);
    Some(AptSource { uri: words.next()?, suites: vec![words.next()?], components: words.collect(), signed_by })
}

/// Stanzas of `Field: value` (sources.list(5)); continuation lines hold inline keys, which are not used here.
fn parse_deb822(text: &str) -> Vec<AptSource> {
    let mut sources = Vec::new();
    let text: String = text.lines().filter(|line| !line.starts_with('#')).map(|line| format!("{line}\n")).collect();
    for stanza in text.split("\n\n") {
        let field = |name: &str| {
            stanza.lines().find_map(|line| {
                let (key, value) = line.split_once(':')?;
                key.eq_ignore_ascii_case(name).then(|| value.trim())
            })
        };
        let words = |name| field(name).unwrap_or_default().split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        let off = field("Enabled").is_some_and(|value| value.eq_ignore_ascii_case("no"));
        if off || !words("Types").contains(&"deb".to_owned()) {
            continue;
        }
        let signed_by = field("Signed-By").filter(|value| value.starts_with('/')).map(PathBuf::from);
        sources.extend(words("URIs").into_iter().map(|uri| AptSource {
            uri,
            suites: words("Suites"),
            components: words("Components"),
            signed_by: signed_by.clone(),
        }));
    }
    sources
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn host(files: &[(&str, &str)]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = dir.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        dir
    }

    const KEY: (&str, &str) = (KEYRINGS[0], "key");

    #[test]
    fn mirror_is_read_from_deb822_sources() {
        let text = "# comment\nTypes: deb\n# http://snapshot.example/\nURIs: http://mirror.example/debian/\n\
                    Suites: bookworm bookworm-updates\nComponents: main\n\n\
                    Types: deb\nURIs: http://mirror.example/debian-security\nSuites: bookworm-security\nComponents: main\n";
        let host = host(&[("etc/apt/sources.list.d/debian.sources", text), KEY]);
        let archive = Archive::find(host.path(), None).unwrap();
        assert_eq!(archive.uri, "http://mirror.example/debian");
        assert_eq!(archive.keyring, host.path().join(KEY.0));
    }

    #[test]
    fn mirror_is_read_from_one_line_sources_before_third_parties() {
        let list = "deb http://vendor.example/tools bookworm main\n# deb http://old.example/debian sid main\n\
                    deb-src http://src.example/debian sid main\n\
                    deb [arch=amd64 signed-by=/nowhere/debian-archive-keyring.gpg] http://m.example/mirror sid main contrib\n";
        let host = host(&[("etc/apt/sources.list", list), KEY]);
        assert_eq!(Archive::find(host.path(), None).unwrap().uri, "http://m.example/mirror");
    }

    #[test]
    fn disabled_stanzas_are_ignored() {
        let text = "Types: deb\nEnabled: no\nURIs: http://m.example/debian\nSuites: sid\nComponents: main\n";
        let host = host(&[("etc/apt/sources.list.d/x.sources", text), KEY]);
        assert!(Archive::find(host.path(), None).is_err());
    }

    #[test]
    fn mirror_file_is_followed() {
        let host = host(&[("mirrors", "# comment\nhttps://m.example/debian\tpriority:1\n"), KEY]);
        let list = format!("deb mirror+file://{}/mirrors trixie main\n", host.path().display());
        fs::create_dir_all(host.path().join("etc/apt")).unwrap();
        fs::write(host.path().join("etc/apt/sources.list"), list).unwrap();
        assert_eq!(Archive::find(host.path(), None).unwrap().uri, "https://m.example/debian");
    }

    #[test]
    fn missing_archive_names_the_remedy() {
        let ubuntu = host(&[("etc/apt/sources.list", "deb http://u.example/ubuntu noble main universe\n")]);
        let message = Archive::find(ubuntu.path(), None).unwrap_err().to_string();
        assert!(message.contains("name no Debian archive"), "{message}");
        assert!(message.contains("OOMLAB_DEBIAN_MIRROR") && message.contains("debian-archive-keyring"), "{message}");
        let message = Archive::find(ubuntu.path(), Some("http://m.example/debian")).unwrap_err().to_string();
        assert!(message.contains("the archive's keys are missing"), "{message}");
        let with_key = host(&[KEY]);
        let archive = Archive::find(with_key.path(), Some("http://m.example/debian/")).unwrap();
        assert_eq!(archive.uri, "http://m.example/debian");
    }
}
