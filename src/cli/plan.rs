//! `oomlab plan`: the cells and their exact QEMU command lines.

use super::args::PlanArgs;
use super::context::Context;
use super::error::CliError;
use super::known::Catalogues;
use super::output::{print_json, print_plain};
use super::run::load;
use crate::host::{cached_accel, has_sandbox};
use crate::launch::{Paths, command};
use crate::workload::Manifest;
use arch::Arch;
use model::{Cell, Payload};
use serde_json::json;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Prints the plan of a matrix; returns the exit status.
///
/// # Errors
/// When the matrix is wrong.
pub fn run(args: &PlanArgs, context: &Context) -> Result<u8, CliError> {
    let catalogues = Catalogues::read(context, None)?;
    let plan = load(&args.matrix, args.filter.as_deref(), &catalogues, context)?;
    let mut commands = Vec::new();
    let mut sandboxes = BTreeMap::new();
    for cell in &plan.cells {
        let program = cell.arch.qemu.program;
        let sandbox = *sandboxes.entry(program).or_insert_with(|| has_sandbox(program));
        commands.push(command_line(cell, sandbox, &catalogues)?);
    }
    if args.json {
        let cells: Vec<_> =
            plan.cells.iter().zip(&commands).map(|(cell, argv)| json!({"cell": cell, "command": argv})).collect();
        let document = json!({"schema": plan.schema, "name": plan.name, "cells": cells, "skipped": plan.skipped});
        print_json(&format!("{document:#}\n"))?;
        return Ok(0);
    }
    let mut text = format!("{} · {} cells · {} trials\n", plan.name, plan.cells.len(), plan.trials());
    for (cell, argv) in plan.cells.iter().zip(&commands) {
        let words = shlex::try_join(argv.iter().map(String::as_str)).unwrap_or_default();
        text += &format!("\n{}   expects {}\n  {words}\n", cell.id, cell.expect);
    }
    if !plan.skipped.is_empty() {
        text += &format!("\nleft out: {}\n", plan.skipped.len());
        for skipped in &plan.skipped {
            text += &format!("  {}   {}\n", skipped.id, skipped.reason);
        }
    }
    print_plain(&text)?;
    Ok(0)
}

/// The command line of a run, with sockets and disk at fixed paths.
fn command_line(cell: &Cell, sandbox: bool, catalogues: &Catalogues) -> Result<Vec<String>, CliError> {
    let spec = cell.arch;
    let initrd = match &cell.payload {
        Payload::Initrd(initrd) => initrd.path.clone(),
        Payload::Workload { name, .. } => match catalogues.workloads.get(name) {
            Some(manifest) => Some(image_path(cell, spec, manifest, catalogues)?),
            None => None,
        },
    };
    let sockets = Path::new("/tmp");
    let paths = Paths {
        kernel: catalogues.kernels.image_path(cell.kernel.as_str(), spec)?,
        initrd,
        serial: sockets.join("oomlab-serial"),
        qmp: sockets.join("oomlab-qmp"),
        disk: sockets.join("oomlab-scratch"),
    };
    Ok(command(cell, cached_accel(spec, &catalogues.cache), sandbox, &paths))
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
