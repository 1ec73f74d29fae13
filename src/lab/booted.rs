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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::Login;
    use crate::lab::{Test, TestDisk};
    use model::{Accel, KernelArtifact, Kind, RuleId, Verdict};

    fn cell(workload: &str) -> Cell {
        let text = r#"{"id": "i", "kernel": "k", "arch": "arm", "ram_mib": 64, "vcpus": 1, "repeat": 1,
            "payload": {"type": "workload", "name": "NAME"}, "timeouts": {"boot_s": 60.0, "load_s": 120.0, "stuck_s": 5.0},
            "expect": {"outcome": "pass"}}"#;
        serde_json::from_str(&text.replace("NAME", workload)).unwrap()
    }

    fn ready(kernel: &str, commit: &str, initrd: &str, disk: &str) -> Ready {
        let arch = arch::find("arm").unwrap();
        let kernel = KernelArtifact::of_image("k".into(), arch, "Image".into(), Digest::new(kernel));
        let login = Login { key: "key".into(), host_key: String::new() };
        let disk = TestDisk { path: "disk".into(), digest: Digest::new(disk), login };
        Ready {
            kernel: KernelArtifact { commit: Some(commit.to_owned()), ..kernel },
            initrd: Some(("initrd".into(), Digest::new(initrd))),
            firmware: None,
            test: Some(Test { disk, script: String::new(), fetch: Vec::new() }),
            accelerator: Accel::Tcg.into(),
        }
    }

    fn finished() -> TrialRecord {
        let verdict = Verdict::new(Kind::Finished, RuleId::WorkloadEnded, "");
        TrialRecord {
            command: vec!["qemu-system-arm".to_owned()],
            kernel_digest: Some(Digest::new("1")),
            kernel_commit: Some("c1".to_owned()),
            initrd_digest: Some(Digest::new("2")),
            root_disk_digest: Some(Digest::new("3")),
            ..TrialRecord::new(cell("idle"), 1, Accel::Tcg, String::new(), verdict)
        }
    }

    fn compare(workload: &str, ready: &Ready, qemu: &str) -> Vec<String> {
        let found = replaced(&finished(), &cell(workload), ready, qemu);
        found.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn each_part_is_compared() {
        let qemu = "qemu-system-arm";
        assert_eq!(compare("idle", &ready("1", "c1", "2", "3"), qemu), [""; 0]);
        let all = [
            "k arm: QEMU qemu-system-arm, now mine",
            "k arm: commit c1, now c2",
            "k arm: kernel image 1, now 4",
            "k arm: initramfs 2, now 5",
            "k arm: root disk 3, now 6",
        ];
        assert_eq!(compare("idle", &ready("4", "c2", "5", "6"), "mine"), all);
        // Another workload has another image.
        assert_eq!(compare("anon-hog", &ready("4", "c2", "5", "6"), "mine"), all[..3]);
    }

    #[test]
    fn trial_that_has_booted_nothing_is_not_compared() {
        let failed = TrialRecord { kernel_digest: None, ..finished() };
        assert_eq!(replaced(&failed, &cell("idle"), &ready("4", "c2", "5", "6"), "mine"), []);
    }
}
