//! The table of the page.

use crate::row::{MACHINES, Row, WORKLOADS};
use std::fmt::Write;

const BEGIN: &str = "<!-- searched -->\n";
const END: &str = "<!-- /searched -->\n";

/// The page with the table of `rows` between its marks.
pub fn into_page(page: &str, rows: &[Row]) -> Result<String, String> {
    let (before, rest) = page.split_once(BEGIN).ok_or_else(|| format!("the page lacks {BEGIN}"))?;
    let (_, after) = rest.split_once(END).ok_or_else(|| format!("the page lacks {END}"))?;
    Ok(format!("{before}{BEGIN}{}{END}{after}", table(rows)))
}

fn table(rows: &[Row]) -> String {
    let mut text = format!("| architecture | kernel | {} |\n", WORKLOADS.join(" | "));
    let _ = writeln!(text, "|---|---|{}", "--:|".repeat(WORKLOADS.len()));
    for machine in MACHINES {
        let found = |workload: &&str| rows.iter().find(|row| row.is(machine, workload));
        if WORKLOADS.iter().any(|workload| found(workload).is_some()) {
            let cells =
                WORKLOADS.iter().map(|workload| found(workload).map_or("–".to_owned(), |row| row.least.to_string()));
            let _ =
                writeln!(text, "| {} | {} | {} |", machine.arch, machine.kernel, cells.collect::<Vec<_>>().join(" | "));
        }
    }
    text
}
