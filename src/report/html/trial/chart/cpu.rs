//! What the vCPUs ran and what the host took away.

use super::scale::{Scale, bars};
use super::shape::{LEFT, PLOT, Panel, Shape};
use crate::report::html::trial::Observed;
use crate::report::timeline::microseconds;
use model::{Stamp, ThreadTime};

const VCPUS: f64 = 40.0;
const HOST: f64 = 18.0;

/// The host's timer counts as late from here on.
const LATE_US: u64 = 20_000;

/// CPU time between two samples each, as a share of all vCPUs, from 0 to 1.
struct Span {
    from: Stamp,
    to: Stamp,
    ran: f64,
    waited: f64,
}

fn spans(observed: &Observed) -> Vec<Span> {
    let mut before = (Stamp::ZERO, ThreadTime::default());
    let mut spans = Vec::new();
    let most = observed.vcpus.iter().map(|(.., vcpus)| *vcpus).max().unwrap_or(1).max(1) as f64;
    for (at, total, _) in &observed.vcpus {
        let (since, old) = before;
        let span_us = at.since(since).as_micros() as f64 * most;
        if span_us > 0.0 {
            let share = |now: u64, old: u64| (now.saturating_sub(old) as f64 / span_us).min(1.0);
            let (ran, waited) = (share(total.ran_us, old.ran_us), share(total.waited_us, old.waited_us));
            spans.push(Span { from: since, to: *at, ran, waited });
        }
        before = (*at, *total);
    }
    spans
}

pub(super) fn vcpus(scale: &Scale, observed: &Observed) -> Option<Panel> {
    let spans = spans(observed);
    let last = spans.last()?;
    // Permille, by column; a span holds until its end.
    let columns = |of: fn(&Span) -> f64| {
        let edges = |span: &Span| {
            let permille = (1000.0 * of(span)) as u64;
            // Samples come about once a second, and a column is less than the silence that breaks a line.
            let steps = (span.to.since(span.from).as_secs_f64() / 2.0).ceil().clamp(1.0, 400.0) as u32;
            let step = span.to.since(span.from) / steps;
            (0..=steps).map(move |number| (span.from + step * number, permille)).collect::<Vec<_>>()
        };
        scale.held(spans.iter().flat_map(edges), |_, later| later)
    };
    let height = |permille: u64| VCPUS * permille as f64 / 1000.0;
    let ran = columns(|span| span.ran);
    let both = columns(|span| (span.ran + span.waited).min(1.0));
    let shapes = vec![
        Shape::path("steal", bars(&both, VCPUS, height)).with_tip("runnable, and the host gave no CPU"),
        Shape::path("ran", bars(&ran, VCPUS, height)).with_tip("ran on a CPU of the host"),
        Shape::line("half", (LEFT, VCPUS / 2.0), (LEFT + PLOT, VCPUS / 2.0)),
    ];
    let seconds = |span: &Span| span.to.since(span.from).as_secs_f64();
    let mean = |of: fn(&Span) -> f64| {
        100.0 * spans.iter().map(|span| of(span) * seconds(span)).sum::<f64>() / last.to.as_secs_f64().max(1e-6)
    };
    let note = format!("{:.0} % ran; {:.0} % steal", mean(|span| span.ran), mean(|span| span.waited));
    Some(Panel { name: "vCPU", height: VCPUS, note, shapes })
}

/// How late the lab's own timer was: a host that is late grants the guest less, too.
pub(super) fn host(scale: &Scale, observed: &Observed) -> Option<Panel> {
    let most = observed.late.iter().map(|(_, us)| *us).max()?;
    let columns = scale.held(observed.late.iter().copied(), u64::max);
    let late: Vec<Option<u64>> = columns.iter().map(|value| value.filter(|us| *us >= LATE_US)).collect();
    let top = (most.max(1_000_000) as f64).ln();
    let height = |us: u64| HOST * (us as f64).ln() / top;
    let shapes = vec![Shape::path("late", bars(&late, HOST, height)).with_tip("the lab's own timer was late")];
    let pressure = observed.pressure.map(|psi| format!("; PSI to {psi:.0} %")).unwrap_or_default();
    let note = format!("late up to {}{pressure}", microseconds(most, "µs"));
    Some(Panel { name: "host", height: HOST.max(28.0), note, shapes })
}
