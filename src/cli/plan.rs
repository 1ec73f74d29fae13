//! `oomlab plan`: the cells, what they need first, and their exact QEMU command lines.

mod files;
mod text;

use super::args::PlanArgs;
use super::context::Context;
use super::costs;
use super::error::CliError;
use super::known::Catalogues;
use super::output;
use super::run::read_known;
use super::shard::{Planned, Selection, ShardSummary};
use crate::host::Resources;
use crate::kernel::Work;
use crate::matrix::Purpose;
use crate::schedule::{TimeLeft, time_of_plan};
use arch::Arch;
use files::{Files, Missing};
pub(super) use files::{image_key, image_path};
use model::{Cell, KernelName, Plan, Skipped};
use serde::{Serialize, Serializer};
use std::io::{self, Write};
use std::path::Path;

/// Prints the plan of a matrix, with command lines if `verbose`; returns the exit status.
///
/// # Errors
/// When the matrix is wrong.
pub fn run(args: &PlanArgs, verbose: bool, context: &Context) -> Result<u8, CliError> {
    let catalogues = Catalogues::read(context, None)?;
    let selection = Selection { filter: args.filter.as_deref(), shard: args.shard, costs: args.costs.as_deref() };
    let mut plan = read_known(&args.matrix, &selection.known(&catalogues), context)?;
    args.quarantine.apply(&args.matrix, &mut plan, Purpose::Test, &catalogues, context)?;
    let Planned { plan, part } = selection.apply(plan, Some(&catalogues.known()))?;
    let resources = Resources::of_host();
    let shard = selection.summary(part.as_ref(), resources.cpus)?;
    let budget = resources.budget();
    let costs = costs::known(args.costs.as_deref(), Path::new("runs"))?;
    let expected = time_of_plan(&plan, &costs, budget);
    let files = Files::of(&plan, &catalogues)?;
    // A plan may have many cells: each is printed as it is made.
    if args.json {
        output::stream_json(|out| print_json(&plan, (shard.as_ref(), expected), &files, out))?;
    } else {
        // A program reads one line a cell.
        let terminal = console::Term::stdout();
        let columns = terminal.size_checked().filter(|_| terminal.is_term());
        let columns = columns.map_or(usize::MAX, |(_, columns)| columns.into());
        let expected = expected.map(|time| (time, budget));
        output::stream(|out| text::print(&plan, (shard.as_ref(), expected), &files, (verbose, columns), out))?;
    }
    Ok(0)
}

fn print_json(
    plan: &Plan,
    (shard, expected): (Option<&ShardSummary>, Option<TimeLeft>),
    files: &Files,
    out: &mut dyn Write,
) -> io::Result<()> {
    let jobs = Resources::of_host().cpus as usize;
    let document = Document {
        schema: plan.schema,
        name: &plan.name,
        shard,
        expected,
        needed_first: files.missing().iter().map(|missing| Needed::of(missing, jobs)).collect(),
        cells: Cells { plan, files },
        skipped: &plan.skipped,
    };
    serde_json::to_writer_pretty(&mut *out, &document)?;
    writeln!(out)
}

#[derive(Serialize)]
struct Document<'p> {
    schema: u32,
    name: &'p str,
    #[serde(skip_serializing_if = "Option::is_none")]
    shard: Option<&'p ShardSummary>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expected: Option<TimeLeft>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    needed_first: Vec<Needed<'p>>,
    cells: Cells<'p>,
    skipped: &'p [Skipped],
}

/// A kernel that a run prepares first.
#[derive(Serialize)]
struct Needed<'p> {
    kernel: &'p KernelName,
    arch: Arch,
    get: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    build_s: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fetch_bytes: Option<u64>,
}

impl<'p> Needed<'p> {
    fn of(missing: &'p Missing, jobs: usize) -> Self {
        let Missing { kernel, arch, work } = missing;
        let (build_s, fetch_bytes) = match work {
            Work::Build(effort, source) => (Some(effort.duration(jobs).as_secs()), source.flatten()),
            Work::Fetch(size) => (None, *size),
            Work::Cached | Work::Local | Work::Copy => (None, None),
        };
        Self { kernel, arch: *arch, get: work.word(), build_s, fetch_bytes }
    }
}

/// Cells with their command lines, none of which is kept.
struct Cells<'p> {
    plan: &'p Plan,
    files: &'p Files,
}

impl Serialize for Cells<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.plan.cells.iter().map(|cell| Row { cell, command: self.files.command(cell) }))
    }
}

#[derive(Serialize)]
struct Row<'p> {
    cell: &'p Cell,
    command: Vec<String>,
}
