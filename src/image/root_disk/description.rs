//! The description of a root disk, `images/NAME.yaml`.

use super::super::ImageError;
use crate::assets::{Assets, is_stem};
use crate::diagnostic::{Diagnostic, Document, Step, did_you_mean, utf8};
use crate::workload::is_package_name;
use model::RamMib;
use serde::Deserialize;

const FOLDER: &str = "images";
const EXTENSION: &str = ".yaml";

/// The package with the server that the guest starts.
const SERVER: &str = "openssh-server";

/// Packages with a shell, the best for a person first, and their programs.
const SHELLS: [(&str, &str); 4] =
    [("bash", "/bin/bash"), ("dash", "/bin/sh"), ("busybox", "/bin/sh"), ("busybox-static", "/bin/sh")];

/// Bounds of the free space in MiB. The larger one keeps the file system below the 16 TiB of 32-bit block numbers.
const FREE_MIB: std::ops::RangeInclusive<u32> = 1..=1 << 20;

/// The program that is PID 1 of a guest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Init {
    /// systemd, which starts the SSH server, too.
    Systemd,
}

impl Init {
    /// The package that has it.
    const fn package(self) -> &'static str {
        match self {
            Self::Systemd => "systemd",
        }
    }
}

/// What a root disk is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RootDiskSpec {
    /// The name of its file, without the extension; also the guest's host name.
    pub name: String,
    /// One line for people.
    pub summary: String,
    /// PID 1 of the guest once the disk is mounted; without one the lab's agent is, and starts the SSH server alone.
    pub init: Option<Init>,
    /// Packages of Debian's stable suite.
    pub packages: Vec<String>,
    /// Packages that are left out although others depend on them.
    pub without: Vec<String>,
    /// Free space in the file system.
    pub free: RamMib,
}

/// The file's content.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    summary: String,
    #[serde(default)]
    init: Option<Init>,
    packages: Vec<String>,
    #[serde(default)]
    without: Vec<String>,
    #[serde(default)]
    free: Option<String>,
}

impl RootDiskSpec {
    /// Reads the text of a description; `file` names it in findings.
    ///
    /// # Errors
    /// All that is wrong with it, with places.
    pub fn parse(name: &str, file: &str, text: &str) -> Result<Self, Vec<Diagnostic>> {
        let (content, mut document) = Document::read::<File>(file, text)?;
        check(&content, name, &mut document);
        let free = content.free.as_deref().map_or(Ok(RamMib(512)), |free| read_size(free, &mut document));
        document.finish()?;
        let File { summary, init, packages, without, .. } = content;
        let free = free.unwrap_or(RamMib(*FREE_MIB.end()));
        Ok(Self { name: name.to_owned(), summary, init, packages, without, free })
    }

    /// The login shell of the guest's root: the best one that the packages have.
    pub(super) fn shell(&self) -> &'static str {
        shell_of(&self.packages).unwrap_or("/bin/sh")
    }
}

/// Reads `images/NAME.yaml`.
///
/// # Errors
/// When there is no such file, it cannot be read, or something is wrong with it.
pub fn read_root_disk(assets: &Assets, name: &str) -> Result<RootDiskSpec, ImageError> {
    let path = format!("{FOLDER}/{name}{EXTENSION}");
    let origin = assets.origin(&path);
    let bytes = if is_stem(name) { assets.read(&path).map_err(ImageError::io(&origin))? } else { None };
    let Some(bytes) = bytes else { return Err(unknown(assets, name)?) };
    let read = utf8(&bytes, &origin).and_then(|text| RootDiskSpec::parse(name, &origin, text));
    read.map_err(ImageError::Manifests)
}

fn unknown(assets: &Assets, name: &str) -> Result<ImageError, ImageError> {
    let known = assets.stems(FOLDER, EXTENSION).map_err(ImageError::io(FOLDER))?;
    let hint = did_you_mean(name, known.iter().map(String::as_str));
    let hint = hint.unwrap_or_else(|| format!("there are {}", known.join(", ")));
    Ok(ImageError::NoRootDisk { name: name.to_owned(), hint })
}

fn check(content: &File, name: &str, document: &mut Document<'_>) {
    if !is_host_name(name) {
        let wrong = document.wrong(&[], format!("`{name}` cannot be the guest's host name"));
        wrong.help("name the file in a-z, 0-9 and `-`, at most 63 characters, for example `debian.yaml`");
    }
    if content.summary.trim().is_empty() || content.summary.contains('\n') {
        document.wrong(&[Step::Key("summary")], "the summary is not one line");
    }
    for (key, names) in [("packages", &content.packages), ("without", &content.without)] {
        for (index, name) in names.iter().enumerate() {
            let at = [Step::Key(key), Step::Item(index)];
            if !is_package_name(name) {
                document.wrong(&at, format!("`{name}` is not the name of a package"));
            } else if names[..index].contains(name) {
                document.wrong(&at, format!("`{name}` is there twice"));
            }
        }
    }
    for (index, name) in content.without.iter().enumerate() {
        if content.packages.contains(name) {
            let at = [Step::Key("without"), Step::Item(index)];
            document.wrong(&at, format!("`{name}` is one of `packages`, too")).help("keep one of the two");
        }
    }
    let has = |wanted: &str| content.packages.iter().any(|name| name == wanted);
    if !has(SERVER) {
        let wrong = document.wrong(&[Step::Key("packages")], "the guest has no SSH server: the lab could not reach it");
        wrong.help(format!("add `{SERVER}`"));
    }
    if let Some(init) = content.init.filter(|init| !has(init.package())) {
        let wrong = document.wrong(&[Step::Key("init")], "the guest has no such init");
        wrong.help(format!("add `{}` to `packages`", init.package()));
    }
    if shell_of(&content.packages).is_none() {
        let wrong = document.wrong(&[Step::Key("packages")], "the guest has no shell: it could run no command");
        wrong.help(format!("add one of {}", SHELLS.map(|(package, _)| package).join(", ")));
    }
}

