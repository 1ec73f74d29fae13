//! Fitting text into a terminal.

use ::console::measure_text_width;
use model::printable;

/// How a report for a terminal looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Style {
    /// Whether to colour with ANSI sequences; a report has the same text without them.
    pub colour: bool,
    /// Whether to use ASCII alone for what the report itself draws.
    pub ascii: bool,
    /// Columns of the terminal; taken for at least 40.
    pub width: usize,
}

impl Default for Style {
    fn default() -> Self {
        Self { colour: false, ascii: false, width: 80 }
    }
}

/// A colour by its use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Colour {
    Good,
    Known,
    Bad,
    Faint,
    Strong,
}

impl Style {
    /// Columns that may be used.
    pub(super) fn columns(self) -> usize {
        self.width.max(40)
    }

    /// The text in a colour, if there are colours.
    pub(super) fn paint(self, colour: Colour, text: &str) -> String {
        let code = match colour {
            Colour::Good => "32",
            Colour::Known => "33",
            Colour::Bad => "1;31",
            Colour::Faint => "2",
            Colour::Strong => "1",
        };
        if self.colour { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }

    /// What stands between facts of one line.
    pub(super) fn separator(self) -> &'static str {
        if self.ascii { " | " } else { " · " }
    }

    /// What stands between the ends of an interval.
    pub(super) fn dash(self) -> &'static str {
        if self.ascii { "-" } else { "–" }
    }

    /// What stands between an old value and a new one.
    pub(super) fn arrow(self) -> &'static str {
        if self.ascii { "->" } else { "→" }
    }

    /// What stands for a cut-off rest.
    pub(super) fn ellipsis(self) -> &'static str {
        if self.ascii { "..." } else { "…" }
    }

    /// One line of foreign text, made harmless and cut to `columns`. Looks at no more of it than it shows.
    pub(super) fn fit(self, text: &str, columns: usize) -> String {
        // A character may be of no width, so more of them than columns may fit; past this many the rest is cut.
        let most = columns.saturating_mul(4);
        let mut shown = printable(&text.chars().take(most + 1).collect::<String>());
        if measure_text_width(&shown) <= columns && shown.chars().count() <= most {
            return shown;
        }
        let room = columns.saturating_sub(self.ellipsis().chars().count());
        while measure_text_width(&shown) > room || shown.chars().count() > most {
            shown.pop();
        }
        shown + self.ellipsis()
    }

    /// As many facts as fit into `columns`, each whole; a first one that is too long is cut.
    pub fn fit_facts(self, facts: &[String], columns: usize) -> String {
        let Some((first, rest)) = facts.split_first() else { return String::new() };
        let mut line = self.fit(first, columns);
        let cut = format!("{}{}", self.separator(), self.ellipsis());
        for (index, fact) in rest.iter().enumerate() {
            let longer = format!("{line}{}{}", self.separator(), printable(fact));
            let is_last = index + 1 == rest.len();
            let reserved = if is_last { 0 } else { measure_text_width(&cut) };
            if measure_text_width(&longer) + reserved > columns {
                return if measure_text_width(&line) + measure_text_width(&cut) <= columns {
                    line + &cut
                } else {
                    line
                };
            }
            line = longer;
        }
        line
    }

    /// Facts that are harmless, broken between them, each line behind `indent` spaces.
    pub(super) fn wrap_facts(self, facts: &[String], indent: usize) -> String {
        let mut lines: Vec<String> = Vec::new();
        for fact in facts {
            match lines.last_mut() {
                Some(line)
                    if indent + measure_text_width(&format!("{line}{}{fact}", self.separator())) <= self.columns() =>
                {
                    line.push_str(self.separator());
                    line.push_str(fact);
                }
                _ => lines.push(fact.clone()),
            }
        }
        lines.iter().map(|line| format!("{}{line}\n", " ".repeat(indent))).collect()
    }

    /// Foreign text made harmless and broken between words, each line behind `indent` spaces, and below the text of a list's
    /// entry. Its own lines stay lines, but for empty ones, and one with space before it stays as it is: it may be a compiler's,
    /// with a caret. Longer words than a line stay whole: they may be paths.
    pub(super) fn wrap(self, text: &str, indent: usize) -> String {
        let bounded: String = text.chars().take(Self::MAX_TEXT).collect();
        // The lab's own phrases have no other sign that is not ASCII.
        let bounded = if self.ascii { bounded.replace('≤', "<=") } else { bounded };
        let entry = if text.starts_with("- ") { 2 } else { 0 };
        let mut lines: Vec<String> = Vec::new();
        for line in bounded.lines().map(printable) {
            let own = lines.len();
            if own > 0 && line.starts_with(' ') && !line.trim().is_empty() {
                lines.push(self.fit(&line, self.columns().saturating_sub(indent + entry)));
                continue;
            }
            for word in line.split_whitespace() {
                let indent = indent + if lines.len() > 1 { entry } else { 0 };
                let room = self.columns().saturating_sub(indent);
                match lines[own..].last_mut() {
                    Some(line) if measure_text_width(line) + 1 + measure_text_width(word) <= room => {
                        line.push(' ');
                        line.push_str(word);
                    }
                    _ => lines.push(word.to_owned()),
                }
            }
        }
        let indented = |(index, line): (usize, &String)| {
            format!("{}{line}\n", " ".repeat(indent + if index > 0 { entry } else { 0 }))
        };
        lines.iter().enumerate().map(indented).collect()
    }

    /// Lines broken between words. What follows a gap of two columns, as in a list, stays right of it. Longer words than a
    /// line stay whole: they may be paths.
    pub fn hang(self, text: &str) -> String {
        text.split_inclusive('\n').map(|line| self.hang_line(line)).collect()
    }

    /// One line as [`Style::hang`] breaks it, and a fact that stays whole behind it.
    pub(super) fn hang_with(self, line: &str, fact: Option<&str>) -> String {
        let mut out = self.hang(line);
        if let Some(fact) = fact {
            let last = out.lines().last().map_or(0, measure_text_width);
            let fits = last + 3 + measure_text_width(fact) <= self.columns();
            out.push_str(if fits { "   " } else { "\n            " });
            out.push_str(fact);
        }
        out + "\n"
    }

    fn hang_line(self, line: &str) -> String {
        let columns = self.columns();
        if measure_text_width(line.trim_end()) <= columns {
            return line.to_owned();
        }
        let own = line.len() - line.trim_start().len();
        let gap = line[own..].find("  ").map(|at| {
            let rest = &line[own + at..];
            measure_text_width(&line[..own + at]) + rest.len() - rest.trim_start().len()
        });
        let indent = gap.filter(|&gap| gap <= columns / 2).unwrap_or(own + 2);
        let mut out = String::new();
        let mut width = 0;
        for word in line.trim_end().split_inclusive(' ') {
            if width + measure_text_width(word.trim_end()) > columns && width > indent {
                out.truncate(out.trim_end().len());
                out.push('\n');
                out.push_str(&" ".repeat(indent));
                width = indent;
            }
            out.push_str(word);
            width += measure_text_width(word);
        }
        out + if line.ends_with('\n') { "\n" } else { "" }
    }

    /// As [`Style::wrap`], for text of one paragraph: its line feeds start no line.
    pub(super) fn wrap_paragraph(self, text: &str, indent: usize) -> String {
        self.wrap(&text.replace('\n', " "), indent)
    }

    /// Maximum characters of a text that is broken into lines.
    const MAX_TEXT: usize = 2000;
}

