//! What the finished trials of a run booted: a run is of one kernel, and of one QEMU.

use super::trial::Ready;
use arch::Arch;
use model::{Cell, Digest, KernelName, Payload, TrialRecord};

/// Characters of a digest or a commit that are shown.
const MAX_ID: usize = 12;

/// Something that the finished trials of a kernel booted, and that is another one now.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Replaced {
    kernel: KernelName,
    arch: Arch,
    what: &'static str,
    was: String,
    now: String,
}

/// `linux-7.3 riscv64-nommu: kernel image 00aa11bb22cc, now 33dd44ee55ff`.
impl std::fmt::Display for Replaced {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { kernel, arch, what, was, now } = self;
        write!(f, "{kernel} {arch}: {what} {was}, now {now}")
    }
}

/// Whether a finished trial booted the kernel of a cell.
pub fn has_booted(finished: &TrialRecord, cell: &Cell) -> bool {
    finished.kernel_digest.is_some() && finished.cell.kernel == cell.kernel && finished.cell.arch == cell.arch
}

/// What a cell would boot and a finished trial of its kernel did not: the kernel, its commit, the initramfs and the root disk of the
/// same workload, and `qemu`, the program. A part that one of the two does not have is not compared.
pub fn replaced(finished: &TrialRecord, cell: &Cell, ready: &Ready, qemu: &str) -> Vec<Replaced> {
    if !has_booted(finished, cell) {
        return Vec::new();
    }
    let is_same_image = has_image_of(&finished.cell, cell);
    let image = |digest: Option<String>| digest.filter(|_| is_same_image);
    let parts = [
        ("QEMU", finished.command.first().cloned(), Some(qemu.to_owned())),
        ("commit", finished.kernel_commit.as_deref().map(id), ready.kernel.commit.as_deref().map(id)),
        ("kernel image", finished.kernel_digest.as_ref().map(digest), Some(digest(&ready.kernel.digest))),
        (
            "initramfs",
            image(finished.initrd_digest.as_ref().map(digest)),
            ready.initrd.as_ref().map(|(_, found)| digest(found)),
        ),
        (
            "root disk",
            image(finished.root_disk_digest.as_ref().map(digest)),
            ready.test.as_ref().map(|test| digest(&test.disk.digest)),
        ),
    ];
    let replaced = |(what, was, now): (&'static str, Option<String>, Option<String>)| {
        let (was, now) = was.zip(now).filter(|(was, now)| was != now)?;
        Some(Replaced { kernel: cell.kernel.clone(), arch: cell.arch, what, was, now })
    };
    parts.into_iter().filter_map(replaced).collect()
}

/// Whether two cells of one kernel have the same initramfs and root disk.
fn has_image_of(one: &Cell, other: &Cell) -> bool {
    let is_same = match (&one.payload, &other.payload) {
        (Payload::Workload { name, .. }, Payload::Workload { name: other, .. }) => name == other,
        (Payload::Initrd(initrd), Payload::Initrd(other)) => initrd.path == other.path,
        _ => false,
    };
    is_same && one.needs.modules == other.needs.modules && one.needs.root_disk() == other.needs.root_disk()
}

fn digest(digest: &Digest) -> String {
    id(digest.as_str())
}

fn id(text: &str) -> String {
    text.chars().take(MAX_ID).collect()
}
