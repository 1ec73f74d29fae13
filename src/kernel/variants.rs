//! Kernels that are not in the catalogue: folders, commits of a repository, other configurations of a catalogue kernel.

use super::KernelError;
use super::cache::digest_of;
use super::config::{Fragment, all_config};
use super::entry::{KernelEntry, Source};
use super::kernels::Kernels;
use super::progress::Progress;
use super::user::user_name;
use arch::Arch;
use model::{Digest, KernelArtifact, KernelName};
use std::path::Path;

impl Kernels {
    /// The kernel that a folder's source is at present, with these fragments. Its name has the hash of all files in it.
    ///
    /// # Errors
    /// When the folder cannot be read, or the caller cancels.
    pub fn of_folder(
        &self,
        folder: &Path,
        fragments: Vec<Fragment>,
        arch: Arch,
        progress: &dyn Progress,
    ) -> Result<KernelEntry, KernelError> {
        let folder = folder.canonicalize().map_err(KernelError::io("read", folder))?;
        let source = Source::Tree(folder.clone());
        let state = self.revision(&source, progress)?.map(|revision| digest_of([revision.identity().as_str()]));
        let state = state.as_ref().map(Digest::short).unwrap_or_default();
        Ok(KernelEntry {
            name: KernelName::new(format!("{}-{state}", user_name(&folder))),
            source,
            build: [(arch, fragments)].into(),
            patches: Vec::new(),
            is_variant: true,
        })
    }

    /// A kernel of the catalogue, built from a commit of a repository instead of its own source.
    ///
    /// # Errors
    /// When there is no such kernel, or it is not built here.
    pub fn of_commit(&self, name: &str, repository: &Path, commit: &str) -> Result<KernelEntry, KernelError> {
        let entry = self.catalogue().find(name)?;
        if entry.build.is_empty() {
            return Err(entry.not_built());
        }
        let source = Source::Git { repository: repository.display().to_string(), revision: commit.to_owned() };
        Ok(KernelEntry { source, is_variant: true, ..entry.into_owned() })
    }

    /// Builds a commit of a repository with these configuration fragments, in one output tree with all other commits of that
    /// repository: each build compiles the difference from the one before. The user's checkout is only read.
    ///
    /// # Errors
    /// See [`Kernels::prepare`]; a failed compilation is [`KernelError::Command`].
    pub fn prepare_commit(
        &self,
        repository: &Path,
        commit: &str,
        fragments: Vec<Fragment>,
        arch: Arch,
        jobs: usize,
        progress: &dyn Progress,
    ) -> Result<KernelArtifact, KernelError> {
        let short = commit.get(..12).unwrap_or(commit);
        let entry = KernelEntry {
            name: KernelName::new(format!("commit-{short}")),
            source: Source::Git { repository: repository.display().to_string(), revision: commit.to_owned() },
            build: [(arch, fragments)].into(),
            patches: Vec::new(),
            is_variant: true,
        };
        self.prepare_entry(&entry, arch, jobs, progress)
    }

    /// Builds a kernel of the catalogue with another configuration, in the output tree of its source.
    ///
    /// # Errors
    /// See [`Kernels::prepare`]; also when the kernel is not built from source.
    pub fn prepare_configured(
        &self,
        name: &str,
        fragment: Fragment,
        arch: Arch,
        jobs: usize,
        progress: &dyn Progress,
    ) -> Result<KernelArtifact, KernelError> {
        let entry = self.catalogue().supports(name, arch)?;
        if entry.build.is_empty() {
            return Err(entry.not_built());
        }
        let fragments = vec![fragment];
        let config = digest_of([all_config(&fragments).as_str()]);
        let entry = KernelEntry {
            name: KernelName::new(format!("{name}-config-{}", config.short())),
            build: [(arch, fragments)].into(),
            is_variant: true,
            ..entry.into_owned()
        };
        self.prepare_entry(&entry, arch, jobs, progress)
    }
}
