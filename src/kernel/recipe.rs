//! What determines a kernel, as far as it is known without the network.

use super::KernelError;
use super::artifact::{self, Slot};
use super::cache::digest_of;
use super::config::all_config;
use super::entry::{KernelEntry, Source};
use super::kernels::Kernels;
use super::patch::Patch;
use super::progress::{NullProgress, Progress};
use super::source::Revision;
use super::{build, prebuilt, toolchain};
use arch::Arch;
use model::Digest;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// What determines a kernel.
pub(super) struct Recipe {
    /// Digest of all of it but the compiler.
    pub sources: Digest,
    /// Digest of all of it: another digest is another build. `None` where the kernel is built and there is no compiler.
    pub digest: Option<Digest>,
    /// The files of its source, where git knows them.
    pub revision: Option<Revision>,
}

/// What was found out once: a run sees one state of what may change meanwhile.
#[derive(Debug, Clone, Default)]
pub(super) struct States {
    /// Revisions of sources by their names: branches, folders.
    revisions: Arc<Mutex<BTreeMap<(String, String), Revision>>>,
    /// `None` where there is no compiler.
    compilers: Arc<Mutex<BTreeMap<Arch, Option<String>>>>,
}

impl Kernels {
    /// Digest of what determines a kernel: its source, as far as it is known without the network, its configuration, the
    /// compiler.
    ///
    /// # Errors
    /// When the kernel does not exist for the architecture, its source cannot be read, or there is no compiler.
    pub fn digest(&self, name: &str, arch: Arch) -> Result<Digest, KernelError> {
        let entry = self.catalogue().supports(name, arch)?;
        let recipe = self.recipe(&entry, arch, &NullProgress)?;
        recipe.digest.map_or_else(|| Err(toolchain::no_compiler(arch)), Ok)
    }

    /// The recipe of a kernel.
    pub(super) fn recipe(
        &self,
        entry: &KernelEntry,
        arch: Arch,
        progress: &dyn Progress,
    ) -> Result<Recipe, KernelError> {
        let revision = self.revision(&entry.source, progress)?;
        let of_build = |origin: &str| {
            let config = all_config(&entry.build[&arch]);
            let with = |compiler: &str| {
                let how = [origin, arch.name, arch.kernel.target, &config, compiler, build::VERSION];
                digest_of(how.into_iter().chain(entry.patches.iter().map(Patch::identity)))
            };
            Ok::<_, KernelError>((with(""), self.compiler(arch)?.map(|compiler| with(&compiler))))
        };
        let prebuilt = |digest: Digest| (digest.clone(), Some(digest));
        let (sources, digest) = match (&entry.source, &revision) {
            (_, Some(revision)) => of_build(&revision.identity())?,
            (Source::Debian { suite, packages }, _) => {
                prebuilt(digest_of(["debian", suite, &packages[&arch], prebuilt::VERSION]))
            }
            (Source::DebianSource { suite, package }, _) => of_build(&format!("{suite} {package}"))?,
            (Source::Git { .. } | Source::Tree(_) | Source::Local(_), None) => prebuilt(digest_of(["local"])),
        };
        Ok(Recipe { sources, digest, revision })
    }

    /// The version of the compiler; `None` where there is none.
    fn compiler(&self, arch: Arch) -> Result<Option<String>, KernelError> {
        let mut known = self.states.compilers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(version) = known.get(&arch) {
            return Ok(version.clone());
        }
        let version = toolchain::compiler_version(arch)?;
        Ok(known.entry(arch).or_insert(version).clone())
    }

    pub(super) fn revision(&self, source: &Source, progress: &dyn Progress) -> Result<Option<Revision>, KernelError> {
        let key = match source {
            Source::Git { repository, revision } => (repository.clone(), revision.clone()),
            Source::Tree(folder) => (folder.to_string_lossy().into_owned(), String::new()),
            Source::Debian { .. } | Source::DebianSource { .. } | Source::Local(_) => return Ok(None),
        };
        // The lock is held meanwhile: one thread reads a folder, the others wait for what it found.
        let mut known = self.states.revisions.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(revision) = known.get(&key) {
            return Ok(Some(revision.clone()));
        }
        let revision = match source {
            Source::Tree(folder) => Revision::of_folder(&self.cache, folder, progress)?,
            _ => Revision::of_repository(&key.0, &key.1)?,
        };
        Ok(Some(known.entry(key).or_insert(revision).clone()))
    }

    /// The place of a kernel. Files that git knows, with all else of the recipe, determine the kernel; a package is found by a
    /// name that later versions have, too. Without a compiler a kernel of the same sources is looked for.
    pub(super) fn slot<'a>(&'a self, entry: &'a KernelEntry, arch: Arch, recipe: &Recipe) -> Slot<'a> {
        match &recipe.digest {
            Some(digest) => self.slot_of(entry, arch, recipe, || Some(digest.clone())),
            None => self.slot_elsewhere(entry, arch, recipe),
        }
    }

    /// The place of a kernel of the same sources, whatever compiler built it: of a host that cannot build it.
    pub(super) fn slot_elsewhere<'a>(&'a self, entry: &'a KernelEntry, arch: Arch, recipe: &Recipe) -> Slot<'a> {
        self.slot_of(entry, arch, recipe, || artifact::built_of(&self.cache, &recipe.sources))
    }

    fn slot_of<'a>(
        &'a self,
        entry: &'a KernelEntry,
        arch: Arch,
        recipe: &Recipe,
        key: impl FnOnce() -> Option<Digest>,
    ) -> Slot<'a> {
        let is_local = matches!(recipe.revision, Some(Revision::Local { .. }));
        let key = if is_local { key() } else { None };
        Slot { cache: &self.cache, name: &entry.name, arch, key, is_variant: entry.is_variant }
    }
}
