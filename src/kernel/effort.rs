//! What a build takes: how many files, and how long. Each full build on this machine measures it for the next.

use super::KernelError;
use super::cache::Cache;
use arch::Arch;
use std::fs;
use std::time::Duration;

/// Files of a build by the lab's fragments, where none was counted: 7.3 as `kernels/linux-7.3.yaml` configures it.
const DEFAULT_FILES: &[(&str, u64)] = &[("x86_64", 850), ("arm", 710), ("aarch64", 700), ("riscv64", 670)];
/// The same for an architecture without an MMU, and for any other.
const DEFAULT_FILES_NOMMU: u64 = 580;
/// CPU seconds of one file, where none was measured: a server of 2020, gcc 12.
const DEFAULT_SECONDS: f64 = 0.85;

/// What a build takes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Effort {
    /// Files to compile.
    pub files: u64,
    /// CPU time of one file in seconds.
    pub seconds: f64,
    /// Whether a build on this machine was measured.
    pub is_measured: bool,
}

impl Effort {
    /// What a full build for an architecture takes, by the last one on this machine.
    pub(super) fn of(cache: &Cache, arch: Arch) -> Self {
        let text = fs::read_to_string(cache.path(file(arch))).unwrap_or_default();
        let mut words = text.split_whitespace();
        let files = words.next().and_then(|word| word.parse().ok());
        let seconds = words.next().and_then(|word| word.parse().ok()).filter(|seconds: &f64| *seconds > 0.0);
        let default = DEFAULT_FILES.iter().find(|(name, _)| *name == arch.name).map(|(_, files)| *files);
        Self {
            files: files.or(default).unwrap_or(DEFAULT_FILES_NOMMU),
            seconds: seconds.unwrap_or(DEFAULT_SECONDS),
            is_measured: seconds.is_some(),
        }
    }

    /// Keeps what a full build took: `took` by the clock, with this many compilers at a time.
    pub(super) fn record(
        cache: &Cache,
        arch: Arch,
        files: u64,
        took: Duration,
        jobs: usize,
    ) -> Result<(), KernelError> {
        let cpus = std::thread::available_parallelism().map_or(1, usize::from);
        let seconds = took.as_secs_f64() * jobs.clamp(1, cpus) as f64 / files.max(1) as f64;
        cache.folder("objects")?;
        let path = cache.path(file(arch));
        fs::write(&path, format!("{files} {seconds:.4}\n")).map_err(KernelError::io("write", &path))
    }

    /// How long it takes with this many compilers at a time.
    pub fn duration(&self, jobs: usize) -> Duration {
        Duration::from_secs_f64((self.files as f64 * self.seconds / jobs.max(1) as f64).clamp(0.0, 1e6))
    }
}

/// Files, and CPU seconds of each; before those were measured, files alone.
fn file(arch: Arch) -> String {
    format!("objects/steps-{}", arch.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn last_build_is_the_measure_of_the_next() {
        let dir = tempfile::tempdir().unwrap();
        let cache = Cache::new(dir.path().to_owned());
        let arm = arch::find("arm").unwrap();
        assert_eq!(Effort::of(&cache, arm), Effort { files: 710, seconds: 0.85, is_measured: false });
        let nommu = Effort::of(&cache, arch::find("riscv32-nommu").unwrap());
        assert_eq!((nommu.files, nommu.duration(2).as_secs()), (580, 246));
        Effort::record(&cache, arm, 800, Duration::from_secs(1200), 1).unwrap();
        assert_eq!(Effort::of(&cache, arm), Effort { files: 800, seconds: 1.5, is_measured: true });
    }

    #[test]
    fn count_without_time_is_an_estimate() {
        let dir = tempfile::tempdir().unwrap();
        let cache = Cache::new(dir.path().to_owned());
        cache.folder("objects").unwrap();
        let arm = arch::find("arm").unwrap();
        for (text, files) in [("783", 783), ("", 710), ("x y", 710), ("783 -1", 783), ("783 NaN", 783)] {
            fs::write(cache.path(file(arm)), text).unwrap();
            let effort = Effort::of(&cache, arm);
            assert_eq!((effort.files, effort.seconds, effort.is_measured), (files, 0.85, false), "{text}");
        }
    }
}
