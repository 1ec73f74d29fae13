//! Oopses, as each architecture words them.

use super::{Finding, Signature};
use crate::model::Kind;

/// The first line of an oops. x86: `arch/x86/mm/fault.c`, `kernel/traps.c`; riscv: `arch/riscv/kernel/traps.c`,
/// `mm/fault.c`; arm: `arch/arm/mm/fault.c`, `kernel/traps.c`; arm64: `arch/arm64/mm/fault.c`, `kernel/traps.c`.
pub(super) const OOPS: Signature = Signature {
    name: "oops",
    needles: &[
        "BUG: kernel NULL pointer dereference",
        "BUG: unable to handle ",
        "general protection fault",
        "Unable to handle kernel ",
        "kernel BUG at ",
        "Internal error: ",
        "Unhandled exception: IPSR",
        "Oops: ",
        "Oops - ",
        "stack segment: ",
        "divide error: ",
        "invalid opcode: ",
    ],
    read: |text| Some(Finding::trouble(Kind::Oops, title(text), None)),
};

/// The message up to the first address, which changes from boot to boot.
fn title(text: &str) -> &str {
    let end = ["address", "0x", "[#", "at virtual"].iter().filter_map(|stop| text.find(stop)).min();
    text[..end.unwrap_or(text.len())].trim_end_matches([' ', ':', '-', ','])
}
