//! Suggestions for unknown words.

/// The known word that is closest to `word`, if one is close.
pub(super) fn closest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_lowercase();
    let reach = 1 + word.chars().count() / 4;
    known
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(&word, &candidate.to_lowercase()), candidate))
        .filter(|(distance, _)| *distance <= reach)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// The words as a list for a message, shortened when there are many.
pub(super) fn listed<'a>(known: impl IntoIterator<Item = &'a str>) -> String {
    const MAX: usize = 12;
    let words: Vec<&str> = known.into_iter().collect();
    let shown: Vec<String> = words.iter().take(MAX).map(|word| format!("`{word}`")).collect();
    let rest = if words.len() > MAX { format!(" and {} more", words.len() - MAX) } else { String::new() };
    format!("{}{rest}", shown.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typos_are_understood_and_other_words_are_not() {
        let known = ["idle", "anon-hog", "zombie-victim", "linux-6.1", "linux-6.12"];
        assert_eq!(closest("anon-hgo", known), Some("anon-hog"));
        assert_eq!(closest("Zombie_victim", known), Some("zombie-victim"));
        assert_eq!(closest("linux-6.11", known), Some("linux-6.1"));
        assert_eq!(closest("network", known), None);
    }

    #[test]
    fn long_lists_are_cut() {
        assert_eq!(listed(["a", "b"]), "`a`, `b`");
        assert!(listed(["x"; 20]).ends_with("and 8 more"));
    }
}
