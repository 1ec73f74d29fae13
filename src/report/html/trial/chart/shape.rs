//! Shapes of a drawing. The template writes them: text in them is escaped there.

use std::fmt;

/// Width of the drawing.
pub(super) const WIDTH: f64 = 1000.0;
/// Space at its left for names, and at its right for figures.
pub(super) const LEFT: f64 = 74.0;
pub(super) const RIGHT: f64 = 176.0;
/// Width of the panels.
pub(super) const PLOT: f64 = WIDTH - LEFT - RIGHT;
/// Space below the panels for the axis.
pub(super) const BOTTOM: f64 = 24.0;

/// A length, with one decimal.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in super::super) struct Px(pub f64);

impl fmt::Display for Px {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rounded = (self.0 * 10.0).round() / 10.0;
        write!(f, "{}", if rounded == 0.0 { 0.0 } else { rounded })
    }
}

/// A shape with the class of the style that gives its colour, and what a pointer on it shows.
#[derive(Debug, Clone)]
pub(in super::super) struct Shape {
    pub element: Element,
    pub class: &'static str,
    pub tip: String,
}

#[derive(Debug, Clone)]
pub(in super::super) enum Element {
    Rect {
        x: Px,
        y: Px,
        width: Px,
        height: Px,
    },
    /// A path, and how far down it is moved.
    Path {
        data: String,
        down: Px,
    },
    Text {
        x: Px,
        y: Px,
        text: String,
    },
}

impl Shape {
    pub fn rect(class: &'static str, (x, y): (f64, f64), (width, height): (f64, f64)) -> Self {
        let (x, y, width, height) = (Px(x), Px(y), Px(width.max(0.5)), Px(height.max(0.0)));
        Self { element: Element::Rect { x, y, width, height }, class, tip: String::new() }
    }

    pub fn path(class: &'static str, data: String) -> Self {
        Self { element: Element::Path { data, down: Px(0.0) }, class, tip: String::new() }
    }

    pub fn line(class: &'static str, from: (f64, f64), to: (f64, f64)) -> Self {
        Self::path(class, format!("M{} {}L{} {}", Px(from.0), Px(from.1), Px(to.0), Px(to.1)))
    }

    pub fn text(class: &'static str, (x, y): (f64, f64), text: impl Into<String>) -> Self {
        Self { element: Element::Text { x: Px(x), y: Px(y), text: text.into() }, class, tip: String::new() }
    }

    pub fn with_tip(self, tip: impl Into<String>) -> Self {
        Self { tip: tip.into(), ..self }
    }

    /// The shape further down.
    pub fn moved(mut self, down: f64) -> Self {
        match &mut self.element {
            Element::Rect { y, .. } | Element::Text { y, .. } => y.0 += down,
            Element::Path { down: before, .. } => before.0 += down,
        }
        self
    }
}

/// One panel: its shapes begin at 0 from its top.
pub(super) struct Panel {
    pub name: &'static str,
    pub height: f64,
    /// What its figures are.
    pub note: String,
    pub shapes: Vec<Shape>,
}

/// What every panel has: a background, its name and its figures.
pub(super) fn frame(name: &'static str, note: &str, height: f64) -> Vec<Shape> {
    let middle = (height / 2.0 + 4.0).min(15.0);
    let mut shapes =
        vec![Shape::rect("ground", (LEFT, 0.0), (PLOT, height)), Shape::text("name", (LEFT - 8.0, middle), name)];
    shapes.extend(
        note.split("; ")
            .enumerate()
            .map(|(row, part)| Shape::text("note", (WIDTH - RIGHT + 8.0, middle + 13.0 * row as f64), part)),
    );
    shapes
}
