//! Lines that a terminal has wrapped at its last column.

use super::Numbered;
use crate::console::{MAX_LINE, printk};

/// Widths of terminals.
const WIDTHS: [usize; 4] = [80, 100, 120, 132];
/// Columns that a terminal has, at least and at most.
const RANGE: std::ops::RangeInclusive<usize> = 40..=250;

/// Columns at which mailers wrap.
const MAILED: std::ops::RangeInclusive<usize> = 60..=100;

/// Joins the rows of a terminal of so many columns, or of a mailer that wraps between words.
#[derive(Debug, Clone)]
pub(super) struct Columns {
    width: usize,
    between_words: bool,
    /// A line that may continue, and the columns of its last row.
    held: Option<(Numbered, usize)>,
}

impl Columns {
    /// The terminal that wrapped these lines: the longest are all of one length, and what follows them begins no message. Where no line
    /// begins with a time, a width of terminals that many lines have.
    pub fn of(lines: &[&str]) -> Option<Self> {
        let width = lines.iter().map(|line| width(line)).max().filter(|width| RANGE.contains(width))?;
        // A mailer breaks lines as a terminal does, and marks them.
        let (mut full, mut wrapped, mut loose, mut begun, mut marked) = (0, 0, 0, 0, 0);
        for pair in lines.windows(2) {
            let is_full = self::width(pair[0]) == width;
            let begins = begins(pair[1]);
            full += usize::from(is_full);
            marked += usize::from(is_full && pair[0].ends_with('='));
            wrapped += usize::from(is_full && !begins);
            loose += usize::from(!is_full && !begins);
            begun += usize::from(begins);
        }
        if marked * 2 > full {
            return None;
        }
        let is_common = WIDTHS.contains(&width);
        let is_wrapped = if begun > loose * 2 {
            wrapped > 0 && wrapped * 2 >= full && (is_common || full > 1)
        } else {
            is_common && full >= 3 && full * 20 >= lines.len()
        };
        let rows = || lines.windows(2).filter(|pair| !begins(pair[1]));
        let fitting = rows().filter(|pair| !fits(self::width(pair[0]), pair[1], width)).count();
        // Rows that are full to the last column are explained by both.
        let is_mailed =
            MAILED.contains(&width) && fitting > wrapped.max(1) && begun > loose && fitting * 10 >= rows().count() * 9;
        (is_wrapped || is_mailed).then_some(Self { width, between_words: is_mailed, held: None })
    }

    /// Takes a row.
    pub fn push(&mut self, row: Numbered, out: &mut Vec<Numbered>) {
        let columns = width(&row.text);
        if let Some((held, last)) = &mut self.held {
            let is_full = if self.between_words { !fits(*last, &row.text, self.width) } else { *last == self.width };
            if is_full && !begins(&row.text) && held.text.len() + row.text.len() < MAX_LINE {
                held.text.push_str(if self.between_words { " " } else { "" });
                held.text.push_str(if self.between_words { row.text.trim_start() } else { &row.text });
                *last = columns;
                return;
            }
        }
        self.finish(out);
        self.held = Some((row, columns));
    }

    /// No further row follows.
    pub fn finish(&mut self, out: &mut Vec<Numbered>) {
        out.extend(self.held.take().map(|(line, _)| line));
    }
}

/// Whether the first word of a row would have had room in the row before.
fn fits(before: usize, row: &str, width: usize) -> bool {
    let word = row.split_whitespace().next().map_or(0, self::width);
    word == 0 || before + 1 + word <= width
}

/// The columns of a line.
fn width(line: &str) -> usize {
    line.chars().count()
}

/// Whether a line begins with what stands before a message.
fn begins(line: &str) -> bool {
    let line = line.trim_start();
    let found = printk::parse(line);
    found.text.len() < line.len() && !found.text.is_empty() || line.starts_with('[') && found.guest_s.is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(lines: &[String], width: usize) -> Vec<String> {
        let pieces = |line: &String| {
            let chars: Vec<char> = line.chars().collect();
            chars.chunks(width).map(|row| row.iter().collect()).collect::<Vec<String>>()
        };
        lines.iter().flat_map(pieces).collect()
    }

    fn joined(rows: &[String]) -> Option<Vec<String>> {
        let lines: Vec<&str> = rows.iter().map(String::as_str).collect();
        let (mut columns, mut out) = (Columns::of(&lines)?, Vec::new());
        for (number, row) in (1..).zip(rows) {
            columns.push(Numbered { number, text: row.clone() }, &mut out);
        }
        columns.finish(&mut out);
        Some(out.into_iter().map(|line| line.text).collect())
    }

    #[test]
    fn rows_are_joined() {
        let lines: Vec<String> = (1..30)
            .map(|n| format!("[    {n}.000000] {}é", "word ".repeat(n % 40)))
            .map(|line| line.trim_end().to_owned())
            .collect();
        for width in [72, 80, 132] {
            assert_eq!(joined(&rows(&lines, width)), Some(lines.clone()), "{width}");
        }
        let bare: Vec<String> = (1..60).map(|n| "word ".repeat(n % 40) + "end").collect();
        assert_eq!(joined(&rows(&bare, 80)), Some(bare));
    }

    #[test]
    fn rows_of_mailers_are_joined() {
        let lines: Vec<String> =
            (1..30).map(|n| format!("[    {n}.000000] {}end", "some words ".repeat(n % 20))).collect();
        let mut rows = Vec::new();
        for line in &lines {
            let mut row = String::new();
            for word in line.split(' ') {
                if !row.is_empty() && row.len() + 1 + word.len() > 76 {
                    rows.push(std::mem::take(&mut row));
                }
                row = if row.is_empty() { word.to_owned() } else { row + " " + word };
            }
            rows.push(row);
        }
        assert_eq!(joined(&rows), Some(lines));
    }

    #[test]
    fn logs_that_no_terminal_wrapped_stay() {
        let lines: Vec<String> = (1..60).map(|n| format!("[    {n}.000000] {}", "x".repeat(n % 50))).collect();
        assert_eq!(joined(&lines), None);
        let mut other = lines;
        other.insert(30, "a program's line".to_owned());
        assert_eq!(joined(&other), None);
        assert!(Columns::of(&[]).is_none());
    }

    #[test]
    fn endless_rows_are_bounded() {
        let (mut columns, mut out) = (Columns { width: 80, between_words: false, held: None }, Vec::new());
        (1..1000).for_each(|number| columns.push(Numbered { number, text: "x".repeat(80) }, &mut out));
        assert!(out.len() > 10 && out.iter().all(|line| line.text.len() <= MAX_LINE));
    }
}
