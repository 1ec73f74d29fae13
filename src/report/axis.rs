//! A time axis of host seconds, and rows of characters along it.

use super::layout::{Colour, Style, padded};
use ::console::measure_text_width;
use model::Stamp;

/// Columns in front of a row for its name.
const LABEL: usize = 10;
/// Columns behind a row for what its figures are.
const NOTE: usize = 24;
/// Columns that a tick of the axis takes at least, its figure included.
const TICK: usize = 8;

/// Which column of a chart shows which time.
#[derive(Debug, Clone, Copy)]
pub(super) struct Axis {
    end_s: f64,
    /// Columns of the chart itself.
    pub columns: usize,
}

impl Axis {
    /// From the spawn to `end` on a terminal of 60 to 120 columns; others get the nearest of these.
    pub fn new(end: Stamp, style: Style) -> Self {
        let columns = style.width.clamp(60, 120) - LABEL - NOTE;
        Self { end_s: end.as_secs_f64().max(0.1), columns }
    }

    /// The column that shows this moment; the last one for moments behind the end.
    pub fn column(self, at: Stamp) -> usize {
        self.column_of(at.as_secs_f64())
    }

    fn column_of(self, seconds: f64) -> usize {
        ((seconds / self.end_s * self.columns as f64) as usize).min(self.columns - 1)
    }

    /// An empty row.
    pub fn row(self, label: &'static str) -> Row {
        Row { label, cells: vec![(' ', None); self.columns], note: String::new() }
    }

    /// The axis itself: a line with ticks, and their figures below it.
    pub fn ruler(self, style: Style) -> String {
        let (line, tick, corner, last) = if style.ascii { ('-', '+', '+', '+') } else { ('─', '┴', '└', '┘') };
        let mut marks = vec![line; self.columns];
        let mut figures = vec![' '; self.columns];
        let end = format!("{:.1} s", self.end_s);
        let room = self.columns.saturating_sub(end.len());
        place(&mut figures, room, &end);
        let step = self.step();
        for number in 0..self.columns {
            let seconds = number as f64 * step;
            let at = self.column_of(seconds);
            if at == self.columns - 1 {
                break;
            }
            marks[at] = tick;
            let figure = if step < 1.0 { format!("{seconds:.1}") } else { format!("{seconds:.0}") };
            if at + figure.len() < room {
                place(&mut figures, at, &figure);
            }
        }
        marks[0] = corner;
        marks[self.columns - 1] = last;
        let rows = [marks, figures].map(|cells| Row {
            label: "",
            cells: cells.into_iter().map(|cell| (cell, Some(Colour::Faint))).collect(),
            note: String::new(),
        });
        rows.iter().map(|row| row.render(style)).collect()
    }

    /// Seconds between ticks: 1, 2 or 5 and zeros, so that the figures have room.
    fn step(self) -> f64 {
        let least = self.end_s / self.columns as f64 * TICK as f64;
        let mut decade = 0.1;
        loop {
            for factor in [1.0, 2.0, 5.0] {
                if decade * factor >= least {
                    return decade * factor;
                }
            }
            decade *= 10.0;
        }
    }
}

/// One row of a chart.
#[derive(Debug, Clone)]
pub(super) struct Row {
    label: &'static str,
    cells: Vec<(char, Option<Colour>)>,
    /// What its figures are.
    pub note: String,
}

impl Row {
    /// Draws one character.
    pub fn set(&mut self, column: usize, mark: char, colour: Option<Colour>) {
        if let Some(cell) = self.cells.get_mut(column) {
            *cell = (mark, colour);
        }
    }

    /// Writes a word, as far as there is room.
    pub fn write(&mut self, column: usize, word: &str, colour: Option<Colour>) {
        for (offset, mark) in word.chars().enumerate() {
            self.set(column + offset, mark, colour);
        }
    }

    /// Whether nothing is drawn there, and there is such a column.
    pub fn is_free(&self, column: usize) -> bool {
        self.cells.get(column).is_some_and(|(mark, _)| *mark == ' ')
    }

    /// The row as a line.
    pub fn render(&self, style: Style) -> String {
        let mut line = format!("  {}", padded(self.label, LABEL - 2));
        // Neighbours of one colour are painted together.
        for run in self.cells.chunk_by(|one, next| one.1 == next.1) {
            let text: String = run.iter().map(|(mark, _)| *mark).collect();
            match run[0].1 {
                Some(colour) if !text.trim().is_empty() => line.push_str(&style.paint(colour, &text)),
                _ => line.push_str(&text),
            }
        }
        if !self.note.is_empty() {
            line.push_str("  ");
            line.push_str(&style.fit(&self.note, NOTE - 2));
        }
        format!("{}\n", line.trim_end())
    }
}

/// The sign for a value from 0 to 1: eight heights, or eight densities in ASCII.
pub(super) fn height(share: f64, style: Style) -> char {
    const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    const ASCII: [char; 8] = ['.', ':', '-', '=', '+', '*', '%', '#'];
    let level = ((share * 8.0) as usize).min(7);
    if style.ascii { ASCII[level] } else { BARS[level] }
}

fn place(cells: &mut [char], at: usize, text: &str) {
    debug_assert_eq!(measure_text_width(text), text.len(), "figures are ASCII");
    for (cell, mark) in cells.iter_mut().skip(at).zip(text.chars()) {
        *cell = mark;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ruler(end_s: f64, width: usize) -> String {
        let style = Style { ascii: true, width, ..Style::default() };
        Axis::new(Stamp::from_secs_f64(end_s), style).ruler(style)
    }

    #[test]
    fn ruler_figures_never_touch() {
        let shown = ruler(17.53, 80);
        let lines: Vec<&str> = shown.lines().map(|line| line.trim_start()).collect();
        assert_eq!(lines[0], "+------------+------------+------------+-----+");
        assert_eq!(lines[1], "0            5            10            17.5 s");
        for end_s in [0.0, 0.03, 0.7, 1.0, 9.99, 60.0, 3600.0, 1e6, 1.8e13] {
            for width in [0, 60, 81, 120, 500] {
                let shown = ruler(end_s, width);
                let most = width.clamp(60, 120);
                assert!(shown.lines().all(|line| line.len() <= most), "{end_s} {width}\n{shown}");
                assert!(shown.lines().nth(1).is_some_and(|line| line.ends_with(" s")), "{shown}");
            }
        }
    }

    #[test]
    fn axis_column_is_bounded() {
        let axis = Axis::new(Stamp::from_secs_f64(10.0), Style::default());
        assert_eq!((axis.column(Stamp::ZERO), axis.column(Stamp::from_secs_f64(10.0))), (0, axis.columns - 1));
        assert_eq!(axis.column(Stamp::from_micros(u64::MAX)), axis.columns - 1);
    }

    #[test]
    fn height_signs_are_bounded() {
        let signs: Vec<char> = [f64::NAN, -1.0, 0.0, 0.5, 1.0, 9.0].map(|share| height(share, Style::default())).into();
        assert_eq!(signs, ['▁', '▁', '▁', '▅', '█', '█']);
    }
}
