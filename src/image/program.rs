//! A guest program: its sources and the compiler's arguments.

use super::ImageError;
use super::workloads::FOLDER;
use crate::assets::Assets;
use crate::workload::Manifest;
use arch::{Arch, BinaryFormat};
use sha2::{Digest as _, Sha256};
use std::borrow::Cow;

/// The common base of agent and workloads.
const BASE: &str = "images/guest";
const AGENT: &str = "images/agent";
const SHELL: &str = "images/shell";
/// The files of the base that only workloads need.
const WORKLOAD_BASE: [&str; 3] = ["images/guest/workload.c", "images/guest/pressure.c", "images/guest/thread.c"];
const LINKER_SCRIPT: &str = "images/guest/flat.ld";

/// Freestanding C; `-O2` turns divisions by constants into multiplications, because ARMv7 may lack a division instruction.
const FLAGS: &[&str] = &[
    "-std=gnu11",
    "-O2",
    "-Wall",
    "-Wextra",
    "-Werror",
    "-ffreestanding",
    "-fno-builtin",
    "-fno-tree-loop-distribute-patterns",
    "-fno-stack-protector",
    "-fno-asynchronous-unwind-tables",
    "-fno-unwind-tables",
    "-ffunction-sections",
    "-fdata-sections",
    "-fvisibility=hidden",
    "-fno-pie",
    "-no-pie",
    "-nostdlib",
    "-static",
    "-Wl,--gc-sections",
    "-Wl,--build-id=none",
    "-Wl,--no-relax",
    "-Wl,-z,noexecstack",
    "-Wl,-z,max-page-size=4096",
];

/// Jump tables would hold addresses; relocations are kept to verify that no data does.
const FLAT_FLAGS: &[&str] = &["-fno-jump-tables", "-Wl,--emit-relocs", "-Wl,-T,images/guest/flat.ld"];
const ELF_FLAGS: &[&str] = &["-s"];

