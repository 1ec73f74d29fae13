//! Whether KVM works, proven by a run of a tiny guest.
//!
//! A `/dev/kvm` that opens, and even creates a VM, may still not run a guest, or no more than firmware (nested
//! para-virtual KVM, for example).
//! The answer is remembered until the host boots again.

use super::qemu::Qemu;
use arch::Arch;
use model::Accel;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long the tiny guest may take. Where KVM works it takes a few hundredths of a second.
const TINY_GUEST_TIMEOUT: Duration = Duration::from_secs(2);

/// Which accelerator to use, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccelAnswer {
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
    #[error("KVM: a tiny guest ran to its end")]
    KvmWorks,
    /// KVM of this host cannot run the architecture.
    #[error("emulated: KVM does not run {arch} on {host}")]
    Unsupported {
        /// The guest's architecture.
        arch: Arch,
        /// The host's, as Rust names it.
        host: String,
    },
    /// There is no tiny guest for the host.
    #[error("emulated: there is no probe for KVM on {0}")]
    NoProbe(String),
    /// The host has no KVM.
    #[error("emulated: there is no /dev/kvm")]
    NoDevice,
    /// The user may not use KVM.
    #[error("emulated: /dev/kvm may not be opened; join the group `kvm`")]
    NoPermission,
    /// The tiny guest did not run.
    #[error("emulated: KVM opens here but did not run a tiny guest to its end")]
    TinyGuestFailed,
    /// A kernel showed what the tiny guest did not.
    #[error("emulated: KVM ran a tiny guest, but could not continue a kernel")]
    KernelFailed,
    /// QEMU could not be run.
    #[error("emulated: KVM could not be tried: {0}")]
    Untried(String),
}

impl AccelAnswer {
    fn emulated(reason: AccelReason) -> Self {
        Self { accel: Accel::Tcg, reason }
    }
}

/// A guest of a few instructions that ends QEMU by itself.
struct TinyGuest {
    machine: &'static str,
    /// QEMU option that takes the file.
    option: &'static str,
    args: &'static [&'static str],
    image: fn() -> Vec<u8>,
    /// QEMU's exit status when the guest has run.
    status: i32,
}

/// x86: a ROM that goes to long mode as every kernel does, makes four million locked 16-byte exchanges as SLUB does
/// (Linux, `mm/slub.c`, `__update_cpu_freelist_fast()`), and writes to QEMU's `isa-debug-exit` port, which exits with
/// `(value << 1) | 1` (QEMU, `hw/misc/debugexit.c`). A para-virtual KVM that emulates what is not made for it runs the reset
/// vector and real mode well, a kernel two orders of magnitude too slow, and not this instruction.
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
            // 0x88: descriptors of nothing, 32-bit code, data, 64-bit code; 0xa8: where they are
            b"\x00\x00\x00\x00\x00\x00\x00\x00\xff\xff\x00\x00\x00\x9b\xcf\x00",
            b"\xff\xff\x00\x00\x00\x93\xcf\x00\xff\xff\x00\x00\x00\x9b\xaf\x00\x1f\x00\x88\x00\x0f\x00",
        ];
        // The reset vector: jmp to offset 0, around the end of the segment.
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

/// Which accelerator runs guests of this architecture on this host. Remembers the answer below `cache`.
pub async fn probe_kvm(spec: Arch, cache: &Path) -> AccelAnswer {
    let host = std::env::consts::ARCH;
    if !spec.qemu.kvm_hosts.contains(&host) {
        return AccelAnswer::emulated(AccelReason::Unsupported { arch: spec, host: host.to_owned() });
    }
    let Some(tiny) = tiny_guest(host) else {
        return AccelAnswer::emulated(AccelReason::NoProbe(host.to_owned()));
    };
    let kvm = Path::new("/dev/kvm");
    if !kvm.exists() {
        return AccelAnswer::emulated(AccelReason::NoDevice);
    }
    if std::fs::File::options().read(true).write(true).open(kvm).is_err() {
        return AccelAnswer::emulated(AccelReason::NoPermission);
    }
    if let Some(answer) = remembered(cache) {
        return answer;
    }
    let answer = match run(tiny, spec.qemu.program, Accel::Kvm, TINY_GUEST_TIMEOUT).await {
        Ok(true) => AccelAnswer { accel: Accel::Kvm, reason: AccelReason::KvmWorks },
        Ok(false) => AccelAnswer::emulated(AccelReason::TinyGuestFailed),
        // A missing QEMU is reported by the first trial; that says nothing about KVM.
        Err(error) => return AccelAnswer::emulated(AccelReason::Untried(error.to_string())),
    };
    remember(cache, &answer);
    answer
}

