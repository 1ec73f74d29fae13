//! A cache of images by content: each is built once, and every later boot with the same sources reuses it.

use super::compile::{check, check_script, compile, no_compiler, version};
use super::key::Key;
use super::program::Program;
use super::root_disk::RootDisks;
use super::{ImageError, pack};
use crate::assets::Assets;
use crate::host::{FileLock, private_dir_in, scratch_folder, touch};
use crate::workload::Manifest;
use arch::Arch;
use model::{Digest, KernelModule};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::io::Write;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};
use tempfile::TempDir;

/// Part of every key; changes with the layout of the archive.
const LAYOUT: &[u8] = b"oomlab image 2";
const FILE: &str = "initramfs.cpio.gz";

/// Part of the key of images with packages; changes with what is taken of them.
const ROOT_LAYOUT: &[u8] = b"packages 1";

/// Distinguishes the image of a shell from that of a trial.
const SHELL: &[u8] = b"shell";

/// What an image is made of.
#[derive(Clone, Copy)]
struct Recipe<'a> {
    arch: Arch,
    workload: &'a Manifest,
    modules: &'a [KernelModule],
    shell: Option<ShellKind<'a>>,
    root: Option<&'a Root<'a>>,
}

/// The files of packages, for a workload that is a script.
pub struct Root<'a> {
    /// Distinguishes it by what is known without the archive: names of packages, sources of tests.
    pub recipe: Digest,
    /// The files, or why this host cannot have them.
    pub files: Result<RootFiles<'a>, String>,
}

/// See [`Root`].
pub struct RootFiles<'a> {
    /// Distinguishes them from those of other versions.
    pub key: Digest,
    /// Puts the files into a folder; called only to build an image.
    pub unpack: &'a dyn Fn(&Path) -> Result<(), String>,
}

impl Root<'_> {
    /// Digest of the files, where they can be had.
    pub(super) fn origin(&self) -> Option<Digest> {
        self.files.as_ref().ok().map(|files| files.key.clone())
    }
}

/// The shell of an image.
#[derive(Clone, Copy)]
enum ShellKind<'a> {
    /// The lab's own, for guests without an MMU.
    Own,
    /// This program.
    Busybox(&'a [u8]),
}

/// An initramfs on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageArtifact {
    /// The file.
    pub path: PathBuf,
    /// Digest of its content.
    pub digest: Digest,
}

/// The images in one cache folder. Several programs may share the folder.
#[derive(Debug)]
pub struct Images {
    pub(super) assets: Assets,
    folder: PathBuf,
    /// The root disks of user spaces that are too large for an initramfs.
    pub(super) disks: RootDisks,
    /// The version of each compiler, which does not change while the program runs.
    versions: Memo<Option<String>>,
    /// The agent of each architecture: all its images have the same.
    agents: Memo<Vec<u8>>,
    /// Keeps others from removing images.
    in_use: OnceLock<Option<FileLock>>,
}

impl Images {
    /// Images made of these files, kept below `cache_dir`.
    pub fn new(assets: Assets, cache_dir: PathBuf) -> Self {
        let (folder, disks) = (cache_dir.join("images"), RootDisks::new(&cache_dir));
        Self { assets, folder, disks, versions: Memo::default(), agents: Memo::default(), in_use: OnceLock::new() }
    }

    /// The image with this workload and the kernel modules that it needs, in load order: from the cache, or built now. Where this
    /// host cannot build it, one of the same sources in the cache will do, whatever built it.
    ///
    /// # Errors
    /// When there is none and the compiler is missing or fails, or the cache cannot be written.
    pub fn image(
        &self,
        arch: Arch,
        workload: &Manifest,
        modules: &[KernelModule],
        root: Option<&Root<'_>>,
    ) -> Result<ImageArtifact, ImageError> {
        self.make(Recipe { arch, workload, modules, shell: None, root })
    }

    /// The image with a shell in place of the trial, too: BusyBox, or the lab's own where there is none.
    ///
    /// # Errors
    /// See [`Images::image`].
    pub fn shell(
        &self,
        arch: Arch,
        workload: &Manifest,
        modules: &[KernelModule],
        root: Option<&Root<'_>>,
        busybox: Option<&[u8]>,
    ) -> Result<ImageArtifact, ImageError> {
        // A script's packages have the shell.
        let shell = root.is_none().then_some(busybox.map_or(ShellKind::Own, ShellKind::Busybox));
        self.make(Recipe { arch, workload, modules, shell, root })
    }

