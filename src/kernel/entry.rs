//! One kernel of the catalogue, with its source: `kernels/<name>.yaml`.

use super::KernelError;
use super::config::Fragment;
use super::description::{self, fragments, patches};
use super::patch::Patch;
use crate::assets::Assets;
use crate::diagnostic::{Document, Step};
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
    /// It has no file: the kernel of a commit, of a folder, or with a configuration that is tried.
    pub is_variant: bool,
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

    /// What makes such a kernel ready, in one word of [`super::Work`].
    pub fn way(&self, is_cached: bool) -> &'static str {
        match self {
            Self::Local(_) => "local",
            _ if is_cached => "cached",
            Self::Debian { .. } => "fetch",
            Self::DebianSource { .. } | Self::Git { .. } | Self::Tree(_) => "build",
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
        description::read(assets, path, |file: File, document| {
            let mut build = BTreeMap::new();
            for (arch, names) in &file.build {
                let at = [Step::Key("build"), Step::Key(arch.name)];
                build.insert(*arch, fragments(assets, names, &at, document));
            }
            let patches = patches(assets, &file.patches, &[Step::Key("patches")], document);
            let entry = Self { name: KernelName::new(name), source: file.source, build, patches, is_variant: false };
            entry.check(document);
            Some(entry)
        })
    }

    /// Notes keys that contradict the source, and a kernel for no architecture.
    fn check(&self, document: &mut Document<'_>) {
        let kind = self.source.kind();
        let source = [Step::Key("source"), Step::Key(kind)];
        match &self.source {
            Source::DebianSource { .. } | Source::Git { .. } | Source::Tree(_) => {
                if self.build.is_empty() {
                    let wrong = document.wrong(&source, "no architecture is named");
                    wrong.help("`build` lists the configuration fragments for each: `build: {x86_64: [base, …]}`");
                }
                return;
            }
            Source::Debian { .. } if self.arches().is_empty() => {
                let packages = [source[0], source[1], Step::Key("packages")];
                document.wrong(&packages, "no architecture is named").help("`packages` has a package for each");
            }
            Source::Local(images) if images.is_empty() => {
                document.wrong(&source, "no architecture is named").help("`local` has an `image` for each");
            }
            Source::Debian { .. } | Source::Local(_) => {}
        }
        for (key, is_given) in [("build", !self.build.is_empty()), ("patches", !self.patches.is_empty())] {
            if is_given {
                let wrong = document.wrong(&[Step::Key(key)], format!("`{key}` has no meaning for source `{kind}`"));
                wrong.help("such a kernel is not built here");
            }
        }
    }
}
