//! From a kernel's name to its image.

use super::artifact::{MODULES, Slot};
use super::build::{self, Build};
use super::cache::{Cache, digest_of};
use super::catalogue::Catalogue;
use super::config::all_config;
use super::debian::{Apt, Archive, Programs};
use super::entry::{KernelEntry, LocalImage, Source};
use super::modules::ModuleTree;
use super::patch::Patch;
use super::progress::Progress;
use super::source::{self, Tree};
use super::{KernelError, image, prebuilt, toolchain};
use crate::assets::Assets;
use crate::store::read_regular;
use arch::Arch;
use model::{Digest, KernelArtifact, KernelModule, KernelName};
use std::path::{Path, PathBuf};

/// Sources of kernels besides the catalogue.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Mirror of the Debian archive; `None` takes the one that the host's apt uses.
    pub mirror: Option<String>,
}

/// The kernels of a catalogue, with their cache.
#[derive(Debug, Clone)]
pub struct Kernels {
    catalogue: Catalogue,
    pub(super) cache: Cache,
    options: Options,
    pub(super) programs: Programs,
}

impl Kernels {
    /// Reads the catalogue; the cache folder is created on the first write.
    ///
    /// # Errors
    /// When a kernel's description is wrong.
    pub fn new(assets: &Assets, cache: PathBuf, options: Options) -> Result<Self, KernelError> {
        let (catalogue, cache) = (Catalogue::read(assets)?, Cache::new(cache));
        Ok(Self { catalogue, cache, options, programs: Programs::default() })
    }

    /// The catalogue.
    pub fn catalogue(&self) -> &Catalogue {
        &self.catalogue
    }

    /// The folder of a kernel: the same before and after it is made ready. For a user kernel it is the folder of the
    /// image.
    ///
    /// # Errors
    /// When the kernel does not exist for the architecture.
    pub fn artifact_dir(&self, name: &str, arch: Arch) -> Result<PathBuf, KernelError> {
        let image = self.image_path(name, arch)?;
        Ok(image.parent().map(Path::to_owned).unwrap_or_default())
    }

    /// The path of the image, also before it exists.
    ///
    /// # Errors
    /// When the kernel does not exist for the architecture.
    pub fn image_path(&self, name: &str, arch: Arch) -> Result<PathBuf, KernelError> {
        let entry = self.catalogue.supports(name, arch)?;
        Ok(match &entry.source {
            Source::Local(images) => images[&arch].image.clone(),
            _ => self.slot(entry, arch).folder().join(super::artifact::IMAGE),
        })
    }

    /// The kernel, if it is in the cache, whole, and made from the catalogue's present description; without the network.
    pub fn cached(&self, name: &str, arch: Arch) -> Option<KernelArtifact> {
        let entry = self.catalogue.supports(name, arch).ok()?;
        match &entry.source {
            Source::Local(images) => user_artifact(&entry.name, arch, &images[&arch]).ok(),
            _ => self.slot(entry, arch).load(&self.recipe(entry, arch).ok()?),
        }
    }

    /// A user kernel that is not in the catalogue.
    ///
    /// # Errors
    /// When the image cannot be read.
    pub fn user_kernel(name: &KernelName, arch: Arch, image: &Path) -> Result<KernelArtifact, KernelError> {
        let image = std::path::absolute(image).map_err(KernelError::io("read", image))?;
        user_artifact(name, arch, &LocalImage { image, system_map: None, vmlinux: None, modules: None, config: None })
    }

    /// Makes a kernel ready: takes it from the cache, fetches it, or builds it with `jobs` compilers at a time.
    ///
    /// # Errors
    /// When it does not exist, cannot be fetched or built, or the caller cancels.
    pub fn prepare(
        &self,
        name: &str,
        arch: Arch,
        jobs: usize,
        progress: &dyn Progress,
    ) -> Result<KernelArtifact, KernelError> {
        self.prepare_entry(self.catalogue.supports(name, arch)?, arch, jobs, progress)
    }

    pub(super) fn prepare_entry(
        &self,
        entry: &KernelEntry,
        arch: Arch,
        jobs: usize,
        progress: &dyn Progress,
    ) -> Result<KernelArtifact, KernelError> {
        if let Source::Local(images) = &entry.source {
            return user_artifact(&entry.name, arch, &images[&arch]);
        }
        let artifact = self.make_ready(entry, arch, jobs, progress)?;
        Ok(match &entry.source {
            Source::Git { repository, revision } => {
                KernelArtifact { commit: source::commit_of(repository, revision), ..artifact }
            }
            _ => artifact,
        })
    }

    fn make_ready(
        &self,
        entry: &KernelEntry,
        arch: Arch,
        jobs: usize,
        progress: &dyn Progress,
    ) -> Result<KernelArtifact, KernelError> {
        let slot = self.slot(entry, arch);
        let recipe = self.recipe(entry, arch)?;
        if let Some(artifact) = slot.load(&recipe) {
            return Ok(artifact);
        }
        let _lock = self.cache.lock(&format!("{}-{}", entry.name, arch.name), progress)?;
        if let Some(artifact) = slot.load(&recipe) {
            return Ok(artifact);
        }
        match &entry.source {
            Source::Debian { suite, packages } => self.fetch(&slot, recipe, suite, &packages[&arch], arch, progress),
            _ => {
                toolchain::check(arch)?;
                self.build(&slot, recipe, entry, arch, jobs, progress)
            }
        }
    }

