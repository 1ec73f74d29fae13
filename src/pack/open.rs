//! A pack from elsewhere: read, checked, and its files verified before they are used.

use super::error::PackError;
use super::extract::{LIMITS, extract};
use super::manifest::{Files, Kernel, MANIFEST, MAX_MANIFEST, MAX_PLAN, Manifest, PLAN, SCHEMA};
use crate::host::ScratchDir;
use crate::store::{digest_file, read_regular};
use model::{Arch, Artifact, Cell, CellId, Digest, KernelArtifact, KernelName, PLAN_SCHEMA, Plan};
use serde::Deserialize;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use tokio_util::sync::CancellationToken;

/// Maximum length of a test's script in bytes.
const MAX_SCRIPT: u64 = 4 << 20;

/// A pack. While it lives, its files do: those of an archive are unpacked into a folder that is removed with it.
#[derive(Debug)]
pub struct Pack {
    folder: PathBuf,
    kernels: BTreeMap<(KernelName, Arch), Kernel>,
    cells: BTreeMap<CellId, Files>,
    plan: Plan,
    /// Objects that have their digests.
    verified: RefCell<BTreeSet<String>>,
    _unpacked: Option<ScratchDir>,
}

/// The verified files of a cell.
#[derive(Debug, Clone)]
pub struct CellFiles {
    /// The kernel.
    pub kernel: KernelArtifact,
    /// The initramfs and its digest.
    pub initrd: Option<(PathBuf, Digest)>,
    /// The firmware and its digest.
    pub firmware: Option<(PathBuf, Digest)>,
    /// The test of a cell with a root disk.
    pub test: Option<TestFiles>,
}

/// See [`CellFiles`].
#[derive(Debug, Clone)]
pub struct TestFiles {
    /// The root disk and its digest.
    pub disk: (PathBuf, Digest),
    /// The private key that logs in.
    pub key: PathBuf,
    /// The public key of the guest's server.
    pub host_key: String,
    /// What runs in the guest.
    pub script: String,
}

impl Pack {
    /// Opens a folder or an archive. An archive is unpacked below `scratch`, and all of its files are verified.
    ///
    /// # Errors
    /// When it is no pack, is of another format, is damaged, or names files outside of itself; when `cancel` is cancelled.
    pub fn open(path: &Path, scratch: &Path, cancel: &CancellationToken) -> Result<Self, PackError> {
        if !path.is_dir() {
            let (unpacked, manifest) = extract(path, scratch, LIMITS, cancel)?;
            let verified = manifest.objects().into_keys().map(str::to_owned).collect();
            return Self::of(unpacked.path().to_owned(), manifest, verified, Some(unpacked));
        }
        // QEMU gets these paths.
        let folder = std::path::absolute(path).map_err(PackError::read(path))?;
        let text = read_regular(&folder.join(MANIFEST), MAX_MANIFEST);
        let text =
            text.map_err(|error| PackError::NoPack { path: path.to_owned(), reason: format!("{MANIFEST}: {error}") })?;
        Self::of(folder, parse(&text)?, BTreeSet::new(), None)
    }

    fn of(
        folder: PathBuf,
        manifest: Manifest,
        verified: BTreeSet<String>,
        unpacked: Option<ScratchDir>,
    ) -> Result<Self, PackError> {
        let path = folder.join(PLAN);
        check(&folder, &manifest.plan)?;
        let text = read_regular(&path, MAX_PLAN).map_err(PackError::read(&path))?;
        let wrong = |reason: String| PackError::Manifest { reason: format!("{PLAN}: {reason}") };
        let plan: Plan = serde_json::from_slice(&text).map_err(|error| wrong(error.to_string()))?;
        if plan.schema != PLAN_SCHEMA {
            return Err(wrong(format!("its format is {}, and this program knows {PLAN_SCHEMA}", plan.schema)));
        }
        plan.check().map_err(|error| wrong(model::printable(&error.to_string())))?;
        let Manifest { kernels, cells, .. } = manifest;
        let kernels = kernels.into_iter().map(|kernel| ((kernel.name.clone(), kernel.arch), kernel)).collect();
        let cells = cells.into_iter().map(|cell| (cell.id.clone(), cell)).collect();
        let pack = Self { folder, kernels, cells, plan, verified: RefCell::new(verified), _unpacked: unpacked };
        pack.plan.cells.iter().try_for_each(|cell| pack.of_cell(cell).map(drop))?;
        Ok(pack)
    }

