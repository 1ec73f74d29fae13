//! From a kernel's name to its image.

use super::artifact::{IMAGE, MODULES, Slot};
use super::build::Build;
use super::cache::{Cache, MAKING};
use super::catalogue::Catalogue;
use super::debian::{Apt, Archive, Programs};
use super::entry::{KernelEntry, Source};
use super::modules::ModuleTree;
use super::progress::{NullProgress, Progress};
use super::recipe::{Recipe, States};
use super::source::{self, Revision, Tree};
use super::{KernelError, prebuilt, toolchain, user};
use crate::assets::Assets;
use arch::Arch;
use model::{Digest, KernelArtifact, KernelModule};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Sources of kernels besides the catalogue.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Mirror of the Debian archive; `None` takes the one that the host's apt uses.
    pub mirror: Option<String>,
    /// Bytes that kernels of commits may take before the least recently used ones are removed; `None` for the default.
    pub commit_limit: Option<u64>,
    /// A kernel of an archive or of a repository on another machine is looked for again where the cache's knowledge of that source is
    /// older than this; `None`: what is in the cache is used.
    pub newer_than: Option<SystemTime>,
}

/// The kernels of a catalogue, with their cache.
#[derive(Debug, Clone)]
pub struct Kernels {
    catalogue: Catalogue,
    pub(super) cache: Cache,
    options: Options,
    pub(super) programs: Programs,
    pub(super) states: States,
}

impl Kernels {
    /// Reads the catalogue; the cache folder is created on the first write.
    ///
    /// # Errors
    /// When a kernel's description is wrong.
    pub fn new(assets: &Assets, cache: PathBuf, options: Options) -> Result<Self, KernelError> {
        let (catalogue, cache) = (Catalogue::read(assets)?, Cache::new(cache));
        Ok(Self { catalogue, cache, options, programs: Programs::default(), states: States::default() })
    }

    pub(super) fn newer_than(&self) -> Option<SystemTime> {
        self.options.newer_than
    }

    pub(super) fn cache(&self) -> &Cache {
        &self.cache
    }

    /// The catalogue.
    pub fn catalogue(&self) -> &Catalogue {
        &self.catalogue
    }

