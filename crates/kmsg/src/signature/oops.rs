//! Oopses, as each architecture words them.

use super::FailureKind;
use super::head::{CulpritSource, Head, Role};
use super::{ReportKind, Signature};
use crate::text::{message, stable};

const NULL: &str = "kernel NULL pointer dereference";
const PAGING: &str = "kernel paging request";
const PROTECTION: &str = "general protection fault";
const BUG: &str = "kernel BUG";

/// How a fault begins, and what titles call it: the same on every architecture, so that they can be compared.
/// x86: `arch/x86/mm/fault.c`, `kernel/traps.c`, `kernel/dumpstack.c`; arm, arm64, riscv, m68k, mips, loongarch, sh: their
/// `mm/fault.c` and `kernel/traps.c`; powerpc: `mm/fault.c`, `bad_page_fault()`; s390: `mm/fault.c`, `dump_fault_info()`.
const FAULTS: &[(&str, &str)] = &[
    ("BUG: kernel NULL pointer dereference", NULL),
    ("BUG: unable to handle kernel NULL pointer dereference", NULL),
    ("BUG: Kernel NULL pointer dereference", NULL),
    ("BUG: stack guard page was hit", "stack guard page was hit"),
    ("BUG: TASK stack guard page was hit", "stack guard page was hit"),
    ("BUG: IRQ stack guard page was hit", "stack guard page was hit"),
    ("stack guard page was hit at", "stack guard page was hit"),
    ("Kernel stack overflow in process", "stack overflow"),
    // arch/arm64/kernel/traps.c, panic_bad_stack(); arch/riscv/kernel/traps.c, handle_bad_stack()
    ("Insufficient stack space to handle exception", "stack overflow"),
    ("BUG: unable to handle ", PAGING),
    ("BUG: Unable to handle kernel ", PAGING),
    ("BUG: Kernel ", PAGING),
    ("Unable to handle kernel NULL pointer dereference", NULL),
    ("Unable to handle kernel pointer dereference", PAGING),
    ("Unable to handle kernel ", PAGING),
    ("Unable to execute kernel memory", PAGING),
    ("PANIC: double fault", "double fault"),
    ("Unhandled exception: IPSR", "unhandled exception"),
    ("Bad kernel stack pointer", "bad kernel stack pointer"),
    ("Unrecoverable FP Unavailable Exception", "unrecoverable exception"),
    ("Unrecoverable VMX/Altivec Unavailable Exception", "unrecoverable exception"),
    ("kernel BUG at ", BUG),
    ("Kernel BUG at ", BUG),
    ("BAD KERNEL ", "bad kernel trap"),
];

/// The first line of an oops.
pub(super) const OOPS: Signature = Signature {
    name: "oops",
    needles: &[
        "BUG: kernel NULL pointer dereference",
        "BUG: unable to handle ",
        "BUG: Unable to handle kernel ",
        "BUG: Kernel ",
        "stack guard page was hit",
        "Kernel stack overflow in process",
        "Insufficient stack space to handle exception",
        "Unable to handle kernel ",
        "Unable to execute kernel memory",
        "PANIC: double fault",
        "Unhandled exception: IPSR",
        "Bad kernel stack pointer",
        "Unrecoverable ",
        "ernel BUG at ",
        "BAD KERNEL ",
    ],
    read: |text| {
        let (text, words) = FAULTS.iter().find_map(|(start, words)| Some((fault(text, start)?, words)))?;
        let head = match *words {
            BUG => bug(text),
            // m68k's die(): an address error has printed its own message before.
            "bad kernel trap" => {
                Head::new(ReportKind::Oops, *words, CulpritSource::Function).with_role(Role::Append(ReportKind::Oops))
            }
            _ => Head::new(ReportKind::Oops, *words, CulpritSource::Function),
        };
        Some(head.with_failure(FailureKind::Oops, title(text)))
    },
};