/// Paths and contents.
pub(super) type Files = Vec<(String, Cow<'static, [u8]>)>;

/// A program for one architecture: everything that its binary depends on but the compiler.
pub(super) struct Program {
    /// Its name in messages.
    pub name: String,
    /// All files, by path; those that end in `.c` are compiled.
    pub files: Files,
    /// Paths of files that the user knows by other ones, each with that.
    pub origins: Vec<(String, String)>,
    /// The compiler's arguments, without the sources.
    pub arguments: Vec<String>,
    /// The format that the kernel loads.
    pub format: BinaryFormat,
}

impl Program {
    /// The agent.
    pub fn agent(assets: &Assets, arch: Arch) -> Result<Self, ImageError> {
        Self::of_folder(assets, arch, "agent", AGENT)
    }

    /// The shell of guests without an MMU.
    pub fn shell(assets: &Assets, arch: Arch) -> Result<Self, ImageError> {
        Self::of_folder(assets, arch, "shell", SHELL)
    }

    /// A program of the lab's own that is no workload.
    fn of_folder(assets: &Assets, arch: Arch, name: &str, folder: &str) -> Result<Self, ImageError> {
        let mut files = read_folder(assets, folder)?;
        files
            .extend(read_folder(assets, BASE)?.into_iter().filter(|(path, _)| !WORKLOAD_BASE.contains(&path.as_str())));
        let origins = origins(assets, &files);
        Ok(Self { name: name.to_owned(), files, origins, arguments: arguments(arch), format: arch.guest.format })
    }

    /// A workload; its manifest's defaults are compiled in.
    pub fn workload(assets: &Assets, arch: Arch, manifest: &Manifest) -> Result<Self, ImageError> {
        let folder = format!("{FOLDER}/{}", manifest.name);
        let mut files = read_folder(assets, &folder)?;
        if !files.iter().any(|(path, _)| path.ends_with(".c")) {
            return Err(ImageError::NoSource { folder: assets.origin(&folder) });
        }
        files.extend(read_folder(assets, BASE)?);
        let mut arguments = arguments(arch);
        arguments.extend(manifest.options.iter().map(|(name, spec)| format!("-DDEFAULT_{name}=\"{}\"", spec.default)));
        let origins = origins(assets, &files);
        Ok(Self { name: format!("workload {}", manifest.name), files, origins, arguments, format: arch.guest.format })
    }

    /// The files to compile.
    pub fn sources(&self) -> impl Iterator<Item = &str> {
        self.files.iter().map(|(path, _)| path.as_str()).filter(|path| path.ends_with(".c"))
    }

    /// Hashes everything that the binary depends on; lengths delimit the parts.
    pub fn digest_into(&self, digest: &mut Sha256) {
        let files = self.files.iter().flat_map(|(path, content)| [path.as_bytes(), content]);
        for part in self.arguments.iter().map(String::as_bytes).chain(files) {
            digest.update((part.len() as u64).to_le_bytes());
            digest.update(part);
        }
    }
}

fn origins(assets: &Assets, files: &Files) -> Vec<(String, String)> {
    let all = files.iter().map(|(path, _)| (path.clone(), assets.origin(path)));
    all.filter(|(path, origin)| path != origin).collect()
}

fn arguments(arch: Arch) -> Vec<String> {
    let format: &[&str] = match arch.guest.format {
        BinaryFormat::Elf => ELF_FLAGS,
        BinaryFormat::Flat => FLAT_FLAGS,
    };
    let flags = arch.guest.cflags.iter().chain(FLAGS).chain(format).map(|&flag| flag.to_owned());
    flags.chain([format!("-DGUEST_MMU={}", u8::from(arch.mmu)), format!("-DGUEST_ARCH=\"{}\"", arch.name)]).collect()
}

/// C sources, headers and the linker script; documentation does not change the binary.
fn read_folder(assets: &Assets, folder: &str) -> Result<Files, ImageError> {
    let mut files = Vec::new();
    for path in assets.list(folder).map_err(ImageError::io(assets.origin(folder)))? {
        if (path.ends_with(".c") || path.ends_with(".h") || path == LINKER_SCRIPT)
            && let Some(content) = assets.read(&path).map_err(ImageError::io(assets.origin(&path)))?
        {
            files.push((path, content));
        }
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::load_workloads;

    fn digest(program: &Program) -> Vec<u8> {
        let mut digest = Sha256::new();
        program.digest_into(&mut digest);
        digest.finalize().to_vec()
    }

    #[test]
    fn digest_depends_on_sources_flags_and_defaults() {
        let arch = arch::find("riscv64").unwrap();
        let assets = Assets::builtin();
        let mut manifest = load_workloads(&assets).unwrap().known.remove(&"idle".into()).unwrap();
        let before = Program::workload(&assets, arch, &manifest).unwrap();
        assert!(before.arguments.contains(&"-DDEFAULT_ms=\"1000\"".to_owned()));
        assert!(before.sources().any(|path| path == "images/workloads/idle/main.c"));
        manifest.options.get_mut("ms").unwrap().default = "2000".to_owned();
        let after = Program::workload(&assets, arch, &manifest).unwrap();
        assert_ne!(digest(&before), digest(&after));
        let nommu = Program::workload(&assets, arch::find("riscv64-nommu").unwrap(), &manifest).unwrap();
        assert_ne!(digest(&after), digest(&nommu));
    }

    #[test]
    fn missing_source_error_names_its_folder() {
        let dir = tempfile::tempdir().unwrap();
        let assets = Assets::with_overlay(dir.path());
        let mut manifest = load_workloads(&Assets::builtin()).unwrap().known.remove(&"idle".into()).unwrap();
        manifest.name = "mine".into();
        let error = Program::workload(&assets, arch::find("arm").unwrap(), &manifest).err().unwrap();
        assert!(error.to_string().contains("images/workloads/mine"), "{error}");
    }
}
