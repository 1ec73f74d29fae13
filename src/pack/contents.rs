//! What is packed of a plan.

use super::error::PackError;
use super::manifest::{Files, Kernel, MANIFEST, MAX_MANIFEST, MAX_PLAN, Manifest, PLAN, Program, SCHEMA, Test, object};
use super::program::OwnProgram;
use super::script;
use crate::archive::{self, HostPaths};
use crate::host::check_cancelled;
use crate::store::read_regular;
use model::{Arch, Artifact, CellId, Digest, KernelArtifact, KernelName, Plan};
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::path::{Path, PathBuf};
use tokio_util::sync::CancellationToken;

/// Maximum length of a kernel's symbols or debug information in bytes.
const MAX_SYMBOLS: u64 = 4 << 30;

/// A cell that is ready to boot.
#[derive(Debug, Clone)]
pub struct PackedCell {
    /// The cell.
    pub id: CellId,
    /// Its kernel.
    pub kernel: KernelArtifact,
    /// The initramfs.
    pub initrd: Option<PathBuf>,
    /// The firmware in place of QEMU's own.
    pub firmware: Option<PathBuf>,
    /// The test, of a cell with a root disk.
    pub test: Option<PackedTest>,
}

/// See [`PackedCell`].
#[derive(Debug, Clone)]
pub struct PackedTest {
    /// The root disk.
    pub disk: PathBuf,
    /// The private key that logs in.
    pub key: PathBuf,
    /// The public key of the guest's server.
    pub host_key: String,
    /// What runs in the guest.
    pub script: String,
}

/// A plan to be packed.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// The plan.
    pub plan: &'a Plan,
    /// Its cells, in its order.
    pub cells: &'a [PackedCell],
    /// The paths of the host that packs it.
    pub host: &'a HostPaths,
    /// Whether a text may name folders of that host.
    pub allows_paths: bool,
    /// Packing fails once it is cancelled.
    pub cancel: &'a CancellationToken,
}

/// The files of a pack. The kernel's symbols and debug information do not name folders of the host.
///
/// # Errors
/// When a file cannot be read, the plan names a folder of the host, or packing is cancelled.
pub fn contents(request: &Request<'_>, program: OwnProgram) -> Result<Vec<archive::Entry>, PackError> {
    let Request { plan, cells, host, allows_paths, cancel } = *request;
    let mut objects = Objects { host, cancel, by_path: BTreeMap::new(), entries: BTreeMap::new() };
    let mut kernels: BTreeMap<(&KernelName, Arch), Kernel> = BTreeMap::new();
    let mut packed = Vec::new();
    for cell in cells {
        if let Entry::Vacant(unknown) = kernels.entry((&cell.kernel.name, cell.kernel.arch)) {
            unknown.insert(objects.kernel(&cell.kernel)?);
        }
        packed.push(objects.cell(cell)?);
    }
    let plan_text = archive::Entry::text(PLAN, json(&without_places(plan, host))?);
    let program = program.entries;
    let manifest = Manifest {
        schema: SCHEMA,
        oomlab: env!("CARGO_PKG_VERSION").to_owned(),
        name: plan.name.clone(),
        plan: plan_text.artifact().clone(),
        program: Program {
            arch: std::env::consts::ARCH.to_owned(),
            files: program.iter().map(|entry| entry.artifact().clone()).collect(),
        },
        kernels: kernels.into_values().collect(),
        cells: packed,
    };
    manifest.check().map_err(|reason| PackError::TooLarge { reason })?;
    let manifest = archive::Entry::text(MANIFEST, json(&manifest)?);
    fits(&manifest, MAX_MANIFEST)?;
    fits(&plan_text, MAX_PLAN)?;
    let mut texts = vec![manifest, plan_text];
    texts.extend(script::entries(plan));
    if !allows_paths {
        texts.iter().try_for_each(|text| check(text, host))?;
    }
    Ok(texts.into_iter().chain(program).chain(objects.entries.into_values()).collect())
}

/// The objects so far; each file is read once, and each content packed once.
struct Objects<'a> {
    host: &'a HostPaths,
    cancel: &'a CancellationToken,
    by_path: BTreeMap<PathBuf, Artifact>,
    entries: BTreeMap<Digest, archive::Entry>,
}

