//! The table as an SVG: for each kind of world, the share of right answers of each policy over its time.

use crate::table::{Measured, Policy, Row};
use std::fmt::Write;

/// The plotting area of a panel and the space around it, in pixels.
const PANEL: (f64, f64) = (136.0, 96.0);
const GAP: (f64, f64) = (16.0, 22.0);
const LEFT: f64 = 152.0;
const TOP: f64 = 84.0;

/// The ends of the logarithmic time axis, in trials, and its ticks.
const TIMES: (f64, f64) = (250.0, 20_000.0);
const TICKS: [(f64, &str); 3] = [(300.0, "300"), (2000.0, "2000"), (10_000.0, "10000")];

/// Small multiples: a row for each size and shape of history, a column for each *p* and *q*. Each panel has the share of
/// right answers, with its 95 % interval, over the time to the answer; the upper left corner is best.
pub fn picture(measured: &[Measured]) -> String {
    let mut columns: Vec<(f64, f64)> = Vec::new();
    let mut lines: Vec<Row> = Vec::new();
    for one in measured {
        if !columns.contains(&(one.row.p, one.row.q)) {
            columns.push((one.row.p, one.row.q));
        }
        if !lines.iter().any(|line| is_same_line(line, &one.row)) {
            lines.push(one.row);
        }
    }
    let at =
        |column: usize, line: usize| (LEFT + column as f64 * (PANEL.0 + GAP.0), TOP + line as f64 * (PANEL.1 + GAP.1));
    let (width, height) = at(columns.len(), lines.len());
    let mut svg = Svg::new(width, height + 30.0);
    svg.legend();
    for (column, (p, q)) in columns.iter().enumerate() {
        let (x, y) = at(column, 0);
        svg.text(x + PANEL.0 / 2.0, y - 8.0, "middle", &format!("p {p}, q {q}"));
    }
    for (line, row) in lines.iter().enumerate() {
        let (x, y) = at(0, line);
        svg.text(8.0, y + PANEL.1 / 2.0 - 4.0, "start", &format!("{} commits,", row.commits));
        svg.text(8.0, y + PANEL.1 / 2.0 + 12.0, "start", row.shape.name());
        for share in [0.0, 0.5, 1.0] {
            svg.text(x - 6.0, y + PANEL.1 * (1.0 - share) + 4.0, "end", &format!("{} %", 100.0 * share));
        }
        for (column, (p, q)) in columns.iter().enumerate() {
            svg.panel(at(column, line));
            let is_here = |one: &&Measured| is_same_line(row, &one.row) && (one.row.p, one.row.q) == (*p, *q);
            // oomlab last: its mark is on top.
            measured.iter().filter(is_here).rev().for_each(|one| svg.point(at(column, line), one));
        }
    }
    for column in 0..columns.len() {
        let (x, y) = at(column, lines.len() - 1);
        TICKS.iter().for_each(|(time, label)| svg.text(x + time_x(*time), y + PANEL.1 + 16.0, "middle", label));
    }
    svg.end()
}

fn is_same_line(one: &Row, other: &Row) -> bool {
    (one.commits, one.shape) == (other.commits, other.shape)
}

/// The x coordinate of a time in a panel.
fn time_x(time: f64) -> f64 {
    PANEL.0 * ((time / TIMES.0).ln() / (TIMES.1 / TIMES.0).ln()).clamp(0.0, 1.0)
}

/// A colour of the palette by Okabe and Ito, which colour-blind people can distinguish, and a shape.
fn style(policy: Policy) -> (&'static str, &'static str) {
    match policy {
        Policy::Oomlab => ("#d55e00", "M-5,0a5,5 0 1,0 10,0a5,5 0 1,0 -10,0z"),
        Policy::Git(1) => ("#0072b2", "M-4,-4h8v8h-8z"),
        Policy::Git(3) => ("#009e73", "M0,-5L5,4H-5z"),
        Policy::Git(_) => ("#56b4e9", "M0,-5L5,0L0,5L-5,0z"),
        Policy::Bayesect => ("#000000", "M-4,-4L4,4M4,-4L-4,4"),
    }
}

/// An SVG under construction.
struct Svg(String);

impl Svg {
    fn new(width: f64, height: f64) -> Self {
        let mut svg = Self(String::new());
        svg.put(format_args!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height:.0}\" \
             font-family=\"sans-serif\" font-size=\"12\">"
        ));
        svg.put(format_args!("<rect width=\"100%\" height=\"100%\" fill=\"white\"/>"));
        svg
    }

    fn legend(&mut self) {
        self.text(8.0, 20.0, "start", "Share of right answers over the time to the answer, in trials (logarithmic)");
        let mut x = 14.0;
        for policy in Policy::ALL {
            self.mark(x, 42.0, policy);
            let name = policy.name();
            self.text(x + 10.0, 46.0, "start", &name);
            x += 40.0 + 6.6 * name.len() as f64;
        }
    }

    fn panel(&mut self, (x, y): (f64, f64)) {
        let (width, height) = PANEL;
        self.put(format_args!(
            "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width}\" height=\"{height}\" fill=\"none\" stroke=\"#999\"/>"
        ));
        // The target of 95 %.
        let goal = y + height * 0.05;
        self.put(format_args!("<path d=\"M{x:.1},{goal:.1}h{width}\" stroke=\"#ccc\" stroke-dasharray=\"3,3\"/>"));
        for (time, _) in TICKS {
            self.put(format_args!("<path d=\"M{:.1},{:.1}v4\" stroke=\"#999\"/>", x + time_x(time), y + height));
        }
    }

    fn point(&mut self, (x, y): (f64, f64), one: &Measured) {
        let x = x + time_x(one.time);
        let down = |share: f64| y + PANEL.1 * (1.0 - share);
        let (low, high) = one.interval();
        let colour = style(one.policy).0;
        self.put(format_args!("<path d=\"M{x:.1},{:.1}V{:.1}\" stroke=\"{colour}\"/>", down(low), down(high)));
        self.mark(x, down(one.share()), one.policy);
    }

    fn mark(&mut self, x: f64, y: f64, policy: Policy) {
        let (colour, shape) = style(policy);
        let paint = if policy == Policy::Bayesect {
            format!("fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"")
        } else {
            format!("fill=\"{colour}\" stroke=\"white\" stroke-width=\"0.7\"")
        };
        self.put(format_args!("<path transform=\"translate({x:.1},{y:.1})\" d=\"{shape}\" {paint}/>"));
    }

    fn text(&mut self, x: f64, y: f64, anchor: &str, text: &str) {
        self.put(format_args!("<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{text}</text>"));
    }

    fn put(&mut self, line: std::fmt::Arguments<'_>) {
        // Writing to a string cannot fail.
        let _ = writeln!(self.0, "{line}");
    }

    fn end(mut self) -> String {
        self.0.push_str("</svg>\n");
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::ROWS;

    #[test]
    fn picture_has_a_mark_for_each_policy_in_each_panel() {
        let one = |(row, policy)| Measured {
            row,
            policy,
            worlds: 200,
            right: 100,
            answered: 200,
            trials: 1.0,
            builds: 1.0,
            time: 500.0,
        };
        let all = ROWS.into_iter().flat_map(|row| Policy::ALL.map(|policy| (row, policy)));
        let svg = picture(&all.map(one).collect::<Vec<_>>());
        assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>\n"));
        assert_eq!(svg.matches("<rect ").count(), 1 + 36);
        assert_eq!(svg.matches("translate").count(), 5 + 36 * 5);
    }
}
