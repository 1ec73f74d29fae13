//! A text of the user, and the findings about it.

use super::finding::{Diagnostic, Level, Place};

/// A piece of one line of the text, in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Span {
    /// Line, counted from 1.
    pub line: u32,
    /// Column, counted from 1.
    pub column: u32,
    /// Number of characters.
    pub length: u32,
}

impl Span {
    /// All of a line without the space around it; `number` is counted from 1.
    pub fn of_line(line: &str, number: usize) -> Self {
        let narrow = |wide: usize| u32::try_from(wide).unwrap_or(u32::MAX);
        let before = line.chars().take_while(|c| c.is_whitespace()).count();
        Self { line: narrow(number), column: narrow(before + 1), length: narrow(line.trim().chars().count()) }
    }
}

/// A value with its place in the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct At<T> {
    /// Its place.
    pub at: Span,
    /// The value.
    pub value: T,
}

/// A scalar as the user typed it.
pub(crate) type Text = At<String>;

/// The findings about one text, as they are made.
#[derive(Debug)]
pub(crate) struct Findings<'a> {
    file: &'a str,
    lines: Vec<&'a str>,
    list: Vec<Diagnostic>,
}

impl<'a> Findings<'a> {
    pub fn new(file: &'a str, text: &'a str) -> Self {
        Self { file, lines: text.lines().collect(), list: Vec::new() }
    }

    /// Notes an error; the caller may add to it.
    pub fn error(&mut self, at: Span, message: impl Into<String>) -> &mut Diagnostic {
        self.add(Level::Error, at, message.into())
    }

    /// Notes a warning; the caller may add to it.
    pub fn warning(&mut self, at: Span, message: impl Into<String>) -> &mut Diagnostic {
        self.add(Level::Warning, at, message.into())
    }

    fn add(&mut self, level: Level, at: Span, message: String) -> &mut Diagnostic {
        let place = self.place(at);
        self.list.push(Diagnostic { level, ..Diagnostic::error(message, Some(place)) });
        let last = self.list.len() - 1;
        &mut self.list[last]
    }

    /// The place with the text of its line.
    pub fn place(&self, at: Span) -> Place {
        let line = at.line.max(1);
        Place {
            file: self.file.to_owned(),
            line,
            column: at.column.max(1),
            length: at.length.max(1),
            source_line: self.lines.get(line as usize - 1).copied().unwrap_or_default().to_owned(),
        }
    }

    /// Adds the findings about another text.
    pub fn extend(&mut self, others: Vec<Diagnostic>) {
        self.list.extend(others);
    }

    /// All findings, as they were made.
    pub fn into_list(self) -> Vec<Diagnostic> {
        self.list
    }

    /// The errors, or the warnings if there are no errors; in the order of the text.
    pub fn finish(mut self) -> Result<Vec<Diagnostic>, Vec<Diagnostic>> {
        let file = self.file;
        self.list.sort_by_key(|found| {
            found.place.as_ref().map(|place| (place.file != file, place.file.clone(), place.line, place.column))
        });
        // `defaults` are read once for each block.
        self.list.dedup();
        let failed = self.has_errors();
        if failed { Err(self.list) } else { Ok(self.list) }
    }

    /// Whether there is an error so far.
    pub fn has_errors(&self) -> bool {
        self.list.iter().any(|found| found.level == Level::Error)
    }
}

/// The bytes of a file as text.
///
/// # Errors
/// A finding about the first byte that is not UTF-8.
pub(crate) fn utf8<'a>(bytes: &'a [u8], file_name: &str) -> Result<&'a str, Vec<Diagnostic>> {
    std::str::from_utf8(bytes).map_err(|error| not_utf8(bytes, file_name, error.valid_up_to()))
}

fn not_utf8(text: &[u8], file_name: &str, valid: usize) -> Vec<Diagnostic> {
    let lossy = String::from_utf8_lossy(text);
    let before = String::from_utf8_lossy(&text[..valid]);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    let narrow = |wide: usize| u32::try_from(wide).unwrap_or(u32::MAX);
    let mut findings = Findings::new(file_name, &lossy);
    findings
        .error(Span { line: narrow(line), column: narrow(column), length: 1 }, "the file is not UTF-8 text")
        .label(format!("byte 0x{:02x}", text.get(valid).copied().unwrap_or_default()));
    findings.into_list()
}