    /// The plan.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The files of a cell. Each object is read once.
    ///
    /// # Errors
    /// When one is missing or not the one that was packed.
    pub fn files(&self, cell: &Cell) -> Result<CellFiles, PackError> {
        let (kernel, Files { initrd, firmware, test, .. }) = self.of_cell(cell)?;
        let file = |file: &Artifact| Ok((self.verified(file)?, file.sha256.clone()));
        let path = |file: &Option<Artifact>| file.as_ref().map(|file| self.verified(file)).transpose();
        let test = test.as_ref().map(|test| {
            let script = self.verified(&test.script)?;
            let text = read_regular(&script, MAX_SCRIPT).map_err(PackError::read(&script))?;
            let text = String::from_utf8(text).map_err(|_| PackError::Changed {
                file: test.script.file.clone(),
                reason: "it is no text".to_owned(),
            })?;
            let (disk, key) = (file(&test.disk)?, self.verified(&test.key)?);
            Ok(TestFiles { disk, key, host_key: test.host_key.clone(), script: text })
        });
        Ok(CellFiles {
            kernel: KernelArtifact {
                release: kernel.release.clone(),
                system_map: path(&kernel.system_map)?,
                vmlinux: path(&kernel.vmlinux)?,
                commit: kernel.commit.clone(),
                ..KernelArtifact::of_image(
                    kernel.name.clone(),
                    kernel.arch,
                    self.verified(&kernel.image)?,
                    kernel.image.sha256.clone(),
                )
            },
            initrd: initrd.as_ref().map(file).transpose()?,
            firmware: firmware.as_ref().map(file).transpose()?,
            test: test.transpose()?,
        })
    }

    /// The kernel of a cell, and its other files.
    fn of_cell(&self, cell: &Cell) -> Result<(&Kernel, &Files), PackError> {
        let lack = |what: &str| PackError::Manifest {
            reason: format!("it has no {what} for the cell {} of its plan", model::printable(cell.id.as_str())),
        };
        let files = self.cells.get(&cell.id).ok_or_else(|| lack("files"))?;
        let kernel = self.kernels.get(&(cell.kernel.clone(), cell.arch)).ok_or_else(|| lack("kernel"))?;
        Ok((kernel, files))
    }

    fn verified(&self, object: &Artifact) -> Result<PathBuf, PackError> {
        if !self.verified.borrow().contains(&object.file) {
            check(&self.folder, object)?;
            self.verified.borrow_mut().insert(object.file.clone());
        }
        Ok(self.folder.join(&object.file))
    }
}

/// Compares a file of the folder with its record.
fn check(folder: &Path, file: &Artifact) -> Result<(), PackError> {
    let path = folder.join(&file.file);
    let changed = |reason: String| PackError::Changed { file: file.file.clone(), reason };
    match fs::symlink_metadata(&path) {
        Ok(found) if !found.is_file() => return Err(changed("it is no regular file".to_owned())),
        Ok(found) if found.len() != file.bytes => {
            return Err(changed(format!("it has {} bytes, not {}", found.len(), file.bytes)));
        }
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return Err(PackError::Missing { file: file.file.clone() });
        }
        Err(error) => return Err(PackError::read(&path)(error)),
    }
    let (_, digest) = digest_file(&path).map_err(PackError::read(&path))?;
    if digest == file.sha256 { Ok(()) } else { Err(changed(format!("its SHA-256 is {digest}"))) }
}

/// Reads `pack.json`, of which nothing is trusted.
pub(super) fn parse(text: &[u8]) -> Result<Manifest, PackError> {
    #[derive(Deserialize)]
    struct Head {
        schema: u64,
    }
    let wrong = |error: serde_json::Error| PackError::Manifest { reason: error.to_string() };
    let Head { schema: found } = serde_json::from_slice(text).map_err(wrong)?;
    if found != u64::from(SCHEMA) {
        return Err(PackError::Schema { found, known: SCHEMA });
    }
    let manifest: Manifest = serde_json::from_slice(text).map_err(wrong)?;
    manifest.check().map_err(|reason| PackError::Manifest { reason })?;
    Ok(manifest)
}