fn shell_of(packages: &[String]) -> Option<&'static str> {
    let found = SHELLS.iter().find(|(package, _)| packages.iter().any(|name| name == package));
    found.map(|(_, program)| *program)
}

/// The size; `None` after a finding.
fn read_size(text: &str, document: &mut Document<'_>) -> Result<RamMib, ()> {
    match text.parse::<RamMib>() {
        Ok(size) if FREE_MIB.contains(&size.0) => Ok(size),
        _ => {
            let wrong = document.wrong(&[Step::Key("free")], format!("`{text}` is no size of a file system"));
            wrong.help("write for example `512M` or `4G`, at most `1024G`");
            Err(())
        }
    }
}

/// RFC 1123 2.1, in lower case.
fn is_host_name(name: &str) -> bool {
    let is_letter = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    (1..=63).contains(&name.len())
        && name.bytes().all(|byte| is_letter(byte) || byte == b'-')
        && !name.starts_with('-')
        && !name.ends_with('-')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> String {
        let found = RootDiskSpec::parse("mine", "mine.yaml", text).unwrap_err();
        found.iter().map(Diagnostic::to_string).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn builtin_description_is_read() {
        let debian = read_root_disk(&Assets::builtin(), "debian").unwrap();
        assert_eq!((debian.name.as_str(), debian.free, debian.shell()), ("debian", RamMib(512), "/bin/bash"));
        assert!(debian.packages.contains(&"coreutils".to_owned()) && debian.without.contains(&"systemd".to_owned()));
        let systemd = read_root_disk(&Assets::builtin(), "debian-systemd").unwrap();
        assert_eq!((debian.init, systemd.init), (None, Some(Init::Systemd)));
    }

    #[test]
    fn user_file_is_before_the_builtin_one() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(dir.path().join("images")).unwrap();
        let text = "summary: Mine\nfree: 2G\npackages: [dash, openssh-server]\n";
        std::fs::write(dir.path().join("images/debian.yaml"), text).unwrap();
        let mine = read_root_disk(&Assets::with_overlay(dir.path()), "debian").unwrap();
        assert_eq!((mine.free, mine.shell(), mine.without.len()), (RamMib(2048), "/bin/sh", 0));
    }

    #[test]
    fn unknown_name_has_a_suggestion() {
        let error = |name| read_root_disk(&Assets::builtin(), name).unwrap_err().to_string();
        assert_eq!(
            error("debain"),
            "unknown root disk `debain`: there is no `images/debain.yaml`; did you mean `debian`?"
        );
        assert!(
            error("../kernels/linux-6.1").ends_with("; there are debian, debian-systemd"),
            "{}",
            error("../kernels/linux-6.1")
        );
    }

    #[test]
    fn mistakes_have_place_and_remedy() {
        let text = "summary: Mine\nfree: 12\npackages:\n  - dash\n  - Bash\nwithout: [dash, dash]\n";
        let found = refused(text);
        let expected = [
            "error: `12` is no size of a file system\n  ╭─ mine.yaml:2:7\n2 │ free: 12\n  │       ──\n  ╰─ write for example `512M`",
            "error: the guest has no SSH server: the lab could not reach it\n  ╭─ mine.yaml:3:1\n",
            "error: `Bash` is not the name of a package\n  ╭─ mine.yaml:5:5\n",
            "error: `dash` is one of `packages`, too\n  ╭─ mine.yaml:6:11\n",
            "error: `dash` is there twice\n  ╭─ mine.yaml:6:17\n",
        ];
        assert!(expected.iter().all(|part| found.contains(part)), "{found}");
        let text = "summary: Mine\ninit: systemd\npackages: [dash, openssh-server]\n";
        assert!(refused(text).contains("mine.yaml:2:"), "{}", refused(text));
        assert!(refused(text).contains("add `systemd` to `packages`"), "{}", refused(text));
        let text = "sumary: Mine\npackages: []\n";
        assert!(refused(text).contains("did you mean `summary`?"), "{}", refused(text));
        let text = "summary: Mine\npackages: [coreutils]\n";
        let found = refused(text);
        assert!(found.contains("add `openssh-server`") && found.contains("add one of bash, dash, "), "{found}");
    }

    #[test]
    fn name_is_a_host_name() {
        let text = "summary: Mine\npackages: [dash, openssh-server]\n";
        for name in ["", "Mine", "a_b", "a.b", "-a", "a-", &"a".repeat(64)] {
            assert!(RootDiskSpec::parse(name, "x.yaml", text).is_err(), "{name}");
        }
        assert_eq!(RootDiskSpec::parse("a-1", "x.yaml", text).unwrap().free, RamMib(512));
    }
}
