//! A cache of images by content: each is built once, and every later boot with the same sources reuses it.

use super::compile::{check, check_script, compile, version};
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
const LAYOUT: &[u8] = b"oomlab image 1";
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
    /// Distinguishes it from others.
    pub key: Digest,
    /// Puts the files into a folder; called only to build an image.
    pub unpack: &'a dyn Fn(&Path) -> Result<(), String>,
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

    /// The image with this workload and the kernel modules that it needs, in load order: from the cache, or built now.
    ///
    /// # Errors
    /// When the compiler is missing or fails, or the cache cannot be written.
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
        let path = self.path_of(recipe)?;
        self.keep();
        if let Some(image) = read_intact(&path)? {
            // The time of the last use; that of the file is when it was built.
            path.parent().into_iter().for_each(touch);
            return Ok(artifact(path, &image));
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
        let image = pack::initramfs(&content).map_err(ImageError::io(&path))?;
        publish(&path, &image)?;
        Ok(artifact(path, &image))
    }

    /// The files of packages in a folder that is removed with the value, with `/bin/sh`.
    fn unpacked(&self, root: &Root<'_>) -> Result<TempDir, ImageError> {
        let parent = scratch_folder();
        let folder = private_dir_in(&parent, "oomlab-root-").map_err(ImageError::io(&parent))?;
        (root.unpack)(folder.path()).map_err(ImageError::Packages)?;
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
        self.path_of(Recipe { arch, workload, modules, shell: None, root: None })
    }

    fn path_of(&self, recipe: Recipe<'_>) -> Result<PathBuf, ImageError> {
        let key = self.key(recipe)?;
        let folder = format!("{}.{}.{}", recipe.arch.name, recipe.workload.name, key.short());
        Ok(self.folder.join(folder).join(FILE))
    }

    /// Digest of everything that the image depends on: sources, flags, compiler and modules.
    fn key(&self, recipe: Recipe<'_>) -> Result<Digest, ImageError> {
        let Recipe { arch, workload, modules, shell, root } = recipe;
        let mut digest = Sha256::new_with_prefix(LAYOUT);
        Program::agent(&self.assets, arch)?.digest_into(&mut digest);
        match &workload.script {
            Some(script) => digest.update(script.text(&workload.options)),
            None => Program::workload(&self.assets, arch, workload)?.digest_into(&mut digest),
        }
        if let Some(root) = root {
            digest.update(ROOT_LAYOUT);
            digest.update(root.key.as_str());
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
        digest.update(self.versions.get(arch.guest.cc, || version(arch))?.unwrap_or_default());
        for part in modules.iter().flat_map(|module| [module.name.as_bytes(), &module.content]) {
            digest.update((part.len() as u64).to_le_bytes());
            digest.update(part);
        }
        Ok(hex(digest))
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
mod tests {
    use super::*;
    use crate::image::load_workloads;

    fn idle() -> Manifest {
        load_workloads(&Assets::builtin()).unwrap().known.remove(&"idle".into()).unwrap()
    }

    fn images(cache: &Path) -> Images {
        Images::new(Assets::builtin(), cache.to_owned())
    }

    #[test]
    fn image_is_built_once_at_its_path() {
        let cache = tempfile::tempdir().unwrap();
        let nommu = arch::find("riscv64-nommu").unwrap();
        let path = images(cache.path()).path(nommu, &idle(), &[]).unwrap();
        assert!(!path.exists());
        let first = images(cache.path()).image(nommu, &idle(), &[], None).unwrap();
        assert_eq!(first.path, path);
        let built = std::fs::metadata(&path).unwrap().modified().unwrap();
        assert_eq!(images(cache.path()).image(nommu, &idle(), &[], None).unwrap(), first);
        assert_eq!(std::fs::metadata(&path).unwrap().modified().unwrap(), built);
    }

    #[test]
    fn truncated_image_is_rebuilt() {
        let cache = tempfile::tempdir().unwrap();
        let nommu = arch::find("riscv64-nommu").unwrap();
        let first = images(cache.path()).image(nommu, &idle(), &[], None).unwrap();
        let whole = std::fs::read(&first.path).unwrap();
        for damaged in [&whole[..whole.len() / 2], &[]] {
            std::fs::write(&first.path, damaged).unwrap();
            assert_eq!(images(cache.path()).image(nommu, &idle(), &[], None).unwrap(), first);
            assert_eq!(std::fs::read(&first.path).unwrap(), whole);
        }
    }

    #[test]
    fn key_depends_on_names_contents_and_order_of_modules() {
        let cache = tempfile::tempdir().unwrap();
        let module = |name: &str, content: &str| KernelModule { name: name.to_owned(), content: content.into() };
        let (a, b) = (module("a", "1"), module("b", "2"));
        let sets = [vec![], vec![a.clone(), b.clone()], vec![b, a.clone()], vec![a], vec![module("a", "2")]];
        let paths = sets.map(|set| images(cache.path()).path(arch::find("arm").unwrap(), &idle(), &set).unwrap());
        assert_eq!(std::collections::BTreeSet::from(paths).len(), 5);
    }

    #[test]
    fn concurrent_builds_agree() {
        let cache = tempfile::tempdir().unwrap();
        let nommu = arch::find("riscv64-nommu").unwrap();
        let build = || images(cache.path()).image(nommu, &idle(), &[], None).unwrap();
        let made = std::thread::scope(|scope| {
            let others: Vec<_> = (0..2).map(|_| scope.spawn(build)).collect();
            others.into_iter().map(|other| other.join().unwrap()).collect::<Vec<_>>()
        });
        assert_eq!(made[0], made[1]);
        let left: Vec<_> = std::fs::read_dir(made[0].path.parent().unwrap()).unwrap().collect();
        assert_eq!(left.len(), 1, "no temporary file is left");
    }

    #[test]
    fn path_needs_no_compiler() {
        let cache = tempfile::tempdir().unwrap();
        let mut spec = *arch::find("arm").unwrap();
        spec.guest.cc = "no-such-cross-gcc";
        let arch = Arch::of(Box::leak(Box::new(spec)));
        let path = images(cache.path()).path(arch, &idle(), &[]).unwrap();
        assert!(path.starts_with(cache.path().join("images")) && path.ends_with(FILE), "{}", path.display());
        assert!(matches!(images(cache.path()).image(arch, &idle(), &[], None), Err(ImageError::NoCompiler { .. })));
    }

    #[test]
    fn compiler_errors_are_shown() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("images/workloads/idle");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("main.c"), "int workload_main(void) { return nonsense; }\n").unwrap();
        let images = Images::new(Assets::with_overlay(dir.path()), dir.path().join("cache"));
        let error = images.image(arch::find("riscv64-nommu").unwrap(), &idle(), &[], None).unwrap_err().to_string();
        assert!(error.starts_with("riscv64-linux-gnu-gcc could not build the workload idle"), "{error}");
        assert!(error.contains("main.c:1") && error.contains("nonsense"), "{error}");
    }

    #[test]
    fn unwritable_cache_error_names_its_path() {
        let dir = tempfile::tempdir().unwrap();
        let blocked = dir.path().join("file");
        std::fs::write(&blocked, "").unwrap();
        let error = images(&blocked).image(arch::find("riscv64-nommu").unwrap(), &idle(), &[], None).unwrap_err();
        assert!(error.to_string().starts_with(&blocked.display().to_string()), "{error}");
    }
}
