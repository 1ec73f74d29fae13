//! Free memory with the watermarks and the OOM kills.

use super::scale::{Scale, log_share, steps};
use super::shape::{LEFT, PLOT, Panel, Shape};
use crate::report::html::trial::Observed;
use crate::report::timeline::size;
use model::{Stamp, Zone};

const HEIGHT: f64 = 110.0;
/// Space above the curve for the signs of the kills.
const SIGNS: f64 = 14.0;
/// Space that a label takes.
const LABEL: f64 = 11.0;

pub(super) fn free(scale: &Scale, observed: &Observed, kills: &[(Stamp, u64)]) -> Option<Panel> {
    let values: Vec<u64> = observed.free.iter().map(|(_, kib)| *kib).collect();
    let (lowest, highest) = (values.iter().copied().min()?, values.iter().copied().max()?);
    let marks = observed.memory.as_ref().map(|(at, memory)| (*at, watermarks(&memory.zones))).into_iter();
    let marks: Vec<(Stamp, &'static str, u64)> =
        marks.flat_map(|(at, marks)| marks.map(|(name, kib)| (at, name, kib))).filter(|(.., kib)| *kib > 0).collect();
    let top = observed.ram_kib.unwrap_or(0).max(highest).max(1) as f64;
    let bottom = marks.iter().map(|(.., kib)| *kib).chain([lowest]).min().unwrap_or(1).max(16) as f64 / 1.4;
    let y = |kib: u64| SIGNS + (HEIGHT - SIGNS) * (1.0 - log_share(kib as f64, bottom, top));
    let columns = scale.held(observed.free.iter().copied(), u64::min);
    let line = steps(&columns, y);
    let mut shapes = vec![Shape::path("free", line).with_tip("free memory, on a logarithmic scale")];
    // Lines that are close to each other have one label, above the highest of them.
    let mut label: Option<(f64, String)> = None;
    for (at, name, kib) in marks {
        let height = y(kib);
        let tip = format!("watermark {name}: {kib} KiB, read at {:.1} s", at.as_secs_f64());
        shapes.push(Shape::line("watermark", (LEFT, height), (LEFT + PLOT, height)).with_tip(tip));
        let text = format!("{name} {}", size(kib));
        label = match label {
            Some((below, before)) if below - height < LABEL => Some((height, format!("{before}, {text}"))),
            other => {
                shapes.extend(other.map(label_of));
                Some((height, text))
            }
        };
    }
    shapes.extend(label.map(label_of));
    let mut known = 0;
    for (at, total) in kills {
        let x = scale.x(*at);
        let tip = format!("{} OOM kills by {:.2} s", total, at.as_secs_f64());
        shapes.push(Shape::line("kill", (x, 10.0), (x, HEIGHT)).with_tip(tip));
        let kills = total.saturating_sub(known);
        shapes.push(Shape::text("sign", (x, 10.0), if kills == 1 { "✗".to_owned() } else { format!("✗{kills}") }));
        known = *total;
    }
    let of = observed.ram_kib.map(|ram| format!(" of {}", size(ram))).unwrap_or_default();
    let range = if lowest == highest { size(lowest) } else { format!("{} to {}", size(lowest), size(highest)) };
    let kills = match known {
        0 => String::new(),
        1 => "; 1 OOM kill".to_owned(),
        kills => format!("; {kills} OOM kills"),
    };
    Some(Panel { name: "free", height: HEIGHT, note: format!("{range}{of}; log scale{kills}"), shapes })
}

fn label_of((height, text): (f64, String)) -> Shape {
    Shape::text("mark end", (LEFT + PLOT - 4.0, height - 3.0), text)
}

/// Those of all zones together, in KiB.
fn watermarks(zones: &[Zone]) -> [(&'static str, u64); 3] {
    let sum = |of: fn(&Zone) -> u64| zones.iter().map(of).fold(0, u64::saturating_add);
    [("min", sum(|zone| zone.min_kib)), ("low", sum(|zone| zone.low_kib)), ("high", sum(|zone| zone.high_kib))]
}
