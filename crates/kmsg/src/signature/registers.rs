//! Lines of registers that name functions.

use crate::symbol;
use crate::text::Prefixes;

/// What stands behind the name of the register that says where the CPU was: x86 `RIP: 0010:f+0x…`, `IP: f+…`, `EIP is at
/// f+…`; arm `PC is at f+…`; arm64 `pc : f+…`; riscv `epc : f+…`; mips `epc   : 80… f+…`; powerpc `NIP [c…] f+…`; m68k `PC: [<…>]
/// f+…`; s390 `Krnl PSW : … (f+…)`.
pub(super) fn pointer(line: &str) -> Option<&str> {
    static REGISTERS: Prefixes = Prefixes::new(&[
        "RIP: ",
        "IP: ",
        "EIP: ",
        "EIP is at ",
        "PC is at ",
        "pc : ",
        "epc : ",
        "epc   : ",
        "NIP [",
        "NIP: ",
        "PC: ",
        "Krnl PSW : ",
        "TPC: <",
        "ERA: ",
        "era   : ",
    ]);
    REGISTERS.strip(line)
}

/// The function that the one which ran last would have returned to, where a register holds it: arm64 `lr : f+…`, arm `LR is
/// at f+…`, powerpc `LR [c…] f+…`, riscv ` ra : f+…`, mips `ra    : 80… f+…`.
pub(super) fn link(line: &str) -> Option<&str> {
    static REGISTERS: Prefixes = Prefixes::new(&["lr : ", "LR is at ", "LR [", "ra : ", "ra    : "]);
    let rest = REGISTERS.strip(line)?;
    let (_, name) = symbol::find(rest).or_else(|| symbol::decoded(rest))?;
    (!symbol::is_beyond_end(rest)).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_read() {
        for line in [
            "lr : f+0x1/0x2",
            "LR is at f+0x1/0x2",
            "LR [c000000000012345] f+0x1/0x2",
            "ra : f+0x1/0x2",
            "lr : f (mm/slub.c:12)",
        ] {
            assert_eq!(link(line), Some("f"), "{line}");
        }
        assert_eq!(link("LR is at 0x6e69"), None);
        assert_eq!(link("lr : f+0x500/0x40"), None);
    }
}
