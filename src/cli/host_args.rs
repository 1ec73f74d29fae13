//! Options of what the lab uses of its host, for several commands.

use crate::host::Resources;
use crate::schedule::Budget;
use std::path::PathBuf;

/// Limits of the guests.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct HostArgs {
    /// Parallel trials; overrides the CPU limit [default: as many as CPUs and memory admit]
    #[arg(long, short, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub jobs: Option<u32>,
    /// CPUs that guests may use [default: all]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub cpus: Option<u32>,
    /// Memory that guests may use, for example 4G [default: most of what is free]
    #[arg(long, value_name = "SIZE")]
    pub memory: Option<model::RamMib>,
}

impl HostArgs {
    /// What guests get of the host.
    pub fn budget(&self, resources: &Resources) -> Budget {
        let all = resources.budget();
        Budget {
            cpus: self.cpus.unwrap_or(all.cpus),
            ram_mib: self.memory.map_or(all.ram_mib, |ram| u64::from(ram.0)),
            // Memory that the user gives counts whatever the guests may still touch.
            reserve_mib: all.reserve_mib.filter(|_| self.memory.is_none()),
            jobs: self.jobs,
            ..all
        }
    }
}

/// What trials and builds are made with.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct LabArgs {
    /// Program to run in place of QEMU
    #[arg(long, value_name = "PROGRAM", env = "OOMLAB_QEMU")]
    pub qemu: Option<PathBuf>,
    /// Folder where LTP is installed, for workloads that run its tests
    #[arg(long, value_name = "DIR", env = "OOMLAB_LTP")]
    pub ltp: Option<PathBuf>,
    /// Mirror of the Debian archive for kernels [default: the one that this host's apt uses]
    #[arg(long, env = "OOMLAB_DEBIAN_MIRROR", value_name = "URL")]
    pub mirror: Option<String>,
}
