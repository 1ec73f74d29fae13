//! `oomlab workload`: lists, describes, checks and builds workloads.

mod folder;

use super::completion::workloads;
use super::context::Context;
use super::error::CliError;
use super::output::{notify_broken, print_list};
use super::values::arch_parser;
use crate::image::load_workloads;
use crate::workload::{Manifest, ValueNeeds};
use arch::Arch;
use clap::Subcommand;
use model::Throttle;
use std::path::PathBuf;

/// Arguments of `oomlab workload`.
#[derive(Debug, Clone, clap::Args)]
pub struct WorkloadArgs {
    #[command(subcommand)]
    pub action: WorkloadAction,
}

/// Actions on workloads.
#[derive(Debug, Clone, Subcommand)]
pub enum WorkloadAction {
    /// List the workloads
    List,
    /// Describe one: what it does, its options, the verdict of a healthy kernel
    Show {
        /// Its name
        #[arg(add = workloads())]
        name: String,
    },
    /// Report everything that is wrong with a workload's manifest and sources; builds nothing
    Check {
        /// Its folder
        dir: PathBuf,
    },
    /// Compile a workload, and print where the programs are
    Build {
        /// Its folder
        dir: PathBuf,
        /// Architecture; may be given more than once [default: all that the manifest allows]
        #[arg(long, value_parser = arch_parser())]
        arch: Vec<Arch>,
    },
}

/// Runs `oomlab workload`; returns the exit status.
///
/// # Errors
/// When a name is unknown, or a manifest or a source is wrong.
pub fn run(action: &WorkloadAction, context: &Context) -> Result<u8, CliError> {
    match action {
        WorkloadAction::List => {
            let workloads = load_workloads(&context.assets)?;
            notify_broken(&workloads.broken, context.color);
            let widest = workloads.known.keys().map(|name| name.as_str().len()).max().unwrap_or(0);
            let line = |manifest: &Manifest| format!("{:widest$}  {}\n", manifest.name, manifest.summary);
            print_list(&workloads.known.values().map(line).collect::<String>())?;
        }
        WorkloadAction::Show { name } => print_list(&describe(load_workloads(&context.assets)?.find(name)?))?,
        WorkloadAction::Check { dir } => return folder::check(dir, context),
        WorkloadAction::Build { dir, arch } => return folder::build(dir, arch, context),
    }
    Ok(0)
}

fn describe(manifest: &Manifest) -> String {
    let mut text = format!("{}: {}\n\n", manifest.name, manifest.summary);
    text += &format!("aims at    {}\nsource     {}\n", manifest.aims_at, manifest.source);
    text += &format!("unit       {}\nfinished   {}\n", manifest.unit, manifest.finished);
    let verdicts: Vec<String> = arch::ALL
        .iter()
        .filter(|arch| manifest.fits(**arch, arch.min_ram.max(manifest.min_ram)).is_ok())
        .map(|arch| format!("{arch} {}", manifest.healthy(*arch)))
        .collect();
    text += &needs(manifest);
    text += &format!("healthy    {}\n", verdicts.join(", "));
    for (name, option) in &manifest.options {
        text += &format!("option     {name}={}   {}\n", option.default, option.help);
        text += &option
            .values
            .iter()
            .map(|(value, needs)| format!("           {value}{}\n", needed(needs)))
            .collect::<String>();
    }
    text
}

fn needed(needs: &ValueNeeds) -> String {
    let filesystem = needs.filesystem.map(|filesystem| format!("a disk with {}", filesystem.name()));
    let modules = needs.modules.iter().map(|module| format!("the module {module}"));
    let needed: Vec<_> = filesystem.into_iter().chain(modules).collect();
    if needed.is_empty() { String::new() } else { format!(" needs {}", needed.join(", ")) }
}

fn needs(manifest: &Manifest) -> String {
    let mut lines = String::new();
    if let Some(disk) = &manifest.needs.disk {
        let Throttle { bps, iops } = disk.throttle;
        let limits = [(bps, "bytes/s"), (iops, "requests/s")];
        let limits: String =
            limits.iter().filter_map(|(limit, unit)| Some(format!(", {} {unit}", (*limit)?))).collect();
        let filesystem = disk.filesystem.map(|filesystem| format!(", {}", filesystem.name())).unwrap_or_default();
        lines += &format!("disk       {}{filesystem}{limits}\n", disk.size);
    }
    if !manifest.needs.modules.is_empty() {
        lines += &format!("modules    {}\n", manifest.needs.modules.join(", "));
    }
    if !manifest.needs.config.is_empty() {
        lines += &format!("config     {}\n", manifest.needs.config.join(", "));
    }
    lines
}
