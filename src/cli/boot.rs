//! `oomlab boot`: one cell, no YAML.

use super::args::BootArgs;
use super::context::Context;
use super::error::CliError;
use super::execute::Execution;
use super::known::Catalogues;
use crate::kernel::Kernels;
use crate::matrix::{self, SingleCell, SingleKernel, SinglePayload};
use arch::Arch;
use model::{KernelArtifact, KernelName, Timeouts};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Boots one cell; gives the program's exit status.
///
/// # Errors
/// When the cell cannot exist or the lab fails.
pub fn run(args: &BootArgs, context: &Context) -> Result<u8, CliError> {
    let catalogues = Catalogues::read(context, args.options.mirror.clone())?;
    let path = Path::new(&args.kernel);
    let own = match arch::find(&args.arch) {
        Some(spec) if args.kernel.contains('/') || path.is_file() => Some(own_kernel(path, spec)?),
        _ => None,
    };
    let kernel = match &own {
        Some(own) => SingleKernel::Own(own.name.clone()),
        None => SingleKernel::Catalogue(args.kernel.clone()),
    };
    let wanted = SingleCell {
        kernel,
        arch: args.arch.clone(),
        ram: args.ram.clone(),
        payload: payload(args, own.is_some())?,
        vcpus: args.vcpus,
        append: args.append.iter().flat_map(|words| words.split_whitespace()).map(str::to_owned).collect(),
        qemu: args.qemu_arg.clone(),
        faults: matrix::faults(args.fault.iter().map(String::as_str)).map_err(CliError::Usage)?,
        timeouts: Timeouts { boot_s: args.boot_timeout, load_s: args.load_timeout, ..Timeouts::default() },
        repeat: args.repeat,
    };
    let plan = matrix::single(wanted, &catalogues.known())?;
    Execution { context, catalogues, options: &args.options, plan, own, prepared: None }.run()
}

fn payload(args: &BootArgs, own_kernel: bool) -> Result<SinglePayload, CliError> {
    match (&args.workload, &args.initrd) {
        (Some(name), _) => {
            Ok(SinglePayload::Workload { name: name.clone(), options: options(&args.workload_options)? })
        }
        (None, Some(initrd)) => Ok(SinglePayload::Initrd(Some(readable(initrd)?))),
        (None, None) if own_kernel => Ok(SinglePayload::Initrd(None)),
        (None, None) => Err(CliError::Usage(
            "nothing to run in the guest: name a workload with `--workload` (`oomlab workload list` shows all) \
             or an initramfs with `--initrd`"
                .to_owned(),
        )),
    }
}

pub(super) fn options(words: &[String]) -> Result<BTreeMap<String, String>, CliError> {
    let pair = |word: &String| {
        let (name, value) = word
            .split_once('=')
            .ok_or_else(|| CliError::Usage(format!("`--option {word}`: write `--option name=value`")))?;
        Ok((name.to_owned(), value.to_owned()))
    };
    words.iter().map(pair).collect()
}

fn own_kernel(path: &Path, spec: Arch) -> Result<KernelArtifact, CliError> {
    let image = readable(path)?;
    let name = path.file_name().map_or_else(|| "own".into(), |name| name.to_string_lossy());
    let name: String =
        name.chars().map(|c| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '-' }).collect();
    Ok(Kernels::own(&KernelName::new(name), spec, &image)?)
}

/// The absolute path of a file of the user's that can be read.
fn readable(path: &Path) -> Result<PathBuf, CliError> {
    let wrong = |error: std::io::Error| CliError::Usage(format!("cannot read {}: {error}", path.display()));
    std::fs::File::open(path).and_then(|_| std::path::absolute(path)).map_err(wrong)
}
