//! The course of a trial as a drawing: panels above each other along one axis of host seconds.

mod cpu;
mod marks;
mod memory;
mod scale;
mod shape;
mod signs;

use super::TrialPage;
use model::Stamp;
use scale::Scale;
pub(super) use shape::Element;
use shape::{BOTTOM, Panel, Px, Shape, WIDTH};

/// The drawing.
pub(super) struct Chart {
    pub width: Px,
    pub height: Px,
    pub shapes: Vec<Shape>,
    /// What it shows, for readers who do not see it.
    pub label: String,
}

/// Space between panels.
const GAP: f64 = 8.0;

/// Draws the trial; `None` where nothing was recorded.
pub(super) fn chart(input: &TrialPage<'_>) -> Option<Chart> {
    let observed = input.observed;
    if observed.end == Stamp::ZERO {
        return None;
    }
    let scale = Scale::new(observed.end);
    let verdict = &input.trial.verdict;
    let stuck_us = (input.trial.cell.timeouts.stuck_s.max(0.0) * 1e6) as u64;
    let panels = [
        marks::stages(&scale, input.stages),
        memory::free(&scale, observed, input.kills),
        signs::canary(&scale, observed, stuck_us),
        signs::beats(&scale, observed),
        cpu::vcpus(&scale, observed),
        cpu::host(&scale, observed),
        signs::console(&scale, observed),
        marks::probes(&scale, observed),
    ];
    let mut shapes = Vec::new();
    let mut top = marks::LABELS;
    let mut notes = Vec::new();
    for panel in panels.into_iter().flatten() {
        let Panel { name, height, note, shapes: drawn } = panel;
        notes.push(format!("{name}: {note}"));
        shapes.extend(shape::frame(name, &note, height).into_iter().chain(drawn).map(|shape| shape.moved(top)));
        top += height + GAP;
    }
    shapes.extend(marks::moments(&scale, input, top));
    shapes.extend(scale.axis().into_iter().map(|shape| shape.moved(top)));
    let label =
        format!("{}/{} on a timeline of {:.1} s. {}", verdict.outcome(), verdict.kind, scale.end_s(), notes.join("; "));
    Some(Chart { width: Px(WIDTH), height: Px(top + BOTTOM), shapes, label })
}
