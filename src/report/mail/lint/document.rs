//! A draft: its headers, and its lines by what they are.

use kmsg::console::printk;
use std::ops::Range;

/// A draft.
#[derive(Debug)]
pub(super) struct Document<'t> {
    pub headers: Vec<Header>,
    pub body: Vec<Line<'t>>,
}

/// A header, unfolded.
#[derive(Debug, PartialEq)]
pub(super) struct Header {
    pub name: String,
    pub value: String,
    pub line: usize,
}

/// A line of the body.
#[derive(Debug, PartialEq)]
pub(super) struct Line<'t> {
    /// Counted from 1, in the file.
    pub number: usize,
    pub text: &'t str,
    pub kind: LineKind,
}

/// What a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LineKind {
    Empty,
    /// Of a paragraph or a list.
    Prose,
    /// Of an indented paragraph: a command, a table, an excerpt.
    Verbatim,
    /// A line that the kernel printed.
    Log,
    /// `> quoted`.
    Quote,
    /// `#regzbot …`.
    Regzbot,
    /// Behind `-- `.
    Signature,
}

/// The first characters of a command to regzbot.
pub(super) const REGZBOT: &str = "#regzbot";

impl<'t> Document<'t> {
    /// Reads a draft. One without headers has an empty list of them.
    pub fn parse(text: &'t str) -> Self {
        let lines: Vec<&str> = text.lines().collect();
        let (headers, start) = headers(&lines);
        let mut body: Vec<Line<'t>> = Vec::new();
        let mut is_signature = false;
        let mut paragraph = LineKind::Empty;
        for (index, text) in lines.iter().enumerate().skip(start) {
            is_signature |= *text == "-- ";
            let is_indented = text.starts_with("  ") || text.starts_with('\t');
            let kind = match *text {
                _ if is_signature => LineKind::Signature,
                text if text.trim().is_empty() => LineKind::Empty,
                text if text.starts_with('>') => LineKind::Quote,
                text if text.starts_with(REGZBOT) => LineKind::Regzbot,
                text if is_log(text.trim_start()) => LineKind::Log,
                // A list's entry goes on behind spaces.
                _ if is_indented && paragraph != LineKind::Prose => LineKind::Verbatim,
                _ => LineKind::Prose,
            };
            paragraph = kind;
            body.push(Line { number: index + 1, text, kind });
        }
        Self { headers, body }
    }

    /// The values of a header, each with its line.
    pub fn header(&self, name: &str) -> impl Iterator<Item = &Header> {
        let is_named = move |header: &&Header| header.name.eq_ignore_ascii_case(name);
        self.headers.iter().filter(is_named)
    }

    /// Whether the subject says that it is a regression.
    pub fn is_regression(&self) -> bool {
        self.header("Subject").any(|header| header.value.contains("[REGRESSION]"))
    }

    /// The lines of a kind.
    pub fn lines(&self, kind: LineKind) -> impl Iterator<Item = &Line<'t>> {
        self.body.iter().filter(move |line| line.kind == kind)
    }

    /// The paragraphs: ranges of lines between empty ones.
    pub fn paragraphs(&self) -> Vec<&[Line<'t>]> {
        let mut found: Vec<Range<usize>> = Vec::new();
        for (index, line) in self.body.iter().enumerate() {
            match found.last_mut() {
                _ if line.kind == LineKind::Empty => {}
                Some(last) if last.end == index => last.end = index + 1,
                _ => found.push(index..index + 1),
            }
        }
        found.into_iter().map(|range| &self.body[range]).collect()
    }
}

/// Names of stacks in the traces of x86 (`stack_type_name()` in `arch/x86/kernel/dumpstack.c`, `dumpstack_64.c`).
const STACKS: &[&str] = &["TASK", "IRQ", "SOFTIRQ", "NMI", "ENTRY_TRAMPOLINE"];

/// `[    1.185330] …`, also behind a level or the name of a host; ` <TASK>` of a kernel that prints no times.
fn is_log(text: &str) -> bool {
    let mark = text.trim_end().strip_prefix('<').and_then(|rest| rest.strip_suffix('>'));
    let is_stack = mark.is_some_and(|name| STACKS.contains(&name.strip_prefix('/').unwrap_or(name)));
    is_stack || text.starts_with(['[', '<']) && printk::parse(text).guest_s.is_some()
}

/// The headers, and the index of the first line of the body.
fn headers(lines: &[&str]) -> (Vec<Header>, usize) {
    let mut found: Vec<Header> = Vec::new();
    for (index, line) in lines.iter().enumerate() {
        if line.is_empty() {
            return (found, index + 1);
        }
        match found.last_mut() {
            Some(header) if line.starts_with([' ', '\t']) => {
                header.value.push(' ');
                header.value.push_str(line.trim());
            }
            _ => {
                let Some((name, value)) = line.split_once(':').filter(|(name, _)| is_name(name)) else {
                    // RFC 5322, 2.2: no header. All of it is text.
                    return if index == 0 { (Vec::new(), 0) } else { (found, index) };
                };
                found.push(Header { name: name.to_owned(), value: value.trim().to_owned(), line: index + 1 });
            }
        }
    }
    (found, lines.len())
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}
