//! User spaces of workloads that are scripts: in the initramfs, or on a root disk.

use super::ltp::{LtpError, LtpTests};
use super::prepare::{Needed, Sources, verdict};
use super::trial::{Test, TestDisk};
use crate::host::Login;
use crate::image::{ImageError, Root, RootDisk};
use crate::kernel::{KernelError, Programs, Progress, Stage, Update, digest_of, is_needed, unpack};
use crate::workload::{Manifest, OptionSpec};
use arch::Arch;
use model::{Cell, KernelName, Kind, Payload, Script};
use std::collections::BTreeMap;
use std::path::Path;

impl From<RootDisk> for TestDisk {
    fn from(disk: RootDisk) -> Self {
        let RootDisk { path, digest, key, host_key } = disk;
        Self { path, digest, login: Login { key, host_key } }
    }
}

fn names(all: &[String]) -> Vec<&str> {
    all.iter().map(String::as_str).collect()
}

/// A workload's options, with the values of a cell in place of the defaults.
fn settings(options: &BTreeMap<String, OptionSpec>, values: &BTreeMap<String, String>) -> BTreeMap<String, OptionSpec> {
    let mut options = options.clone();
    for (name, option) in &mut options {
        if let Some(value) = values.get(name) {
            option.default.clone_from(value);
        }
    }
    options
}

impl Sources {
    /// Hands the files of a workload whose script runs in the initramfs to `make`: those of its packages, and the tests of the kernel's source that it
    /// runs. Blocks.
    ///
    /// # Errors
    /// As the verdict of a trial says it.
    pub(super) fn with_root<T>(
        &self,
        arch: Arch,
        kernel: &KernelName,
        workload: &Manifest,
        progress: &dyn Progress,
        make: impl FnOnce(Option<&Root<'_>>) -> Result<T, ImageError>,
    ) -> Needed<T> {
        let failed = |reason: String| verdict(Kind::ImageUnavailable, reason);
        let script = workload.needs(arch, arch.min_ram).script;
        // A user space on a root disk is not in the initramfs, too.
        let Some(script) = script.filter(|script| script.image.is_none()) else {
            return make(None).map_err(|error| failed(error.to_string()));
        };
        self.with_packages(arch, kernel, &script, progress, |root| make(Some(root)))
    }

    /// The root disk `image` of a cell, for its `script`. Blocks.
    ///
    /// # Errors
    /// As the verdict of a trial says it.
    pub(super) fn root_disk(
        &self,
        cell: &Cell,
        (script, image): (&Script, &str),
        progress: &dyn Progress,
    ) -> Needed<TestDisk> {
        let failed = |error: ImageError| verdict(Kind::ImageUnavailable, error.to_string());
        let mut script = script.clone();
        let spec = self.images.root_disk_spec(image).map_err(failed)?;
        script.packages.splice(0..0, spec.packages.iter().cloned());
        script.without.extend(spec.without.iter().cloned());
        let disk = self.with_packages(cell.arch, &cell.kernel, &script, progress, |root| {
            if !self.images.root_disks().is_present(cell.arch, &spec, &root.key) {
                let message = format!("{image} for {}", cell.arch);
                progress.update(Update { stage: Stage::RootDisk, done: 0, total: None, message: &message });
            }
            self.images.root_disks().get(cell.arch, &spec, root, &|| progress.cancelled())
        })?;
        Ok(disk.into())
    }

    /// The test of a cell whose workload runs on this root disk.
    pub(super) fn test(&self, cell: &Cell, disk: TestDisk) -> Option<Test> {
        let (Some(needs), Payload::Workload { name, options }) = (&cell.needs.script, &cell.payload) else {
            return None;
        };
        let manifest = self.workloads.get(name)?;
        // A guest with a shell may have none.
        let options = settings(&manifest.options, options);
        let script = manifest.script.as_ref().map(|script| script.text(&options)).unwrap_or_default();
        Some(Test { disk, script, fetch: needs.fetch.clone() })
    }

    /// Hands the files of a script's packages and tests to `make`.
    fn with_packages<T>(
        &self,
        arch: Arch,
        kernel: &KernelName,
        script: &Script,
        progress: &dyn Progress,
        make: impl FnOnce(&Root<'_>) -> Result<T, ImageError>,
    ) -> Needed<T> {
        let failed = |reason: String| verdict(Kind::ImageUnavailable, reason);
        let ltp = (!script.ltp.is_empty()).then(|| self.ltp_tests(&script.ltp, arch)).transpose();
        let ltp = ltp.map_err(|error| failed(error.to_string()))?;
        let set = self.kernels.packages(arch, &names(&script.packages), &names(&script.without), progress);
        let set = set.map_err(|error| match error {
            KernelError::Cancelled => verdict(Kind::Interrupted, error.to_string()),
            error => failed(error.to_string()),
        })?;
        let tests =
            script.selftests.as_ref().map(|target| self.selftests(arch, kernel, target, progress)).transpose()?;
        let check = || if progress.cancelled() { Err(KernelError::Cancelled) } else { Ok(()) };
        let unpack = |into: &Path| {
            let unpacked = unpack(&set.files, into, &is_needed, check);
            let installed = unpacked.and_then(|()| tests.as_ref().map_or(Ok(()), |tests| tests.install(into)));
            installed.map_err(|error| error.to_string())?;
            ltp.as_ref().map_or(Ok(()), |ltp| ltp.install(into)).map_err(|error| format!("tests of LTP: {error}"))
        };
        let own = tests.iter().map(|tests| tests.key.as_str()).chain(ltp.iter().map(|ltp| ltp.key.as_str()));
        let key = digest_of(std::iter::once(set.key.as_str()).chain(own));
        let root = Root { key, unpack: &unpack };
        make(&root).map_err(|error| match error {
            ImageError::Cancelled => verdict(Kind::Interrupted, error.to_string()),
            ImageError::Packages(_) if progress.cancelled() => verdict(Kind::Interrupted, error.to_string()),
            error => failed(error.to_string()),
        })
    }

    fn ltp_tests(&self, prefixes: &[String], arch: Arch) -> Result<LtpTests, LtpError> {
        LtpTests::find(self.ltp.as_deref().ok_or(LtpError::NoFolder)?, prefixes, arch)
    }

    /// Tests of the kernel's source, built for its guests.
    fn selftests(&self, arch: Arch, kernel: &KernelName, target: &str, progress: &dyn Progress) -> Needed<Programs> {
        let not_built = |reason: String| {
            let reason = format!("selftests need a kernel that is built here, such as linux-7.3: {reason}");
            verdict(Kind::ImageUnavailable, reason)
        };
        if self.own.as_ref().is_some_and(|own| own.name == *kernel) {
            return Err(not_built(format!("{kernel} is an image of yours")));
        }
        let programs = self.kernels.selftests(kernel.as_str(), arch, target, self.jobs, progress);
        programs.map_err(|error| match error {
            KernelError::Cancelled => verdict(Kind::Interrupted, error.to_string()),
            KernelError::NotBuilt { .. } => not_built(error.to_string()),
            error => verdict(Kind::ImageUnavailable, error.to_string()),
        })
    }
}
