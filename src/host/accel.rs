//! KVM probe: runs a tiny guest.
//!
//! `/dev/kvm` may open and create a VM and still run no guest, or firmware only (nested para-virtual KVM, for example).
//! The result is cached until the host reboots.

use super::private_dir::private_dir;
use super::qemu::Qemu;
use arch::Arch;
use model::Accel;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Timeout of the tiny guest. Under a working KVM it takes a few hundredths of a second.
const TINY_GUEST_TIMEOUT: Duration = Duration::from_secs(2);

/// Which accelerator to use, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccelChoice {
    /// The accelerator.
    pub accel: Accel,
    /// Why.
    pub reason: AccelReason,
}

/// Why an accelerator is used.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "kebab-case")]
pub enum AccelReason {
    /// KVM works.
    #[error("KVM: ran a tiny guest")]
    KvmWorks,
    /// KVM of this host cannot run the architecture.
    #[error("TCG: KVM does not run {arch} on {host}")]
    Unsupported {
        /// The guest's architecture.
        arch: Arch,
        /// The host's, as Rust names it.
        host: String,
    },
    /// There is no tiny guest for the host.
    #[error("TCG: no KVM probe for {0}")]
    NoProbe(String),
    /// The host has no KVM.
    #[error("TCG: no /dev/kvm")]
    NoDevice,
    /// The user may not use KVM.
    #[error("TCG: no permission to open /dev/kvm; join the group `kvm`")]
    NoPermission,
    /// The tiny guest did not run.
    #[error("TCG: KVM opens, but did not run a tiny guest")]
    TinyGuestFailed,
    /// KVM ran the tiny guest, and failed on a kernel.
    #[error("TCG: KVM ran a tiny guest, but failed on a kernel")]
    KernelFailed,
    /// What this host has says nothing about the nodes of a cluster.
    #[error("TCG on all nodes")]
    Nodes,
    /// QEMU cannot be started.
    #[error("TCG: KVM was not probed: {0}")]
    Untried(String),
}

impl AccelChoice {
    /// The accelerator of guests that run on other hosts.
    pub fn on_nodes() -> Self {
        Self::tcg(AccelReason::Nodes)
    }

    fn tcg(reason: AccelReason) -> Self {
        Self { accel: Accel::Tcg, reason }
    }
}

/// A guest of a few instructions that makes QEMU exit.
struct TinyGuest {
    machine: &'static str,
    /// QEMU option for the image file.
    option: &'static str,
    args: &'static [&'static str],
    image: fn() -> Vec<u8>,
    /// QEMU's exit status after the guest has run.
    status: i32,
}