/// The line that every architecture's `die()` prints, nearly all with the number of the oops in brackets: `Oops: 0002 [#1]
/// SMP`, `Internal error: Oops - BUG: 0 [#1]`, `Kernel bug detected[#1]:`, `general protection fault: 0000 [#1]`.
pub(super) const DIE: Signature = Signature {
    name: "die",
    needles: &["[#", "Oops: ", "general protection fault", "Internal error: ", " ***   FORMAT="],
    read: |text| {
        let known = [is_numbered, is_coded, is_protection_fault, is_super_trap];
        let text = known.iter().find_map(|known| known(text))?;
        let head = Head::new(ReportKind::Oops, die_words(text), CulpritSource::Function)
            .with_role(Role::Append(ReportKind::Oops));
        Some(head.with_failure(FailureKind::Oops, title(text)))
    },
};

/// `MESSAGE: CODE [#1]` (x86, arm, arm64, sh), `MESSAGE, sig: 11 [#1]` (powerpc, xtensa), `MESSAGE: CODE ilc:2 [#1]` (s390),
/// `MESSAGE [#1]` (riscv, csky), `MESSAGE[#1]:` (mips, loongarch), `COMM(PID): MESSAGE [#1]` (sparc).
fn is_numbered(text: &str) -> Option<&str> {
    let (before, after) = text.split_once("[#")?;
    let before = before.trim_end();
    let last = before.rsplit([' ', ':']).next().unwrap_or_default();
    let coded = before.len() > last.len() && is_code(last);
    let says =
        coded || ["Oops", "ernel ", "Kernel", "error", "Integer overflow"].iter().any(|word| before.contains(word));
    (says && after.starts_with(|c: char| c.is_ascii_digit()) && after.contains(']')).then(|| {
        text.split_once("): ")
            .filter(|(comm, _)| before.contains(comm) && comm.contains('('))
            .map_or(text, |(_, rest)| rest)
    })
}

/// `Oops: 00000000` (m68k), and lines that lost their end.
fn is_coded(text: &str) -> Option<&str> {
    let text = message(text, "Internal error: ").or_else(|| message(text, "Oops: "))?;
    let rest = text.strip_prefix("Internal error: ").unwrap_or(text);
    let code = rest.rsplit(": ").next().unwrap_or_default().split(' ').next().unwrap_or_default();
    (code.len() >= 4 && is_code(code) || rest.starts_with("Oops - ") || text.starts_with("Internal error: Oops"))
        .then_some(text)
}

/// Not of a program: with `show_unhandled_signals` those have ` ip:`, and a user's address is only warned of.
fn is_protection_fault(text: &str) -> Option<&str> {
    let text = message(text, PROTECTION)?;
    (!text.contains(" ip:") && !text.contains(" rip:") && !text.contains("in user access")).then_some(text)
}

/// `*** ADDRESS ERROR ***   FORMAT=2` (`arch/m68k/kernel/traps.c`, `bad_super_trap()`).
fn is_super_trap(text: &str) -> Option<&str> {
    (text.starts_with("*** ") && text.contains(" ***   FORMAT=")).then_some(text)
}

/// The text from `start` on. A MIPS or LoongArch names its CPU first (`CPU 0 Unable to handle kernel …`, `mm/fault.c`,
/// `no_context()`).
fn fault<'a>(text: &'a str, start: &str) -> Option<&'a str> {
    message(text, start).or_else(|| {
        let rest = text.strip_prefix("CPU ")?.trim_start_matches(|c: char| c.is_ascii_digit());
        message(rest.strip_prefix(' ')?, start)
    })
}