    /// The modules to load into a kernel that is ready, in this order, so that all of `wanted` are available; built-in
    /// ones need no file. A user kernel without a folder of modules is assumed to have them built in; the guest reports
    /// it if not.
    ///
    /// # Errors
    /// When the kernel does not have one of them, its modules cannot be fetched, or the caller cancels.
    pub fn modules(
        &self,
        kernel: &KernelArtifact,
        arch: Arch,
        wanted: &[String],
        progress: &dyn Progress,
    ) -> Result<Vec<KernelModule>, KernelError> {
        if wanted.is_empty() {
            return Ok(Vec::new());
        }
        let mut kernel = kernel.clone();
        if kernel.modules.is_none()
            && self.image_path(kernel.name.as_str(), arch).is_ok_and(|path| path == kernel.image)
            && let Ok(KernelEntry { source: Source::Debian { suite, packages }, .. }) =
                self.catalogue.supports(kernel.name.as_str(), arch)
        {
            kernel.modules = Some(self.fetch_modules(&kernel, suite, &packages[&arch], arch, progress)?);
        }
        ModuleTree::of(&kernel)?.map_or(Ok(Vec::new()), |tree| tree.load_order(wanted))
    }

    /// Modules are most of a Debian package; since 7.0 they are a package of their own, and the list of built-in ones is in
    /// another. They are unpacked on demand. A package's name has the kernel's release in it, so that the modules are those
    /// of this build.
    fn fetch_modules(
        &self,
        kernel: &KernelArtifact,
        suite: &str,
        pattern: &str,
        arch: Arch,
        progress: &dyn Progress,
    ) -> Result<PathBuf, KernelError> {
        // Resolved: meanwhile the link may be replaced by that of another build.
        let folder = kernel.image.parent().unwrap_or(Path::new("."));
        let folder = folder.canonicalize().map_err(KernelError::io("read", folder))?.join(MODULES);
        let _lock = self.cache.lock(&format!("{}-{}-modules", kernel.name, arch.name), progress)?;
        if !folder.is_dir() {
            let split = pattern.starts_with("linux-binary-");
            let packages: &[&str] = if split { &["linux-base", "linux-modules"] } else { &["linux-image"] };
            let scratch = self.cache.scratch(&folder)?;
            for package in packages {
                let name = format!("{package}-{}", kernel.release);
                let (_, file) = self.apt_package(suite, arch.kernel.debian.unwrap_or_default(), &name, progress)?;
                prebuilt::extract_modules(&file, scratch.path(), progress)?;
            }
            scratch.install()?;
        }
        Ok(folder)
    }

    fn fetch(
        &self,
        slot: &Slot<'_>,
        recipe: Digest,
        suite: &str,
        pattern: &str,
        arch: Arch,
        progress: &dyn Progress,
    ) -> Result<KernelArtifact, KernelError> {
        let debian = arch.kernel.debian.ok_or(KernelError::NotInDebian(arch))?;
        let (package, file) = self.apt_package(suite, debian, pattern, progress)?;
        let scratch = slot.scratch(&recipe, package.as_str())?;
        let release = prebuilt::extract(&file, scratch.path(), arch, progress)?;
        slot.finish(scratch, recipe, release)
    }

    fn build(
        &self,
        slot: &Slot<'_>,
        recipe: Digest,
        entry: &KernelEntry,
        arch: Arch,
        jobs: usize,
        progress: &dyn Progress,
    ) -> Result<KernelArtifact, KernelError> {
        let tree = self.tree(entry, progress)?;
        let scratch = slot.scratch(&recipe, tree.digest.as_str())?;
        let build = Build {
            cache: &self.cache,
            name: &entry.name,
            arch,
            tree: &tree,
            fragments: &entry.build[&arch],
            patches: &entry.patches,
            make: Path::new("make"),
            jobs,
            progress,
        };
        let release = build.run(scratch.path())?;
        slot.finish(scratch, recipe, release)
    }

    fn tree(&self, entry: &KernelEntry, progress: &dyn Progress) -> Result<Tree, KernelError> {
        match &entry.source {
            Source::DebianSource { suite, package } => {
                // Source packages are for all architectures: every index lists them, and amd64 always exists.
                let (digest, file) = self.apt_package(suite, "amd64", package, progress)?;
                source::unpack(&self.cache, &file, digest, progress)
            }
            Source::Git { repository, revision } => source::check_out(&self.cache, repository, revision, progress),
            Source::Debian { .. } | Source::Local(_) => Err(entry.not_built()),
        }
    }

