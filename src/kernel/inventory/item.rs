//! One part of the cache.

use serde::Serialize;
use std::path::PathBuf;
use std::time::SystemTime;

/// What a part of the cache is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Category {
    /// A finished kernel.
    Kernel,
    /// The output tree of builds.
    OutputTree,
    /// A source tree, and the patched trees made of it.
    SourceTree,
    /// A Debian package.
    Package,
    /// The index of a Debian suite.
    Index,
    /// A guest image.
    Image,
    /// A root disk of guests, and the key that logs in.
    Disk,
    /// Kernels' own tests, built.
    Selftests,
    /// Firmware of guests.
    Firmware,
    /// What a killed process has left.
    Leftover,
    /// Logs, locks, links and answers of the lab.
    Log,
    /// Not the lab's, or damaged.
    Other,
}

impl Category {
    /// All of them, in the order of lists.
    pub const ALL: [Self; 12] = [
        Self::Kernel,
        Self::OutputTree,
        Self::SourceTree,
        Self::Package,
        Self::Index,
        Self::Image,
        Self::Disk,
        Self::Selftests,
        Self::Firmware,
        Self::Leftover,
        Self::Log,
        Self::Other,
    ];

    /// Its name for people, for several of them.
    pub const fn plural(self) -> &'static str {
        match self {
            Self::Kernel => "kernels",
            Self::OutputTree => "output trees",
            Self::SourceTree => "source trees",
            Self::Package => "packages",
            Self::Index => "package indices",
            Self::Image => "guest images",
            Self::Disk => "root disks",
            Self::Selftests => "selftests",
            Self::Firmware => "firmware",
            Self::Leftover => "leftovers",
            Self::Log => "logs and locks",
            Self::Other => "other",
        }
    }

    /// The lab can make it again.
    pub(super) const fn is_removable(self) -> bool {
        !matches!(self, Self::Log | Self::Other)
    }
}

/// One part of the cache.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// What it is.
    pub category: Category,
    /// Its name.
    pub name: String,
    /// The architecture that it is for, where it is for one.
    pub arch: Option<String>,
    /// The kernel's release, of kernels and source trees.
    pub release: Option<String>,
    /// Bytes on disk; a file with several names counts once.
    pub bytes: u64,
    /// When it was last used.
    pub used: SystemTime,
    /// A kernel that is the present one of its name.
    pub is_current: bool,
    /// A kernel that the catalogue has.
    pub in_catalogue: bool,
    /// A kernel of a commit, of a folder, or with a configuration that is tried.
    pub is_variant: bool,
    /// Its folders and files, below the cache folder.
    pub paths: Vec<PathBuf>,
}

impl Item {
    pub(super) fn new(category: Category, name: String, used: SystemTime) -> Self {
        Self {
            category,
            name,
            arch: None,
            release: None,
            bytes: 0,
            used,
            is_current: false,
            in_catalogue: false,
            is_variant: false,
            paths: Vec::new(),
        }
    }

    /// Whether it is a variant, or a kernel that another build has replaced.
    pub fn is_of_commit(&self) -> bool {
        self.category == Category::Kernel && (self.is_variant || !self.is_current)
    }
}

/// What lies in the cache, by category and name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Inventory {
    /// All of it.
    pub items: Vec<Item>,
}

impl Inventory {
    /// Bytes in all.
    pub fn bytes(&self) -> u64 {
        self.items.iter().map(|item| item.bytes).sum()
    }

    /// The parts of a category.
    pub fn of(&self, category: Category) -> impl Iterator<Item = &Item> {
        self.items.iter().filter(move |item| item.category == category)
    }
}
