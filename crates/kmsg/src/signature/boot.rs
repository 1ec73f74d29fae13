//! Failures before the kernel can panic, or before init runs.

use super::head::{CulpritSource, Head};
use super::{ReportKind, Signature};
use crate::text::message;

/// `VFS: Cannot open root device "sda1" or unknown-block(0,0): error -6` (`init/do_mounts.c`, `mount_root_generic()`), behind which
/// the kernel panics. The decompressor gives up with ` -- System halted` (`arch/*/boot/compressed/misc.c`, `error()`); an initramfs that does
/// not find the root file system drops to a shell (`scripts/functions` of initramfs-tools, `panic()`; dracut's
/// `emergency_shell`).
pub(super) const BOOT: Signature = Signature {
    name: "boot-failure",
    needles: &[
        "VFS: Cannot open root device ",
        "-- System halted",
        "Dropping to a shell!",
        "Gave up waiting for root ",
        "Entering emergency mode. Exit the shell",
    ],
    read: |text| {
        let known = message(text, "VFS: Cannot open root device ").is_some()
            || text.trim() == "-- System halted"
            || message(text, "Gave up waiting for root ").is_some()
            || text.contains("does not exist.") && text.ends_with("Dropping to a shell!")
            || text.starts_with("Entering emergency mode. Exit the shell");
        let what = if text.contains("halted") {
            "boot failure: the decompressor halted"
        } else {
            "boot failure: no root file system"
        };
        known.then(|| Head::new(ReportKind::BootFailure, what, CulpritSource::Nowhere))
    },
};
