//! Oopses, as each architecture words them.

use super::head::{Head, Place, Role};
use super::text::{message, stable};
use super::{ReportKind, Signature};
use crate::model::Kind;

const NULL: &str = "kernel NULL pointer dereference";
const PAGING: &str = "kernel paging request";
const PROTECTION: &str = "general protection fault";

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
    ("kernel stack overflow (", "stack guard page was hit"),
    ("Insufficient stack space to handle exception", "stack guard page was hit"),
    ("Kernel stack overflow in process", "stack guard page was hit"),
    ("BUG: unable to handle ", PAGING),
    ("BUG: Unable to handle kernel ", PAGING),
    ("BUG: Kernel ", PAGING),
    ("Unable to handle kernel NULL pointer dereference", NULL),
    ("Unable to handle kernel pointer dereference", PAGING),
    ("Unable to handle kernel ", PAGING),
    ("Unable to execute kernel memory", PAGING),
    ("Kernel attempted to read user page", PAGING),
    ("Kernel attempted to write user page", PAGING),
    ("Kernel attempted to execute user page", PAGING),
    ("PANIC: double fault", "double fault"),
    ("Bad mode in ", "bad mode"),
    ("Unhandled exception: IPSR", "unhandled exception"),
    ("Bad kernel stack pointer", "bad kernel stack pointer"),
    ("Unrecoverable FP Unavailable Exception", "unrecoverable exception"),
    ("Unrecoverable VMX/Altivec Unavailable Exception", "unrecoverable exception"),
    ("kernel BUG at ", "kernel BUG"),
    ("Kernel BUG at ", "kernel BUG"),
    ("Missing ENDBR: ", "missing ENDBR"),
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
        "ernel stack overflow",
        "Insufficient stack space to handle exception",
        "Unable to handle kernel ",
        "Unable to execute kernel memory",
        "Kernel attempted to ",
        "PANIC: double fault",
        "Bad mode in ",
        "Unhandled exception: IPSR",
        "Bad kernel stack pointer",
        "Unrecoverable ",
        "ernel BUG at ",
        "Missing ENDBR: ",
    ],
    read: |text| {
        let (text, words) = FAULTS.iter().find_map(|(start, words)| Some((fault(text, start)?, words)))?;
        let head = match *words {
            "kernel BUG" => bug(text),
            // The line before an oops on powerpc; a program that probes for it gets a signal and no more.
            words => Head::new(ReportKind::Oops, words, Place::Function),
        };
        let quiet = text.starts_with("Kernel attempted") || text.starts_with("Missing ENDBR");
        Some(if quiet { head } else { head.with_trouble(Kind::Oops, title(text)) })
    },
};

/// The line that every architecture's `die()` prints, with the number of the oops in brackets: `Oops: 0002 [#1] SMP`,
/// `Internal error: Oops - BUG: 0 [#1]`, `Kernel bug detected[#1]:`, `general protection fault: 0000 [#1]`.
pub(super) const DIE: Signature = Signature {
    name: "die",
    needles: &[
        "[#",
        "Internal error: ",
        "general protection fault",
        "Oops: ",
        "Oops - ",
        "divide error: ",
        "stack segment: ",
        "invalid opcode: ",
    ],
    read: |text| {
        let numbered = text.split("[#").nth(1).is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
        let starts = [
            "Internal error: ",
            "Oops: ",
            "Oops - ",
            PROTECTION,
            "divide error: ",
            "stack segment: ",
            "invalid opcode: ",
        ];
        let text = starts.iter().find_map(|start| message(text, start)).or(numbered.then_some(text))?;
        // Of a program, when `show_unhandled_signals` is on, or with a user's address, which `exc_general_protection()` only warns of.
        if text.contains(" ip:") || text.contains(" rip:") || (!numbered && text.contains("in user access")) {
            return None;
        }
        let head =
            Head::new(ReportKind::Oops, die_words(text), Place::Function).with_role(Role::Adds(ReportKind::Oops));
        Some(head.with_trouble(Kind::Oops, title(text)))
    },
};

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
    let words = SITES.iter().find(|(site, _)| text.contains(site)).map_or("kernel BUG", |(_, words)| words);
    Head::new(ReportKind::Oops, words, Place::Function)
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
        ("Kernel bug detected", "kernel BUG"),
        ("Oops - BUG", "kernel BUG"),
        ("Kernel BUG", "kernel BUG"),
        ("unaligned", "unaligned access"),
        ("Reserved instruction", "illegal instruction"),
    ];
    if let Some((_, words)) = WORDS.iter().find(|(part, _)| text.contains(part)) {
        return (*words).to_owned();
    }
    let message = text.split("[#").next().unwrap_or(text);
    let message = message.strip_prefix("Internal error: ").unwrap_or(message);
    let words: String = message.split(':').take_while(|part| !part.trim().is_empty() && !is_code(part)).collect();
    let words = stable(words.trim().trim_start_matches("Oops - "));
    if words.is_empty() || words == "Oops" { "oops".to_owned() } else { words }
}

fn is_code(part: &str) -> bool {
    let part = part.trim();
    let part = part.split(' ').next().unwrap_or(part);
    !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// The message up to the first address, which changes from boot to boot.
fn title(text: &str) -> &str {
    let end = ["address", "0x", "[#", "at virtual"].iter().filter_map(|stop| text.find(stop)).min();
    text[..end.unwrap_or(text.len())].trim_end_matches([' ', ':', '-', ','])
}
