//! `oomlab boot`: one cell, no YAML.

use super::args::{BootArgs, BootKernelArgs};
use super::context::Context;
use super::error::CliError;
use super::execute::Execution;
use super::kernel::View;
use super::known::Catalogues;
use super::output::notify;
use super::timings::Stopwatch;
use crate::kernel::{Configurations, KernelEntry, Kernels, user_name};
use crate::matrix::{self, SingleCell, SingleKernel, SinglePayload};
use crate::store::open_regular;
use arch::Arch;
use model::{KernelArtifact, WorkloadName};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Boots one cell; returns the program's exit status.
///
/// # Errors
/// When the cell cannot exist or the lab fails.
pub fn run(args: &BootArgs, context: &Context) -> Result<u8, CliError> {
    let mut catalogues = Catalogues::read(context, args.options.lab.mirror.clone())?;
    let stopwatch = Stopwatch::start();
    let view = View::new().timed(&stopwatch);
    let workload_options = options(&args.workload_options)?;
    let choice = KernelChoice {
        named: &args.kernel,
        arch: args.arch,
        ram: &args.ram,
        workload: args.workload.as_deref(),
        options: &workload_options,
    };
    let (kernel, own) = choice.kernel(&mut catalogues, context, &view)?;
    let wanted = SingleCell {
        kernel,
        arch: args.arch,
        ram: args.ram.clone(),
        payload: payload(args)?,
        vcpus: args.machine.vcpus,
        append: args.machine.append.words(),
        qemu: args.machine.qemu_arg.clone(),
        faults: args.faults.faults()?,
        canary: args.canary.canary,
        timeouts: args.timeouts.timeouts(),
        repeat: args.repeat,
        fail_on: args.reports.kinds()?,
    };
    let plan = matrix::single(wanted, &catalogues.known())?;
    for caution in plan.cells.iter().filter_map(|cell| matrix::ram_caution(cell, &catalogues.known())) {
        notify(&format!("warning: {caution}; booting it all the same"));
    }
    let options = &args.options;
    Execution {
        context,
        catalogues,
        options,
        plan,
        part: None,
        own,
        prepared: None,
        resumed: None,
        bisect: None,
        stopwatch,
    }
    .run()
}

/// The kernel that the user names, and the cell that it is for.
pub(super) struct KernelChoice<'a> {
    pub named: &'a BootKernelArgs,
    pub arch: Arch,
    pub ram: &'a str,
    pub workload: Option<&'a str>,
    /// Of the workload.
    pub options: &'a Options,
}

impl KernelChoice<'_> {
    /// The cell's kernel, and the artifact of one that the user brings.
    ///
    /// # Errors
    /// When there is no such kernel, or its source cannot be read.
    pub(super) fn kernel(
        &self,
        catalogues: &mut Catalogues,
        context: &Context,
        view: &View,
    ) -> Result<(SingleKernel, Option<KernelArtifact>), CliError> {
        if let Some(folder) = &self.named.tree {
            let entry = self.tree(folder, catalogues, context, view)?;
            let name = entry.name.to_string();
            catalogues.add(vec![entry]);
            return Ok((SingleKernel::Catalogue(name), None));
        }
        if !self.named.config.is_empty() {
            return Err(CliError::Usage("`--config` is the configuration for `--tree DIR`".to_owned()));
        }
        let name = self.named.kernel.as_deref().unwrap_or_default();
        let path = Path::new(name);
        if !name.contains('/') && !path.is_file() {
            return Ok((SingleKernel::Catalogue(name.to_owned()), None));
        }
        let kernel = user_kernel(path, self.arch)?;
        Ok((SingleKernel::User(kernel.name.clone()), Some(kernel)))
    }

    /// The kernel whose source a folder has.
    fn tree(
        &self,
        folder: &Path,
        catalogues: &Catalogues,
        context: &Context,
        view: &View,
    ) -> Result<KernelEntry, CliError> {
        if !folder.join("Kconfig").is_file() {
            return Err(CliError::Usage(format!("{} is no kernel source: it has no Kconfig", folder.display())));
        }
        let (kernels, names) = (&catalogues.kernels, &self.named.config);
        let ram = self.ram.parse().unwrap_or(self.arch.min_ram);
        let workload = self.workload.and_then(|name| catalogues.workloads.get(&WorkloadName::new(name)));
        let needs = workload.map(|workload| workload.needs(self.arch, ram, self.options)).unwrap_or_default();
        let (catalogue, assets) = (kernels.catalogue(), &context.assets);
        let found = Configurations { catalogue, assets, arch: self.arch, needs: &needs }.of_tree(folder, names);
        let found = found.map_err(|error| CliError::from(error).of_argument())?;
        notify(&format!("configuration: {}", found.origin));
        let entry = kernels.of_folder(folder, found.fragments, self.arch, view);
        view.clear();
        Ok(entry?)
    }
}

fn payload(args: &BootArgs) -> Result<SinglePayload, CliError> {
    match (&args.workload, &args.initrd) {
        (Some(_), _) if args.end.until.is_some() || args.end.expect_silent => Err(CliError::Usage(
            "a workload ends by itself: `--until` and `--expect-silent` are for guests without the agent".to_owned(),
        )),
        (Some(name), _) => {
            Ok(SinglePayload::Workload { name: name.clone(), options: options(&args.workload_options)? })
        }
        (None, Some(none)) if none == Path::new("none") => Ok(SinglePayload::Initrd(args.end.initrd(None))),
        (None, Some(initrd)) => Ok(SinglePayload::Initrd(args.end.initrd(Some(readable(initrd)?)))),
        (None, None) => Err(CliError::Usage(
            "nothing to run in the guest: name a workload with `--workload` (`oomlab workload list` shows all) \
             or an initramfs with `--initrd`; `--initrd none` where the kernel or a disk has it"
                .to_owned(),
        )),
    }
}

/// Options of a workload: values by name.
pub(super) type Options = BTreeMap<String, String>;

/// Reads `--option NAME=VALUE`.
///
/// # Errors
/// When a `=` is missing.
pub(super) fn options(words: &[String]) -> Result<Options, CliError> {
    let pair = |word: &String| {
        let (name, value) = word
            .split_once('=')
            .ok_or_else(|| CliError::Usage(format!("`--option {word}`: write `--option name=value`")))?;
        Ok((name.to_owned(), value.to_owned()))
    };
    words.iter().map(pair).collect()
}

fn user_kernel(path: &Path, arch: Arch) -> Result<KernelArtifact, CliError> {
    let image = readable(path)?;
    let kernel = Kernels::user_kernel(&user_name(path), arch, &image)?;
    let companions = [&kernel.system_map, &kernel.vmlinux, &kernel.config, &kernel.modules];
    let companions: Vec<String> = companions.into_iter().flatten().map(|path| path.display().to_string()).collect();
    if !companions.is_empty() {
        notify(&format!("with {}", companions.join(", ")));
    }
    Ok(kernel)
}

/// The absolute path of a readable file.
fn readable(path: &Path) -> Result<PathBuf, CliError> {
    let wrong = |error: std::io::Error| CliError::Usage(format!("cannot read {}: {error}", path.display()));
    open_regular(path).and_then(|_| std::path::absolute(path)).map_err(wrong)
}
