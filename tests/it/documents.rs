//! The pages on JSON name every key that the lab writes.

use crate::support::guests::{FAKE_QEMU, boot_args, lab, read_json};
use crate::support::nights::{Night, failing, id};
use crate::support::program::{Program, finish};
use model::CellId;
use oomlab::store::RunDir;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Tables whose keys are names of the host's or the user's.
const MAPS: &[&str] = &["programs", "sandbox", "axes", "options", "opensbi", "opensbi_cached"];

fn keys(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                found.insert(key.clone());
                if !MAPS.contains(&key.as_str()) {
                    keys(value, found);
                }
            }
        }
        Value::Array(values) => values.iter().for_each(|value| keys(value, found)),
        _ => {}
    }
}

#[test]
fn files_page_names_every_key() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = BTreeSet::new();
    for folder in std::fs::read_dir(root.join("crates/watchdog/tests/replays")).unwrap() {
        let events = std::fs::read_to_string(folder.unwrap().path().join("events.jsonl")).unwrap();
        events.lines().for_each(|line| keys(&serde_json::from_str(line).unwrap(), &mut found));
    }
    let panic = "say [    0.000000] Linux version 6.1.0\n\
        say [    1.500000] Kernel panic - not syncing: sysrq triggered crash\ndown guest-reset\n";
    let program = lab();
    let args = [boot_args(&program, panic), ["--out".to_owned(), "run".to_owned()].to_vec()].concat();
    assert_eq!(program.run(args).status, Some(1));
    let trial = program.dir().join("run/cells/kernel.riscv64-nommu.32M.initrd");
    for file in ["verdict.json", "trial.json", "bundle.json", "../../run.json", "../../plan.json"] {
        keys(&read_json(&trial.join(file)), &mut found);
    }
    let costs = read_json(&trial.join("../../costs.json"));
    costs["cells"].as_object().unwrap().values().for_each(|cost| keys(cost, &mut found));
    let run = RunDir::open(&trial.join("../..")).unwrap();
    run.add_trials(&BTreeMap::from([(CellId::new("kernel.riscv64-nommu.32M.initrd"), 1)])).unwrap();
    // Below `trials` are names of cells.
    let further = read_json(&trial.join("../../further.json"));
    found.extend(further.as_object().unwrap().keys().cloned());
    program.write("m.yaml", MATRIX);
    let cache = [["cache", "list", "--json"], ["cache", "size", "--json"]];
    let history = nights();
    let cell = id("zombie-victim");
    for args in [&["history", "--json"][..], &["history", &cell, "--json"], &["flaky", "--json"]] {
        keys(&serde_json::from_str(&history.run(args.iter().copied()).stdout).unwrap(), &mut found);
    }
    let compared = history.run(["compare", "latest~1", "latest", "--json"]);
    keys(&serde_json::from_str(&compared.stdout).unwrap(), &mut found);
    let merged = history.run(["merge", "2026-01-01-0", "--out", "merged"]);
    assert_eq!(merged.status, Some(0), "{merged:?}");
    keys(&read_json(&history.dir().join("merged/part.json")), &mut found);
    for args in [
        &["plan", "m.yaml", "--json"][..],
        &["plan", "m.yaml", "--shard", "1/2", "--json"],
        &["doctor", "--json"],
        &cache[0],
        &cache[1],
    ] {
        let printed = finish(program.command(args).env("OOMLAB_QEMU", FAKE_QEMU));
        keys(&serde_json::from_str(&printed.stdout).unwrap(), &mut found);
    }
    // A host that lacks something.
    let printed = finish(Program::new().command(["doctor", "--json"]).env("PATH", "/nonexistent"));
    keys(&serde_json::from_str(&printed.stdout).unwrap(), &mut found);
    assert!(found.len() > 130, "{found:?}");

    let page = |name: &str| std::fs::read_to_string(root.join("docs").join(name)).unwrap();
    let pages = page("files.md") + &page("report-json.md");
    let missing: Vec<&String> = found.iter().filter(|key| !pages.contains(&format!("`{key}`"))).collect();
    assert_eq!(missing, Vec::<&String>::new());
}

#[test]
fn pages_list_every_workload_and_architecture() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = |name: &str| std::fs::read_to_string(root.join("docs").join(name)).unwrap();
    let printed = Program::new().run(["workload", "list"]);
    let listed: Vec<(&str, &str)> = printed
        .stdout
        .lines()
        .filter_map(|line| line.split_once(' '))
        .map(|(name, does)| (name, does.trim()))
        .collect();
    assert!(listed.len() > 40, "{printed:?}");
    let workloads = page("workloads.md");
    for (name, does) in listed {
        assert!(workloads.contains(&format!("| {name} | {does} |")), "{name}: {does}");
    }
    let matrix = page("matrix.md");
    for arch in arch::ALL {
        let names: Vec<String> = arch.aliases.iter().map(|name| format!("`{name}`")).collect();
        let names = if names.is_empty() { String::new() } else { format!("{} ", names.join(", ")) };
        let mmu = if arch.mmu { "yes" } else { "no" };
        let row = format!("| `{}` | {names}| {} | {mmu} |", arch.name, arch.max_vcpus);
        assert!(matrix.contains(&row), "{row}");
    }
}

/// Runs with a change, with a flaky cell, and with one that cannot be read.
fn nights() -> Program {
    let program = Program::new();
    for day in 0..8 {
        let cells =
            [failing("zombie-victim", if day < 6 { 0 } else { 5 }, 5), failing("anon-hog", day as usize % 2, 5)];
        Night { runs: &program.dir().join("runs"), matrix: "nightly", day, cells: &cells }.write();
    }
    program.write("runs/broken/run.json", "{");
    program
}

/// A matrix whose cells have all that a cell may have.
const MATRIX: &str = "
defaults: {fail_on: [warning], append: quiet, qemu: -no-hpet}
axes:
  preempt: {none: {append: preempt=none, faults: {vcpu-steal: 10%, disk-bps: 1M, disk-iops: 9, console: 2K}, canary: gfp-noio}}
include:
  - {kernel: debian-6.1, arch: x86_64, ram: 512M, preempt: none, workload: [dirty-writeback, swap-thrash: {hogs: 3}, zombie-victim]}
  - {kernel: debian-6.1, arch: x86_64, ram: [8M, 512M], workload: zram-swap}
expect:
  - {match: {workload: zombie-victim}, verdict: [hang/oom-livelock, crash], reason: it varies}
";
