//! `oomlab plan`: the cells and their exact QEMU command lines.

use super::args::PlanArgs;
use super::context::Context;
use super::error::CliError;
use super::known::Catalogues;
use super::output;
use super::run::load;
use crate::host::{cached_accel, has_sandbox};
use crate::launch::{Paths, command};
use crate::workload::Manifest;
use arch::Arch;
use model::{Accel, Cell, KernelName, Payload, Plan, Skipped, WorkloadName, printable};
use serde::{Serialize, Serializer};
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Prints the plan of a matrix; returns the exit status.
///
/// # Errors
/// When the matrix is wrong.
pub fn run(args: &PlanArgs, context: &Context) -> Result<u8, CliError> {
    let catalogues = Catalogues::read(context, None)?;
    let plan = load(&args.matrix, args.filter.as_deref(), &catalogues, context)?;
    let files = Files::of(&plan, &catalogues)?;
    // A plan may have many cells: each is printed as it is made.
    if args.json {
        output::stream_json(|out| print_json(&plan, &files, out))?;
    } else {
        output::stream(|out| print_text(&plan, &files, out))?;
    }
    Ok(0)
}

fn print_text(plan: &Plan, files: &Files, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "{} · {} cells · {} trials", printable(&plan.name), plan.cells.len(), plan.trials())?;
    for cell in &plan.cells {
        let argv = files.command(cell);
        let words = shlex::try_join(argv.iter().map(String::as_str)).unwrap_or_default();
        writeln!(out, "\n{}\n  {}", printable(&format!("{}   expects {}", cell.id, cell.expect)), printable(&words))?;
    }
    if !plan.skipped.is_empty() {
        writeln!(out, "\nleft out: {}", plan.skipped.len())?;
    }
    let line = |skipped: &Skipped| printable(&format!("  {}   {}", skipped.id, skipped.reason));
    plan.skipped.iter().try_for_each(|skipped| writeln!(out, "{}", line(skipped)))
}

fn print_json(plan: &Plan, files: &Files, out: &mut dyn Write) -> io::Result<()> {
    let document =
        Document { schema: plan.schema, name: &plan.name, cells: Cells { plan, files }, skipped: &plan.skipped };
    serde_json::to_writer_pretty(&mut *out, &document)?;
    writeln!(out)
}

#[derive(Serialize)]
struct Document<'p> {
    schema: u32,
    name: &'p str,
    cells: Cells<'p>,
    skipped: &'p [Skipped],
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

/// What an image depends on: an image with modules is for one kernel.
type ImageKey = (WorkloadName, Arch, Option<(KernelName, Vec<String>)>);

/// The files, accelerators and sandboxes of a plan's cells, each looked up once: the name of an image is a digest of its sources.
#[derive(Default)]
struct Files {
    kernels: HashMap<(KernelName, Arch), PathBuf>,
    images: HashMap<ImageKey, PathBuf>,
    accels: HashMap<Arch, Accel>,
    sandboxes: HashMap<Arch, bool>,
}

impl Files {
    fn of(plan: &Plan, catalogues: &Catalogues) -> Result<Self, CliError> {
        let mut files = Self::default();
        for cell in &plan.cells {
            let (name, arch) = (&cell.kernel, cell.arch);
            if let Entry::Vacant(unknown) = files.kernels.entry((name.clone(), arch)) {
                unknown.insert(catalogues.kernels.image_path(name.as_str(), arch)?);
            }
            if let Some(key) = image_key(cell)
                && !files.images.contains_key(&key)
                && let Some(manifest) = catalogues.workloads.get(&key.0)
            {
                let path = image_path(cell, arch, manifest, catalogues)?;
                files.images.insert(key, path);
            }
            files.accels.entry(arch).or_insert_with(|| cached_accel(arch, &catalogues.cache));
            files.sandboxes.entry(arch).or_insert_with(|| has_sandbox(arch.qemu.program));
        }
        Ok(files)
    }

    /// The command line of a run, with sockets and disk at fixed paths.
    fn command(&self, cell: &Cell) -> Vec<String> {
        let initrd = match &cell.payload {
            Payload::Initrd(initrd) => initrd.path.clone(),
            Payload::Workload { .. } => image_key(cell).and_then(|key| self.images.get(&key).cloned()),
        };
        let kernel = self.kernels.get(&(cell.kernel.clone(), cell.arch)).cloned();
        let sockets = Path::new("/tmp");
        let paths = Paths {
            kernel: kernel.unwrap_or_default(),
            initrd,
            serial: sockets.join("oomlab-serial"),
            qmp: sockets.join("oomlab-qmp"),
            disk: sockets.join("oomlab-scratch"),
        };
        let accel = self.accels.get(&cell.arch).copied().unwrap_or(Accel::Tcg);
        command(cell, accel, self.sandboxes.get(&cell.arch).copied().unwrap_or(true), &paths)
    }
}

fn image_key(cell: &Cell) -> Option<ImageKey> {
    let Payload::Workload { name, .. } = &cell.payload else { return None };
    let modules = cell.needs.modules.clone();
    let kernel = (!modules.is_empty()).then(|| (cell.kernel.clone(), modules));
    Some((name.clone(), cell.arch, kernel))
}

/// The path of the initramfs. It depends on the content of the modules in it; until the kernel's modules are in the cache,
/// the kernel's name stands in for them.
fn image_path(cell: &Cell, spec: Arch, manifest: &Manifest, catalogues: &Catalogues) -> Result<PathBuf, CliError> {
    let modules = catalogues.modules(cell, spec);
    let mut path = catalogues.images.path(spec, manifest, modules.as_deref().unwrap_or_default())?;
    if modules.is_none()
        && let (Some(folder), Some(file)) = (path.parent(), path.file_name())
    {
        let name = folder.file_name().unwrap_or_default().to_string_lossy();
        path = folder.with_file_name(format!("{name}+modules-of-{}", cell.kernel)).join(file);
    }
    Ok(path)
}