/// The text with spaces behind it up to a width.
pub(super) fn padded(text: &str, width: usize) -> String {
    format!("{text}{}", " ".repeat(width.saturating_sub(measure_text_width(text))))
}

/// A duration for a person: `0.6 s`, `92 s`, `14 min`, `2 h 5 min`.
pub(super) fn duration(seconds: f64) -> String {
    let whole = seconds.max(0.0).round() as u64;
    match whole {
        0..10 => format!("{:.1} s", seconds.max(0.0)),
        10..600 => format!("{whole} s"),
        600..7200 => format!("{} min", (whole + 30) / 60),
        _ => format!("{} h {} min", whole / 3600, whole % 3600 / 60),
    }
}

/// A number with its noun: `1 kill`, `3 kills`.
pub(super) fn counted(number: u64, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lines_hang_below_their_column() {
        let style = Style { width: 40, ..Style::default() };
        let list = "idle      short\nfork-hog  page-cache writes need several hogs killed\n";
        let wrapped = "idle      short\nfork-hog  page-cache writes need several\n          hogs killed\n";
        assert_eq!(style.hang(list), wrapped);
        let prose = "error: this host lacks what the cells need; see below";
        assert_eq!(style.hang(prose), "error: this host lacks what the cells\n  need; see below");
        let path = format!("  /{}", "x".repeat(60));
        assert_eq!(style.hang(&path), path);
        assert_eq!(
            style.hang("\x1b[1merror\x1b[0m: 3456789 123456789 123456\n"),
            "\x1b[1merror\x1b[0m: 3456789 123456789 123456\n"
        );
    }

    #[test]
    fn duration_units() {
        for (seconds, shown) in
            [(0.04, "0.0 s"), (9.4, "9.4 s"), (9.7, "10 s"), (92.3, "92 s"), (840.0, "14 min"), (7500.0, "2 h 5 min")]
        {
            assert_eq!(duration(seconds), shown);
        }
    }

    #[test]
    fn fit_cuts_long_and_wide_lines() {
        let style = Style::default();
        assert_eq!(style.fit("abc", 3), "abc");
        assert_eq!(style.fit("abcd", 3), "ab…");
        assert_eq!(measure_text_width(&style.fit(&"漢".repeat(1_000_000), 80)), 79);
        assert!(style.fit(&"\u{301}".repeat(1_000_000), 80).chars().count() < 400);
        assert_eq!(Style { ascii: true, ..style }.fit("abcdef", 5), "ab...");
    }

    #[test]
    fn facts_stay_whole() {
        let facts = ["expected hang oom-livelock", "1 kill", "also: page allocation stall"].map(str::to_owned);
        let style = Style::default();
        assert_eq!(style.fit_facts(&facts, 80), facts.join(" · "));
        assert_eq!(style.fit_facts(&facts, 50), "expected hang oom-livelock · 1 kill · …");
        assert_eq!(style.fit_facts(&facts, 33), "expected hang oom-livelock · …");
        assert_eq!(style.fit_facts(&facts, 27), "expected hang oom-livelock");
        assert_eq!(style.fit_facts(&facts, 10), "expected …");
        assert_eq!(style.fit_facts(&[], 10), "");
    }

    #[test]
    fn wrap_keeps_words_whole() {
        let style = Style { width: 40, ..Style::default() };
        let wrapped = style.wrap(&format!("{} {}", "word ".repeat(20), "x".repeat(60)), 2);
        let lines: Vec<&str> = wrapped.lines().collect();
        assert!(lines[..lines.len() - 1].iter().all(|line| line.len() <= 40 && line.starts_with("  word")));
        assert_eq!(lines.last().unwrap().trim(), "x".repeat(60));
        assert_eq!(
            style.wrap("make failed\n\n  x.c:1: error\n\x1b[2J", 2),
            "  make failed\n    x.c:1: error\n  \u{fffd}[2J\n"
        );
    }

    #[test]
    fn carets_stay_below_the_text() {
        let style = Style { width: 40, ..Style::default() };
        let text = "a.c:5:9: error: x\n   25 |   return chidl.killed;\n      |          ^~~~~\n";
        assert_eq!(
            style.wrap(text, 2),
            "  a.c:5:9: error: x\n     25 |   return chidl.killed;\n        |          ^~~~~\n"
        );
        let long = style.wrap(&format!("a\n  {}", "x y ".repeat(50)), 2);
        assert!(long.lines().all(|line| line.chars().count() <= 40) && long.lines().count() == 2, "{long}");
    }
}
