//! Foreign text in markdown: the guest's output is shown verbatim and never becomes markup, a link or a mention.

use model::printable;

/// Characters of one text.
const MAX_LENGTH: usize = 600;

/// Lines of one text after its first.
const MAX_LINES: usize = 40;

/// A text in a code span that it cannot end: the span's backticks are more than any run of them in the text.
pub(super) fn span(text: &str) -> String {
    let text = bounded(text);
    let fence = "`".repeat(longest_run(&text) + 1);
    // A space inside keeps backticks apart from the fence, and CommonMark takes one away on both sides; only blanks it keeps whole.
    let pad = if text.is_empty() || text.starts_with(['`', ' ']) || text.ends_with(['`', ' ']) { " " } else { "" };
    format!("{fence}{pad}{text}{pad}{fence}")
}

/// Lines in a code block that they cannot end.
pub(super) fn block(lines: &[String]) -> String {
    let lines: Vec<String> = lines.iter().map(|line| bounded(line)).collect();
    let run = lines.iter().map(|line| longest_run(line)).max().unwrap_or(0);
    let fence = "`".repeat(run.max(2) + 1);
    let body: String = lines.iter().map(|line| format!("{line}\n")).collect();
    format!("{fence}text\n{body}{fence}\n")
}

/// A text that may have several lines, as a compiler's has: the first as a phrase, the others in a code block.
pub(super) fn paragraph(text: &str) -> String {
    let mut lines = text.trim().lines();
    let first = phrase(lines.next().unwrap_or_default());
    let mut others: Vec<String> = lines.by_ref().take(MAX_LINES).map(str::to_owned).collect();
    if lines.next().is_some() {
        others.push("…".to_owned());
    }
    if others.is_empty() { format!("{first}\n") } else { format!("{first}\n\n{}", block(&others)) }
}

/// A phrase on one line. What it quotes in backticks stands in code spans, and so does a word that means something to markdown; the
/// others are as they were.
pub(super) fn phrase(text: &str) -> String {
    let text = bounded(text);
    let text = text.trim();
    let parts: Vec<&str> = text.split('`').collect();
    let last = parts.len() - 1;
    // Quotes come in pairs; two that touch would become one.
    let quotes = last.is_multiple_of(2) && (1..last).all(|index| !parts[index].trim().is_empty());
    if !quotes {
        return words(text, true);
    }
    let shown = parts.iter().enumerate().map(|(index, part)| match index % 2 {
        0 => words(part, index == 0),
        _ => span(part),
    });
    shown.collect()
}

/// `first` when they begin the line.
fn words(text: &str, first: bool) -> String {
    let shown = text.split(' ').enumerate().map(|(index, word)| {
        // A comma behind a name is no part of it.
        let name = word.trim_end_matches([',', ';', ':', '.']);
        match (is_plain(word, first && index == 0), name.is_empty()) {
            (true, _) => word.to_owned(),
            (false, true) => span(word),
            (false, false) => format!("{}{}", span(name), &word[name.len()..]),
        }
    });
    shown.collect::<Vec<_>>().join(" ")
}

/// Whether a word means nothing to markdown, nor to a forge that makes links of addresses, numbers and names.
fn is_plain(word: &str, first: bool) -> bool {
    let harmless = |c: char| c.is_alphanumeric() || " .,:;%()'\"/+-=?!…≤\u{fffd}".contains(c);
    let is_address = word.contains("://") || word.to_ascii_lowercase().contains("www.");
    // At the beginning these would make a list, a heading's underline or a rule.
    let rest = word.trim_start_matches(|c: char| c.is_ascii_digit());
    let begins_a_block = first && (word.starts_with(['-', '+', '=']) || (rest != word && matches!(rest, "." | ")")));
    word.chars().all(harmless) && !is_address && !begins_a_block
}

fn bounded(text: &str) -> String {
    let mut shown = printable(&text.chars().take(MAX_LENGTH).collect::<String>());
    if text.chars().nth(MAX_LENGTH).is_some() {
        shown.push('…');
    }
    // Markdown renderers take these for line ends, though no terminal does.
    shown.replace(['\u{2028}', '\u{2029}'], "\u{fffd}")
}

