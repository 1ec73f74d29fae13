//! The modules of a kernel, and the order in which to load some of them.

use super::KernelError;
use super::debian::decompress;
use super::modinfo::{Modinfo, canonical, modinfo};
use model::{KernelArtifact, KernelModule};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

/// `lib/modules/<release>` of a kernel.
#[derive(Debug, Clone)]
pub struct ModuleTree {
    /// The kernel's name in messages, for example `debian-6.1 for x86_64`.
    kernel: String,
    builtin: BTreeSet<String>,
    files: BTreeMap<String, PathBuf>,
}

impl ModuleTree {
    /// Lists a kernel's modules; `None` for a kernel without a folder of modules.
    ///
    /// # Errors
    /// When the folder cannot be read or has no modules of this kernel's release.
    pub fn of(kernel: &KernelArtifact) -> Result<Option<Self>, KernelError> {
        let Some(folder) = &kernel.modules else { return Ok(None) };
        let folder = folder.join("lib/modules").join(&kernel.release);
        let mut tree = Self {
            kernel: format!("{} for {}", kernel.name, kernel.arch),
            builtin: read_builtin(&folder)?,
            files: BTreeMap::new(),
        };
        find_modules(&folder, &mut tree.files)?;
        Ok(Some(tree))
    }

    /// The files to load so that all of `wanted` are available: each after its dependencies. Built-in modules need no file.
    ///
    /// # Errors
    /// When one is neither built in nor loadable, or a file cannot be read.
    pub fn load_order(&self, wanted: &[String]) -> Result<Vec<KernelModule>, KernelError> {
        let mut order = Order { tree: self, visited: BTreeSet::new(), modules: Vec::new() };
        for name in wanted {
            order.add(&canonical(name), None)?;
        }
        Ok(order.modules)
    }
}

impl ModuleTree {
    /// The module of a soft dependency: one of this name, or the cipher with this alias (ext4 has `crypto-crc32c`), of which
    /// the generic one: others fail on CPUs without their instructions. One that does not exist may be built in under
    /// another name.
    fn resolve(&self, softdep: &str) -> Result<Option<String>, KernelError> {
        if self.files.contains_key(softdep) || self.builtin.contains(softdep) {
            return Ok(Some(softdep.to_owned()));
        }
        for (name, path) in &self.files {
            let cipher = name.ends_with("_generic") && path.components().any(|part| part.as_os_str() == "crypto");
            if cipher && read_module(path)?.1.aliases.iter().any(|alias| alias == softdep) {
                return Ok(Some(name.clone()));
            }
        }
        Ok(None)
    }
}

struct Order<'t> {
    tree: &'t ModuleTree,
    /// Also ends a cycle of dependencies, which only a damaged tree has.
    visited: BTreeSet<String>,
    modules: Vec<KernelModule>,
}

impl Order<'_> {
    fn add(&mut self, name: &str, dependent: Option<&str>) -> Result<(), KernelError> {
        if self.tree.builtin.contains(name) || !self.visited.insert(name.to_owned()) {
            return Ok(());
        }
        let Some(path) = self.tree.files.get(name) else {
            return Err(KernelError::NoModule {
                kernel: self.tree.kernel.clone(),
                module: name.to_owned(),
                dependent: dependent.map(str::to_owned),
            });
        };
        let (content, info) = read_module(path)?;
        for softdep in info.softdeps {
            if let Some(module) = self.tree.resolve(&softdep)? {
                self.add(&module, Some(name))?;
            }
        }
        for dependency in info.depends {
            self.add(&dependency, Some(name))?;
        }
        self.modules.push(KernelModule { name: name.to_owned(), content });
        Ok(())
    }
}

/// `modules.builtin`: one path a line, as if they were files (Documentation/kbuild/kbuild.rst).
fn read_builtin(folder: &Path) -> Result<BTreeSet<String>, KernelError> {
    let path = folder.join("modules.builtin");
    let text = fs::read_to_string(&path).map_err(KernelError::io("read", &path))?;
    Ok(text.lines().filter_map(|line| module_name(Path::new(line))).collect())
}