/// x86: a ROM that enters long mode, executes `lock cmpxchg16b` four million times, as SLUB does
/// (Linux, `mm/slub.c`, `__update_cpu_freelist_fast()`), and writes to QEMU's `isa-debug-exit` port, which exits with
/// `(value << 1) | 1` (QEMU, `hw/misc/debugexit.c`). A para-virtual KVM that emulates unmodified guests runs the reset
/// vector and real mode well, a kernel at a hundredth of the speed, and this instruction not at all.
const X86: TinyGuest = TinyGuest {
    machine: "q35",
    option: "-bios",
    args: &["-device", "isa-debug-exit,iobase=0xf4,iosize=1"],
    image: || {
        // The ROM is mapped below 4 GiB and, by its last 128 KiB, below 1 MiB: all of it is at 0xf0000 too.
        const CODE: &[&[u8]] = &[
            // 16 bits, 0x00: lgdtl %cs:0xa8; or $1 to %cr0; ljmpl $0x08, $0xf0017
            b"\x2e\x66\x0f\x01\x16\xa8\x00\x0f\x20\xc0\x0c\x01\x0f\x22\xc0\x66\xea\x17\x00\x0f\x00\x08\x00",
            // 32 bits, 0x17: movl $0x10, %eax; movl %eax, %ds
            b"\xb8\x10\x00\x00\x00\x8e\xd8",
            // One large page maps the first 2 MiB: movl $0x2003, 0x1000; movl $0x3003, 0x2000; movl $0x83, 0x3000
            b"\xc7\x05\x00\x10\x00\x00\x03\x20\x00\x00\xc7\x05\x00\x20\x00\x00\x03\x30\x00\x00",
            b"\xc7\x05\x00\x30\x00\x00\x83\x00\x00\x00",
            // movl $0x1000, %eax; movl %eax, %cr3; or $0x20 (PAE) to %cr4
            b"\xb8\x00\x10\x00\x00\x0f\x22\xd8\x0f\x20\xe0\x0c\x20\x0f\x22\xe0",
            // movl $0xc0000080 (EFER), %ecx; rdmsr; orb $1 (LME), %ah; wrmsr
            b"\xb9\x80\x00\x00\xc0\x0f\x32\x80\xcc\x01\x0f\x30",
            // or $0x80000000 (PG) to %cr0; ljmpl $0x18, $0xf006a
            b"\x0f\x20\xc0\x0d\x00\x00\x00\x80\x0f\x22\xc0\xea\x6a\x00\x0f\x00\x18\x00",
            // 64 bits, 0x6a: movl $4000000, %ecx
            b"\xb9\x00\x09\x3d\x00",
            // lock cmpxchg16b 0x4000; decl %ecx; jnz back
            b"\xf0\x48\x0f\xc7\x0c\x25\x00\x40\x00\x00\xff\xc9\x75\xf2",
            // movl $0xf4, %edx; movb $0x10, %al; outb %al, %dx; hlt
            b"\xba\xf4\x00\x00\x00\xb0\x10\xee\xf4\xf4\xf4",
            // 0x88: GDT: null, 32-bit code, data, 64-bit code; 0xa8: its descriptor
            b"\x00\x00\x00\x00\x00\x00\x00\x00\xff\xff\x00\x00\x00\x9b\xcf\x00",
            b"\xff\xff\x00\x00\x00\x93\xcf\x00\xff\xff\x00\x00\x00\x9b\xaf\x00\x1f\x00\x88\x00\x0f\x00",
        ];
        // The reset vector: jmp to offset 0, wrapping at the end of the segment.
        const RESET: [u8; 3] = [0xe9, 0x0d, 0x00];
        let mut rom = CODE.concat();
        rom.resize(64 * 1024, 0xf4);
        let at = rom.len() - 16;
        rom[at..at + RESET.len()].copy_from_slice(&RESET);
        rom
    },
    status: 0x21,
};

/// aarch64: `movz w0, #8; movk w0, #0x8400, lsl #16; hvc #0; b .` — PSCI `SYSTEM_OFF` (Arm DEN 0022).
const AARCH64: TinyGuest = TinyGuest {
    machine: "virt",
    option: "-kernel",
    args: &[],
    image: || [0x5280_0100_u32, 0x72b0_8000, 0xd400_0002, 0x1400_0000].iter().flat_map(|w| w.to_le_bytes()).collect(),
    status: 0,
};

fn tiny_guest(host: &str) -> Option<&'static TinyGuest> {
    match host {
        "x86_64" => Some(&X86),
        "aarch64" => Some(&AARCH64),
        _ => None,
    }
}

/// The accelerator for guests of this architecture on this host. Takes up to 4 s if the folder `cache` has no result of
/// this host's boot, and stores it there.
pub async fn probe_kvm(spec: Arch, cache: &Path) -> AccelChoice {
    let host = std::env::consts::ARCH;
    if !spec.qemu.kvm_hosts.contains(&host) {
        return AccelChoice::tcg(AccelReason::Unsupported { arch: spec, host: host.to_owned() });
    }
    let Some(tiny) = tiny_guest(host) else {
        return AccelChoice::tcg(AccelReason::NoProbe(host.to_owned()));
    };
    let kvm = Path::new("/dev/kvm");
    if !kvm.exists() {
        return AccelChoice::tcg(AccelReason::NoDevice);
    }
    if std::fs::File::options().read(true).write(true).open(kvm).is_err() {
        return AccelChoice::tcg(AccelReason::NoPermission);
    }
    if let Some(choice) = cached(cache) {
        return choice;
    }
    let choice = match run(tiny, spec.qemu.program, Accel::Kvm, TINY_GUEST_TIMEOUT).await {
        Ok(true) => AccelChoice { accel: Accel::Kvm, reason: AccelReason::KvmWorks },
        Ok(false) => AccelChoice::tcg(AccelReason::TinyGuestFailed),
        // Not cached: a missing QEMU says nothing about KVM. The first trial reports it.
        Err(error) => return AccelChoice::tcg(AccelReason::Untried(error.to_string())),
    };
    store(cache, &choice);
    choice
}

