//! The text of a matrix, and the findings about it.

use super::diagnostic::{Diagnostic, Level, Place};

/// A piece of one line of the text, in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Span {
    /// Line, counted from 1.
    pub line: u32,
    /// Column, counted from 1.
    pub column: u32,
    /// Number of characters.
    pub length: u32,
}

/// A value with its place in the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct At<T> {
    /// Its place.
    pub at: Span,
    /// The value.
    pub value: T,
}

/// A scalar as the user typed it.
pub(super) type Text = At<String>;

/// The findings about one text, as they are made.
#[derive(Debug)]
pub(super) struct Findings<'a> {
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

    fn place(&self, at: Span) -> Place {
        let line = at.line.max(1);
        Place {
            file: self.file.to_owned(),
            line,
            column: at.column.max(1),
            length: at.length.max(1),
            source_line: self.lines.get(line as usize - 1).copied().unwrap_or_default().to_owned(),
        }
    }

    /// The errors, or the warnings if there are no errors; in the order of the text.
    pub fn finish(mut self) -> Result<Vec<Diagnostic>, Vec<Diagnostic>> {
        self.list.sort_by_key(|found| found.place.as_ref().map(|place| (place.line, place.column)));
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
