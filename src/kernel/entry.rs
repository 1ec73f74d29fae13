//! One kernel of the catalogue, with its source: `kernels/<name>.yaml`.

use super::KernelError;
use super::config::Fragment;
use super::description::{parse, read_fragments, read_patches};
use super::patch::Patch;
use crate::assets::Assets;
use arch::Arch;
use model::KernelName;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// One kernel of the catalogue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KernelEntry {
    /// Its name: that of its file, without the extension.
    pub name: KernelName,
    /// Its source.
    pub source: Source,
    /// Configuration fragments by architecture; empty for kernels that are not built here.
    pub build: BTreeMap<Arch, Vec<Fragment>>,
    /// Patches of its source, in their order.
    pub patches: Vec<Patch>,
}

/// The source of a kernel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Source {
    /// Prebuilt `linux-image-*` packages (`linux-binary-*` since 7.0).
    Debian {
        /// Suite, for example `bookworm`.
        suite: String,
        /// Package by architecture; one `*` stands for a version, and the newest match is taken.
        packages: BTreeMap<Arch, String>,
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
    /// A folder with a kernel's source, configured and built here as it is: uncommitted changes included.
    Tree(PathBuf),
    /// Images of the user, by architecture.
    Local(BTreeMap<Arch, LocalImage>),
}

/// A kernel image of the user, with what belongs to it.
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
    build: BTreeMap<Arch, Vec<String>>,
    /// Names of patches.
    #[serde(default)]
    patches: Vec<String>,
}

impl Source {
    /// The kind, as the YAML names it.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Debian { .. } => "debian",
            Self::DebianSource { .. } => "debian-source",
            Self::Git { .. } => "git",
            Self::Tree(_) => "tree",
            Self::Local(_) => "local",
        }
    }
}

impl KernelEntry {
    /// The error of building a prebuilt kernel.
    pub fn not_built(&self) -> KernelError {
        KernelError::NotBuilt { kernel: self.name.to_string(), source_kind: self.source.kind() }
    }

    /// The architectures for which it exists, in the order of [`arch::ALL`].
    pub fn arches(&self) -> Vec<Arch> {
        match &self.source {
            Source::Debian { packages, .. } => packages.keys().copied().collect(),
            Source::Local(images) => images.keys().copied().collect(),
            Source::DebianSource { .. } | Source::Git { .. } | Source::Tree(_) => self.build.keys().copied().collect(),
        }
    }

    /// Reads `kernels/<name>.yaml`.
    ///
    /// # Errors
    /// When the description is wrong, or names a fragment or a patch that does not exist.
    pub(super) fn read(assets: &Assets, path: &str, name: &str) -> Result<Self, KernelError> {
        let origin = assets.origin(path);
        let wrong = |message: &str| KernelError::Catalogue { origin: origin.clone(), message: message.to_owned() };
        let file: File = parse(assets, path)?;
        let mut build = BTreeMap::new();
        for (arch, fragments) in file.build {
            let fragments = read_fragments(assets, &fragments, &origin, &format!("build: {arch}"))?;
            build.insert(arch, fragments);
        }
        let patches = read_patches(assets, &file.patches, &origin)?;
        let entry = Self { name: KernelName::new(name), source: file.source, build, patches };
        if entry.build.is_empty() && !entry.patches.is_empty() {
            return Err(wrong("`patches` have no meaning for a kernel that is not built here"));
        }
        if matches!(entry.source, Source::Debian { .. } | Source::Local(_)) && !entry.build.is_empty() {
            return Err(wrong(&format!("`build` has no meaning for source `{}`", entry.source.kind())));
        }
        if entry.arches().is_empty() {
            return Err(wrong("no architecture is named"));
        }
        Ok(entry)
    }
}
