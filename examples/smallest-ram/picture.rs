//! The table as an SVG: a line for each kernel, from the RAM with which it boots to that with which all workloads pass.

use crate::row::{Least, MACHINES, Machine, Row, WORKLOADS};
use std::fmt::Write;

/// Pixels.
const LEFT: f64 = 190.0;
const PLOT: f64 = 560.0;
const TOP: f64 = 64.0;
const LINE: f64 = 20.0;

/// The logarithmic axis, in MiB.
const ENDS: (f64, f64) = (4.0, 192.0);
const TICKS: [u32; 6] = [4, 8, 16, 32, 64, 128];

const BOOTS: &str = "#0072b2";
const SURVIVES: &str = "#d55e00";

pub fn picture(rows: &[Row]) -> String {
    let of = |machine: &Machine| -> Vec<(&str, Least)> {
        let least = |workload: &&'static str| {
            rows.iter().find(|row| row.is(machine, workload)).map(|row| (*workload, row.least))
        };
        WORKLOADS.iter().filter_map(least).collect()
    };
    let machines: Vec<_> =
        MACHINES.iter().map(|machine| (machine, of(machine))).filter(|(_, of)| !of.is_empty()).collect();
    let breaks = machines.windows(2).filter(|pair| pair[0].0.arch != pair[1].0.arch).count();
    let bottom = TOP + LINE * (machines.len() as f64 + 0.5 * breaks as f64);
    let (width, height) = (LEFT + PLOT + 40.0, bottom + 34.0);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
    );
    text(&mut svg, (8.0, 20.0), "start", "Smallest RAM in MiB (logarithmic), one vCPU");
    circle(&mut svg, (14.0, 38.0), BOOTS, true);
    text(&mut svg, (24.0, 42.0), "start", "boots (idle)");
    circle(&mut svg, (124.0, 38.0), SURVIVES, true);
    text(&mut svg, (134.0, 42.0), "start", "survives anon-hog, thread-hog, pipe-fill and tmpfs-fill");
    circle(&mut svg, (500.0, 38.0), "#555555", false);
    text(&mut svg, (510.0, 42.0), "start", "less cannot be loaded");
    for mib in TICKS {
        let x = x(f64::from(mib));
        let _ = writeln!(svg, "<path d=\"M{x:.1},{TOP:.1}V{bottom:.1}\" stroke=\"#dddddd\"/>");
        text(&mut svg, (x, bottom + 18.0), "middle", &mib.to_string());
    }
    let (mut y, mut arch) = (TOP, machines.first().map_or("", |(machine, _)| machine.arch));
    for (machine, least) in &machines {
        if machine.arch != arch {
            y += LINE / 2.0;
            arch = machine.arch;
        }
        y += LINE;
        let middle = y - LINE / 2.0;
        text(&mut svg, (LEFT - 90.0, middle + 4.0), "end", machine.arch);
        text(&mut svg, (LEFT - 84.0, middle + 4.0), "start", machine.kernel);
        let most = least.iter().map(|(_, least)| *least).max_by_key(|least| least.mib());
        let boots = least.iter().find(|(workload, _)| *workload == "idle").map(|(_, least)| *least);
        let (Some(most), Some(boots)) = (most, boots) else { continue };
        let (from, to) = (x(f64::from(boots.mib())), x(f64::from(most.mib())));
        let _ = writeln!(svg, "<path d=\"M{from:.1},{middle:.1}H{to:.1}\" stroke=\"#999999\" stroke-width=\"2\"/>");
        circle(&mut svg, (to, middle), SURVIVES, !matches!(most, Least::Loader(_)));
        circle(&mut svg, (from, middle), BOOTS, !matches!(boots, Least::Loader(_)));
        text(&mut svg, (to + 9.0, middle + 4.0), "start", &label(boots, most));
    }
    svg.push_str("</svg>\n");
    svg
}

fn label(boots: Least, most: Least) -> String {
    if boots == most { boots.to_string() } else { format!("{boots} … {most}") }
}

fn x(mib: f64) -> f64 {
    LEFT + PLOT * (mib / ENDS.0).ln() / (ENDS.1 / ENDS.0).ln()
}

fn text(svg: &mut String, (x, y): (f64, f64), anchor: &str, text: &str) {
    let text = text.replace('<', "&lt;").replace('>', "&gt;");
    let _ = writeln!(svg, "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{text}</text>");
}

fn circle(svg: &mut String, (x, y): (f64, f64), colour: &str, filled: bool) {
    let fill = if filled { colour } else { "white" };
    let _ = writeln!(
        svg,
        "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"4.5\" fill=\"{fill}\" stroke=\"{colour}\" stroke-width=\"1.5\"/>"
    );
}
