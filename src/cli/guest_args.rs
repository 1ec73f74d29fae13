//! Options of guests, for several commands.

use super::error::CliError;
use super::values::{canary_parser, seconds};
use crate::matrix;
use model::{Canary, Faults, Outcome, Timeouts};
use std::path::PathBuf;

/// Words of the kernel command line.
#[derive(Debug, Clone, clap::Args)]
pub struct AppendArgs {
    /// Further words of the kernel command line; may be given more than once. The lab adds `ignore_loglevel
    /// sysrq_always_enabled panic=-1 oops=panic`, on some architectures `nokaslr`, too: `--append=-oops=panic` removes one
    #[arg(long, value_name = "WORDS", allow_hyphen_values = true)]
    pub append: Vec<String>,
}

impl AppendArgs {
    /// The words.
    pub fn words(&self) -> Vec<String> {
        self.append.iter().flat_map(|words| words.split_whitespace()).map(str::to_owned).collect()
    }
}

/// The machine beside its kernel and RAM.
#[derive(Debug, Clone, clap::Args)]
pub struct MachineArgs {
    #[command(flatten)]
    pub append: AppendArgs,
    /// Virtual CPUs
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    pub vcpus: u32,
    /// Further argument of QEMU; may be given more than once
    #[arg(long, value_name = "ARG", allow_hyphen_values = true)]
    pub qemu_arg: Vec<String>,
}

/// Timeouts of a trial's stages.
#[derive(Debug, Clone, Copy, clap::Args)]
pub struct TimeoutArgs {
    /// Timeout of the boot, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 60.0, value_parser = seconds)]
    pub boot_timeout: f64,
    /// Timeout of the workload, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 120.0, value_parser = seconds)]
    pub load_timeout: f64,
    /// Time without an allocation after which the guest is looked at, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 5.0, value_parser = seconds)]
    pub stuck_timeout: f64,
}

impl TimeoutArgs {
    /// The timeouts.
    pub fn timeouts(self) -> Timeouts {
        Timeouts { boot_s: self.boot_timeout, load_s: self.load_timeout, stuck_s: self.stuck_timeout }
    }
}

/// Faults to inject.
#[derive(Debug, Clone, clap::Args)]
pub struct FaultArgs {
    /// Fault to inject, for example page-alloc=2%, slab=1%, console=2K, disk-iops=20, vcpu-steal=80%; may be given more than
    /// once, see `docs/matrix.md`
    #[arg(long, value_name = "NAME=VALUE")]
    pub fault: Vec<String>,
}

impl FaultArgs {
    /// The faults.
    ///
    /// # Errors
    /// When one is unknown, or its value is out of range.
    pub fn faults(&self) -> Result<Faults, CliError> {
        matrix::faults(self.fault.iter().map(String::as_str)).map_err(|error| CliError::Usage(error.to_string()))
    }
}

/// The agent's canary.
#[derive(Debug, Clone, Copy, clap::Args)]
pub struct CanaryArgs {
    /// How the canary allocates: gfp-kernel, or gfp-noio, which never invokes the OOM killer, see `docs/matrix.md`
    #[arg(long, value_name = "GFP", default_value = "gfp-kernel", value_parser = canary_parser(), hide_possible_values = true)]
    pub canary: Canary,
}

/// Reports of the kernel that make a failure of a pass.
#[derive(Debug, Clone, clap::Args)]
pub struct FailOnArgs {
    /// Report of the kernel with which a trial does not pass, for example warning or lockdep; may be given more than once, see
    /// `docs/matrix.md`
    #[arg(long, value_name = "REPORT")]
    pub fail_on: Vec<String>,
}

impl FailOnArgs {
    /// The reports.
    ///
    /// # Errors
    /// When one is unknown.
    pub fn kinds(&self) -> Result<Vec<model::AlsoKind>, CliError> {
        let words = self.fail_on.iter().map(String::as_str);
        matrix::fail_on(words).map_err(|error| CliError::Usage(error.to_string()))
    }
}

/// How the test of a guest without the agent ends.
#[derive(Debug, Clone, clap::Args)]
pub struct EndArgs {
    /// Guest without the agent: text on the console that ends the trial as passed; powering off before it proves nothing
    #[arg(long, value_name = "TEXT")]
    pub until: Option<String>,
    /// Guest without the agent: an empty console is as it should be
    #[arg(long)]
    pub expect_silent: bool,
}

impl EndArgs {
    /// A guest with this initramfs.
    pub fn initrd(&self, path: Option<PathBuf>) -> model::Initrd {
        model::Initrd { path, until: self.until.clone(), is_silent: self.expect_silent }
    }
}

/// Guests that stay after their verdict.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct KeepArgs {
    /// Keep guests with these outcomes after their verdict, paused, at most four: hang, crash, boot-failed, pass; `oomlab attach` reaches
    /// them, and they end with `oomlab end` or this program
    #[arg(
        long,
        value_name = "OUTCOME",
        value_delimiter = ',',
        hide_possible_values = true,
        conflicts_with = "executor"
    )]
    pub keep_on: Vec<KeepOn>,
}

impl KeepArgs {
    /// The outcomes.
    pub fn outcomes(&self) -> Vec<Outcome> {
        self.keep_on.iter().map(|one| one.outcome()).collect()
    }
}

/// An outcome after which a guest stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum KeepOn {
    /// A hang
    Hang,
    /// A crash
    Crash,
    /// A kernel that did not boot
    BootFailed,
    /// A pass, unless the guest has powered off
    Pass,
}

impl KeepOn {
    /// The outcome.
    pub const fn outcome(self) -> Outcome {
        match self {
            Self::Hang => Outcome::Hang,
            Self::Crash => Outcome::Crash,
            Self::BootFailed => Outcome::BootFailed,
            Self::Pass => Outcome::Pass,
        }
    }
}
