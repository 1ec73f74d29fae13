//! `canary` of a matrix.

use super::fields::{text, unknown};
use crate::diagnostic::{Findings, Node, listed};
use model::Canary;

/// How the canary of a block allocates.
pub(super) fn read(node: Node, findings: &mut Findings<'_>) -> Option<Canary> {
    let word = text(node, "`canary`", findings)?;
    let found = Canary::from_word(&word.value);
    if found.is_none() {
        let words = || Canary::ALL.iter().map(|canary| canary.as_str());
        unknown(findings, &word, format!("unknown canary `{}`", word.value), words())
            .help(format!("there are {}", listed(words())));
    }
    found
}