impl Objects<'_> {
    fn kernel(&mut self, kernel: &KernelArtifact) -> Result<Kernel, PackError> {
        let image = self.file(&kernel.image, archive::Entry::binary)?;
        if image.sha256 != kernel.digest {
            let source = std::io::Error::other("it has changed since it was made ready; try again");
            return Err(PackError::Read { path: kernel.image.clone(), source });
        }
        let mut symbols = |path: &Option<PathBuf>| path.as_deref().map(|path| self.symbols(path)).transpose();
        Ok(Kernel {
            name: kernel.name.clone(),
            arch: kernel.arch,
            release: kernel.release.clone(),
            commit: kernel.commit.clone(),
            image,
            system_map: symbols(&kernel.system_map)?,
            vmlinux: symbols(&kernel.vmlinux)?,
        })
    }

    fn cell(&mut self, cell: &PackedCell) -> Result<Files, PackError> {
        let mut binary =
            |path: &Option<PathBuf>| path.as_deref().map(|path| self.file(path, archive::Entry::binary)).transpose();
        let (initrd, firmware) = (binary(&cell.initrd)?, binary(&cell.firmware)?);
        let test = cell.test.as_ref().map(|test| {
            Ok(Test {
                disk: self.file(&test.disk, archive::Entry::binary)?,
                key: self.file(&test.key, archive::Entry::secret)?,
                host_key: test.host_key.clone(),
                script: self.add(archive::Entry::text("", test.script.clone().into_bytes())),
            })
        });
        Ok(Files { id: cell.id.clone(), initrd, firmware, test: test.transpose()? })
    }

    fn file(
        &mut self,
        path: &Path,
        open: fn(&str, &Path) -> std::io::Result<archive::Entry>,
    ) -> Result<Artifact, PackError> {
        if let Some(known) = self.by_path.get(path) {
            return Ok(known.clone());
        }
        check_cancelled(self.cancel).map_err(PackError::read(path))?;
        let entry = open("", path).map_err(PackError::read(path))?;
        let artifact = self.add(entry);
        self.by_path.insert(path.to_owned(), artifact.clone());
        Ok(artifact)
    }

    /// Symbols or debug information, in which a compiler notes where it ran.
    fn symbols(&mut self, path: &Path) -> Result<Artifact, PackError> {
        if let Some(known) = self.by_path.get(path) {
            return Ok(known.clone());
        }
        check_cancelled(self.cancel).map_err(PackError::read(path))?;
        let mut content = read_regular(path, MAX_SYMBOLS).map_err(PackError::read(path))?;
        self.host.blank(&mut content);
        let artifact = self.add(archive::Entry::text("", content));
        self.by_path.insert(path.to_owned(), artifact.clone());
        Ok(artifact)
    }

    fn add(&mut self, entry: archive::Entry) -> Artifact {
        let digest = entry.artifact().sha256.clone();
        let entry = self.entries.entry(digest).or_insert_with_key(|digest| entry.renamed(object(digest)));
        entry.artifact().clone()
    }
}

/// The plan; the files of quarantines, which are only shown, have names in place of the host's paths.
fn without_places(plan: &Plan, host: &HostPaths) -> Plan {
    let mut plan = plan.clone();
    for entry in plan.cells.iter_mut().flat_map(|cell| &mut cell.quarantine) {
        entry.place = String::from_utf8_lossy(&host.rewrite(entry.place.as_bytes())).into_owned();
    }
    plan
}

/// Refuses a text that names a folder of the host.
fn check(text: &archive::Entry, host: &HostPaths) -> Result<(), PackError> {
    match text.as_text().and_then(|text| host.leftover(text)) {
        Some(found) => {
            let file = text.artifact().file.clone();
            Err(PackError::HostPath { file, line: found.line, path: found.path })
        }
        None => Ok(()),
    }
}

/// Refuses a text that would not be read again.
fn fits(text: &archive::Entry, max: u64) -> Result<(), PackError> {
    let Artifact { file, bytes, .. } = text.artifact();
    let reason = format!("{file} has {} MiB, more than {}", bytes.div_ceil(1 << 20), max >> 20);
    if *bytes > max { Err(PackError::TooLarge { reason }) } else { Ok(()) }
}

fn json(value: &impl serde::Serialize) -> Result<Vec<u8>, PackError> {
    let text = serde_json::to_vec_pretty(value).map_err(std::io::Error::other);
    let mut text = text.map_err(PackError::write(Path::new(MANIFEST)))?;
    text.push(b'\n');
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_that_would_not_be_read_are_not_packed() {
        let text = archive::Entry::text(PLAN, vec![b' '; (1 << 20) + 1]);
        fits(&text, 2 << 20).unwrap();
        let error = fits(&text, 1 << 20).unwrap_err().to_string();
        assert!(error.contains("plan.json has 2 MiB, more than 1; `--filter`"), "{error}");
    }
}
