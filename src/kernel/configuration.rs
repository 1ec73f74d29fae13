//! Configurations of kernels that are not in the catalogue: of commits and folders.

use super::KernelError;
use super::catalogue::Catalogue;
use super::config::Fragment;
use super::entry::{KernelEntry, Source};
use crate::assets::Assets;
use arch::Arch;
use model::{Filesystem, Needs};
use std::path::Path;

/// A configuration, and where it comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Configuration {
    /// The fragments.
    pub fragments: Vec<Fragment>,
    /// A file, or the names of fragments.
    pub origin: String,
}

/// What determines a configuration where none is named.
pub struct Configurations<'a> {
    /// Kernels, of which the newest one has the default.
    pub catalogue: &'a Catalogue,
    /// Fragments.
    pub assets: &'a Assets,
    /// The architecture.
    pub arch: Arch,
    /// What the workload needs: the default has it.
    pub needs: &'a Needs,
}

impl Configurations<'_> {
    /// The configuration of these names: fragments in `kernels/config/`, or files with whole configurations. Without a name it
    /// is that of the catalogue's newest kernel, with fragments for what the workload needs.
    ///
    /// # Errors
    /// When one cannot be read, or the catalogue has no kernel that is built for the architecture.
    pub fn named(&self, names: &[String]) -> Result<Configuration, KernelError> {
        if names.is_empty() {
            return self.default();
        }
        let fragment = |name: &String| match is_file(name) {
            true => Fragment::of_config(Path::new(name)),
            false => Fragment::named(self.assets, name),
        };
        let fragments = names.iter().map(fragment).collect::<Result<_, _>>()?;
        Ok(Configuration { fragments, origin: names.join(", ") })
    }

    /// The configuration for a folder: that of these names, the folder's own `.config` if it is for this architecture, or the
    /// default.
    ///
    /// # Errors
    /// See [`Configurations::named`].
    pub fn of_tree(&self, folder: &Path, names: &[String]) -> Result<Configuration, KernelError> {
        let own = folder.join(".config");
        if names.is_empty() && own.is_file() {
            let fragment = Fragment::of_config(&own)?;
            if is_for(&fragment, self.arch) {
                return Ok(Configuration { fragments: vec![fragment], origin: own.display().to_string() });
            }
        }
        self.named(names)
    }

    fn default(&self) -> Result<Configuration, KernelError> {
        let newest = newest(self.catalogue, self.arch).ok_or(KernelError::NoConfiguration(self.arch))?;
        let mut fragments = newest.build[&self.arch].clone();
        for option in options(self.needs) {
            if !fragments.iter().any(|fragment| fragment.builds_in(option)) {
                fragments.extend(self.catalogue.fragment_with(option)?);
            }
        }
        let origin = fragments.iter().map(|fragment| fragment.name.as_str()).collect::<Vec<_>>().join(", ");
        Ok(Configuration { fragments, origin })
    }
}

/// The options that a workload needs, without `CONFIG_`.
pub fn options(needs: &Needs) -> impl Iterator<Item = &str> {
    let filesystem = needs.disk.and_then(|disk| disk.filesystem).map(Filesystem::option);
    needs.config.iter().map(String::as_str).chain(filesystem)
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
    arch.kernel.options.iter().all(|option| config.builds_in(option)) && config.builds_in("MMU") == arch.mmu
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{ScratchDisk, Throttle};

    fn of<T>(arch: &str, needs: &Needs, find: impl FnOnce(&Configurations<'_>) -> T) -> T {
        let assets = Assets::builtin();
        let catalogue = Catalogue::read(&assets).unwrap();
        find(&Configurations { catalogue: &catalogue, assets: &assets, arch: arch::find(arch).unwrap(), needs })
    }

    #[test]
    fn default_is_that_of_the_newest_kernel() {
        for arch in arch::ALL {
            let found = of(arch.name, &Needs::default(), |configurations| configurations.named(&[]).unwrap());
            let last = found.fragments.last().unwrap();
            assert!(last.name == arch.name && found.origin.starts_with("base, "), "{arch}: {found:?}");
        }
        let unknown = ["bsae".to_owned()];
        let message = of("arm", &Needs::default(), |configurations| configurations.named(&unknown).unwrap_err());
        assert!(message.to_string().starts_with("no configuration `bsae`"), "{message}");
    }

    #[test]
    fn default_has_what_the_workload_needs() {
        let disk = ScratchDisk { bytes: 64 << 20, throttle: Throttle::default(), filesystem: Some(Filesystem::Ext4) };
        let needs = Needs {
            config: vec!["MEMCG".to_owned(), "UNIX".to_owned()],
            disk: Some(disk),
            modules: Vec::new(),
            script: None,
        };
        let origin = of("x86_64", &needs, |configurations| configurations.named(&[]).unwrap().origin);
        assert_eq!(origin, "base, mmu, detect, features, x86_64, unix, ext4");
        let named = of("x86_64", &needs, |configurations| configurations.named(&["base".to_owned()]).unwrap());
        assert_eq!(named.origin, "base");
    }

    #[test]
    fn own_configuration_is_taken_for_its_architecture() {
        let folder = tempfile::tempdir().unwrap();
        let of = |name: &str| {
            of(name, &Needs::default(), |configurations| configurations.of_tree(folder.path(), &[]).unwrap())
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
