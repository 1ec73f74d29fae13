//! Requirements of the lab on its host.

use arch::Arch;
use model::Filesystem;
use serde::Serialize;
use std::collections::BTreeSet;

/// A program or file that the host must have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Requirement {
    /// Its name for messages, for example "a C compiler for this host".
    pub what: String,
    /// How to check for it.
    pub need: Need,
    /// What needs it; reads on after "needed to".
    pub purpose: String,
    /// Alternative Debian packages that have it, the best first.
    pub packages: Vec<&'static str>,
}

/// How to check for a requirement.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Need {
    /// A program on the PATH.
    Program(&'static str),
    /// A file.
    File(&'static str),
    /// A file of a program's package: not checked while the program is missing.
    FileOf {
        /// The program.
        program: &'static str,
        /// The file's path.
        file: &'static str,
    },
}

/// What every build of a kernel needs (`Documentation/process/changes.rst`).
const KERNEL_TOOLS: &[(&str, Need, &str)] = &[
    ("make", Need::Program("make"), "make"),
    ("a C compiler for this host", Need::Program("gcc"), "gcc"),
    ("flex", Need::Program("flex"), "flex"),
    ("bison", Need::Program("bison"), "bison"),
    ("bc", Need::Program("bc"), "bc"),
    ("the headers of the C library", Need::File("/usr/include/stdio.h"), "libc6-dev"),
];

/// What some configurations need besides: objtool's libelf, OpenSSL for signed modules, `perl` and `python3` for scripts.
const MORE_KERNEL_TOOLS: &[(&str, Need, &str)] = &[
    ("perl", Need::Program("perl"), "perl"),
    ("python3", Need::Program("python3"), "python3"),
    ("xz", Need::Program("xz"), "xz-utils"),
    ("the headers of libelf", Need::File("/usr/include/gelf.h"), "libelf-dev"),
    ("the headers of OpenSSL", Need::File("/usr/include/openssl/ssl.h"), "libssl-dev"),
];

/// Programs outside most users' PATH.
const FILESYSTEM_MAKERS: &[(Filesystem, &str, &str)] =
    &[(Filesystem::Ext4, "/usr/sbin/mke2fs", "e2fsprogs"), (Filesystem::Xfs, "/usr/sbin/mkfs.xfs", "xfsprogs")];

/// Where QEMU looks for the firmware that `-bios default` means on riscv64 (`hw/riscv/boot.c`).
const OPENSBI: &str = "/usr/share/qemu/opensbi-riscv64-generic-fw_dynamic.bin";

/// What a host is used for: its requirements follow from this.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Uses {
    /// Architectures of guests that QEMU boots.
    pub boots: BTreeSet<Arch>,
    /// Architectures of images that are built.
    pub images: BTreeSet<Arch>,
    /// Architectures of kernels that are built.
    pub kernels: BTreeSet<Arch>,
    /// Whether these kernels have any configuration, and not only the lab's own.
    pub any_config: bool,
    /// File systems on the guests' disks.
    pub filesystems: BTreeSet<Filesystem>,
    /// Whether a kernel is built from a git repository.
    pub git: bool,
    /// Whether the Debian archive is used.
    pub archive: bool,
    /// Whether kept guests are debugged.
    pub debugger: bool,
}

impl Uses {
    /// All that the lab does, for these architectures.
    pub fn all(arches: &[Arch]) -> Self {
        let arches: BTreeSet<Arch> = arches.iter().copied().collect();
        Self {
            boots: arches.clone(),
            images: arches.clone(),
            kernels: arches,
            any_config: true,
            filesystems: FILESYSTEM_MAKERS.iter().map(|(filesystem, ..)| *filesystem).collect(),
            git: true,
            archive: true,
            debugger: true,
        }
    }
}

/// What a host must have for these uses. `host` is its own architecture as `uname -m` prints it.
pub fn requirements(uses: &Uses, host: &str) -> Vec<Requirement> {
    let mut all = Vec::new();
    for arch in &uses.boots {
        add(&mut all, emulator(*arch));
    }
    for arch in uses.images.union(&uses.kernels) {
        let purpose = match (uses.images.contains(arch), uses.kernels.contains(arch)) {
            (true, true) => "the guest agent and kernels",
            (true, false) => "the guest agent",
            _ => "kernels",
        };
        add(&mut all, compiler(*arch, purpose, host));
    }
    all.extend(uses.boots.iter().find(|arch| arch.qemu.opensbi.is_some()).copied().map(firmware));
    let more = if uses.any_config { MORE_KERNEL_TOOLS } else { &[] };
    let tools = if uses.kernels.is_empty() { &[] } else { KERNEL_TOOLS };
    for (what, need, package) in tools.iter().chain(more) {
        all.push(Requirement {
            what: (*what).to_owned(),
            need: need.clone(),
            purpose: "build kernels from source".to_owned(),
            packages: vec![package],
        });
    }
    for (filesystem, program, package) in
        FILESYSTEM_MAKERS.iter().filter(|(filesystem, ..)| uses.filesystems.contains(filesystem))
    {
        all.push(Requirement {
            what: format!("mkfs for {}", filesystem.name()),
            need: Need::File(program),
            purpose: match filesystem {
                Filesystem::Ext4 => "give guests a disk with ext4, make root disks".to_owned(),
                Filesystem::Xfs => "give guests a disk with xfs".to_owned(),
            },
            packages: vec![package],
        });
    }
    if uses.git {
        all.push(program("git", "git", "build kernels from a git repository"));
    }
    if uses.debugger {
        all.push(program("gdb for all architectures", "gdb-multiarch", "debug guests that are kept"));
    }
    if uses.archive {
        all.extend(archive());
    }
    all
}

