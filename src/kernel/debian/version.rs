//! Debian's order of versions (deb-version(7)).

use std::cmp::Ordering;

/// Compares two Debian versions.
pub(super) fn compare(a: &str, b: &str) -> Ordering {
    let (epoch_a, a) = a.split_once(':').unwrap_or(("0", a));
    let (epoch_b, b) = b.split_once(':').unwrap_or(("0", b));
    let (upstream_a, revision_a) = a.rsplit_once('-').unwrap_or((a, "0"));
    let (upstream_b, revision_b) = b.rsplit_once('-').unwrap_or((b, "0"));
    compare_numbers(epoch_a, epoch_b)
        .then_with(|| compare_parts(upstream_a, upstream_b))
        .then_with(|| compare_parts(revision_a, revision_b))
}

/// Alternates between non-digits, by rank, and digits, by value.
fn compare_parts(mut a: &str, mut b: &str) -> Ordering {
    while !a.is_empty() || !b.is_empty() {
        let (text_a, rest_a) = split(a, |c| !c.is_ascii_digit());
        let (text_b, rest_b) = split(b, |c| !c.is_ascii_digit());
        let (number_a, rest_a) = split(rest_a, |c| c.is_ascii_digit());
        let (number_b, rest_b) = split(rest_b, |c| c.is_ascii_digit());
        let order = compare_text(text_a, text_b).then_with(|| compare_numbers(number_a, number_b));
        if order.is_ne() {
            return order;
        }
        (a, b) = (rest_a, rest_b);
    }
    Ordering::Equal
}

fn split(text: &str, belongs: impl Fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(|c| !belongs(c)).unwrap_or(text.len()))
}

fn compare_numbers(a: &str, b: &str) -> Ordering {
    let (a, b) = (a.trim_start_matches('0'), b.trim_start_matches('0'));
    a.len().cmp(&b.len()).then_with(|| a.cmp(b))
}

/// `~` before the end, the end before letters, letters before the rest.
fn compare_text(a: &str, b: &str) -> Ordering {
    fn rank(c: Option<char>) -> (u8, Option<char>) {
        match c {
            Some('~') => (0, None),
            None => (1, None),
            Some(c) if c.is_ascii_alphabetic() => (2, Some(c)),
            Some(c) => (3, Some(c)),
        }
    }
    let (mut a, mut b) = (a.chars(), b.chars());
    loop {
        let (x, y) = (a.next(), b.next());
        let order = rank(x).cmp(&rank(y));
        if order.is_ne() || x.is_none() {
            return order;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_in_debian_order() {
        let rising = [
            "5.10.223-1",
            "6.1~rc3-1",
            "6.1-1",
            "6.1.9-1",
            "6.1.170-3",
            "6.1.176-1~bpo11+1",
            "6.1.176-1",
            "6.1.176-1+b1",
            "6.12.107-1",
            "7.3.4-1~bpo13+1",
            "1:1.0-1",
        ];
        for (i, a) in rising.iter().enumerate() {
            for (j, b) in rising.iter().enumerate() {
                assert_eq!(compare(a, b), i.cmp(&j), "{a} and {b}");
            }
        }
        assert_eq!(compare("1.01", "1.1"), Ordering::Equal);
    }
}
