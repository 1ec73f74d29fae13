//! Real guests on the nodes.

use super::Bench;
use crate::support::cluster::Cluster;
use crate::support::kernels;
use crate::support::program::{Finished, Program, finish};
use model::Kind;

/// 40 cells.
const MATRIX: &str = "
defaults: {timeouts: {stuck: 2s}}
include:
  - {kernel: linux-7.3, arch: riscv64-nommu, ram: [32M, 36M, 40M, 44M, 48M], workload: [idle, anon-hog, tmpfs-fill, zombie-victim]}
  - {kernel: debian-6.1, arch: x86_64, ram: [128M, 144M, 160M, 176M, 192M], workload: [idle, anon-hog, tmpfs-fill, pipe-fill]}
";

fn run(bench: &Bench, args: &[&str]) -> Finished {
    let mut command = bench.command(&[&["run", "matrix.yaml"], args].concat());
    command.env("OOMLAB_CACHE", kernels::cache()).env_remove("OOMLAB_QEMU");
    finish(&mut command)
}

#[test]
#[ignore = "takes minutes: `cargo nextest run --run-ignored only slurm::real`"]
fn forty_cells_have_the_verdicts_of_this_host() {
    kernels::kernel("linux-7.3", "riscv64-nommu");
    kernels::kernel("debian-6.1", "x86_64");
    // As many guests at a time as on this host.
    let cpus = std::thread::available_parallelism().map_or(1, |cpus| u32::try_from(cpus.get() / 2).unwrap()).max(1);
    let bench = Bench { program: Program::new(), cluster: Cluster::start(super::MANY, cpus) };
    bench.program.write("matrix.yaml", MATRIX);
    let there = run(&bench, &["--out", "runs/there", "--executor", "slurm"]);
    let here = run(&bench, &["--out", "runs/here"]);
    let (there_kinds, here_kinds) = (bench.kinds("there"), bench.kinds("here"));
    assert_eq!(here_kinds.len(), 40, "{here:?}");
    let differ = here_kinds.iter().filter(|(cell, kind)| there_kinds.get(*cell) != Some(kind));
    let differ: Vec<(&String, &Kind, Option<&Kind>)> =
        differ.map(|(cell, kind)| (cell, kind, there_kinds.get(cell))).collect();
    assert!(differ.is_empty(), "{differ:?}\n{}", there.stderr);
    assert!(bench.trials("there").values().all(|trial| trial.node.is_some()));
}
