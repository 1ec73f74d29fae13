//! `MAINTAINERS` of a kernel tree. Only its `F:` and `X:` patterns are read: `scripts/get_maintainer.pl` knows more, but running it
//! would run a program of that tree.

use super::mailbox::Mailbox;

/// The section that has every file: its list is for what has no other.
const CATCH_ALL: &str = "THE REST";

/// States of sections without a maintainer (`MAINTAINERS`, its head).
const UNMAINTAINED: [&str; 2] = ["Orphan", "Obsolete"];

/// The sections of `MAINTAINERS`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Maintainers(Vec<Section>);

/// A section.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Section {
    name: String,
    status: String,
    /// `M:`.
    pub maintainers: Vec<Mailbox>,
    /// `R:`.
    pub reviewers: Vec<Mailbox>,
    /// `L:`, without lists that only subscribers may write to.
    pub lists: Vec<Mailbox>,
    files: Vec<String>,
    excluded: Vec<String>,
}

impl Maintainers {
    /// Reads the file. What is no entry of a section is left out.
    pub fn parse(text: &str) -> Self {
        let mut sections: Vec<Section> = Vec::new();
        for line in text.lines() {
            let Some((tag, value)) = entry(line) else {
                if !line.trim().is_empty() && !line.starts_with(char::is_whitespace) {
                    sections.push(Section { name: line.trim().to_owned(), ..Section::default() });
                }
                continue;
            };
            let Some(section) = sections.last_mut() else { continue };
            match tag {
                'M' => section.maintainers.extend(Mailbox::parse(value)),
                'R' => section.reviewers.extend(Mailbox::parse(value)),
                'L' if !value.contains("subscribers-only") => {
                    section.lists.extend(value.split_whitespace().next().and_then(Mailbox::parse));
                }
                'S' => value.clone_into(&mut section.status),
                'F' => section.files.push(value.to_owned()),
                'X' => section.excluded.push(value.to_owned()),
                _ => {}
            }
        }
        sections.retain(|section| !section.files.is_empty() && section.name != CATCH_ALL);
        Self(sections)
    }

    /// The sections that name a file most precisely: by its name, or by the nearest folder above it.
    pub(super) fn of_file(&self, file: &str) -> Vec<&Section> {
        let precision = |section: &Section| section.precision(file);
        let maintained = self.0.iter().filter(|section| !UNMAINTAINED.contains(&section.status.as_str()));
        let found: Vec<(usize, &Section)> =
            maintained.filter_map(|section| precision(section).map(|precision| (precision, section))).collect();
        let best = found.iter().map(|(precision, _)| *precision).max();
        found.into_iter().filter(|(precision, _)| Some(*precision) == best).map(|(_, section)| section).collect()
    }
}

/// The letter and the value of `M: Name <user@host>`, with a tab in between.
fn entry(line: &str) -> Option<(char, &str)> {
    let mut characters = line.chars();
    let tag = characters.next().filter(char::is_ascii_uppercase)?;
    let value = characters.as_str().strip_prefix(':')?;
    value.starts_with(char::is_whitespace).then(|| (tag, value.trim()))
}

impl Section {
    /// How precisely it names a file: the components of the pattern, more for one without a `*`. `None` if it does not.
    fn precision(&self, file: &str) -> Option<usize> {
        if self.excluded.iter().any(|pattern| matches(pattern, file)) {
            return None;
        }
        let patterns = self.files.iter().filter(|pattern| matches(pattern, file));
        patterns
            .map(|pattern| {
                2 * pattern.split('/').filter(|part| !part.is_empty()).count() + usize::from(!pattern.contains('*'))
            })
            .max()
    }
}

/// Whether a pattern names a file: a file, a folder with all below it where it ends in `/`, `*` within one component.
fn matches(pattern: &str, file: &str) -> bool {
    let (folder, pattern) = match pattern.strip_suffix('/') {
        Some(folder) => (true, folder),
        None => (false, pattern),
    };
    let (mut wanted, mut parts) = (pattern.split('/'), file.split('/'));
    loop {
        match (wanted.next(), parts.next()) {
            (None, rest) => return folder == rest.is_some(),
            (Some(_), None) => return false,
            (Some(pattern), Some(part)) if !matches_part(pattern, part) => return false,
            _ => {}
        }
    }
}

/// One component; `*` stands for any part of it. Linear in both but for the last `*`.
fn matches_part(pattern: &str, part: &str) -> bool {
    let mut pieces = pattern.split('*');
    let Some(mut rest) = part.strip_prefix(pieces.next().unwrap_or_default()) else { return false };
    let mut pieces = pieces.peekable();
    if pieces.peek().is_none() {
        return rest.is_empty();
    }
    while let Some(piece) = pieces.next() {
        if pieces.peek().is_none() {
            return rest.ends_with(piece);
        }
        match rest.find(piece) {
            Some(at) => rest = &rest[at + piece.len()..],
            None => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
List of maintainers
===================

	M: *Mail* patches to

OOM KILLER
M:	A Developer <a@example.org>
R:	B Developer <b@example.org>
L:	linux-mm@kvack.org
L:	closed@example.org (subscribers-only)
S:	Maintained
F:	include/linux/oom.h
F:	mm/oom_kill.c

MEMORY MANAGEMENT
M:	C Developer <c@example.org>
L:	linux-mm@kvack.org (moderated)
S:	Maintained
F:	include/linux/mm_*.h
F:	mm/
X:	mm/damon/

OLD DRIVER
S:	Orphan
M:	D Developer <d@example.org>
F:	drivers/old/*

THE REST
M:	Linus Torvalds <torvalds@linux-foundation.org>
F:	*
F:	*/
";

    fn names(file: &str) -> Vec<String> {
        let maintainers = Maintainers::parse(TEXT);
        maintainers.of_file(file).iter().map(|section| section.name.clone()).collect()
    }

    #[test]
    fn section_that_names_a_file_most_precisely_is_found() {
        assert_eq!(names("mm/oom_kill.c"), ["OOM KILLER"]);
        assert_eq!(names("mm/page_alloc.c"), ["MEMORY MANAGEMENT"]);
        assert_eq!(names("include/linux/mm_types.h"), ["MEMORY MANAGEMENT"]);
        for file in ["mm", "mm/damon/core.c", "drivers/old/a.c", "fs/x.c", "include/linux/mm_types.c", ""] {
            assert_eq!(names(file), [""; 0], "{file}");
        }
    }

    #[test]
    fn people_and_lists_are_read() {
        let maintainers = Maintainers::parse(TEXT);
        let [section] = maintainers.of_file("mm/oom_kill.c")[..] else { panic!() };
        let shown = |list: &[Mailbox]| list.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(shown(&section.maintainers), ["A Developer <a@example.org>"]);
        assert_eq!(shown(&section.reviewers), ["B Developer <b@example.org>"]);
        assert_eq!(shown(&section.lists), ["linux-mm@kvack.org"]);
    }

    #[test]
    fn star_stands_for_a_part_of_a_component() {
        for (pattern, part, expected) in [
            ("*", "a", true),
            ("mm_*.h", "mm_a.h", true),
            ("mm_*.h", "mm_.h", true),
            ("a*b*c", "axbyc", true),
            ("a*a", "a", false),
            ("a", "ab", false),
            ("a*b", "ac", false),
        ] {
            assert_eq!(matches_part(pattern, part), expected, "{pattern} {part}");
        }
    }
}