/// A program that is its package's namesake.
fn program(what: &str, program: &'static str, purpose: &str) -> Requirement {
    Requirement {
        what: what.to_owned(),
        need: Need::Program(program),
        purpose: purpose.to_owned(),
        packages: vec![program],
    }
}

fn archive() -> [Requirement; 2] {
    let downloader = Requirement {
        what: "apt's downloader".to_owned(),
        need: Need::File("/usr/lib/apt/apt-helper"),
        purpose: "fetch kernels from the Debian archive".to_owned(),
        packages: vec!["apt"],
    };
    let keys = Requirement {
        what: "the Debian archive's keys".to_owned(),
        need: Need::File("/usr/share/keyrings/debian-archive-keyring.gpg"),
        purpose: "verify kernels from the Debian archive".to_owned(),
        packages: vec!["debian-archive-keyring"],
    };
    [downloader, keys]
}

/// Adds a requirement, or its purpose to an equal one.
fn add(all: &mut Vec<Requirement>, new: Requirement) {
    match all.iter_mut().find(|known| known.need == new.need) {
        Some(known) => known.purpose = format!("{}, {}", known.purpose, new.purpose),
        None => all.push(new),
    }
}

fn emulator(arch: Arch) -> Requirement {
    Requirement {
        what: arch.qemu.program.to_owned(),
        need: Need::Program(arch.qemu.program),
        purpose: format!("boot {}", arch.name),
        packages: arch.qemu.packages.to_vec(),
    }
}

fn compiler(arch: Arch, builds: &str, host: &str) -> Requirement {
    let mut packages = vec![arch.guest.cc_package];
    if arch.name == host {
        // The native compiler has the cross compiler's name, too.
        packages.insert(0, "gcc");
    }
    Requirement {
        what: arch.guest.cc.to_owned(),
        need: Need::Program(arch.guest.cc),
        purpose: format!("build {builds} for {}", arch.name),
        packages,
    }
}

fn firmware(arch: Arch) -> Requirement {
    Requirement {
        what: "OpenSBI".to_owned(),
        need: Need::FileOf { program: arch.qemu.program, file: OPENSBI },
        purpose: format!("boot {}", arch.name),
        packages: vec!["opensbi"],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arch::ALL;

    #[test]
    fn architectures_have_emulator_and_compiler() {
        let all = requirements(&Uses::all(ALL), "x86_64");
        for arch in ALL {
            assert!(all.iter().any(|one| one.need == Need::Program(arch.qemu.program)), "{}", arch.name);
            assert!(all.iter().any(|one| one.need == Need::Program(arch.guest.cc)), "{}", arch.name);
        }
    }

    #[test]
    fn requirements_are_unique() {
        let all = requirements(&Uses::all(ALL), "x86_64");
        for (index, one) in all.iter().enumerate() {
            assert!(all[index + 1..].iter().all(|other| other.need != one.need), "{}", one.what);
            assert!(!one.packages.is_empty(), "{}", one.what);
        }
    }

    #[test]
    fn shared_emulator_names_its_architectures() {
        let all = requirements(&Uses::all(ALL), "x86_64");
        let emulator = all.iter().find(|one| one.what == "qemu-system-riscv64").unwrap();
        assert_eq!(emulator.purpose, "boot riscv64, boot riscv64-nommu");
    }

    #[test]
    fn requirements_follow_from_the_uses() {
        let arch = arch::find("riscv64-nommu").unwrap();
        let what = |uses: &Uses| requirements(uses, "x86_64").into_iter().map(|one| one.what).collect::<Vec<_>>();
        assert_eq!(what(&Uses::default()), Vec::<String>::new());
        let images = Uses { images: [arch].into(), ..Uses::default() };
        assert_eq!(what(&images), ["riscv64-linux-gnu-gcc"]);
        let kernels = what(&Uses { kernels: [arch].into(), ..Uses::default() });
        assert!(kernels.contains(&"flex".to_owned()) && !kernels.contains(&"the headers of OpenSSL".to_owned()));
        let disks = Uses { filesystems: [Filesystem::Xfs].into(), ..Uses::default() };
        assert_eq!(what(&disks), ["mkfs for xfs"]);
    }

    #[test]
    fn native_compiler_serves_the_host_architecture() {
        let packages = |host| {
            let all = requirements(&Uses::all(ALL), host);
            all.into_iter().find(|one| one.what == "x86_64-linux-gnu-gcc").unwrap().packages
        };
        assert_eq!(packages("x86_64"), ["gcc", "gcc-x86-64-linux-gnu"]);
        assert_eq!(packages("aarch64"), ["gcc-x86-64-linux-gnu"]);
    }
}
