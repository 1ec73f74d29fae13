//! What is left to do until a kernel is ready, as far as it is known without the network.

use super::debian::{Apt, Archive};
use super::effort::Effort;
use super::entry::Source;
use super::{KernelError, Kernels, NullProgress};
use arch::Arch;
use std::path::Path;

/// What is left to do until a kernel is ready.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Work {
    /// Nothing: it is in the cache.
    Cached,
    /// Nothing: a user's image is used as it is.
    Local,
    /// It is copied from its package, which is in the cache.
    Copy,
    /// Its package is fetched.
    Fetch(Size),
    /// It is compiled, after its source is fetched if that is not in the cache.
    Build(Effort, Option<Size>),
}

/// The size of something to fetch, in bytes; `None` before an index of the archive has told it.
pub type Size = Option<u64>;

impl Work {
    /// In one word.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Cached => "cached",
            Self::Local => "local",
            Self::Copy => "copy",
            Self::Fetch(_) => "fetch",
            Self::Build(..) => "build",
        }
    }

    /// With sizes, and the time that it takes with this many compilers at a time.
    pub fn describe(&self, jobs: usize) -> String {
        let word = self.word();
        match self {
            Self::Cached | Self::Local | Self::Copy => word.to_owned(),
            Self::Fetch(size) => format!("{word}, {}", in_megabytes(*size)),
            Self::Build(effort, source) => {
                let minutes = effort.duration(jobs).as_secs().div_ceil(60).max(1);
                let basis = if effort.is_measured { "measured here" } else { "estimate" };
                let fetch =
                    source.map(|size| format!("; fetch its source, {}", in_megabytes(size))).unwrap_or_default();
                format!("{word}, about {minutes} min ({basis}){fetch}")
            }
        }
    }
}

fn in_megabytes(size: Size) -> String {
    size.map_or_else(|| "size unknown".to_owned(), |bytes| format!("{} MB", bytes.div_ceil(1_000_000)))
}

impl Kernels {
    /// What is left to do for a kernel; without the network.
    ///
    /// # Errors
    /// When the kernel does not exist for the architecture.
    pub fn work(&self, name: &str, arch: Arch) -> Result<Work, KernelError> {
        let entry = self.catalogue().supports(name, arch)?;
        if matches!(entry.source, Source::Local(_)) {
            return Ok(Work::Local);
        }
        if self.cached(name, arch).is_some() {
            return Ok(Work::Cached);
        }
        let effort = Effort::of(&self.cache, arch);
        Ok(match &entry.source {
            Source::Local(_) => Work::Local,
            Source::Debian { suite, packages } => {
                let fetch = self.to_fetch(suite, arch.kernel.debian.map_or("", |debian| debian.arch), &packages[&arch]);
                fetch.map_or(Work::Copy, Work::Fetch)
            }
            Source::DebianSource { suite, package } => Work::Build(effort, self.to_fetch(suite, "amd64", package)),
            Source::Git { repository, .. } => {
                let is_here = Path::new(repository).is_dir();
                Work::Build(effort, (!is_here).then_some(None))
            }
            Source::Tree(_) => Work::Build(effort, None),
        })
    }

    /// The size of a package that is to be fetched; `None` when it is in the cache.
    fn to_fetch(&self, suite: &str, arch: &str, pattern: &str) -> Option<Size> {
        let archive = || Archive::find(Path::new("/"), None);
        let (cache, programs) = (&self.cache, &self.programs);
        let apt = Apt { cache, archive: &archive, programs, suite, arch, progress: &NullProgress, newer_than: None };
        match apt.known(pattern) {
            Some((_, true)) => None,
            Some((package, false)) => Some(Some(package.size)),
            None => Some(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::assets::Assets;
    use crate::kernel::Options;
    use std::fs;

    #[test]
    fn work_is_told_in_words() {
        let effort = Effort { files: 800, seconds: 0.75, is_measured: false };
        for (work, text) in [
            (Work::Cached, "cached"),
            (Work::Fetch(Some(66_100_000)), "fetch, 67 MB"),
            (Work::Fetch(None), "fetch, size unknown"),
            (Work::Build(effort, None), "build, about 5 min (estimate)"),
            (
                Work::Build(Effort { is_measured: true, ..effort }, Some(Some(138_000_000))),
                "build, about 5 min (measured here); fetch its source, 138 MB",
            ),
        ] {
            assert_eq!(work.describe(2), text);
        }
    }

    #[test]
    fn work_follows_from_source_and_cache() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("kernels");
        fs::create_dir(&folder).unwrap();
        let shown = dir.path().display();
        for (name, text) in [
            ("own", "source: {local: {arm: {image: /nowhere/zImage}}}\n".to_owned()),
            (
                "far",
                "source: {git: {repository: 'https://x.example/linux', revision: v6.1}}\nbuild: {arm: [arm]}\n".into(),
            ),
            ("near", format!("source: {{git: {{repository: {shown}, revision: v6.1}}}}\nbuild: {{arm: [arm]}}\n")),
            ("made", "source: {debian: {suite: sid, packages: {arm: linux-image-*}}}\n".into()),
        ] {
            fs::write(folder.join(format!("{name}.yaml")), text).unwrap();
        }
        let cache = dir.path().join("cache");
        let kernels = Kernels::new(&Assets::with_overlay(dir.path()), cache, Options::default()).unwrap();
        let work = |name: &str| kernels.work(name, arch::find("arm").unwrap()).unwrap();
        assert_eq!(work("own"), Work::Local);
        assert!(matches!(work("far"), Work::Build(_, Some(None))));
        assert!(matches!(work("near"), Work::Build(_, None)));
        assert_eq!(work("made"), Work::Fetch(None));
        assert!(!dir.path().join("cache").exists(), "looking changes nothing");
    }
}
