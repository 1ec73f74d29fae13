//! A finding about the user's text as plain data, and how it is shown.

use ::console::measure_text_width;
use model::printable;
use serde::Serialize;
use std::fmt::{self, Write as _};

/// Severity of a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Nothing runs until it is fixed.
    Error,
    /// Probably not what the user meant.
    Warning,
}

/// A finding about the user's text, with its place and a suggestion.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Diagnostic {
    /// Severity.
    pub level: Level,
    /// The problem: a lower-case fragment.
    pub message: String,
    /// Its place; `None` for a value of the command line.
    pub place: Option<Place>,
    /// A suggestion; shown under the text.
    pub label: Option<String>,
    /// The remedy.
    pub help: Option<String>,
}

/// The place of a finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Place {
    /// The file's name as the user typed it, or the name of an option.
    pub file: String,
    /// Line, counted from 1.
    pub line: u32,
    /// Column in characters, counted from 1.
    pub column: u32,
    /// Number of characters, at least 1.
    pub length: u32,
    /// The line's text.
    pub source_line: String,
}

/// A file of a catalogue that cannot be used. The others can.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrokenFile {
    /// Names of what it describes.
    pub names: Vec<String>,
    /// Why it cannot be used.
    pub problems: Vec<Diagnostic>,
}

impl Diagnostic {
    /// An error; `place` says where.
    pub fn error(message: impl Into<String>, place: Option<Place>) -> Self {
        Self { level: Level::Error, message: message.into(), place, label: None, help: None }
    }

    /// Adds a suggestion.
    pub fn label(&mut self, label: impl Into<String>) -> &mut Self {
        self.label = Some(label.into());
        self
    }

    /// Adds a remedy.
    pub fn help(&mut self, help: impl Into<String>) -> &mut Self {
        self.help = Some(help.into());
        self
    }

    /// The finding as text of several lines for a terminal, with ANSI colours if `colour`, ending in a newline.
    /// Control characters of the user's text are escaped.
    pub fn render(&self, colour: bool) -> String {
        let paint = |code: &str, text: &str| {
            if colour { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
        };
        let (word, code) = match self.level {
            Level::Error => ("error", "1;31"),
            Level::Warning => ("warning", "1;33"),
        };
        let mut out = format!("{}: {}\n", paint(code, word), printable(&self.message));
        let label = self.label.as_deref().map(printable);
        let help = self.help.as_deref().map(printable);
        let Some(place) = &self.place else {
            for line in [label, help].into_iter().flatten() {
                let _ = writeln!(out, "  {line}");
            }
            return out;
        };
        let number = place.line.to_string();
        let gutter = " ".repeat(number.len());
        let Excerpt { text, indent, width } = Excerpt::of(place);
        let marks = format!("{} {}", "─".repeat(width), label.unwrap_or_default());
        let blue = |text: &str| paint("34", text);
        let _ = writeln!(out, "{gutter} {} {}:{}:{}", blue("╭─"), printable(&place.file), place.line, place.column);
        let _ = writeln!(out, "{} {} {text}", blue(&number), blue("│"));
        // Without a remedy the frame ends here.
        let side = if help.is_some() { "│" } else { "╰" };
        let _ = writeln!(out, "{gutter} {} {}{}", blue(side), " ".repeat(indent), paint(code, marks.trim_end()));
        if let Some(help) = help {
            let _ = writeln!(out, "{gutter} {} {help}", blue("╰─"));
        }
        out
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.render(false).trim_end())
    }
}

impl std::error::Error for Diagnostic {}

/// The part of a source line that is shown, and where the marks below it go, in terminal columns.
struct Excerpt {
    text: String,
    indent: usize,
    width: usize,
}

impl Excerpt {
    /// The maximum number of characters of a line that are shown.
    const MAX_WIDTH: usize = 100;
    /// Characters shown before the place when a line is too long to be shown whole.
    const BEFORE: usize = 40;

    fn of(place: &Place) -> Self {
        let characters: Vec<char> = printable(&place.source_line).chars().collect();
        let at = (place.column.max(1) as usize - 1).min(characters.len());
        let from = if characters.len() > Self::MAX_WIDTH { at.saturating_sub(Self::BEFORE) } else { 0 };
        let to = characters.len().min(from + Self::MAX_WIDTH);
        let until = (at + place.length.max(1) as usize).min(to).max(at);
        let columns = |part: &[char]| measure_text_width(&part.iter().collect::<String>());
        let ellipsis = |cut: bool| if cut { "…" } else { "" };
        let shown: String = characters[from..to].iter().collect();
        Self {
            text: format!("{}{shown}{}", ellipsis(from > 0), ellipsis(to < characters.len())),
            indent: columns(&characters[from..at]) + usize::from(from > 0),
            width: columns(&characters[at..until]).max(1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(source_line: &str, column: u32, length: u32) -> Diagnostic {
        let place =
            Place { file: "matrices/mine.yaml".into(), line: 9, column, length, source_line: source_line.into() };
        let mut found = Diagnostic::error("unknown workload `anon-hgo`", Some(place));
        found.label("did you mean `anon-hog`?").help("`oomlab workload list` names all of them");
        found
    }

    #[test]
    fn marks_are_below_the_text() {
        assert_eq!(
            finding("    workload: [anon-hgo, idle]", 16, 8).render(false),
            "error: unknown workload `anon-hgo`\n\
             \x20 ╭─ matrices/mine.yaml:9:16\n\
             9 │     workload: [anon-hgo, idle]\n\
             \x20 │                ──────── did you mean `anon-hog`?\n\
             \x20 ╰─ `oomlab workload list` names all of them\n"
        );
    }

    #[test]
    fn long_line_is_cut_around_the_place() {
        let shown = finding(&format!("{}anon-hgo{}", "x".repeat(5000), "y".repeat(5000)), 5001, 8).render(false);
        assert!(shown.contains("xanon-hgoy") && shown.lines().all(|line| line.chars().count() < 120), "{shown}");
        let marks = shown.lines().nth(3).unwrap().chars().position(|c| c == '─');
        assert_eq!(shown.lines().nth(2).unwrap().find("anon").map(|at| at - 4 - 4), marks.map(|at| at - 4));
    }

    #[test]
    fn control_characters_and_wrong_places_are_harmless() {
        let shown = finding("\u{1b}[31m\tx", 99, 99).render(false);
        assert!(!shown.contains('\u{1b}') && !shown.contains('\t'));
        assert!(finding("", 1, 1).render(true).contains("\u{1b}[1;31m"));
    }
}
