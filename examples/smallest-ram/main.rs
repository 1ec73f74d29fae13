//! Searches the smallest RAM for each kernel, architecture and workload of `docs/findings/smallest-ram.md`, and draws it.
//!
//! ```text
//! cargo run --example smallest-ram -- --oomlab target/debug/oomlab
//! ```
//!
//! What `smallest-ram.tsv` has already is not searched again. Kernels are built first where the cache lacks them.

mod picture;
mod row;
mod search;
mod table;

use clap::Parser;
use row::{MACHINES, Row, WORKLOADS, parse};
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

const FOLDER: &str = "docs/findings";

/// Searches the smallest RAM for each kernel, architecture and workload, and draws it
#[derive(Debug, Parser)]
struct Args {
    /// The program
    #[arg(long, value_name = "PROGRAM", default_value = "oomlab")]
    oomlab: PathBuf,
    /// Only write the table and the picture of what was searched
    #[arg(long)]
    draw: bool,
    /// Only kernels whose name and architecture, as `linux-7.3 arm`, contain this
    #[arg(long, value_name = "TEXT", default_value = "")]
    only: String,
}

fn main() -> Result<(), Box<dyn Error>> {
    let args = Args::parse();
    let file = Path::new(FOLDER).join("smallest-ram.tsv");
    let mut rows = parse(&fs::read_to_string(&file).unwrap_or_default())?;
    let wanted = MACHINES.iter().filter(|_| !args.draw);
    for machine in wanted.filter(|machine| format!("{} {}", machine.kernel, machine.arch).contains(&args.only)) {
        let mut loader = None;
        for workload in WORKLOADS {
            if rows.iter().any(|row| row.is(machine, workload)) {
                continue;
            }
            let min = loader.map_or_else(|| search::loader_min(&args.oomlab, machine), Ok)?;
            loader = Some(min);
            let row = match search::search(&args.oomlab, machine, workload, min) {
                Ok(row) => row,
                Err(error) => {
                    // The other searches are as good without it.
                    eprintln!("{error}");
                    continue;
                }
            };
            eprintln!("{row}");
            rows.push(row);
            rows.sort_by_key(Row::place);
            fs::write(&file, rows.iter().map(|row| format!("{row}\n")).collect::<String>())?;
        }
    }
    let page = Path::new(FOLDER).join("smallest-ram.md");
    fs::write(&page, table::into_page(&fs::read_to_string(&page)?, &rows)?)?;
    fs::write(page.with_extension("svg"), picture::picture(&rows))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn page_and_picture_show_what_was_searched() {
        let read = |name: &str| fs::read_to_string(Path::new(FOLDER).join(name)).unwrap();
        let rows = parse(&read("smallest-ram.tsv")).unwrap();
        let page = read("smallest-ram.md");
        assert_eq!(table::into_page(&page, &rows).unwrap(), page);
        assert_eq!(picture::picture(&rows), read("smallest-ram.svg"));
    }
}
