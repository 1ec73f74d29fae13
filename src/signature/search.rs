//! Finds the signature that reads a line.

use super::{ALL, Finding, Head};
use aho_corasick::{AhoCorasick, AhoCorasickKind};
use std::sync::LazyLock;

/// Every needle, searched for at once: a guest may print a hundred megabytes of lines that say nothing.
struct Needles {
    search: AhoCorasick,
    /// The place in [`ALL`] of each needle's signature.
    signatures: Vec<usize>,
}

static NEEDLES: LazyLock<Needles> = LazyLock::new(|| {
    let (signatures, needles): (Vec<usize>, Vec<&str>) = ALL
        .iter()
        .enumerate()
        .flat_map(|(at, signature)| signature.needles.iter().map(move |needle| (at, *needle)))
        .unzip();
    let search = AhoCorasick::builder().kind(Some(AhoCorasickKind::DFA)).build(needles);
    Needles { search: search.expect("a few dozen short needles fit"), signatures }
});

/// What a message says, its printk prefix already stripped; `None` for the many that say nothing.
pub(super) fn read_head(text: &str) -> Option<Head> {
    let needles = &*NEEDLES;
    // The first search is the faster one, and for most lines the only one.
    needles.search.find(text)?;
    let candidates = needles
        .search
        .find_overlapping_iter(text)
        .fold(0_u64, |set, hit| set | 1 << needles.signatures[hit.pattern().as_usize()]);
    ALL.iter().enumerate().filter(|(at, _)| candidates >> at & 1 == 1).find_map(|(_, signature)| (signature.read)(text))
}

/// What a message tells a watchdog, its printk prefix already stripped; `None` for the many that say nothing of interest.
pub fn read(text: &str) -> Option<Finding> {
    read_head(text)?.finding
}
