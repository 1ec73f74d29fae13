//! User spaces of workloads that are scripts: in the initramfs, or on a root disk.

use super::ltp::{LtpError, LtpTests};
use super::prepare::{Needed, Sources, verdict};
use super::trial::{Test, TestDisk};
use crate::host::Login;
use crate::image::{ImageError, Images, Root, RootDisk, RootDiskSpec, RootFiles};
use crate::kernel::{
    KernelError, Kernels, NullProgress, Programs, Progress, Stage, Update, digest_of, is_needed, unpack,
};
use crate::workload::{Manifest, OptionSpec};
use arch::Arch;
use model::{Cell, Digest, KernelModule, KernelName, Kind, Payload, Script, Verdict};
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
        let script = workload.needs(arch, arch.min_ram, &BTreeMap::new()).script;
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
        add_packages(&mut script, &spec);
        let disk = self.with_packages(cell.arch, &cell.kernel, &script, progress, |root| {
            if !self.images.root_disks().is_present(cell.arch, &spec, root) {
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
        self.refuse_prebuilt(kernel, script)?;
        let origin = selftests_origin(&self.kernels, arch, kernel, script, progress).map_err(unavailable)?;
        let recipe = recipe(script, origin.as_deref(), ltp.as_ref());
        let set = self.kernels.packages(arch, &names(&script.packages), &names(&script.without), progress);
        let tests = script.selftests.as_ref().map(|target| self.selftests(arch, kernel, target, progress)).transpose();
        let cancelled = |verdict: &Verdict| verdict.kind == Kind::Interrupted;
        // Without them, an image or a disk of the cache may do.
        let parts = match (set.map_err(unavailable), tests) {
            (Err(verdict), _) | (_, Err(verdict)) if cancelled(&verdict) => return Err(verdict),
            (Err(verdict), _) | (_, Err(verdict)) => Err(verdict.summary),
            (Ok(set), Ok(tests)) => Ok((set, tests)),
        };
        let check = || if progress.cancelled() { Err(KernelError::Cancelled) } else { Ok(()) };
        let unpack = |into: &Path| {
            let (set, tests) = parts.as_ref().map_err(Clone::clone)?;
            let unpacked = unpack(&set.files, into, &is_needed, check);
            let installed = unpacked.and_then(|()| tests.as_ref().map_or(Ok(()), |tests| tests.install(into)));
            installed.map_err(|error| error.to_string())?;
            ltp.as_ref().map_or(Ok(()), |ltp| ltp.install(into)).map_err(|error| format!("tests of LTP: {error}"))
        };
        let files = parts.as_ref().map_err(Clone::clone).map(|(set, tests)| {
            let own = tests.iter().map(|tests| tests.key.as_str()).chain(ltp.iter().map(|ltp| ltp.key.as_str()));
            RootFiles { key: digest_of(std::iter::once(set.key.as_str()).chain(own)), unpack: &unpack }
        });
        let root = Root { recipe, files };
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
        self.kernels.selftests(kernel.as_str(), arch, target, self.jobs, progress).map_err(unavailable)
    }

    /// Refuses tests of a kernel of which only the image is there.
    fn refuse_prebuilt(&self, kernel: &KernelName, script: &Script) -> Needed<()> {
        let is_own = self.own.as_ref().is_some_and(|own| own.name == *kernel);
        if script.selftests.is_some() && is_own {
            return Err(not_built(format!("{kernel} is an image of yours")));
        }
        Ok(())
    }
}

/// Whether the cache has files of a script's user space that this host may use as they are, whatever made them.
pub struct CachedUserSpace<'a> {
    /// The kernels and their cache.
    pub kernels: &'a Kernels,
    /// The images and the root disks.
    pub images: &'a Images,
    /// Folder where LTP is installed.
    pub ltp: Option<&'a Path>,
}

impl CachedUserSpace<'_> {
    /// Whether all of a cell's user space is in the cache: its root disk, or its initramfs with packages and with these modules. What
    /// cannot be found out is not there.
    pub fn has(&self, cell: &Cell, workload: &Manifest, modules: &[KernelModule]) -> bool {
        let Some(script) = &cell.needs.script else { return false };
        match &script.image {
            Some(image) => {
                let agent = self.images.is_present(cell.arch, workload, modules, None);
                let Ok(spec) = self.images.root_disk_spec(image) else { return false };
                let mut script = script.clone();
                add_packages(&mut script, &spec);
                let root = self.root(cell, &script);
                agent.unwrap_or(false)
                    && root.is_some_and(|root| self.images.root_disks().is_present(cell.arch, &spec, &root))
            }
            None => {
                let root = self.root(cell, script);
                root.is_some_and(|root| {
                    self.images.is_present(cell.arch, workload, modules, Some(&root)).unwrap_or(false)
                })
            }
        }
    }

    fn root(&self, cell: &Cell, script: &Script) -> Option<Root<'static>> {
        let find = |folder: &Path| LtpTests::find(folder, &script.ltp, cell.arch).ok();
        let ltp = if script.ltp.is_empty() { None } else { Some(find(self.ltp?)?) };
        let origin = selftests_origin(self.kernels, cell.arch, &cell.kernel, script, &NullProgress).ok()?;
        Some(Root { recipe: recipe(script, origin.as_deref(), ltp.as_ref()), files: Err(String::new()) })
    }
}

/// Adds what a root disk has besides.
fn add_packages(script: &mut Script, spec: &RootDiskSpec) {
    script.packages.splice(0..0, spec.packages.iter().cloned());
    script.without.extend(spec.without.iter().cloned());
}

/// What the kernel's own tests are built of, if the script has some.
fn selftests_origin(
    kernels: &Kernels,
    arch: Arch,
    kernel: &KernelName,
    script: &Script,
    progress: &dyn Progress,
) -> Result<Option<String>, KernelError> {
    script.selftests.as_ref().map(|_| kernels.selftests_origin(kernel.as_str(), arch, progress)).transpose()
}

/// What a script's files are, as far as it is known without the archive and without compilers.
fn recipe(script: &Script, selftests: Option<&str>, ltp: Option<&LtpTests>) -> Digest {
    let Script { packages, without, selftests: target, .. } = script;
    let own = [("selftests", target.as_deref()), ("of", selftests), ("ltp", ltp.map(|ltp| ltp.key.as_str()))];
    let packages = packages.iter().map(String::as_str).chain(["without"]).chain(without.iter().map(String::as_str));
    digest_of(packages.chain(own.into_iter().flat_map(|(name, value)| [name, value.unwrap_or_default()])))
}

fn unavailable(error: KernelError) -> Box<Verdict> {
    match error {
        KernelError::Cancelled => verdict(Kind::Interrupted, error.to_string()),
        KernelError::NotBuilt { .. } => not_built(error.to_string()),
        error => verdict(Kind::ImageUnavailable, error.to_string()),
    }
}

fn not_built(reason: String) -> Box<Verdict> {
    let reason = format!("selftests need a kernel that is built here, such as linux-7.3: {reason}");
    verdict(Kind::ImageUnavailable, reason)
}