/// A failed `BUG_ON()`, named by the code that checks rather than by the place where some checks of all code live.
fn bug(text: &str) -> Head {
    const SITES: &[(&str, &str)] = &[
        ("lib/list_debug.c", "corrupted list"),
        ("mm/usercopy.c", "bad usercopy"),
        ("lib/string", "buffer overflow"),
        ("lib/string_helpers.c", "buffer overflow"),
    ];
    let words = SITES.iter().find(|(site, _)| text.contains(site)).map_or(BUG, |(_, words)| words);
    Head::new(ReportKind::Oops, words, CulpritSource::Function)
}

/// What titles call an oops of which `die()`'s line is all that is known.
fn die_words(text: &str) -> String {
    const WORDS: &[(&str, &str)] = &[
        (PROTECTION, PROTECTION),
        ("kernel paging request", PAGING),
        ("divide error", "divide error"),
        ("stack segment", "stack segment fault"),
        ("invalid opcode", "invalid opcode"),
        ("undefined instruction", "undefined instruction"),
        ("illegal instruction", "illegal instruction"),
        ("Kernel bug detected", BUG),
        ("Oops - BUG", BUG),
        ("Kernel BUG", BUG),
        ("unaligned", "unaligned access"),
        ("Reserved instruction", "illegal instruction"),
    ];
    if let Some((_, words)) = WORDS.iter().find(|(part, _)| text.contains(part)) {
        return (*words).to_owned();
    }
    // Of a line that lost its beginning, only what `die()` said.
    let message = text.split("[#").next().unwrap_or(text);
    let message = &message[message.find("Oops").unwrap_or(0)..];
    let message = message.strip_prefix("Internal error: ").unwrap_or(message).trim_start_matches("*** ");
    // Since 6.11, x86 says `Oops: Oops: 0002 [#1]` and `Oops: int3: 0000 [#1]`.
    let message = message.trim_start_matches("Oops: ").split(", sig: ").next().unwrap_or(message);
    let message = message.split(" ***").next().unwrap_or(message);
    let words: String = message.split(':').take_while(|part| !part.trim().is_empty() && !is_code(part)).collect();
    let words = stable(words.trim().trim_start_matches("Oops - "));
    if words.is_empty() || words == "Oops" { "oops".to_owned() } else { words }
}

fn is_code(part: &str) -> bool {
    let part = part.trim();
    let part = part.split(' ').next().unwrap_or(part);
    !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// The message up to what changes: the first address, from boot to boot; the line of a failed check, from version to version.
fn title(text: &str) -> String {
    let end = ["address", "0x", "[#", "at virtual", "BUG at "].iter().filter_map(|stop| {
        let at = text.find(stop)?;
        Some(if *stop == "BUG at " { at + "BUG".len() } else { at })
    });
    let mut title = stable(text[..end.min().unwrap_or(text.len())].trim_end_matches([' ', ':', '-', ',']));
    // `unable to handle page fault for address: …`
    while let Some((rest, "for" | "at" | "in" | "on" | "of")) = title.rsplit_once(' ') {
        title = rest.to_owned();
    }
    title
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signature::Finding;

    #[test]
    fn titles_end_with_a_word_of_their_own() {
        for (text, title) in [
            ("BUG: unable to handle page fault for address: ffffc90000a3c000", "BUG: unable to handle page fault"),
            ("BUG: kernel NULL pointer dereference, address: 0000000000000010", "BUG: kernel NULL pointer dereference"),
            (
                "Unable to handle kernel paging request at virtual address dead000000000100",
                "Unable to handle kernel paging request",
            ),
            ("BUG: unable to handle kernel paging request at ffff8801", "BUG: unable to handle kernel paging request"),
            ("kernel BUG at drivers/misc/widget.c:76!", "kernel BUG"),
            (
                "BUG: Unable to handle kernel data access on read at 0xc0000000",
                "BUG: Unable to handle kernel data access on read",
            ),
        ] {
            let head = (OOPS.read)(text).unwrap_or_else(|| panic!("{text}"));
            let Some(Finding::Failure(failure)) = head.finding else { panic!("{text}") };
            assert_eq!(failure.title, title, "{text}");
        }
    }
}