    /// Adds a kernel to the catalogue, in place of one of the same name.
    pub fn add(&mut self, entry: KernelEntry) {
        self.catalogue.add(entry);
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
            _ => self.slot(&entry, arch, &self.recipe(&entry, arch, &NullProgress)?).folder().join(IMAGE),
        })
    }

    /// The kernel, if it is in the cache, whole, and made from the catalogue's present description; without the network.
    pub fn cached(&self, name: &str, arch: Arch) -> Option<KernelArtifact> {
        let entry = self.catalogue.supports(name, arch).ok()?;
        match &entry.source {
            Source::Local(images) => user::artifact(&entry.name, arch, &images[&arch]).ok(),
            _ => {
                let recipe = self.recipe(&entry, arch, &NullProgress).ok()?;
                let slot = self.slot(&entry, arch, &recipe);
                let exact = recipe.digest.as_ref().and_then(|digest| slot.load(digest));
                // What this host cannot build is used as it was built elsewhere.
                let elsewhere = || self.slot_elsewhere(&entry, arch, &recipe).load_of(&recipe.sources);
                exact.or_else(|| toolchain::check(arch).is_err().then(elsewhere).flatten())
            }
        }
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
        self.prepare_entry(&*self.catalogue.supports(name, arch)?, arch, jobs, progress)
    }

    pub(super) fn prepare_entry(
        &self,
        entry: &KernelEntry,
        arch: Arch,
        jobs: usize,
        progress: &dyn Progress,
    ) -> Result<KernelArtifact, KernelError> {
        if let Source::Local(images) = &entry.source {
            return user::artifact(&entry.name, arch, &images[&arch]);
        }
        let recipe = self.recipe(entry, arch, progress)?;
        let artifact = self.make_ready(entry, arch, &recipe, jobs, progress)?;
        let commit = recipe.revision.as_ref().and_then(Revision::shown);
        Ok(KernelArtifact { commit: commit.map(str::to_owned), ..artifact })
    }

    fn make_ready(
        &self,
        entry: &KernelEntry,
        arch: Arch,
        recipe: &Recipe,
        jobs: usize,
        progress: &dyn Progress,
    ) -> Result<KernelArtifact, KernelError> {
        let slot = self.slot(entry, arch, recipe);
        let sources = &recipe.sources;
        let newest = self.newest(entry, arch, recipe, progress)?;
        let elsewhere = || self.built_elsewhere(entry, arch, (recipe, newest.as_deref()), progress);
        let Some(digest) = &recipe.digest else {
            return elsewhere().ok_or_else(|| toolchain::no_compiler(arch));
        };
        let in_cache = || {
            let is_newest = newest.as_ref().is_none_or(|content| slot.is_made_of(digest, content));
            let found = is_newest.then(|| self.load(&slot, digest)).flatten()?;
            // A cache that cannot be written is as good.
            let _ = slot.note_sources(digest, sources);
            Some(found)
        };
        if let Some(artifact) = in_cache() {
            return Ok(artifact);
        }
        let _making = self.cache.share(MAKING, progress)?;
        let _lock = self.cache.lock(&format!("{}-{}", entry.name, arch.name), progress)?;
        if let Some(artifact) = in_cache() {
            return Ok(artifact);
        }
        let made = match &entry.source {
            Source::Debian { suite, packages } => self.fetch(&slot, digest, suite, &packages[&arch], arch, progress),
            _ => {
                if let Err(error) = toolchain::check(arch) {
                    return elsewhere().ok_or(error);
                }
                self.build(&slot, (digest, recipe), entry, arch, jobs, progress)
            }
        }?;
        self.keep(&made.image);
        self.make_room(self.options.commit_limit);
        Ok(made)
    }

    /// The kernel of these sources that another compiler built, where this host can build none; from now on no other process removes it.
    /// Says so where the sources have moved on to `newest` since.
    fn built_elsewhere(
        &self,
        entry: &KernelEntry,
        arch: Arch,
        (recipe, newest): (&Recipe, Option<&str>),
        progress: &dyn Progress,
    ) -> Option<KernelArtifact> {
        let slot = self.slot_elsewhere(entry, arch, recipe);
        let found = slot.load_of(&recipe.sources).filter(|artifact| self.keep(&artifact.image))?;
        if newest.is_some_and(|content| !slot.is_of_content(content)) {
            progress.note(&format!("{} is out of date: this host lacks the tools to build the newest one", entry.name));
        }
        Some(found)
    }

    /// The kernel of a slot; from now on no other process removes it.
    fn load(&self, slot: &Slot<'_>, recipe: &Digest) -> Option<KernelArtifact> {
        slot.load(recipe).filter(|artifact| self.keep(&artifact.image))
    }

    /// Keeps the kernel with this image, or this firmware, from being removed while this catalogue lives; `false` when it is
    /// gone.
    pub fn keep(&self, file: &Path) -> bool {
        self.cache.keep_file(file)
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
            && let Ok(entry) = self.catalogue.supports(kernel.name.as_str(), arch)
            && let Source::Debian { suite, packages } = &entry.source
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
        let _making = self.cache.share(MAKING, progress)?;
        let _lock = self.cache.lock(&format!("{}-{}-modules", kernel.name, arch.name), progress)?;
        if !folder.is_dir() {
            let debian = arch.kernel.debian.ok_or(KernelError::NotInDebian(arch))?;
            let split = pattern.starts_with("linux-binary-");
            let packages: &[&str] = if split { &["linux-base", "linux-modules"] } else { &["linux-image"] };
            let scratch = self.cache.scratch(&folder)?;
            for package in packages {
                let name = format!("{package}-{}", kernel.release);
                let (_, file) = self.apt_package(suite, debian.arch, &name, progress)?;
                prebuilt::extract_modules(&file, scratch.path(), progress)?;
            }
            scratch.install()?;
        }
        Ok(folder)
    }

    fn fetch(
        &self,
        slot: &Slot<'_>,
        recipe: &Digest,
        suite: &str,
        pattern: &str,
        arch: Arch,
        progress: &dyn Progress,
    ) -> Result<KernelArtifact, KernelError> {
        let debian = arch.kernel.debian.ok_or(KernelError::NotInDebian(arch))?;
        let (package, file) = self.apt_package(suite, debian.arch, pattern, progress)?;
        let scratch = slot.scratch(recipe, package.as_str())?;
        let release = prebuilt::extract(&file, scratch.path(), arch, progress)?;
        slot.finish(scratch, recipe.clone(), recipe.clone(), release)
    }

    fn build(
        &self,
        slot: &Slot<'_>,
        (digest, recipe): (&Digest, &Recipe),
        entry: &KernelEntry,
        arch: Arch,
        jobs: usize,
        progress: &dyn Progress,
    ) -> Result<KernelArtifact, KernelError> {
        let tree = self.tree(entry, recipe, progress)?;
        let scratch = slot.scratch(digest, tree.digest.as_str())?;
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
        slot.finish(scratch, digest.clone(), recipe.sources.clone(), release)
    }

    fn tree(&self, entry: &KernelEntry, recipe: &Recipe, progress: &dyn Progress) -> Result<Tree, KernelError> {
        if let Some(revision) = &recipe.revision {
            if matches!(entry.source, Source::Git { .. })
                && let Some(note) = revision.lacks_changes(&self.cache, progress)
            {
                progress.note(&note);
            }
            return revision.check_out(&self.cache, progress);
        }
        match &entry.source {
            Source::DebianSource { suite, package } => {
                // Source packages are for all architectures: every index lists them, and amd64 always exists.
                let (digest, file) = self.apt_package(suite, "amd64", package, progress)?;
                source::unpack(&self.cache, &file, digest, progress)
            }
            _ => Err(entry.not_built()),
        }
    }

    pub(super) fn apt_package(
        &self,
        suite: &str,
        arch: &str,
        pattern: &str,
        progress: &dyn Progress,
    ) -> Result<(Digest, PathBuf), KernelError> {
        let found = self.with_apt(suite, arch, progress, |apt| apt.package(pattern));
        found.map(|(package, file)| (package.digest, file))
    }

    /// Hands the apt root of a suite to `run`; `arch` is Debian's name of the architecture.
    pub(super) fn with_apt<T>(
        &self,
        suite: &str,
        arch: &str,
        progress: &dyn Progress,
        run: impl FnOnce(&Apt<'_>) -> T,
    ) -> T {
        let archive = || Archive::find(Path::new("/"), self.options.mirror.as_deref());
        let (cache, programs, newer_than) = (&self.cache, &self.programs, self.options.newer_than);
        run(&Apt { cache, archive: &archive, programs, suite, arch, progress, newer_than })
    }
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
        fs::write(&image, "\0Linux version 6.1.0-mine (me)").unwrap();
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
