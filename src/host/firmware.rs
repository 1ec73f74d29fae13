//! OpenSBI, the firmware of RISC-V guests: which one QEMU brings, and where the lab keeps a newer one.

use super::private_dir::private_dir;
use super::process::{Limits, capture_blocking};
use arch::{Arch, OpensbiVersion};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// QEMU takes a tenth of a second, on a busy host more.
const LIMITS: Limits = Limits { timeout: Duration::from_secs(60), max_stdout: 1 << 20 };

/// A kernel for supervisor mode that asks for a shutdown (RISC-V SBI, `sbi_system_reset()`): `li a7, 0x53525354; li a6, 0;
/// li a0, 0; li a1, 0; ecall; j .`
const SHUTDOWN: [u32; 7] = [0x5352_58b7, 0x3548_8893, 0x0813, 0x0513, 0x0593, 0x0073, 0x006f];

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
    String::from_utf8_lossy(&console.stdout).lines().find_map(OpensbiVersion::of_banner)
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
