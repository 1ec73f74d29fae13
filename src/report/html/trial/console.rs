//! The console with the numbers of its lines: all of it where it is short, else its begin, its end and what is around the lines that
//! decided.

use crate::report::html::text::{line, size};
use memchr::{memchr_iter, memmem};
use std::ops::Range;

/// Bytes of the console on the page, with what each line takes besides.
const MAX_BYTES: usize = 200 * 1024;
/// Bytes that a line takes beside its text.
const LINE_BYTES: usize = 48;
/// Of these, for its begin and for its end.
const HEAD_BYTES: usize = 16 * 1024;
const TAIL_BYTES: usize = 48 * 1024;

/// What every frame of the agent begins with (`images/agent/PROTOCOL.md`).
const FRAME: &[u8] = b"@oomlab ";

/// The console, as far as it is shown.
pub(super) struct ConsoleView {
    pub parts: Vec<Part>,
    pub lines: usize,
    pub size: String,
    /// Lines that decided.
    pub marked: Vec<usize>,
    pub has_frames: bool,
    pub is_cut: bool,
}

/// Lines that stand together, and what is left out before them.
pub(super) struct Part {
    /// Lines, and their size.
    pub left_out: Option<(usize, String)>,
    pub lines: Vec<Line>,
}

/// One line.
pub(super) struct Line {
    pub number: usize,
    pub text: String,
    /// Class of the style.
    pub class: &'static str,
}

impl ConsoleView {
    /// `deciding` are the verdict's lines, in their order.
    pub fn of(content: &[u8], deciding: &[String]) -> Self {
        let lines = split(content);
        let marked = find(content, &lines, deciding);
        let mut parts: Vec<Part> = Vec::new();
        let mut next = 0;
        let left_out = |from: usize, to: usize| {
            let bytes = lines[from..to].last().map_or(0, |last| last.end - lines[from].start);
            (to > from).then(|| (to - from, size(bytes as u64)))
        };
        for range in ranges(&lines, &marked) {
            let gap = left_out(next, range.start);
            let shown = range.clone().map(|index| shown(content, &lines[index], index, &marked));
            parts.push(Part { left_out: gap, lines: shown.collect() });
            next = range.end;
        }
        if let Some(gap) = left_out(next, lines.len()) {
            parts.push(Part { left_out: Some(gap), lines: Vec::new() });
        }
        Self {
            has_frames: parts.iter().flat_map(|part| &part.lines).any(|line| line.class == "frame"),
            is_cut: parts.iter().any(|part| part.left_out.is_some()),
            parts,
            lines: lines.len(),
            size: size(content.len() as u64),
            marked: marked.iter().map(|index| index + 1).collect(),
        }
    }
}

/// Ranges of the lines without their ends.
fn split(content: &[u8]) -> Vec<Range<usize>> {
    let mut start = 0;
    let mut lines: Vec<Range<usize>> = Vec::new();
    for end in memchr_iter(b'\n', content) {
        lines.push(start..end);
        start = end + 1;
    }
    if start < content.len() {
        lines.push(start..content.len());
    }
    lines
}

/// Indices of the lines with these texts, each searched for behind the one before: a line that is the text, or else the first that has it.
fn find(content: &[u8], lines: &[Range<usize>], texts: &[String]) -> Vec<usize> {
    let mut found = Vec::new();
    let mut from = 0;
    for text in texts.iter().filter(|text| !text.trim().is_empty()) {
        let finder = memmem::Finder::new(text.as_bytes());
        let index = |at: usize| lines.partition_point(|line| line.end < from + at);
        let places = || finder.find_iter(&content[from..]).map(index);
        let is_whole = |index: &usize| content[lines[*index].clone()].trim_ascii_end() == text.trim_end().as_bytes();
        if let Some(index) = places().find(is_whole).or_else(|| places().next()) {
            found.push(index);
            from = lines[index].end;
        }
    }
    found
}