    fn make(&self, recipe: Recipe<'_>) -> Result<ImageArtifact, ImageError> {
        let Recipe { arch, workload, modules, shell, root } = recipe;
        let key = self.key(recipe)?;
        self.keep();
        for folder in key.folders(&self.folder) {
            let path = folder.join(FILE);
            if let Some(image) = read_intact(&path)? {
                // The time of the last use; that of the file is when it was built.
                touch(&folder);
                return Ok(artifact(path, &image));
            }
        }
        let agent = self.agents.get(arch.name, || compile(arch, &Program::agent(&self.assets, arch)?))?;
        let program = match &workload.script {
            Some(script) => script.text(&workload.options).into_bytes(),
            None => compile(arch, &Program::workload(&self.assets, arch, workload)?)?,
        };
        let own = match shell {
            Some(ShellKind::Own) => compile(arch, &Program::shell(&self.assets, arch)?)?,
            _ => Vec::new(),
        };
        let shell = shell.map(|shell| match shell {
            ShellKind::Own => pack::Shell::Own(&own),
            ShellKind::Busybox(program) => pack::Shell::Busybox(program),
        });
        let folder = root.map(|root| self.unpacked(root)).transpose()?;
        let content = pack::Content {
            agent: &agent,
            workload: (workload.name.as_str(), &program),
            modules,
            shell,
            root: folder.as_ref().map(TempDir::path),
        };
        let name = key.name().ok_or_else(|| no_compiler(arch))?;
        let path = self.folder.join(name).join(FILE);
        let image = pack::initramfs(&content).map_err(ImageError::io(&path))?;
        publish(&path, &image)?;
        Ok(artifact(path, &image))
    }

    /// The files of packages in a folder that is removed with the value, with `/bin/sh`.
    fn unpacked(&self, root: &Root<'_>) -> Result<TempDir, ImageError> {
        let files = root.files.as_ref().map_err(|reason| ImageError::Packages(reason.clone()))?;
        let parent = scratch_folder();
        let folder = private_dir_in(&parent, "oomlab-root-").map_err(ImageError::io(&parent))?;
        (files.unpack)(folder.path()).map_err(ImageError::Packages)?;
        let shell = folder.path().join("usr/bin/sh");
        match symlink("busybox", &shell) {
            Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => Err(ImageError::io(&shell)(error)),
            _ => Ok(folder),
        }
    }

    /// Keeps images from being removed while these live. Where nothing can be locked, nothing is removed either.
    pub fn keep(&self) {
        self.in_use.get_or_init(|| {
            let locks = self.folder.with_file_name("locks");
            std::fs::create_dir_all(&locks).and_then(|()| FileLock::wait_shared(&locks.join("images"))).ok()
        });
    }

    /// Checks the sources of a workload without building it.
    ///
    /// # Errors
    /// When the compiler is missing or finds an error.
    pub fn check(&self, arch: Arch, workload: &Manifest) -> Result<(), ImageError> {
        match &workload.script {
            Some(script) => check_script(&workload.name.to_string(), &script.text(&workload.options)),
            None => check(arch, &Program::workload(&self.assets, arch, workload)?),
        }
    }

    /// Builds the program of a workload: its path, beside that of the image.
    ///
    /// # Errors
    /// When the compiler is missing or fails, or the cache cannot be written.
    pub fn program(&self, arch: Arch, workload: &Manifest) -> Result<PathBuf, ImageError> {
        if workload.script.is_some() {
            return Err(ImageError::Script { workload: workload.name.to_string() });
        }
        let program = compile(arch, &Program::workload(&self.assets, arch, workload)?)?;
        let path = self.path(arch, workload, &[])?.with_file_name(workload.name.as_str());
        publish(&path, &program)?;
        Ok(path)
    }

    /// The path of the image with this workload and these modules, whether it exists or not; builds nothing.
    ///
    /// # Errors
    /// When a source cannot be read or the compiler fails to print its version. A missing compiler is no error.
    pub fn path(&self, arch: Arch, workload: &Manifest, modules: &[KernelModule]) -> Result<PathBuf, ImageError> {
        let key = self.key(Recipe { arch, workload, modules, shell: None, root: None })?;
        let found = key.folders(&self.folder).into_iter().next();
        Ok(found.unwrap_or_else(|| self.folder.join(key.shown())).join(FILE))
    }

