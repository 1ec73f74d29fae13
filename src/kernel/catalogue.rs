//! The kernels that there are: one YAML file each, the file's name is the kernel's.

use super::config::Fragment;
use super::edit::Edit;
use super::{KernelError, zoo};
use crate::assets::Assets;
use arch::Arch;
use model::KernelName;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// All kernels, in the order of their names.
#[derive(Debug, Clone)]
pub struct Catalogue {
    entries: Vec<Entry>,
}

/// One kernel of the catalogue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its name: that of its file, without the extension.
    pub name: KernelName,
    /// Where it comes from.
    pub source: Source,
    /// How it is built, by architecture; empty for kernels that are not built here.
    pub build: BTreeMap<String, Vec<Fragment>>,
    /// Changes of its source, in their order.
    pub edits: Vec<Edit>,
}

/// Where a kernel comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Source {
    /// Prebuilt `linux-image-*` packages (`linux-binary-*` since 7.0).
    Debian {
        /// Suite, for example `bookworm`.
        suite: String,
        /// Package by architecture; one `*` stands for a version, and the newest match is taken.
        packages: BTreeMap<String, String>,
    },
    /// A `linux-source-*` package, configured and built here.
    DebianSource {
        /// Suite, for example `bookworm`.
        suite: String,
        /// Package.
        package: String,
    },
    /// A git repository, configured and built here.
    Git {
        /// Path or URL.
        repository: String,
        /// Anything that `git rev-parse` takes.
        revision: String,
    },
    /// The user's own images, by architecture.
    Local(BTreeMap<String, LocalImage>),
}

/// A kernel that the user built.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct LocalImage {
    /// The bootable image.
    pub image: PathBuf,
    /// Symbol table.
    #[serde(default)]
    pub system_map: Option<PathBuf>,
    /// ELF file with debug information.
    #[serde(default)]
    pub vmlinux: Option<PathBuf>,
    /// Folder with `lib/modules/<release>`.
    #[serde(default)]
    pub modules: Option<PathBuf>,
    /// Configuration.
    #[serde(default)]
    pub config: Option<PathBuf>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    source: Source,
    /// Names of configuration fragments, by architecture.
    #[serde(default)]
    build: BTreeMap<String, Vec<String>>,
    /// Names of edits.
    #[serde(default)]
    edits: Vec<String>,
}

impl Source {
    /// The kind, as the YAML names it.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Debian { .. } => "debian",
            Self::DebianSource { .. } => "debian-source",
            Self::Git { .. } => "git",
            Self::Local(_) => "local",
        }
    }
}

impl Entry {
    /// Names of the architectures for which it exists, in the lab's order.
    pub fn arches(&self) -> Vec<&'static str> {
        arch::ALL.iter().map(|arch| arch.name).filter(|arch| self.has(arch)).collect()
    }

    fn has(&self, arch: &str) -> bool {
        match &self.source {
            Source::Debian { packages, .. } => packages.contains_key(arch),
            Source::Local(images) => images.contains_key(arch),
            Source::DebianSource { .. } | Source::Git { .. } => self.build.contains_key(arch),
        }
    }

    fn named_arches(&self) -> Vec<&String> {
        match &self.source {
            Source::Debian { packages, .. } => packages.keys().collect(),
            Source::Local(images) => images.keys().collect(),
            Source::DebianSource { .. } | Source::Git { .. } => self.build.keys().collect(),
        }
    }
}

impl Catalogue {
    /// Reads every `kernels/*.yaml`, and the pairs of `kernels/zoo/`.
    ///
    /// # Errors
    /// When a file or a fragment that it names is missing or wrong; file, line and column are in the message.
    pub fn read(assets: &Assets) -> Result<Self, KernelError> {
        let paths = assets.list("kernels").map_err(KernelError::io("list", "kernels".as_ref()))?;
        let name_of = |path: &str| {
            let name = path.strip_prefix("kernels/")?.strip_suffix(".yaml")?;
            (!name.contains('/')).then(|| name.to_owned())
        };
        let mut entries = Vec::new();
        for path in &paths {
            if let Some(name) = name_of(path) {
                entries.push(read_entry(assets, path, name)?);
            }
        }
        for path in assets.list(zoo::FOLDER).map_err(KernelError::io("list", zoo::FOLDER.as_ref()))? {
            let pair = zoo::read(assets, &path, |base| entries.iter().find(|entry| entry.name.as_str() == base))?;
            entries.extend(pair);
        }
        entries.sort_by(|a, b| a.name.as_str().cmp(b.name.as_str()));
        Ok(Self { entries })
    }