/// Symbolic links are not followed: `build` and `source` of an installed kernel lead to its source tree.
fn find_modules(folder: &Path, found: &mut BTreeMap<String, PathBuf>) -> Result<(), KernelError> {
    let failed = || KernelError::io("read", folder);
    for entry in fs::read_dir(folder).map_err(failed())? {
        let entry = entry.map_err(failed())?;
        let (kind, path) = (entry.file_type().map_err(failed())?, entry.path());
        if kind.is_dir() {
            find_modules(&path, found)?;
        } else if kind.is_file()
            && let Some(name) = module_name(&path)
        {
            found.insert(name, path);
        }
    }
    Ok(())
}

/// The name of the module in a file of this path; `None` for another file.
fn module_name(path: &Path) -> Option<String> {
    let (name, compression) = path.file_name()?.to_str()?.split_once(".ko")?;
    matches!(compression, "" | ".gz" | ".xz" | ".zst").then(|| canonical(name))
}

/// The module in a file, decompressed: init_module() of a kernel without CONFIG_MODULE_DECOMPRESS takes nothing else.
fn read(path: &Path) -> Result<Vec<u8>, KernelError> {
    let file = fs::File::open(path).map_err(KernelError::io("read", path))?;
    let compression = path.extension().and_then(|extension| extension.to_str()).filter(|extension| *extension != "ko");
    let suffix = compression.map(|extension| format!(".{extension}")).unwrap_or_default();
    let mut content = Vec::new();
    decompress(&suffix, std::io::BufReader::new(file))
        .and_then(|mut plain| plain.read_to_end(&mut content))
        .map_err(|error| KernelError::Damaged { path: path.to_owned(), message: error.to_string() })?;
    Ok(content)
}

fn read_module(path: &Path) -> Result<(Vec<u8>, Modinfo), KernelError> {
    let content = read(path)?;
    let info = modinfo(&content)
        .map_err(|error| KernelError::Damaged { path: path.to_owned(), message: error.to_string() })?;
    Ok((content, info))
}

#[cfg(test)]
mod tests {
    use super::super::debian::samples::compress;
    use super::super::modinfo::samples::module;
    use super::*;
    use model::Digest;

    const BUILTIN: &str = "kernel/lib/crc32.ko\nkernel/drivers/char/hw_random/rng-core.ko\n";

    struct Setup {
        dir: tempfile::TempDir,
    }

    impl Setup {
        fn new() -> Self {
            let setup = Self { dir: tempfile::tempdir().unwrap() };
            setup.write("modules.builtin", BUILTIN.as_bytes());
            setup
        }

        fn write(&self, name: &str, content: &[u8]) {
            let path = self.dir.path().join("lib/modules/6.1.0").join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }

        fn module(&self, file: &str, depends: &str) {
            let suffix = file.split_once(".ko").unwrap().1;
            let content = module(format!("license=GPL\0depends={depends}\0").as_bytes());
            self.write(file, &compress(suffix, &content));
        }

        fn says(&self, file: &str, info: &str) {
            self.write(file, &module(info.as_bytes()));
        }

        fn tree(&self) -> Result<ModuleTree, KernelError> {
            let artifact = KernelArtifact {
                release: "6.1.0".into(),
                modules: Some(self.dir.path().to_owned()),
                ..KernelArtifact::of_image(
                    "debian-6.1".into(),
                    arch::find("arm").unwrap(),
                    "/k".into(),
                    Digest::new("0"),
                )
            };
            ModuleTree::of(&artifact).map(Option::unwrap)
        }

        fn order(&self, wanted: &[&str]) -> Result<Vec<String>, KernelError> {
            let wanted: Vec<String> = wanted.iter().map(ToString::to_string).collect();
            let modules = self.tree().unwrap().load_order(&wanted)?;
            assert!(modules.iter().all(|module| module.content.starts_with(b"\x7fELF")), "decompressed");
            Ok(modules.into_iter().map(|module| module.name).collect())
        }
    }