fn longest_run(text: &str) -> usize {
    text.split(|c| c != '`').map(str::len).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn span_encloses_backticks() {
        assert_eq!(span("a"), "`a`");
        assert_eq!(span("a`b"), "``a`b``");
        assert_eq!(span("`a``"), "``` `a`` ```");
        assert_eq!(span(""), "`  `");
    }

    #[test]
    fn block_encloses_fences() {
        assert_eq!(block(&["a".into(), "````".into()]), "`````text\na\n````\n`````\n");
        assert_eq!(block(&["a\n```\nb".into()]), "````text\na\u{fffd}```\u{fffd}b\n````\n");
    }

    #[test]
    fn paragraph_keeps_lines_without_markup() {
        assert_eq!(paragraph("no network"), "no network\n");
        assert_eq!(paragraph(""), "\n");
        assert_eq!(paragraph("\n a\n"), "a\n");
        assert_eq!(
            paragraph("make: *** failed\r\nx.c:1: error: `y'\n\n\t```\u{1b}[2J\n# z"),
            "make: `***` failed\n\n````text\nx.c:1: error: `y'\n\n ```\u{fffd}[2J\n# z\n````\n"
        );
        let long = paragraph(&"line\n".repeat(100));
        assert_eq!(long.lines().count(), 2 + 1 + MAX_LINES + 1 + 1, "{long}");
        assert!(long.ends_with("line\n…\n```\n"));
    }

    #[test]
    fn phrase_escapes_markup() {
        for (text, shown) in [
            ("pid 26 (hog) was killed: 94 % of 0.93", "pid 26 (hog) was killed: 94 % of 0.93"),
            ("91 % __alloc_pages_slowpath, 6 %", "91 % `__alloc_pages_slowpath`, 6 %"),
            ("see https://x.example <b>x</b> [a](b)", "see `https://x.example` `<b>x</b>` `[a](b)`"),
            ("- a *b* #1 @me", "`-` a `*b*` `#1` `@me`"),
            ("1. 2. 3", "`1`. 2. 3"),
            ("run `oomlab doctor --fix`, or `a_b`", "run `oomlab doctor --fix`, or `a_b`"),
            ("an odd ` one", "an odd `` ` `` one"),
            ("``x`` ` y", "``` ``x`` ``` `` ` `` y"),
            ("line\nend\u{2028}s", "line\u{fffd}end\u{fffd}s"),
        ] {
            assert_eq!(phrase(text), shown);
        }
    }

    /// What is outside code spans, as CommonMark finds them: a run of backticks up to the next run of the same length.
    fn outside(text: &str) -> String {
        let mut out = String::new();
        let mut rest = text;
        while let Some(begin) = rest.find('`') {
            out.push_str(&rest[..begin]);
            let inner = rest[begin..].trim_start_matches('`');
            let fence = rest.len() - begin - inner.len();
            let mut at = 0;
            let end = loop {
                let Some(run) = inner[at..].find('`') else { break None };
                let length = inner[at + run..].len() - inner[at + run..].trim_start_matches('`').len();
                if length == fence {
                    break Some(at + run + length);
                }
                at += run + length;
            };
            match end {
                Some(end) => rest = &inner[end..],
                None => {
                    out.push_str(&"`".repeat(fence));
                    rest = inner;
                }
            }
        }
        out + rest
    }

    proptest! {
        #[test]
        fn markdown_escapes_any_text(text in "[`~*<_\\\\ a,\n\r\u{2028}]{0,40}") {
            let shown = span(&text);
            let fence = shown.len() - shown.trim_start_matches('`').len();
            let inner = &shown[fence..shown.len() - fence];
            let broken = shown.contains(['\n', '\r', '\u{2028}']);
            prop_assert!(longest_run(inner) < fence && !broken);
            let shown = block(std::slice::from_ref(&text));
            prop_assert_eq!(shown.lines().count(), 3);
            prop_assert!(longest_run(shown.lines().nth(1).unwrap()) < longest_run(shown.lines().next().unwrap()));
            let shown = paragraph(&text);
            let broken = |c: char| c != '\n' && c.is_control() || c == '\u{2028}';
            prop_assert!(!shown.contains(broken), "{}", shown);
            let shown = phrase(&text);
            prop_assert!(!outside(&shown).contains(['`', '~', '*', '<', '_', '\\', '\n']), "{}", shown);
        }
    }
}