    /// All kernels, in the order of their names.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The kernel of this name.
    ///
    /// # Errors
    /// When there is none; the message names the nearest one.
    pub fn find(&self, name: &str) -> Result<&Entry, KernelError> {
        self.entries.iter().find(|entry| entry.name.as_str() == name).ok_or_else(|| {
            let nearest = self
                .entries
                .iter()
                .map(|entry| (strsim::damerau_levenshtein(name, entry.name.as_str()), entry))
                .filter(|(distance, _)| *distance <= 3)
                .min_by_key(|(distance, _)| *distance);
            KernelError::Unknown { name: name.to_owned(), similar: nearest.map(|(_, entry)| entry.name.to_string()) }
        })
    }

    /// Whether a kernel exists for an architecture; if not, the error says why.
    ///
    /// # Errors
    /// When the kernel is unknown or does not exist for the architecture.
    pub fn supports(&self, name: &str, arch: Arch) -> Result<&Entry, KernelError> {
        let entry = self.find(name)?;
        if entry.has(arch.name) {
            return Ok(entry);
        }
        let arches = entry.arches().join(", ");
        Err(KernelError::Unsupported(format!("{name} does not exist for {}, only for {arches}", arch.name)))
    }
}

fn read_entry(assets: &Assets, path: &str, name: String) -> Result<Entry, KernelError> {
    let origin = assets.origin(path);
    let wrong = |origin: String, message: String| KernelError::Catalogue { origin, message };
    let file: File = parse(assets, path)?;
    let mut build = BTreeMap::new();
    for (arch, fragments) in file.build {
        let fragments = read_fragments(assets, &fragments, &origin, &format!("build: {arch}"))?;
        build.insert(arch, fragments);
    }
    let edits = read_edits(assets, &file.edits, &origin)?;
    let entry = Entry { name: KernelName::new(name), source: file.source, build, edits };
    if entry.build.is_empty() && !entry.edits.is_empty() {
        return Err(wrong(origin, "`edits` have no meaning for a kernel that is not built here".to_owned()));
    }
    if matches!(entry.source, Source::Debian { .. } | Source::Local(_)) && !entry.build.is_empty() {
        return Err(wrong(origin, format!("`build` has no meaning for source `{}`", entry.source.kind())));
    }
    if let Some(unknown) = entry.named_arches().into_iter().find(|arch| arch::find(arch).is_none()) {
        return Err(wrong(origin, format!("unknown architecture `{unknown}`")));
    }
    if entry.arches().is_empty() {
        return Err(wrong(origin, "no architecture is named".into()));
    }
    Ok(entry)
}

/// Reads a description; file, line and column are in the message of an error.
pub(super) fn parse<T: for<'a> Deserialize<'a>>(assets: &Assets, path: &str) -> Result<T, KernelError> {
    let origin = assets.origin(path);
    let wrong = |origin: String, message: String| KernelError::Catalogue { origin, message };
    let bytes = assets.read(path).map_err(KernelError::io("read", origin.as_ref()))?.unwrap_or_default();
    let text = std::str::from_utf8(&bytes).map_err(|error| wrong(origin.clone(), error.to_string()))?;
    serde_yaml::from_str(text).map_err(|error| {
        let place = error.location().map(|at| format!(":{}:{}", at.line(), at.column())).unwrap_or_default();
        let message = error.without_snippet().to_string();
        // The place stands before the message already.
        let message = message.rsplit_once(" at line ").map_or(message.as_str(), |(message, _)| message);
        wrong(format!("{origin}{place}"), message.to_owned())
    })
}

pub(super) fn read_fragments(
    assets: &Assets,
    names: &[String],
    origin: &str,
    place: &str,
) -> Result<Vec<Fragment>, KernelError> {
    let message = |name: &str| format!("{place}: no fragment kernels/config/{name}.config");
    names.iter().map(|name| Fragment::read(assets, name).map_err(missing(origin, message))).collect()
}

