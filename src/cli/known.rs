//! What a matrix may name, out of the catalogues of kernels and workloads.

use super::context::Context;
use super::error::CliError;
use crate::arch::ArchSpec;
use crate::image::{Images, load_workloads};
use crate::kernel::{Kernels, Options};
use crate::matrix::{Known, KnownKernel, KnownWorkload, WrongOption};
use crate::model::{Expectation, RamMib, WorkloadName};
use crate::workload::{Manifest, OptionError};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// The catalogues of this invocation.
pub struct Catalogues {
    /// Kernels.
    pub kernels: Kernels,
    /// Workloads.
    pub workloads: BTreeMap<WorkloadName, Manifest>,
    /// Guest images.
    pub images: Images,
    /// Folder of the cache.
    pub cache: PathBuf,
    entries: Vec<CatalogueKernel>,
}

impl Catalogues {
    /// Reads them.
    ///
    /// # Errors
    /// When a description in them is wrong.
    pub fn read(context: &Context, mirror: Option<String>) -> Result<Self, CliError> {
        let kernels = Kernels::new(&context.assets, context.cache.clone(), Options { mirror })?;
        let entries = kernels.catalogue().entries().iter().map(|entry| entry.name.to_string());
        let entries = entries.map(|name| CatalogueKernel { name, kernels: kernels.clone() }).collect();
        Ok(Self {
            entries,
            kernels,
            workloads: load_workloads(&context.assets)?,
            images: Images::new(context.assets.clone(), context.cache.clone()),
            cache: context.cache.clone(),
        })
    }

    /// What a matrix may name.
    pub fn known(&self) -> Known<'_> {
        let kernels = self.entries.iter().map(|entry| (entry.name.clone(), entry as &dyn KnownKernel));
        let workloads =
            self.workloads.iter().map(|(name, manifest)| (name.to_string(), manifest as &dyn KnownWorkload));
        Known { kernels: kernels.collect(), workloads: workloads.collect() }
    }
}

struct CatalogueKernel {
    name: String,
    kernels: Kernels,
}

impl KnownKernel for CatalogueKernel {
    fn available(&self, arch: &ArchSpec) -> Result<(), String> {
        let supported = self.kernels.catalogue().supports(&self.name, arch);
        supported.map(drop).map_err(|_| format!("is not there for {}", arch.name))
    }
}

impl KnownWorkload for Manifest {
    fn fits(&self, arch: &ArchSpec, ram: RamMib) -> Result<(), String> {
        Self::fits(self, arch, ram)
    }

    fn healthy(&self, arch: &ArchSpec) -> Expectation {
        Self::healthy(self, arch)
    }

    fn check_options(&self, options: &BTreeMap<String, String>) -> Result<(), WrongOption> {
        let wrong = Self::check_options(self, options).err().and_then(|errors| errors.into_iter().next());
        wrong.map_or(Ok(()), |error| {
            let message = error.to_string();
            Err(match error {
                // The diagnostic says itself what was meant.
                OptionError::Unknown { workload, option, .. } => WrongOption {
                    message: format!("workload `{workload}` has no option `{option}`"),
                    option,
                    unknown: true,
                },
                OptionError::Value { option, .. } => WrongOption { option, unknown: false, message },
            })
        })
    }

    fn option_names(&self) -> Vec<&str> {
        self.options.keys().map(String::as_str).collect()
    }
}