/// Ranges of lines that are shown, in order and apart.
fn ranges(lines: &[Range<usize>], marked: &[usize]) -> Vec<Range<usize>> {
    let cost = |index: usize| lines[index].len().min(crate::report::html::text::MAX_LINE) + LINE_BYTES;
    if (0..lines.len()).map(cost).sum::<usize>() <= MAX_BYTES {
        return std::iter::once(0..lines.len()).collect();
    }
    let forward = |start: usize, room: usize| {
        let mut left = room;
        let fits = |index: &usize| {
            let fits = cost(*index) <= left;
            left = left.saturating_sub(cost(*index));
            fits
        };
        start + (start..lines.len()).take_while(fits).count()
    };
    let backward = |end: usize, room: usize| {
        let mut left = room;
        let fits = |index: &usize| {
            let fits = cost(*index) <= left;
            left = left.saturating_sub(cost(*index));
            fits
        };
        end - (0..end).rev().take_while(fits).count()
    };
    let mut wanted = vec![0..forward(0, HEAD_BYTES), backward(lines.len(), TAIL_BYTES)..lines.len()];
    let around = (MAX_BYTES - HEAD_BYTES - TAIL_BYTES) / 2 / marked.len().max(1);
    wanted.extend(marked.iter().map(|&index| backward(index, around)..forward(index, around).max(index + 1)));
    wanted.sort_by_key(|range| range.start);
    let mut ranges: Vec<Range<usize>> = Vec::new();
    for range in wanted.into_iter().filter(|range| !range.is_empty()) {
        match ranges.last_mut() {
            Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
            _ => ranges.push(range),
        }
    }
    ranges
}

fn shown(content: &[u8], range: &Range<usize>, index: usize, marked: &[usize]) -> Line {
    let bytes = &content[range.clone()];
    let class = match (marked.contains(&index), bytes.starts_with(FRAME)) {
        (true, _) => "mark",
        (false, true) => "frame",
        (false, false) => "",
    };
    // A line may be as long as the whole console.
    let kept = &bytes[..bytes.len().min(4 * crate::report::html::text::MAX_LINE)];
    Line { number: index + 1, text: line(&String::from_utf8_lossy(kept)), class }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(view: &ConsoleView) -> Vec<usize> {
        view.parts.iter().flat_map(|part| &part.lines).map(|line| line.number).collect()
    }

    #[test]
    fn short_console_is_whole() {
        let view = ConsoleView::of(b"a\xff\r\n@oomlab 1 bye *x\n\nb", &["b".to_owned()]);
        assert_eq!(numbers(&view), [1, 2, 3, 4]);
        assert_eq!((view.marked.as_slice(), view.has_frames, view.is_cut), (&[4][..], true, false));
        let texts: Vec<&str> = view.parts[0].lines.iter().map(|line| line.text.as_str()).collect();
        assert_eq!(texts, ["a\u{fffd}", "@oomlab 1 bye *x", "", "b"]);
    }

    #[test]
    fn deciding_lines_are_whole_lines_first() {
        let marked = |texts: &[&str]| {
            let texts: Vec<String> = texts.iter().map(|text| (*text).to_owned()).collect();
            ConsoleView::of(b"[1] a panic, later\r\npanic\r\n[2] panic", &texts).marked
        };
        assert_eq!(marked(&["panic", "panic"]), [2, 3]);
        assert_eq!(marked(&["later", "later"]), [1]);
    }

    #[test]
    fn long_console_keeps_its_ends_and_the_deciding_lines() {
        let mut text: Vec<String> = (1..=50_000).map(|number| format!("line {number} of many")).collect();
        text[20_000] = "Kernel panic".to_owned();
        let view = ConsoleView::of(text.join("\n").as_bytes(), &["Kernel panic".to_owned()]);
        let shown = numbers(&view);
        assert_eq!((view.marked.as_slice(), view.is_cut), (&[20_001][..], true));
        for number in [1, 100, 19_990, 20_001, 20_010, 49_900, 50_000] {
            assert!(shown.contains(&number), "{number}");
        }
        let cost: usize = view.parts.iter().flat_map(|part| &part.lines).map(|line| line.text.len() + LINE_BYTES).sum();
        assert!(cost <= MAX_BYTES && cost > MAX_BYTES / 2, "{cost}");
        let left_out: usize = view.parts.iter().filter_map(|part| part.left_out.as_ref()).map(|(lines, _)| lines).sum();
        assert_eq!(left_out + shown.len(), 50_000);
    }

    #[test]
    fn long_lines_are_cut_and_absent_lines_not_marked() {
        let view = ConsoleView::of(&vec![b'x'; 10 << 20], &["y".to_owned(), " ".to_owned()]);
        assert_eq!((view.lines, view.marked.len()), (1, 0));
        let text = &view.parts[0].lines[0].text;
        assert!(text.ends_with('…') && text.len() < 3000);
        assert_eq!(ConsoleView::of(b"", &["x".to_owned()]).lines, 0);
    }
}