    fn apt_package(
        &self,
        suite: &str,
        arch: &str,
        pattern: &str,
        progress: &dyn Progress,
    ) -> Result<(Digest, PathBuf), KernelError> {
        let archive = || Archive::find(Path::new("/"), self.options.mirror.as_deref());
        let (cache, programs) = (&self.cache, &self.programs);
        let apt = Apt { cache, archive: &archive, programs, suite, arch, progress };
        apt.package(pattern).map(|(package, file)| (package.digest, file))
    }

    fn slot<'a>(&'a self, entry: &'a KernelEntry, arch: Arch) -> Slot<'a> {
        Slot { cache: &self.cache, name: &entry.name, arch }
    }

    /// Digest of everything that determines the kernel, as far as it is known without the network. It is the key of the
    /// cache: another digest is another build.
    fn recipe(&self, entry: &KernelEntry, arch: Arch) -> Result<Digest, KernelError> {
        let of_build = |origin: &str| {
            let config = all_config(&entry.build[&arch]);
            let compiler = toolchain::compiler_version(arch)?;
            let how = [origin, arch.name, arch.kernel.target, &config, &compiler, build::VERSION];
            Ok(digest_of(how.into_iter().chain(entry.patches.iter().map(Patch::identity))))
        };
        match &entry.source {
            Source::Debian { suite, packages } => Ok(digest_of(["debian", suite, &packages[&arch], prebuilt::VERSION])),
            Source::DebianSource { suite, package } => of_build(&format!("{suite} {package}")),
            Source::Git { repository, revision } => of_build(&source::identity(repository, revision)?),
            Source::Local(_) => Ok(digest_of(["local"])),
        }
    }
}

/// Maximum length of a user's kernel image in bytes: an ELF image may have its debug information.
const MAX_IMAGE: u64 = 4 << 30;

/// The user's files, as they are.
fn user_artifact(name: &KernelName, arch: Arch, files: &LocalImage) -> Result<KernelArtifact, KernelError> {
    let content = read_regular(&files.image, MAX_IMAGE).map_err(KernelError::io("read", &files.image))?;
    let companions = [&files.system_map, &files.vmlinux, &files.modules, &files.config];
    if let Some(missing) = companions.into_iter().flatten().find(|path| !path.exists()) {
        return Err(KernelError::io("read", missing)(std::io::ErrorKind::NotFound.into()));
    }
    Ok(KernelArtifact {
        name: name.clone(),
        arch,
        release: image::release(&content).unwrap_or_default(),
        digest: super::cache::digest_of_file(&files.image).map_err(KernelError::io("read", &files.image))?,
        image: files.image.clone(),
        system_map: files.system_map.clone(),
        config: files.config.clone(),
        vmlinux: files.vmlinux.clone(),
        modules: files.modules.clone(),
        commit: None,
    })
}

#[cfg(test)]
mod tests {
    use super::super::NullProgress;
    use super::*;
    use std::fs;

    fn kernels(dir: &Path, description: &str) -> Kernels {
        fs::create_dir_all(dir.join("kernels")).unwrap();
        fs::write(dir.join("kernels/mine.yaml"), description).unwrap();
        Kernels::new(&Assets::with_overlay(dir), dir.join("cache"), Options::default()).unwrap()
    }

    #[test]
    fn user_image_is_used_as_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let (image, map) = (dir.path().join("Image"), dir.path().join("System.map"));
        fs::write(&image, "xLinux version 6.1.0-mine (me)").unwrap();
        let (shown_image, shown_map) = (image.display(), map.display());
        let description = format!("source:\n  local:\n    arm: {{image: {shown_image}, system-map: {shown_map}}}\n");
        let kernels = kernels(dir.path(), &description);
        let arm = arch::find("arm").unwrap();
        let message = kernels.prepare("mine", arm, 1, &NullProgress).unwrap_err().to_string();
        assert!(message.starts_with(&format!("failed to read {shown_map}: ")), "{message}");
        fs::write(&map, "symbols").unwrap();
        let artifact = kernels.prepare("mine", arm, 1, &NullProgress).unwrap();
        assert_eq!((artifact.release.as_str(), &artifact.image), ("6.1.0-mine", &image));
        assert_eq!((artifact.system_map.as_ref(), artifact.config.as_ref()), (Some(&map), None));
        assert_eq!(kernels.cached("mine", arm), Some(artifact));
        assert_eq!(kernels.image_path("mine", arm).unwrap(), image);
        assert!(kernels.cached("mine", arch::find("x86_64").unwrap()).is_none());
        assert!(!dir.path().join("cache").exists());
    }

    #[test]
    fn path_is_known_before_the_kernel_exists() {
        let dir = tempfile::tempdir().unwrap();
        let kernels = kernels(dir.path(), "source:\n  debian: {suite: sid, packages: {arm: linux-image-*}}\n");
        let arm = arch::find("arm").unwrap();
        assert_eq!(kernels.artifact_dir("mine", arm).unwrap(), dir.path().join("cache/kernels/mine/arm"));
        assert_eq!(kernels.image_path("mine", arm).unwrap(), dir.path().join("cache/kernels/mine/arm/kernel"));
        assert_eq!(kernels.cached("mine", arm), None);
    }
}
