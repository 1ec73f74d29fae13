//! Kernel images of the user, with what belongs to them.

use super::cache::digest_of_file;
use super::entry::LocalImage;
use super::kernels::Kernels;
use super::{KernelError, image, machine};
use crate::store::read_regular;
use arch::Arch;
use model::{KernelArtifact, KernelName};
use std::path::{Path, PathBuf};

/// Maximum length of a user's kernel image in bytes: an ELF image may have its debug information.
const MAX_IMAGE: u64 = 4 << 30;

impl Kernels {
    /// A user kernel that is not in the catalogue, with the files that lie where a build or an installation puts them.
    ///
    /// # Errors
    /// When the image cannot be read, or is none for this architecture.
    pub fn user_kernel(name: &KernelName, arch: Arch, image: &Path) -> Result<KernelArtifact, KernelError> {
        let image = std::path::absolute(image).map_err(KernelError::io("read", image))?;
        artifact(name, arch, &with_companions(image, arch))
    }
}

/// The name of a kernel of the user: that of its file or folder, in the letters that cells may have.
pub fn user_name(path: &Path) -> KernelName {
    let name = path.file_name().map_or_else(|| "user".into(), |name| name.to_string_lossy());
    let plain = |c: char| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '-' };
    KernelName::new(name.chars().map(plain).collect::<String>())
}

/// The user's files, as they are.
pub(super) fn artifact(name: &KernelName, arch: Arch, files: &LocalImage) -> Result<KernelArtifact, KernelError> {
    let content = read_regular(&files.image, MAX_IMAGE).map_err(KernelError::io("read", &files.image))?;
    machine::check(&content, arch).map_err(|problem| KernelError::NoImage { path: files.image.clone(), problem })?;
    let companions = [&files.system_map, &files.vmlinux, &files.modules, &files.config];
    if let Some(missing) = companions.into_iter().flatten().find(|path| !path.exists()) {
        return Err(KernelError::io("read", missing)(std::io::ErrorKind::NotFound.into()));
    }
    Ok(KernelArtifact {
        name: name.clone(),
        arch,
        release: image::release(&content).unwrap_or_default(),
        digest: digest_of_file(&files.image).map_err(KernelError::io("read", &files.image))?,
        image: files.image.clone(),
        system_map: files.system_map.clone(),
        config: files.config.clone(),
        vmlinux: files.vmlinux.clone(),
        modules: files.modules.clone(),
        commit: None,
    })
}

/// Where the files of an image lie: in the tree that it was built in, or beside it, with the same version in their names
/// (`scripts/install.sh`, `/boot`).
fn with_companions(image: PathBuf, arch: Arch) -> LocalImage {
    let tree = image.ancestors().nth(Path::new(arch.kernel.image).components().count());
    let tree = tree.filter(|tree| tree.join(arch.kernel.image) == image);
    let dir = image.parent().unwrap_or(Path::new("/"));
    let name = image.file_name().unwrap_or_default().to_string_lossy();
    let version = name.split_once('-').map(|(_, version)| version);
    let find = |names: &[&str]| {
        let versioned = version.map(|version| names.iter().map(|name| dir.join(format!("{name}-{version}"))).collect());
        let versioned: Vec<PathBuf> = versioned.unwrap_or_default();
        // A file without a version belongs to an image without one.
        let plain = [tree, version.is_none().then_some(dir)].into_iter().flatten();
        let plain = plain.flat_map(|folder| names.iter().map(move |name| folder.join(name)));
        let mut all = versioned.into_iter().chain(plain);
        all.find(|path| path.is_file() && *path != image)
    };
    let modules = |version: &str| {
        let roots = [Some(dir), dir.parent()].into_iter().flatten();
        roots.map(Path::to_owned).find(|root| root.join("lib/modules").join(version).is_dir())
    };
    LocalImage {
        system_map: find(&["System.map"]),
        vmlinux: find(&["vmlinux"]),
        config: find(&["config", ".config"]),
        modules: version.and_then(modules),
        image,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn x86_64() -> Arch {
        arch::find("x86_64").unwrap()
    }

    fn kernel(dir: &Path, files: &[&str]) -> KernelArtifact {
        for file in files {
            let path = dir.join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, b"\0kernel").unwrap();
        }
        Kernels::user_kernel(&KernelName::new("mine"), x86_64(), &dir.join(files[0])).unwrap()
    }

    fn names(dir: &Path, kernel: &KernelArtifact) -> Vec<String> {
        let companions = [&kernel.system_map, &kernel.vmlinux, &kernel.config, &kernel.modules];
        let found = companions.into_iter().flatten().map(|path| path.strip_prefix(dir).unwrap());
        found.map(|path| path.display().to_string()).collect()
    }

    #[test]
    fn files_of_a_build_tree_are_found() {
        let dir = tempfile::tempdir().unwrap();
        let files = ["arch/x86/boot/bzImage", "System.map", "vmlinux", ".config"];
        assert_eq!(names(dir.path(), &kernel(dir.path(), &files)), ["System.map", "vmlinux", ".config"]);
        let elf = kernel(dir.path(), &["vmlinux", "System.map"]);
        assert_eq!(elf.vmlinux, None, "it is the image itself");
    }

    #[test]
    fn files_of_an_installed_kernel_have_its_version() {
        let dir = tempfile::tempdir().unwrap();
        let files = [
            "boot/vmlinuz-6.1.0-50",
            "boot/System.map-6.1.0-50",
            "boot/config-6.1.0-50",
            "boot/System.map-6.12",
            "lib/modules/6.1.0-50/modules.dep",
        ];
        let found = kernel(dir.path(), &files);
        assert_eq!(names(dir.path(), &found), ["boot/System.map-6.1.0-50", "boot/config-6.1.0-50", ""]);
        let other = kernel(dir.path(), &["boot/vmlinuz-7.0", "boot/System.map"]);
        assert_eq!(names(dir.path(), &other), [""; 0], "a file without a version may be of any kernel");
    }

    #[test]
    fn files_that_are_no_image_for_the_architecture_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let image = dir.path().join("image");
        let mut arm64 = vec![0; 64];
        arm64[56..60].copy_from_slice(b"ARM\x64");
        for (content, problem) in [
            (&b""[..], "it is empty"),
            (b"CONFIG_A=y\n", "it is a text file, not a kernel image"),
            (&arm64, "it is a kernel for aarch64, not for x86_64"),
        ] {
            fs::write(&image, content).unwrap();
            let error = Kernels::user_kernel(&KernelName::new("mine"), x86_64(), &image).unwrap_err().to_string();
            assert_eq!(error, format!("{}: {problem}", image.display()));
        }
    }
}
