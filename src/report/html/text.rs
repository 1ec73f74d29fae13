//! Foreign text on pages: bounded, and kept as it is. The templates escape it.

/// Characters of a title, a summary or a phrase.
pub(super) const MAX_PHRASE: usize = 600;

/// Characters of a console line.
pub(super) const MAX_LINE: usize = 2000;

/// At most `max` characters; `…` marks a cut.
pub(super) fn bounded(text: &str, max: usize) -> String {
    match text.char_indices().nth(max) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}

pub(super) fn phrase(text: &str) -> String {
    bounded(text, MAX_PHRASE)
}

/// A bounded line that stays one.
pub(super) fn line(text: &str) -> String {
    let text = text.trim_end_matches(['\r', '\n']);
    bounded(text, MAX_LINE).replace('\n', "\\n")
}

/// The phrases of observations.
pub(super) fn phrases<T: std::fmt::Display>(items: &[T]) -> Vec<String> {
    items.iter().map(|item| phrase(&item.to_string())).collect()
}

/// `12.4 KiB`.
pub(super) fn size(bytes: u64) -> String {
    match bytes {
        0..1024 => format!("{bytes} B"),
        1024..1_048_576 => format!("{:.1} KiB", bytes as f64 / 1024.0),
        _ => format!("{:.1} MiB", bytes as f64 / 1_048_576.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_cut_between_characters() {
        assert_eq!(bounded("漢字漢", 2), "漢字…");
        assert_eq!(bounded("漢字", 2), "漢字");
        assert_eq!(line("a\nb\r\n"), "a\\nb");
        assert_eq!([10, 2048, 3 << 20].map(size), ["10 B", "2.0 KiB", "3.0 MiB"]);
    }
}