pub(super) fn read_edits(assets: &Assets, names: &[String], origin: &str) -> Result<Vec<Edit>, KernelError> {
    let message = |name: &str| format!("no edit kernels/edits/{name}.yaml");
    names.iter().map(|name| Edit::read(assets, name).map_err(missing(origin, message))).collect()
}

/// Something that a description names is not there.
fn missing(origin: &str, message: impl Fn(&str) -> String) -> impl Fn(KernelError) -> KernelError {
    move |error| match error {
        KernelError::Unknown { name, .. } => {
            KernelError::Catalogue { origin: origin.to_owned(), message: message(&name) }
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn read(name: &str, text: &str) -> Result<Catalogue, String> {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("kernels")).unwrap();
        fs::write(dir.path().join("kernels").join(name), text).unwrap();
        Catalogue::read(&Assets::with_overlay(dir.path()))
            .map_err(|error| error.to_string().replace(&format!("{}/", dir.path().display()), ""))
    }

    #[test]
    fn the_builtin_catalogue_is_sound() {
        let catalogue = Catalogue::read(&Assets::builtin()).unwrap();
        for line in ["5.10", "6.1", "6.12", "7.2", "7.3"] {
            assert!(catalogue.find(&format!("debian-{line}")).is_ok());
            let nommu = arch::find("riscv64-nommu").unwrap();
            assert!(catalogue.supports(&format!("linux-{line}"), nommu).is_ok());
        }
    }

    #[test]
    fn a_kernel_that_does_not_exist_for_an_architecture_says_so() {
        let catalogue = Catalogue::read(&Assets::builtin()).unwrap();
        let error = catalogue.supports("debian-6.1", arch::find("riscv64-nommu").unwrap()).unwrap_err();
        assert!(error.to_string().starts_with("debian-6.1 does not exist for riscv64-nommu, only for x86_64"));
        let error = catalogue.find("linux-6.l").unwrap_err().to_string();
        assert!(error.contains("did you mean `linux-6.1`?"), "{error}");
    }

    #[test]
    fn a_users_kernel_is_read() {
        let text = "source:\n  local:\n    x86_64:\n      image: /tmp/bzImage\n      system-map: /tmp/System.map\n";
        let catalogue = read("mine.yaml", text).unwrap();
        assert_eq!(catalogue.find("mine").unwrap().arches(), ["x86_64"]);
        let text = "source:\n  git: {repository: /src/linux, revision: v6.12}\nbuild:\n  riscv64-nommu: [base]\n";
        assert_eq!(read("mine.yaml", text).unwrap().find("mine").unwrap().source.kind(), "git");
    }

    #[test]
    fn mistakes_are_shown_with_their_place() {
        let message = read("mine.yaml", "source:\n  debian:\n    suit: sid\n    packages: {}\n").unwrap_err();
        assert!(message.starts_with("kernels/mine.yaml:3:5: "), "{message}");
        assert!(message.contains("suit"), "{message}");
        let message = read("mine.yaml", "source:\n  debain:\n    suite: sid\n").unwrap_err();
        assert!(message.starts_with("kernels/mine.yaml:2:3: ") && message.contains("debain"), "{message}");
        let message =
            read("mine.yaml", "source:\n  debian: {suite: sid, packages: {sparc: linux-image}}\n").unwrap_err();
        assert_eq!(message, "kernels/mine.yaml: unknown architecture `sparc`");
        let text = "source:\n  debian-source: {suite: sid, package: linux-source-7.2}\nbuild: {arm: [bsae]}\n";
        let message = read("mine.yaml", text).unwrap_err();
        assert_eq!(message, "kernels/mine.yaml: build: arm: no fragment kernels/config/bsae.config");
        let message = read("mine.yaml", "source:\n  debian: {suite: sid, packages: {}}\n").unwrap_err();
        assert_eq!(message, "kernels/mine.yaml: no architecture is named");
        let text = "source:\n  debian: {suite: sid, packages: {arm: x}}\nbuild: {arm: [base]}\n";
        assert!(read("mine.yaml", text).unwrap_err().contains("`build` has no meaning for source `debian`"));
    }
}
