//! Kernels that are not in the catalogue: commits of a repository, and other configurations of a catalogue kernel.

use super::KernelError;
use super::cache::digest_of;
use super::config::{Fragment, all_config};
use super::entry::{KernelEntry, Source};
use super::kernels::Kernels;
use super::progress::Progress;
use arch::Arch;
use model::{KernelArtifact, KernelName};
use std::path::Path;

impl Kernels {
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
            ..entry.clone()
        };
        self.prepare_entry(&entry, arch, jobs, progress)
    }
}
