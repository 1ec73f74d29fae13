//! Attachments have names.

use super::Finding;
use super::document::{Document, LineKind};

/// A paragraph that mentions an attachment names its file.
pub(super) fn names(document: &Document<'_>, found: &mut Vec<Finding>) {
    for paragraph in document.paragraphs() {
        let prose = paragraph.iter().filter(|line| line.kind == LineKind::Prose);
        let is_mention =
            |text: &str| ["attached", "attachment"].iter().any(|word| text.to_ascii_lowercase().contains(word));
        let Some(line) = prose.clone().find(|line| is_mention(line.text)) else { continue };
        if !prose.flat_map(|line| line.text.split_whitespace()).any(is_file_name) {
            let message = "an attachment without a file name: name the file, so that a reader knows what is missing";
            found.push(Finding::new(line.number, message));
        }
    }
}

/// `config-6.1.176`, `dmesg.txt`: letters, and a dot inside; not `6.1.176`, not `v6.1`, not an address.
fn is_file_name(word: &str) -> bool {
    let word = word.trim_matches(|c: char| !c.is_ascii_alphanumeric());
    let version = word.strip_prefix('v').unwrap_or(word);
    let is_plain = word.chars().all(|c| c.is_ascii_alphanumeric() || "._-+~".contains(c));
    is_plain && word.contains('.') && version.contains(|c: char| c.is_ascii_alphabetic())
}