    #[test]
    fn modules_are_loaded_once_and_after_their_dependencies() {
        let setup = Setup::new();
        setup.module("kernel/drivers/block/virtio_blk.ko", "virtio,virtio_ring");
        setup.module("kernel/drivers/virtio/virtio_pci.ko.xz", "virtio_pci_modern_dev,virtio,virtio_ring");
        setup.module("kernel/drivers/virtio/virtio-pci-modern-dev.ko.gz", "crc32");
        setup.module("kernel/drivers/virtio/virtio_ring.ko.zst", "virtio");
        setup.module("kernel/drivers/virtio/virtio.ko", "");
        setup.module("kernel/drivers/block/unused.ko", "virtio");
        let all = ["virtio", "virtio_pci_modern_dev", "virtio_ring", "virtio_pci", "virtio_blk"];
        let order = setup.order(&["virtio_pci", "virtio_blk", "virtio-pci", "rng_core"]).unwrap();
        let mut sorted = order.clone();
        sorted.sort();
        let mut expected = all.to_vec();
        expected.sort_unstable();
        assert_eq!(sorted, expected);
        let at = |name: &str| order.iter().position(|module| module == name).unwrap();
        assert!(at("virtio") < at("virtio_ring") && at("virtio_ring") < at("virtio_pci"));
        assert!(at("virtio_pci_modern_dev") < at("virtio_pci") && at("virtio_ring") < at("virtio_blk"));
        assert!(setup.order(&["crc32", "rng-core"]).unwrap().is_empty(), "both are built in");
    }

    #[test]
    fn soft_dependencies_are_loaded_first_where_they_exist() {
        let setup = Setup::new();
        setup.says("kernel/fs/ext4.ko", "softdep=pre: crypto-crc32c nowhere jbd2 post: later\0depends=\0");
        setup.says("kernel/fs/jbd2.ko", "depends=\0");
        setup.says("kernel/arch/arm/crypto/crc32_arm_ce.ko", "alias=crypto-crc32c\0depends=\0");
        setup.says("kernel/crypto/crc32c_generic.ko", "alias=crypto-crc32c\0depends=\0");
        setup.says("kernel/fs/other.ko", "alias=crypto-crc32c\0depends=\0");
        assert_eq!(setup.order(&["ext4"]).unwrap(), ["crc32c_generic", "jbd2", "ext4"]);
    }

    #[test]
    fn missing_module_is_named_with_its_dependent() {
        let setup = Setup::new();
        setup.module("kernel/fs/xfs.ko", "libcrc32c");
        assert_eq!(
            setup.order(&["zram"]).unwrap_err().to_string(),
            "debian-6.1 for arm has no module zram: it is neither built in nor loadable"
        );
        assert_eq!(
            setup.order(&["xfs"]).unwrap_err().to_string(),
            "debian-6.1 for arm has no module libcrc32c, which xfs depends on: it is neither built in nor loadable"
        );
    }

    #[test]
    fn damaged_trees_are_errors() {
        let setup = Setup::new();
        setup.module("a.ko", "b");
        setup.module("b.ko", "a");
        assert_eq!(setup.order(&["a"]).unwrap(), ["b", "a"]);
        setup.write("c.ko", b"no module");
        assert!(setup.order(&["c"]).unwrap_err().to_string().contains("lib/modules/6.1.0/c.ko: "));
        setup.write("d.ko.xz", b"not compressed");
        assert!(setup.order(&["d"]).unwrap_err().to_string().contains("d.ko.xz: "));
        fs::remove_file(setup.dir.path().join("lib/modules/6.1.0/modules.builtin")).unwrap();
        assert!(setup.tree().unwrap_err().to_string().contains("modules.builtin"));
    }
}
