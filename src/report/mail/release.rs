//! Kernel releases, as far as a mail tells them apart.

/// The line of development that a release belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Line {
    /// `7.3-rc4`, `7.3.0-rc4`: before a release of Linus Torvalds's.
    Candidate,
    /// `next-20261130`.
    Next,
    /// `6.1.176`: of a stable series.
    Stable,
    /// `7.3.0`, or not known.
    Other,
}

/// The line of a release, by its name alone: what is behind the version may be the builder's.
pub(super) fn line(release: &str) -> Line {
    let is_next = release.split_once("next-").is_some_and(|(_, date)| digits(date) >= 8);
    let mut parts = release.splitn(3, '.');
    let major = parts.next().is_some_and(|part| digits(part) > 0);
    let minor = parts.next().unwrap_or_default();
    let patch = parts.next().unwrap_or_default();
    let patch = patch[..digits(patch)].parse().unwrap_or(0_u32);
    if is_next {
        Line::Next
    } else if release.contains("-rc") {
        Line::Candidate
    } else if major && digits(minor) > 0 && patch > 0 {
        Line::Stable
    } else {
        Line::Other
    }
}

fn digits(text: &str) -> usize {
    text.bytes().take_while(u8::is_ascii_digit).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn release_names_its_line() {
        for (release, expected) in [
            ("6.1.176", Line::Stable),
            ("6.1.0-50-cloud-amd64", Line::Other),
            ("7.3.4-g0123456789ab", Line::Stable),
            ("7.3.0-rc4", Line::Candidate),
            ("7.3.0-rc4-next-20261130", Line::Next),
            ("7.3.0", Line::Other),
            ("x", Line::Other),
            ("", Line::Other),
        ] {
            assert_eq!(line(release), expected, "{release}");
        }
    }
}
