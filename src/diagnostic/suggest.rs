//! Suggestions for unknown words.

/// Fewer characters are a part of too many words.
const MIN_PART: usize = 3;

/// The known word that is closest to `word`, if one is close: by a few typos, or because one is a part of the other.
pub(crate) fn closest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_lowercase();
    let near = known.into_iter().filter_map(|candidate| Some((nearness(&word, &candidate.to_lowercase())?, candidate)));
    near.min_by_key(|(nearness, _)| *nearness).map(|(_, candidate)| candidate)
}

/// Smaller is nearer: a typo, then a common start, then a part; among those, the smaller difference.
fn nearness(word: &str, candidate: &str) -> Option<(u8, usize)> {
    let distance = strsim::damerau_levenshtein(word, candidate);
    let (short, long) = if word.len() < candidate.len() { (word, candidate) } else { (candidate, word) };
    let is_part = short.chars().count() >= MIN_PART;
    let class = match distance {
        _ if distance <= 1 + word.chars().count() / 4 => 0,
        _ if is_part && long.starts_with(short) => 1,
        _ if is_part && long.contains(short) => 2,
        _ => return None,
    };
    Some((class, distance))
}

/// The question for an unknown word, if a known one is close.
pub(crate) fn did_you_mean<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    closest(word, known).map(|meant| format!("did you mean `{meant}`?"))
}

/// The words as a list for a message, shortened when there are many.
pub(crate) fn listed<'a>(known: impl IntoIterator<Item = &'a str>) -> String {
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
        assert_eq!(did_you_mean("idel", known).unwrap(), "did you mean `idle`?");
    }

    #[test]
    fn parts_are_near_after_typos() {
        let known = ["zombie-victim", "frozen-victim", "hog", "oom-lock-starve", "arch"];
        assert_eq!(closest("zombie", known), Some("zombie-victim"));
        assert_eq!(closest("lock", known), Some("oom-lock-starve"));
        assert_eq!(closest("architecture", known), Some("arch"));
        assert_eq!(closest("frozen", ["unfrozen-thing", "frozen-victim", "frzen"]), Some("frzen"));
        assert_eq!(closest("frozen", ["the-frozen", "frozen-victim"]), Some("frozen-victim"));
        assert_eq!(closest("oo", known), None);
    }

    #[test]
    fn long_lists_are_cut() {
        assert_eq!(listed(["a", "b"]), "`a`, `b`");
        assert!(listed(["x"; 20]).ends_with("and 8 more"));
    }
}