/// Takes back that KVM works, until the host boots again.
pub(super) fn forget_kvm(cache: &Path) {
    remember(cache, &AccelAnswer::emulated(AccelReason::KernelFailed));
}

/// A cache that cannot be written costs two seconds next time and nothing else.
fn remember(cache: &Path, answer: &AccelAnswer) {
    let _ = std::fs::create_dir_all(cache)
        .and_then(|()| std::fs::write(answer_file(cache), serde_json::to_vec(answer).unwrap_or_default()));
}

/// What [`probe_kvm`] found since the host booted, without running anything; emulation if it was never asked.
pub fn remembered_accel(spec: Arch, cache: &Path) -> Accel {
    let possible = spec.qemu.kvm_hosts.contains(&std::env::consts::ARCH);
    remembered(cache).filter(|_| possible).map_or(Accel::Tcg, |answer| answer.accel)
}

fn remembered(cache: &Path) -> Option<AccelAnswer> {
    serde_json::from_slice(&std::fs::read(answer_file(cache)).ok()?).ok()
}

/// One file for each boot of the host: a new kernel or a changed firmware setting may change the answer. The number
/// changes with the tiny guests, so that what older ones showed does not count.
fn answer_file(cache: &Path) -> PathBuf {
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    cache.join(format!("kvm-3-{}.json", boot.trim()))
}

/// Whether the tiny guest ran to its end in time.
async fn run(
    tiny: &TinyGuest,
    program: &str,
    accel: Accel,
    limit: Duration,
) -> Result<bool, Box<dyn std::error::Error + Send + Sync>> {
    let dir = tempfile::tempdir()?;
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
    async fn the_tiny_guests_end_under_emulation() {
        for (tiny, program) in [(&X86, "qemu-system-x86_64"), (&AARCH64, "qemu-system-aarch64")] {
            // The limit is for KVM; an emulator on a busy host takes as long as it takes.
            assert!(run(tiny, program, Accel::Tcg, Duration::from_secs(120)).await.unwrap(), "{program}");
        }
    }

    #[test]
    fn an_answer_is_remembered_until_the_host_boots_again() {
        let dir = tempfile::tempdir().unwrap();
        let x86 = arch::find("x86_64").unwrap();
        assert_eq!(remembered_accel(x86, dir.path()), Accel::Tcg);
        let answer = AccelAnswer { accel: Accel::Kvm, reason: AccelReason::KvmWorks };
        std::fs::write(answer_file(dir.path()), serde_json::to_vec(&answer).unwrap()).unwrap();
        let here = if std::env::consts::ARCH == "x86_64" { Accel::Kvm } else { Accel::Tcg };
        assert_eq!(remembered_accel(x86, dir.path()), here);
        assert_eq!(remembered_accel(arch::find("riscv64-nommu").unwrap(), dir.path()), Accel::Tcg);
    }

    #[tokio::test]
    async fn an_architecture_that_kvm_cannot_run_is_emulated() {
        let dir = tempfile::tempdir().unwrap();
        let answer = probe_kvm(arch::find("riscv64-nommu").unwrap(), dir.path()).await;
        assert_eq!(answer.accel, Accel::Tcg);
        assert!(matches!(answer.reason, AccelReason::Unsupported { arch, .. } if arch.name == "riscv64-nommu"));
    }
}
