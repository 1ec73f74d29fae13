//! Finds the signature that reads a line.

use super::{ALL, Finding, Head, ReportKind, Role};
use crate::console::FRAME_PREFIX;
use aho_corasick::{AhoCorasick, AhoCorasickKind};
use std::sync::LazyLock;

/// Every needle, searched for at once: a guest may print a hundred megabytes of lines that say nothing.
struct Needles {
    search: AhoCorasick,
    /// The place in [`ALL`] of each needle's signature.
    signatures: Vec<usize>,
}

/// Finds the first of some texts.
fn search<'a>(texts: impl IntoIterator<Item = &'a str>) -> AhoCorasick {
    let built = AhoCorasick::builder().kind(Some(AhoCorasickKind::DFA)).build(texts);
    built.expect("a few dozen short texts fit")
}

static NEEDLES: LazyLock<Needles> = LazyLock::new(|| {
    let (signatures, needles): (Vec<usize>, Vec<&str>) = ALL
        .iter()
        .enumerate()
        .flat_map(|(at, signature)| signature.needles.iter().map(move |needle| (at, *needle)))
        .unzip();
    Needles { search: search(needles), signatures }
});

/// Every needle, and what may hide one from a search in a console's bytes: frames, NULs and escape sequences, which a reader
/// of lines takes out, and the line breaks of mailers.
static HINTS: LazyLock<AhoCorasick> = LazyLock::new(|| {
    let needles = ALL.iter().flat_map(|signature| signature.needles.iter().copied());
    search(needles.chain([FRAME_PREFIX, "\0", "\x1b", "=\n", "=\r\n"]))
});

/// Where the first needle of a console's bytes is, or what may hide one; no message before the line of it says
/// anything, unless what came before the bytes belongs to it.
pub(super) fn find_hint(bytes: &[u8]) -> Option<usize> {
    HINTS.find(bytes).map(|hit| hit.start())
}

/// What a message says, its printk prefix already stripped; `None` for the many that say nothing.
pub(super) fn read_head(text: &str) -> Option<Head> {
    let needles = &*NEEDLES;
    // The first search is the faster one, and for most lines the only one.
    needles.search.find(text)?;
    let mut candidates = [false; ALL.len()];
    for hit in needles.search.find_overlapping_iter(text) {
        candidates[needles.signatures[hit.pattern().as_usize()]] = true;
    }
    let mut signatures = ALL.iter().zip(candidates).filter(|(_, is_candidate)| *is_candidate);
    signatures.find_map(|(signature, _)| (signature.read)(text))
}

/// The sort of the report that a message begins, its printk prefix already stripped.
pub fn begins(text: &str) -> Option<ReportKind> {
    read_head(text).filter(|head| head.role == Role::Start).map(|head| head.kind)
}

/// What a message says of the kernel's health, its printk prefix already stripped; `None` for the many that say nothing.
pub fn read(text: &str) -> Option<Finding> {
    read_head(text)?.finding
}
