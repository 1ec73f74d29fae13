//! OpenSBI, the firmware of RISC-V guests: which one QEMU brings, and where the lab keeps a newer one.

use super::private_dir::private_dir;
use super::process::{Limits, capture_blocking};
use arch::Arch;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// QEMU takes a tenth of a second, on a busy host more.
const LIMITS: Limits = Limits { timeout: Duration::from_secs(60), max_stdout: 1 << 20 };

/// A kernel for supervisor mode that asks for a shutdown (RISC-V SBI, `sbi_system_reset()`): `li a7, 0x53525354; li a6, 0;
/// li a0, 0; li a1, 0; ecall; j .`
const SHUTDOWN: [u32; 7] = [0x5352_58b7, 0x3548_8893, 0x0813, 0x0513, 0x0593, 0x0073, 0x006f];

/// A version of OpenSBI.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct OpensbiVersion {
    major: u32,
    minor: u32,
}

impl OpensbiVersion {
    /// The first in which `sbi_hsm_hart_start()` (`lib/sbi/sbi_hsm.c`) sets a hart's start address before its state: in older
    /// ones a hart that is awake may start at the kernel's first instruction.
    pub const FIRST_SOUND: Self = Self { major: 1, minor: 3 };

    /// Whether it may start a hart at the wrong address.
    pub fn is_unsound(self) -> bool {
        self < Self::FIRST_SOUND
    }

    /// The version that a firmware prints in the first line of its banner: `OpenSBI v1.1`.
    fn of_banner(console: &str) -> Option<Self> {
        let version = console.lines().find_map(|line| line.trim().strip_prefix("OpenSBI v"))?;
        let mut numbers = version.split(|c: char| !c.is_ascii_digit()).map(|number| number.parse().ok());
        Some(Self { major: numbers.next()??, minor: numbers.next()?? })
    }
}

impl fmt::Display for OpensbiVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

/// The version of the OpenSBI that this QEMU brings. Debian's binary does not have it as a text, so that it must run. `None`
/// when it prints none, or QEMU does not run.
pub fn opensbi_version(program: &str, machine: &str) -> Option<OpensbiVersion> {
    let dir = private_dir("oomlab-opensbi-").ok()?;
    let kernel = dir.path().join("kernel");
    std::fs::write(&kernel, SHUTDOWN.map(u32::to_le_bytes).concat()).ok()?;
    let mut command = Command::new(program);
    command.args([
        "-machine",
        machine,
        "-m",
        "32M",
        "-no-user-config",
        "-nodefaults",
        "-display",
        "none",
        "-no-reboot",
    ]);
    command.args(["-serial", "stdio", "-bios", "default", "-kernel"]).arg(&kernel);
    let console = capture_blocking(command, LIMITS).ok()?;
    OpensbiVersion::of_banner(&String::from_utf8_lossy(&console.stdout))
}

/// Where the cache has OpenSBI for an architecture, also before it has.
pub fn opensbi_path(cache: &Path, arch: Arch) -> PathBuf {
    cache.join("firmware").join(format!("opensbi-{}", arch.name)).join("fw_dynamic.bin")
}

/// Where the cache has the version of the package that it is from.
pub fn opensbi_note(cache: &Path, arch: Arch) -> PathBuf {
    opensbi_path(cache, arch).with_file_name("version")
}

/// The version of the package whose OpenSBI the cache has.
pub fn cached_opensbi(cache: &Path, arch: Arch) -> Option<String> {
    let version = std::fs::read_to_string(opensbi_note(cache, arch)).ok()?;
    opensbi_path(cache, arch).is_file().then(|| version.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn version_is_read_from_the_banner() {
        let version = |text| OpensbiVersion::of_banner(text).map(|version| (version.to_string(), version.is_unsound()));
        assert_eq!(version("\r\nOpenSBI v1.1\r\n   ____  "), Some(("1.1".into(), true)));
        assert_eq!(version("OpenSBI v1.2-17-g0907de3"), Some(("1.2".into(), true)));
        assert_eq!(version("noise\nOpenSBI v1.10\n"), Some(("1.10".into(), false)));
        assert_eq!(version("OpenSBI v1.3"), Some(("1.3".into(), false)));
        assert_eq!([version("OpenSBI v%d.%d"), version("U-Boot"), version("")], [const { None }; 3]);
    }

    #[test]
    fn qemus_own_firmware_prints_its_version() {
        let qemu = arch::find("riscv64").unwrap().qemu;
        assert!(opensbi_version(qemu.program, qemu.machine).is_some());
        assert_eq!(opensbi_version("no-such-qemu", qemu.machine), None);
        assert_eq!(opensbi_version("true", qemu.machine), None);
    }

    #[test]
    fn half_a_firmware_is_none() {
        let dir = tempfile::tempdir().unwrap();
        let riscv64 = arch::find("riscv64").unwrap();
        std::fs::create_dir_all(opensbi_path(dir.path(), riscv64).parent().unwrap()).unwrap();
        assert_eq!(cached_opensbi(dir.path(), riscv64), None);
        std::fs::write(opensbi_note(dir.path(), riscv64), "1.6-1\n").unwrap();
        assert_eq!(cached_opensbi(dir.path(), riscv64), None);
        std::fs::write(opensbi_path(dir.path(), riscv64), "x").unwrap();
        assert_eq!(cached_opensbi(dir.path(), riscv64).as_deref(), Some("1.6-1"));
    }
}