/// Caches that KVM does not work, until the host reboots.
pub(super) fn store_kvm_failure(cache: &Path) {
    store(cache, &AccelChoice::tcg(AccelReason::KernelFailed));
}

/// Errors are ignored: the cost is another probe of at most two seconds.
fn store(cache: &Path, choice: &AccelChoice) {
    let _ = std::fs::create_dir_all(cache)
        .and_then(|()| std::fs::write(cache_file(cache), serde_json::to_vec(choice).unwrap_or_default()));
}

/// The cached result of [`probe_kvm`]; TCG if there is none for this boot of the host. Runs nothing.
pub fn cached_accel(spec: Arch, cache: &Path) -> Accel {
    let possible = spec.qemu.kvm_hosts.contains(&std::env::consts::ARCH);
    cached(cache).filter(|_| possible).map_or(Accel::Tcg, |choice| choice.accel)
}

fn cached(cache: &Path) -> Option<AccelChoice> {
    serde_json::from_slice(&std::fs::read(cache_file(cache)).ok()?).ok()
}

/// One file per boot of the host: a new kernel or a changed firmware setting may change the result. Increment the number
/// with every change of a tiny guest, to invalidate older results.
fn cache_file(cache: &Path) -> PathBuf {
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    cache.join(format!("kvm-3-{}.json", boot.trim()))
}

/// Whether QEMU exited with the guest's status within `limit`.
async fn run(
    tiny: &TinyGuest,
    program: &str,
    accel: Accel,
    limit: Duration,
) -> Result<bool, Box<dyn std::error::Error + Send + Sync>> {
    let dir = private_dir("oomlab-kvm-")?;
    let image = dir.path().join("image");
    std::fs::write(&image, (tiny.image)())?;
    let cpu = if accel == Accel::Kvm { "host" } else { "max" };
    let mut argv: Vec<String> =
        [program, "-machine", tiny.machine, "-accel", accel.qemu_name(), "-cpu", cpu, "-m", "16M"]
            .map(str::to_owned)
            .to_vec();
    argv.extend(["-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"].map(str::to_owned));
    argv.extend(tiny.args.iter().map(ToString::to_string));
    argv.extend([tiny.option.to_owned(), image.display().to_string()]);
    let mut qemu = Qemu::spawn(&argv, &dir.path().join("qemu.log"))?;
    match tokio::time::timeout(limit, qemu.wait()).await {
        Ok(status) => Ok(status?.code() == Some(tiny.status)),
        Err(_) => {
            qemu.kill();
            tokio::time::timeout(TINY_GUEST_TIMEOUT, qemu.wait()).await??;
            Ok(false)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn tiny_guests_exit_under_tcg() {
        for (tiny, program) in [(&X86, "qemu-system-x86_64"), (&AARCH64, "qemu-system-aarch64")] {
            // `TINY_GUEST_TIMEOUT` is for KVM; TCG on a busy host is slower.
            assert!(run(tiny, program, Accel::Tcg, Duration::from_secs(120)).await.unwrap(), "{program}");
        }
    }

    #[test]
    fn probe_result_is_cached() {
        let dir = tempfile::tempdir().unwrap();
        let x86 = arch::find("x86_64").unwrap();
        assert_eq!(cached_accel(x86, dir.path()), Accel::Tcg);
        let choice = AccelChoice { accel: Accel::Kvm, reason: AccelReason::KvmWorks };
        std::fs::write(cache_file(dir.path()), serde_json::to_vec(&choice).unwrap()).unwrap();
        let here = if std::env::consts::ARCH == "x86_64" { Accel::Kvm } else { Accel::Tcg };
        assert_eq!(cached_accel(x86, dir.path()), here);
        assert_eq!(cached_accel(arch::find("riscv64-nommu").unwrap(), dir.path()), Accel::Tcg);
    }

    #[tokio::test]
    async fn unsupported_architecture_runs_under_tcg() {
        let dir = tempfile::tempdir().unwrap();
        let choice = probe_kvm(arch::find("riscv64-nommu").unwrap(), dir.path()).await;
        assert_eq!(choice.accel, Accel::Tcg);
        assert!(matches!(choice.reason, AccelReason::Unsupported { arch, .. } if arch.name == "riscv64-nommu"));
    }
}
