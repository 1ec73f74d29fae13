//! Signs of life: the canary's latency, heartbeats, lines of the console.

use super::scale::{Scale, bars, log_share, steps};
use super::shape::{LEFT, PLOT, Panel, Shape};
use crate::report::html::trial::Observed;
use crate::report::layout::{counted, duration};
use crate::report::timeline::{SILENCE, WAITING_US, microseconds};
use model::Stamp;
use std::fmt::Write as _;

const CANARY: f64 = 60.0;
const BEATS: f64 = 16.0;
const CONSOLE: f64 = 26.0;

/// The axis of latencies, in microseconds.
const LOWEST_US: f64 = 10.0;

pub(super) fn canary(scale: &Scale, observed: &Observed, stuck_us: u64) -> Option<Panel> {
    let values = || observed.latencies.iter().map(|(_, us)| *us);
    let (low, high) = (values().min()?, values().max()?);
    let top = (high.max(stuck_us) as f64 * 1.5).max(1000.0);
    let height = |us: u64| CANARY * log_share(us as f64, LOWEST_US, top);
    let columns = scale.held(observed.latencies.iter().copied(), u64::max);
    // Columns by how grave they are: the colour is only one of two signs, the height is the other.
    let only = |is: &dyn Fn(u64) -> bool| columns.iter().map(|value| value.filter(|us| is(*us))).collect::<Vec<_>>();
    let kinds: [(&'static str, Vec<Option<u64>>); 3] = [
        ("alive", only(&|us| us < WAITING_US)),
        ("waiting", only(&|us| us >= WAITING_US && us < stuck_us)),
        ("stuck", only(&|us| us >= WAITING_US && us >= stuck_us)),
    ];
    let mut shapes: Vec<Shape> =
        kinds.iter().map(|(class, columns)| Shape::path(class, bars(columns, CANARY, height))).collect();
    shapes.push(Shape::path("outline", steps(&columns, |us| CANARY - height(us))));
    let y = CANARY - height(stuck_us);
    let tip = format!("stuck from {} of granted time on", duration(stuck_us as f64 / 1e6));
    shapes.push(Shape::line("watermark", (LEFT, y), (LEFT + PLOT, y)).with_tip(tip));
    shapes.push(Shape::text("mark", (LEFT + 4.0, y - 2.0), "stuck"));
    let (low, high) = (microseconds(low, "µs"), microseconds(high, "µs"));
    Some(Panel { name: "canary", height: CANARY, note: format!("latency {low} to {high}; log scale"), shapes })
}

pub(super) fn beats(scale: &Scale, observed: &Observed) -> Option<Panel> {
    let first = *observed.beats.first()?;
    let mut longest = std::time::Duration::ZERO;
    let (mut line, mut gaps) = (String::new(), Vec::new());
    let mut before = first;
    let mut at_column = f64::NEG_INFINITY;
    for at in &observed.beats {
        let x = scale.x(*at);
        if x - at_column >= 1.0 {
            let _ = write!(line, "M{} 3v10", super::shape::Px(x));
            at_column = x;
        }
        let gap = at.since(before);
        longest = longest.max(gap);
        if gap > SILENCE {
            gaps.push((before, *at));
        }
        before = *at;
    }
    if observed.end.since(before) > SILENCE {
        gaps.push((before, observed.end));
    }
    gaps.sort_by_key(|(from, to)| std::cmp::Reverse(to.since(*from)));
    let gap = |(from, to): &(Stamp, Stamp)| {
        let (x, end) = (scale.x(*from), scale.x(*to));
        let tip = format!("no heartbeat from {:.1} s to {:.1} s", from.as_secs_f64(), to.as_secs_f64());
        Shape::rect("gap", (x, 3.0), (end - x, 10.0)).with_tip(tip)
    };
    let mut shapes: Vec<Shape> = gaps.iter().take(100).map(gap).collect();
    shapes.push(Shape::path("beat", line));
    let beats = counted(observed.beats.len() as u64, "heartbeat");
    let note = format!("{beats}, gaps to {}", duration(longest.as_secs_f64()));
    Some(Panel { name: "heartbeat", height: BEATS, note, shapes })
}

pub(super) fn console(scale: &Scale, observed: &Observed) -> Option<Panel> {
    let columns = scale.sums(observed.lines.iter().copied());
    let most = columns.iter().copied().max().filter(|most| *most > 0)?;
    let sum = columns.iter().copied().fold(0, u64::saturating_add);
    let columns: Vec<Option<u64>> = columns.into_iter().map(|lines| Some(lines).filter(|lines| *lines > 0)).collect();
    // A boot prints hundreds of lines, and the one that matters comes alone.
    let height = |lines: u64| CONSOLE * (1.0 + lines as f64).ln() / (1.0 + most as f64).ln();
    let shapes = vec![Shape::path("console", bars(&columns, CONSOLE, height))];
    Some(Panel { name: "console", height: CONSOLE, note: counted(sum, "line"), shapes })
}
