//! Network devices that are never freed (`net/core/dev.c`).

use super::FailureKind;
use super::head::{CulpritSource, Head, Role};
use super::{ReportKind, Signature};
use crate::text::message;

/// `unregister_netdevice: waiting for lo to become free. Usage count = 5`, every ten seconds (`netdev_wait_allrefs_any()`; until 5.17
/// `netdev_wait_allrefs()`). Once or twice, a holder is merely slow to release the device; then every task that needs
/// `rtnl_mutex` waits as well.
pub(super) const UNREGISTER: Signature = Signature {
    name: "unregister-netdevice",
    needles: &["unregister_netdevice: waiting for "],
    read: |text| {
        const WORDS: &str = "task hung: unregister_netdevice waits for a device to become free";
        let text = message(text, "unregister_netdevice: waiting for ")?;
        text.contains(" to become free. Usage count = ").then(|| {
            Head::new(ReportKind::HungTask, WORDS, CulpritSource::Nowhere)
                .with_role(Role::Repeated)
                .with_failure(FailureKind::HungTask, "unregister_netdevice waits for a device to become free")
        })
    },
};
