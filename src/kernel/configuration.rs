//! Configurations of kernels that are not in the catalogue: of commits and folders.

use super::KernelError;
use super::catalogue::Catalogue;
use super::config::Fragment;
use super::entry::{KernelEntry, Source};
use crate::assets::Assets;
use arch::Arch;
use std::path::Path;

/// A configuration, and where it comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Configuration {
    /// The fragments.
    pub fragments: Vec<Fragment>,
    /// A file, or the names of fragments.
    pub origin: String,
}

impl Configuration {
    /// The configuration of these names: fragments in `kernels/config/`, or files with whole configurations. Without a name it
    /// is that of the catalogue's newest kernel.
    ///
    /// # Errors
    /// When one cannot be read, or the catalogue has no kernel that is built for the architecture.
    pub fn named(names: &[String], arch: Arch, catalogue: &Catalogue, assets: &Assets) -> Result<Self, KernelError> {
        if names.is_empty() {
            let newest = newest(catalogue, arch).ok_or(KernelError::NoConfiguration(arch))?;
            return Ok(Self::of(newest.build[&arch].clone()));
        }
        let fragment = |name: &String| match is_file(name) {
            true => Fragment::of_config(Path::new(name)),
            false => Fragment::read(assets, name).map_err(|error| match error {
                KernelError::NoFile(_) => KernelError::NoFragment(name.clone()),
                error => error,
            }),
        };
        let fragments = names.iter().map(fragment).collect::<Result<_, _>>()?;
        Ok(Self { fragments, origin: names.join(", ") })
    }

    /// The configuration for a folder: that of these names, the folder's own `.config` if it is for this architecture, or that
    /// of the catalogue's newest kernel.
    ///
    /// # Errors
    /// See [`Configuration::named`].
    pub fn of_tree(
        folder: &Path,
        names: &[String],
        arch: Arch,
        catalogue: &Catalogue,
        assets: &Assets,
    ) -> Result<Self, KernelError> {
        let own = folder.join(".config");
        if names.is_empty() && own.is_file() {
            let fragment = Fragment::of_config(&own)?;
            if is_for(&fragment, arch) {
                return Ok(Self { fragments: vec![fragment], origin: own.display().to_string() });
            }
        }
        Self::named(names, arch, catalogue, assets)
    }

    fn of(fragments: Vec<Fragment>) -> Self {
        let origin = fragments.iter().map(|fragment| fragment.name.as_str()).collect::<Vec<_>>().join(", ");
        Self { fragments, origin }
    }
}

/// Whether a configuration's name is a path.
pub fn is_file(name: &str) -> bool {
    name.contains('/') || Path::new(name).is_file()
}

/// The catalogue's newest kernel that is built for an architecture from a package, as it is.
fn newest(catalogue: &Catalogue, arch: Arch) -> Option<&KernelEntry> {
    let plain = |entry: &&KernelEntry| {
        let from_package = matches!(entry.source, Source::DebianSource { .. });
        from_package && entry.patches.is_empty() && entry.build.contains_key(&arch)
    };
    let version = |entry: &&KernelEntry| -> Option<Vec<u32>> {
        let (_, version) = entry.name.as_str().rsplit_once('-')?;
        version.split('.').map(|number| number.parse().ok()).collect()
    };
    catalogue.entries().iter().filter(plain).max_by_key(version)
}

/// Whether a whole configuration is for an architecture.
fn is_for(config: &Fragment, arch: Arch) -> bool {
    let is_set = |name: &str| {
        let found = config.options.iter().rev().find(|option| option.name.strip_prefix("CONFIG_") == Some(name));
        found.is_some_and(|option| option.value == "y")
    };
    arch.kernel.options.iter().all(|name| is_set(name)) && is_set("MMU") == arch.mmu
}

#[cfg(test)]
mod tests {
    use super::*;

    fn catalogue() -> (Catalogue, Assets) {
        let assets = Assets::builtin();
        (Catalogue::read(&assets).unwrap(), assets)
    }

    #[test]
    fn default_is_that_of_the_newest_kernel() {
        let (catalogue, assets) = catalogue();
        for arch in arch::ALL {
            let found = Configuration::named(&[], *arch, &catalogue, &assets).unwrap();
            let last = found.fragments.last().unwrap();
            assert!(last.name == arch.name && found.origin.starts_with("base, "), "{arch}: {found:?}");
        }
        let message = Configuration::named(&["bsae".to_owned()], arch::ALL[0], &catalogue, &assets).unwrap_err();
        assert!(message.to_string().starts_with("no configuration `bsae`"), "{message}");
    }

    #[test]
    fn own_configuration_is_taken_for_its_architecture() {
        let (catalogue, assets) = catalogue();
        let folder = tempfile::tempdir().unwrap();
        let of = |name: &str| {
            Configuration::of_tree(folder.path(), &[], arch::find(name).unwrap(), &catalogue, &assets).unwrap()
        };
        assert!(of("x86_64").origin.starts_with("base, "));
        let own = folder.path().join(".config");
        let taken = |name: &str| of(name).origin == own.display().to_string();
        std::fs::write(&own, "CONFIG_X86_64=y\nCONFIG_MMU=y\n").unwrap();
        assert!(taken("x86_64") && !taken("aarch64"));
        std::fs::write(&own, "CONFIG_RISCV=y\nCONFIG_64BIT=y\n# CONFIG_MMU is not set\n").unwrap();
        assert!(taken("riscv64-nommu") && !taken("riscv64") && !taken("riscv32-nommu"));
    }
}