    /// Whether the cache has an image of these sources, whatever built it; builds nothing.
    ///
    /// # Errors
    /// When a source cannot be read.
    pub fn is_present(
        &self,
        arch: Arch,
        workload: &Manifest,
        modules: &[KernelModule],
        root: Option<&Root<'_>>,
    ) -> Result<bool, ImageError> {
        let recipe = Recipe { arch, workload, modules, shell: None, root };
        let any = self.key_of(recipe, None)?;
        Ok(any.folders(&self.folder).iter().any(|folder| folder.join(FILE).is_file()))
    }

    fn key(&self, recipe: Recipe<'_>) -> Result<Key, ImageError> {
        let cc = recipe.arch.guest.cc;
        let version = self.versions.get(cc, || version(recipe.arch))?;
        self.key_of(recipe, version.map(|version| hex(Sha256::new_with_prefix(version))))
    }

    /// Everything that the image depends on: sources, flags, modules, names of packages; and the compiler and the packages.
    fn key_of(&self, recipe: Recipe<'_>, compiler: Option<Digest>) -> Result<Key, ImageError> {
        let Recipe { arch, workload, modules, shell, root } = recipe;
        let mut digest = Sha256::new_with_prefix(LAYOUT);
        Program::agent(&self.assets, arch)?.digest_into(&mut digest);
        match &workload.script {
            Some(script) => digest.update(script.text(&workload.options)),
            None => Program::workload(&self.assets, arch, workload)?.digest_into(&mut digest),
        }
        if let Some(root) = root {
            digest.update(ROOT_LAYOUT);
            digest.update(root.recipe.as_str());
        }
        match shell {
            None => {}
            Some(ShellKind::Own) => {
                digest.update(SHELL);
                Program::shell(&self.assets, arch)?.digest_into(&mut digest);
            }
            Some(ShellKind::Busybox(program)) => {
                digest.update(SHELL);
                digest.update(Sha256::digest(program));
            }
        }
        for part in modules.iter().flat_map(|module| [module.name.as_bytes(), &module.content]) {
            digest.update((part.len() as u64).to_le_bytes());
            digest.update(part);
        }
        let origins = std::iter::once(compiler).chain(root.map(Root::origin)).collect();
        Ok(Key { prefix: format!("{}.{}", arch.name, workload.name), recipe: hex(digest), origins })
    }
}

/// Values by name, computed once per process; errors are not cached. Two threads that need the same value at the same time
/// may both compute it.
#[derive(Debug)]
struct Memo<T>(Mutex<BTreeMap<&'static str, T>>);

impl<T> Default for Memo<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T: Clone> Memo<T> {
    fn get<E>(&self, name: &'static str, compute: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(name).cloned();
        if let Some(known) = known {
            return Ok(known);
        }
        let value = compute()?;
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(name, value.clone());
        Ok(value)
    }
}

fn artifact(path: PathBuf, content: &[u8]) -> ImageArtifact {
    ImageArtifact { path, digest: hex(Sha256::new_with_prefix(content)) }
}

fn hex(digest: Sha256) -> Digest {
    Digest::of_bytes(&digest.finalize())
}

/// The file's content; `None` when there is no file, or a truncated or corrupted one.
fn read_intact(path: &Path) -> Result<Option<Vec<u8>>, ImageError> {
    match std::fs::read(path) {
        Ok(content) => Ok(Some(content).filter(|content| pack::is_intact(content))),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(ImageError::io(path)(error)),
    }
}

/// Writes a file atomically: a reader sees the whole file or none. Concurrent builds of the same image write the same bytes,
/// so the order does not matter.
fn publish(path: &Path, content: &[u8]) -> Result<(), ImageError> {
    let folder = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder).map_err(ImageError::io(folder))?;
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(ImageError::io(folder))?;
    file.write_all(content).and_then(|()| file.as_file().sync_all()).map_err(ImageError::io(path))?;
    file.persist(path).map_err(|error| ImageError::io(path)(error.error))?;
    Ok(())
}

#[cfg(test)]
#[path = "images_tests.rs"]
mod tests;
