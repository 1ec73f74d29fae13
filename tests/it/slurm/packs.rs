//! Packs on a cluster.

use super::{Bench, MANY, healthy};
use crate::support::guests::matrix;

#[test]
fn archive_of_a_pack_is_unpacked_where_all_nodes_see_it() {
    let bench = Bench::new(MANY);
    matrix(&bench.program, &[("a", &healthy())], "");
    // The scripts of the guests are not packed.
    let packed = bench.run(&["pack", "matrix.yaml", "--allow-paths", "--out", "pack.tar.zst"]);
    assert_eq!(packed.status, Some(0), "{packed:?}");
    let run = bench.run(&["run", "--pack", "pack.tar.zst", "--out", "runs/it", "--executor", "slurm"]);
    assert_eq!(run.status, Some(0), "{run:?}");
    let place = format!("{}/runs/.oomlab-scratch-", bench.program.dir().canonicalize().unwrap().display());
    let trials = bench.trials("it");
    assert!(
        trials.values().all(|trial| trial.node.is_some() && trial.command.join(" ").contains(&place)),
        "{trials:?}"
    );
    let names = bench.program.dir().join("runs").read_dir().unwrap().map(|entry| entry.unwrap().file_name());
    let names: Vec<_> = names.collect();
    assert!(!names.iter().any(|name| name.to_string_lossy().starts_with(".oomlab-scratch-")), "{names:?}");
}
