//! Stages, probes, and the moments that matter.

use super::scale::Scale;
use super::shape::{LEFT, PLOT, Panel, Shape};
use crate::report::html::trial::{Observed, TrialPage};
use model::{Probe, Stage, Stamp};
use std::collections::BTreeSet;

/// Space above the panels for the labels of moments.
pub(super) const LABELS: f64 = 18.0;

const STAGES: f64 = 20.0;
const PROBES: f64 = 18.0;
/// Width of a letter.
const LETTER: f64 = 9.0;

pub(super) fn stages(scale: &Scale, stages: &[(Stamp, Stage)]) -> Option<Panel> {
    let mut shapes = Vec::new();
    for (index, (at, stage)) in stages.iter().enumerate() {
        let x = scale.x(*at);
        let end = stages.get(index + 1).map_or(LEFT + PLOT, |(next, _)| scale.x(*next));
        let class = match stage {
            Stage::Booting | Stage::Finishing => "stage-dim",
            Stage::Ready | Stage::Loading => "stage",
            Stage::Judged => "stage-judged",
        };
        let tip = format!("{} from {:.2} s on", stage.as_str(), at.as_secs_f64());
        shapes.push(Shape::rect(class, (x, 0.0), ((end - x - 1.0).max(1.0), STAGES)).with_tip(tip));
        let word = stage.as_str();
        if end - x > 8.0 * word.len() as f64 {
            shapes.push(Shape::text("stage-name", ((x + end) / 2.0, 14.0), word));
        }
    }
    let begun =
        stages.iter().skip(1).filter(|(_, stage)| matches!(stage, Stage::Ready | Stage::Loading | Stage::Finishing));
    let begun = begun.map(|(at, stage)| format!("{} {:.1} s", stage.as_str(), at.as_secs_f64()));
    let note = begun.collect::<Vec<_>>().join(", ");
    (!stages.is_empty()).then_some(Panel { name: "stage", height: STAGES, note, shapes })
}

/// When the lab looked into the guest: `P` for where the vCPUs run, `M` for memory, `C` for the kernel's counters, `T` for the tasks, a
/// sysrq letter for itself.
pub(super) fn probes(scale: &Scale, observed: &Observed) -> Option<Panel> {
    let mut shapes = Vec::new();
    let mut free_from = f64::NEG_INFINITY;
    let mut words = BTreeSet::new();
    let failed = |at: Stamp, probe: Probe| {
        let after = observed.failed_probes.iter().find(|(when, which, _)| *which == probe && *when >= at);
        after.map(|(.., why)| crate::report::html::text::phrase(why))
    };
    for (at, probe) in observed.probes.iter().take(200) {
        let (letter, word) = match probe {
            Probe::Profile => ('P', "P profile"),
            Probe::Memory => ('M', "M memory"),
            Probe::Counters => ('C', "C counters"),
            Probe::Tasks => ('T', "T tasks"),
            Probe::Sysrq(letter) if letter.is_ascii_alphanumeric() => (*letter, "sysrq"),
            Probe::Sysrq(_) => ('?', "sysrq"),
        };
        words.insert(word);
        // What was done at once stands side by side.
        let x = scale.x(*at).max(free_from).min(LEFT + PLOT - LETTER);
        free_from = x + LETTER;
        let sort = if word == "sysrq" { format!("sysrq-{letter}") } else { word[2..].to_owned() };
        let failure = failed(*at, *probe).map(|why| format!(", failed: {why}")).unwrap_or_default();
        let class = if failure.is_empty() { "probe" } else { "probe-failed" };
        let tip = format!("{sort} at {:.2} s{failure}", at.as_secs_f64());
        shapes.push(Shape::text(class, (x, 13.0), letter.to_string()).with_tip(tip));
    }
    let mut note = words.into_iter().collect::<Vec<_>>().join(", ");
    // Two rows of the right column.
    if let Some(at) = note.get(24..).and_then(|rest| rest.find(", ")).map(|at| at + 24) {
        note.replace_range(at..at + 2, "; ");
    }
    let failures = observed.failed_probes.len();
    if failures > 0 {
        note += &format!("; {failures} failed");
    }
    (!shapes.is_empty()).then_some(Panel { name: "probes", height: PROBES.max(28.0), note, shapes })
}

/// The onset and the verdict, over all panels down to `bottom`.
pub(super) fn moments(scale: &Scale, input: &TrialPage<'_>, bottom: f64) -> Vec<Shape> {
    let onset = input.trial.verdict.onset.map(|onset| onset.host);
    let judged = input.stages.iter().find(|(_, stage)| *stage == Stage::Judged).map(|(at, _)| *at);
    let mut shapes = Vec::new();
    let mut taken: Option<(f64, f64)> = None;
    for (class, word, at) in [("onset", "onset", onset), ("judged", "verdict", judged)] {
        let Some(at) = at else { continue };
        let x = scale.x(at);
        let label = format!("{word} {:.1} s", at.as_secs_f64());
        shapes.push(Shape::line(class, (x, LABELS - 4.0), (x, bottom)).with_tip(label.clone()));
        let width = 6.5 * label.len() as f64;
        let mut left = (x - width / 2.0).clamp(LEFT, LEFT + PLOT - width);
        // The verdict comes after the onset.
        if let Some((_, end)) = taken.filter(|(_, end)| left < *end) {
            left = end + 8.0;
        }
        taken = Some((left, left + width));
        shapes.push(Shape::text(class, (left, LABELS - 7.0), label));
    }
    shapes
}
