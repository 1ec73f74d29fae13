//! A plan for a person.

use super::files::{Files, Missing};
use crate::cli::shard::ShardSummary;
use crate::cli::time::range;
use crate::host::Resources;
use crate::kernel::Work;
use crate::schedule::{Budget, TimeLeft};
use arch::Arch;
use model::{Cell, Plan, Skipped, printable};
use std::collections::BTreeMap;
use std::io::{self, Write};

/// The firmware that is fetched.
const FIRMWARE: &str = "OpenSBI";

/// Maximum number of left-out cells that are named for each reason, without `-v`.
const MAX_NAMED: usize = 3;

/// Prints what is needed first, a line a cell, and what is left out and why; with `verbose`, also command lines and every
/// cell that is left out. A row that is longer than `columns` has its cell on a line of its own. A plan may have many cells: each is printed as it is made.
pub(super) fn print(
    plan: &Plan,
    (shard, expected): (Option<&ShardSummary>, Option<(TimeLeft, Budget)>),
    files: &Files,
    (verbose, columns): (bool, usize),
    out: &mut dyn Write,
) -> io::Result<()> {
    let time = |(time, budget): (TimeLeft, Budget)| format!(" · {}, {} at a time", range(time), budget.slots());
    let time = expected.map(time).unwrap_or_default();
    writeln!(out, "{} · {} cells · {} trials{time}", printable(&plan.name), plan.cells.len(), plan.trials())?;
    shard.map_or(Ok(()), |shard| writeln!(out, "{shard}"))?;
    needed_first(files.missing(), files.missing_firmware(), Resources::of_host().cpus, out)?;
    let width = plan.cells.iter().map(|cell| expects(cell).len()).max().unwrap_or(0).max("expects".len());
    writeln!(out, "\ntrials  {:width$}  cell", "expects")?;
    for cell in &plan.cells {
        let expects = expects(cell);
        let id = printable(cell.id.as_str());
        if 8 + width + 2 + id.chars().count() <= columns {
            writeln!(out, "{:>6}  {expects:width$}  {id}", cell.repeat)?;
        } else {
            writeln!(out, "{:>6}  {expects}\n        {id}", cell.repeat)?;
        }
        if verbose {
            let words = shlex::try_join(files.command(cell).iter().map(String::as_str)).unwrap_or_default();
            writeln!(out, "        {}", printable(&words))?;
        }
    }
    left_out(&plan.skipped, verbose, out)?;
    if !verbose {
        writeln!(out, "\n`oomlab plan -v` prints the QEMU command lines")?;
    }
    Ok(())
}

fn expects(cell: &Cell) -> String {
    let quarantined = if cell.quarantine.is_empty() { "" } else { ", quarantined" };
    format!("{}{quarantined}", cell.expect)
}

fn needed_first(missing: &[Missing], firmware: &[Arch], cpus: u32, out: &mut dyn Write) -> io::Result<()> {
    if missing.is_empty() && firmware.is_empty() {
        return Ok(());
    }
    writeln!(out, "\nneeded first")?;
    let kernels = missing.iter().map(|missing| missing.kernel.as_str().len());
    let width = kernels.chain(firmware.iter().map(|_| FIRMWARE.len())).max().unwrap_or(0);
    for Missing { kernel, arch, work } in missing {
        let how = match work {
            // One that can be read needs nothing.
            Work::Local => "local, its files cannot be read".to_owned(),
            work => work.describe(cpus as usize),
        };
        writeln!(out, "  {:width$}  {:14} {how}", printable(kernel.as_str()), arch.name)?;
    }
    for arch in firmware {
        writeln!(out, "  {FIRMWARE:width$}  {:14} fetch", arch.name)?;
    }
    Ok(())
}

fn left_out(skipped: &[Skipped], verbose: bool, out: &mut dyn Write) -> io::Result<()> {
    if skipped.is_empty() {
        return Ok(());
    }
    let mut reasons: BTreeMap<&str, Vec<&Skipped>> = BTreeMap::new();
    for one in skipped {
        reasons.entry(one.reason.as_str()).or_default().push(one);
    }
    writeln!(out, "\nleft out: {}", skipped.len())?;
    for (reason, cells) in reasons {
        writeln!(out, "{:>6}  {}", cells.len(), printable(reason))?;
        let named = if verbose { cells.len() } else { MAX_NAMED };
        for one in cells.iter().take(named) {
            writeln!(out, "        {}", printable(one.id.as_str()))?;
        }
        if cells.len() > named {
            writeln!(out, "        and {} more: `-v` names them", cells.len() - named)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::Effort;
    use model::CellId;

    fn shown(write: impl Fn(&mut dyn Write) -> io::Result<()>) -> String {
        let mut out = Vec::new();
        write(&mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn left_out_cells_are_grouped_by_reason() {
        let skipped = |id: &str, reason: &str| Skipped { id: CellId::new(id), reason: reason.to_owned() };
        let all: Vec<Skipped> = [("a", "small"), ("b", "no module"), ("c", "small"), ("d", "small"), ("e", "small")]
            .map(|(id, reason)| skipped(id, reason))
            .to_vec();
        let text = shown(|out| left_out(&all, false, out));
        assert_eq!(
            text,
            "\nleft out: 5\n     1  no module\n        b\n     4  small\n        a\n        c\n        d\n        \
             and 1 more: `-v` names them\n"
        );
        assert!(shown(|out| left_out(&all, true, out)).contains("        e\n"));
        assert_eq!(shown(|out| left_out(&[], false, out)), "");
    }

    #[test]
    fn kernels_that_are_needed_first_say_how_long_they_take() {
        let arch = arch::find("arm").unwrap();
        let missing = |kernel: &str, work| Missing { kernel: kernel.into(), arch, work };
        let build = Work::Build(Effort { files: 640, seconds: 0.75, is_measured: true }, None);
        let all =
            [missing("linux-7.3", build), missing("debian-6.1", Work::Fetch(Some(1 << 20))), missing("x", Work::Local)];
        assert_eq!(
            shown(|out| needed_first(&all, &[], 4, out)),
            "\nneeded first\n  linux-7.3   arm            build, about 2 min (measured here)\n  \
             debian-6.1  arm            fetch, 2 MB\n  x           arm            local, its files cannot be read\n"
        );
        let riscv64 = [arch::find("riscv64").unwrap()];
        assert_eq!(
            shown(|out| needed_first(&[], &riscv64, 4, out)),
            "\nneeded first\n  OpenSBI  riscv64        fetch\n"
        );
    }
}
