//! `pack.json`: what a pack has.

use model::{Arch, Artifact, CellId, Digest, KernelName};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Its name in the pack.
pub const MANIFEST: &str = "pack.json";
/// The plan.
pub(super) const PLAN: &str = "plan.json";
/// The folder of the cells' files.
const OBJECTS: &str = "objects";
/// Version of the format; a pack of any other is refused.
pub(super) const SCHEMA: u32 = 1;
/// Maximum length of the manifest in bytes: that of some ten thousand cells. Parsed, a hostile one takes thirty times as much memory.
pub(super) const MAX_MANIFEST: u64 = 16 << 20;
/// Maximum length of the plan in bytes.
pub(super) const MAX_PLAN: u64 = 128 << 20;
/// Maximum of all files of a pack in bytes.
const MAX_BYTES: u64 = 64 << 30;

/// What a pack has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Manifest {
    /// [`SCHEMA`].
    pub schema: u32,
    /// The version of the program that packed it.
    pub oomlab: String,
    /// The plan's name.
    pub name: String,
    pub plan: Artifact,
    pub program: Program,
    /// The kernels of the plan, by name and architecture.
    pub kernels: Vec<Kernel>,
    /// In the order of the plan.
    pub cells: Vec<Files>,
}

/// The program, with its libraries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Program {
    /// The architecture of its host, as `uname -m` prints it.
    pub arch: String,
    pub files: Vec<Artifact>,
}

/// A kernel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Kernel {
    pub name: KernelName,
    pub arch: Arch,
    pub release: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    pub image: Artifact,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub system_map: Option<Artifact>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vmlinux: Option<Artifact>,
}

/// The files of a cell, beside its kernel's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Files {
    pub id: CellId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub initrd: Option<Artifact>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub firmware: Option<Artifact>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test: Option<Test>,
}

/// The test of a cell with a root disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Test {
    pub disk: Artifact,
    /// The private key that logs in.
    pub key: Artifact,
    pub host_key: String,
    pub script: Artifact,
}

/// The name of an object.
pub(super) fn object(digest: &Digest) -> String {
    format!("{OBJECTS}/{digest}")
}

impl Manifest {
    /// All objects, each once.
    pub fn objects(&self) -> BTreeMap<&str, &Artifact> {
        let kernels = self
            .kernels
            .iter()
            .flat_map(|kernel| std::iter::once(&kernel.image).chain(&kernel.system_map).chain(&kernel.vmlinux));
        let cells = self.cells.iter().flat_map(|cell| {
            let test = cell.test.iter().flat_map(|test| [&test.disk, &test.key, &test.script]);
            cell.initrd.iter().chain(&cell.firmware).chain(test)
        });
        kernels.chain(cells).map(|object| (object.file.as_str(), object)).collect()
    }

    /// Refuses a manifest by which a file could be read that is not the pack's; the error says why.
    pub fn check(&self) -> Result<(), String> {
        let wrong = Err::<(), String>;
        let objects = self.objects();
        for (name, file) in &objects {
            if !is_digest(&file.sha256) || *name != object(&file.sha256) {
                return wrong(format!("`{}` is no name of an object", model::printable(name)));
            }
        }
        if self.plan.file != PLAN || !is_digest(&self.plan.sha256) {
            return wrong(format!("its plan is not `{PLAN}`"));
        }
        let sizes = objects.values().map(|file| file.bytes).chain(self.program.files.iter().map(|file| file.bytes));
        let bytes = sizes.fold(self.plan.bytes, u64::saturating_add);
        if bytes > MAX_BYTES {
            return wrong(format!("its files have {} GiB, more than {}", bytes >> 30, MAX_BYTES >> 30));
        }
        Ok(())
    }
}

fn is_digest(digest: &Digest) -> bool {
    let text = digest.as_str();
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}
