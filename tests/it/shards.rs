//! A matrix on several machines: shards, their archives, and the run that is merged of them.

use crate::support::guests::{AGENT, END, FAKE_QEMU, lab, matrix, read_json};
use crate::support::kernels::command;
use crate::support::program::{Finished, Program, finish};
use oomlab::store::RunDir;
use serde_json::{Value, json};
use std::collections::BTreeSet;

fn healthy() -> String {
    format!("{AGENT}{END}")
}

fn panic() -> String {
    format!("{AGENT}say [    1.5] Kernel panic - not syncing: x\nevent SHUTDOWN guest-reset\nexit 0\n")
}

/// A matrix of this many cells, of which every seventh panics.
fn bench(cells: usize, rest: &str) -> Program {
    let program = lab();
    let (healthy, panic) = (healthy(), panic());
    let names: Vec<String> = (0..cells).map(|at| format!("g{at:02}")).collect();
    let script = |at: usize| if at % 7 == 3 { panic.as_str() } else { healthy.as_str() };
    let guests: Vec<(&str, &str)> = names.iter().enumerate().map(|(at, name)| (name.as_str(), script(at))).collect();
    matrix(&program, &guests, rest);
    program
}

fn run(program: &Program, out: &str, args: &[&str]) -> Finished {
    let words = ["run", "matrix.yaml", "--qemu", FAKE_QEMU, "--jobs", "8", "--out", out];
    program.run([&words[..], args].concat())
}

fn cells(program: &Program, run: &str) -> Vec<String> {
    let plan = RunDir::open(&program.dir().join(run)).unwrap().plan().unwrap();
    plan.cells.iter().map(|cell| cell.id.to_string()).collect()
}

/// The report of a run as JSON, without what differs between two runs of one matrix.
fn report(program: &Program, run: &str) -> Value {
    let printed = program.run(["report", run, "--json", "-"]);
    let mut report = serde_json::from_str(&printed.stdout).unwrap_or_else(|_| panic!("{printed:?}"));
    strip(&mut report);
    report["run"]["id"].take();
    report
}

/// Times, and what has times or temporary folders in it.
const TIMES: &[&str] =
    &["started", "duration_s", "boot_s", "dir", "host_us", "bytes", "sha256", "command", "repro", "onset_s"];

fn strip(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            TIMES.iter().for_each(|key| drop(fields.remove(*key)));
            fields.values_mut().for_each(strip);
        }
        Value::Array(values) => values.iter_mut().for_each(strip),
        _ => {}
    }
}

#[test]
fn merged_shards_are_the_run_of_one_machine() {
    let program = bench(40, "");
    assert_eq!(run(&program, "whole", &[]).status, Some(1));
    let costs = ["--costs", "whole/costs.json"];
    let mut found = BTreeSet::new();
    for number in 1..=4 {
        let (shard, out) = (format!("{number}/4"), format!("shard-{number}"));
        run(&program, &out, &[&["--shard", &shard][..], &costs].concat());
        let own = cells(&program, &out);
        assert!((5..=15).contains(&own.len()), "{own:?}");
        found.extend(own);
        let archived = program.run(["archive", &out]);
        assert_eq!(archived.status, Some(0), "{archived:?}");
        assert!(archived.stdout.starts_with(&format!("{out}.tar.zst: ")), "{archived:?}");
    }
    assert_eq!(found, cells(&program, "whole").into_iter().collect());
    let merged = program.run(["merge", "shard-3", "shard-1", "shard-4", "shard-2", "--out", "merged"]);
    assert_eq!(merged.status, Some(1), "as the run of one machine: {merged:?}");
    assert_eq!(report(&program, "merged"), report(&program, "whole"));
    let part = read_json(&program.dir().join("merged/part.json"));
    let shards: BTreeSet<u64> =
        part["runs"].as_array().unwrap().iter().filter_map(|run| run["shard"].as_u64()).collect();
    assert_eq!(shards, BTreeSet::from([1, 2, 3, 4]));
    assert!(program.dir().join("merged/report.html").is_file());
    // The same of archives, in two steps.
    let archives = ["merge", "shard-2.tar.zst", "shard-1.tar.zst", "--out", "half"];
    let half = program.run(archives);
    assert!(half.stderr.contains("trials have not run: merge the runs that have them, too"), "{half:?}");
    let again = program.run(["merge", "shard-4.tar.zst", "half", "shard-3.tar.zst", "--out", "again"]);
    assert_eq!(again.status, Some(1), "{again:?}");
    assert_eq!(report(&program, "again"), report(&program, "whole"));
    for file in ["costs.json", "plan.json", "part.json"] {
        let read = |run: &str| std::fs::read_to_string(program.dir().join(run).join(file)).unwrap();
        assert_eq!(read("again"), read("merged"), "{file}");
    }
    let left: Vec<_> = std::fs::read_dir(program.dir()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(!left.iter().any(|name| name.to_string_lossy().starts_with(".oomlab-")), "{left:?}");
}

#[test]
fn merged_run_is_a_run_to_every_command() {
    let program = bench(4, "");
    for number in ["1", "2"] {
        run(&program, &format!("shards/{number}"), &["--shard", &format!("{number}/2")]);
    }
    assert_eq!(program.run(["merge", "shards/1", "shards/2"]).status, Some(1));
    let name = RunDir::all(&program.dir().join("runs")).unwrap()[0].head().unwrap().id.to_string();
    let history = program.run(["history"]);
    assert!(history.stdout.contains(&name), "{history:?}");
    let failing = program.run(["history", "mine.riscv64-nommu.32M.idle.guest=g03"]);
    assert!(failing.stdout.contains("panic"), "{failing:?}");
    let replayed = program.run(["replay", &name]);
    assert_eq!(replayed.status, Some(0), "{replayed:?}");
    // Evidence that the shards share is theirs nonetheless.
    let consoles = |run: &str| {
        let cells = std::fs::read_dir(program.dir().join(run).join("cells")).unwrap();
        cells.filter(|cell| cell.as_ref().unwrap().path().join("console.log").is_file()).count()
    };
    let pruned = program.run(["prune", "--evidence", "0h"]);
    assert_eq!(pruned.status, Some(0), "{pruned:?}");
    assert_eq!(consoles(&format!("runs/{name}")), 1, "that of the open failure");
    assert_eq!(consoles("shards/1") + consoles("shards/2"), 4);
    let again = program.run(["rerun", &name, "--failed", "--qemu", FAKE_QEMU, "--out", "again"]);
    assert_eq!((again.status, cells(&program, "again").len()), (Some(1), 1), "{again:?}");
}

#[test]
fn trials_of_shards_beside_their_merged_run_count_once() {
    let program = bench(4, "");
    for number in ["1", "2"] {
        run(&program, &format!("runs/{number}"), &["--shard", &format!("{number}/2")]);
    }
    let failing = || program.run(["history", "mine.riscv64-nommu.32M.idle.guest=g03"]).stdout;
    assert!(failing().contains("1 of 1"), "{}", failing());
    assert_eq!(program.run(["merge", "runs/1", "runs/2", "--out", "runs/merged"]).status, Some(1));
    assert!(failing().contains("1 of 1"), "{}", failing());
    let listed = program.run(["history"]).stdout;
    assert!(listed.contains("merged") && RunDir::all(&program.dir().join("runs")).unwrap().len() == 3, "{listed}");
    std::fs::remove_dir_all(program.dir().join("runs/merged")).unwrap();
    assert!(failing().contains("1 of 1"), "the shards count again: {}", failing());
}

#[test]
fn missing_shard_is_run_in_the_merged_run() {
    let program = bench(9, "");
    run(&program, "a", &["--shard", "1/3"]);
    run(&program, "c", &["--shard", "3/3"]);
    let merged = program.run(["merge", "a", "c", "--out", "merged"]);
    assert!(merged.stderr.contains("3 trials have not run"), "{merged:?}");
    let resumed = program.run(["run", "--resume", "merged", "--qemu", FAKE_QEMU]);
    assert_eq!(resumed.status, Some(1), "{resumed:?}");
    assert!(RunDir::open(&program.dir().join("merged")).unwrap().is_complete().unwrap());
    // What was run here has no place in the merge with what was run elsewhere.
    run(&program, "b", &["--shard", "2/3"]);
    let refused = program.run(["merge", "merged", "b", "--out", "both"]);
    assert_eq!(refused.status, Some(2), "{refused:?}");
    assert!(refused.stderr.contains("are two records of one trial"), "{refused:?}");
    assert!(!program.dir().join("both").exists());
}

#[test]
fn costs_of_a_missing_shard_are_kept() {
    let program = bench(9, "");
    run(&program, "whole", &[]);
    let costs = ["--costs", "whole/costs.json"];
    run(&program, "a", &[&["--shard", "1/3"][..], &costs].concat());
    run(&program, "c", &[&["--shard", "3/3"][..], &costs].concat());
    program.run([&["merge", "a", "c", "--out", "merged"][..], &costs].concat());
    let of = |run: &str| read_json(&program.dir().join(run).join("costs.json"))["cells"].as_object().unwrap().clone();
    let (whole, merged, shard) = (of("whole"), of("merged"), of("a"));
    assert_eq!(merged.keys().collect::<Vec<_>>(), whole.keys().collect::<Vec<_>>());
    let ran: Vec<String> = [cells(&program, "a"), cells(&program, "c")].concat();
    assert!(merged.iter().all(|(cell, cost)| ran.contains(cell) || *cost == whole[cell]));
    assert!(shard.iter().all(|(cell, cost)| *cost == merged[cell]));
    let refused = program.run(["merge", "a", "--costs", "none.json", "--out", "none"]);
    assert!(refused.status == Some(2) && refused.stderr.contains("none.json"), "{refused:?}");
}

#[test]
fn refused_merge_makes_no_folder() {
    let program = lab();
    let refused = program.run(["merge", "no-such-run"]);
    assert!(refused.status == Some(2) && refused.stderr.contains("there is no run `no-such-run`"), "{refused:?}");
    program.write("text.tar.zst", "no archive");
    let refused = program.run(["merge", "text.tar.zst"]);
    assert!(refused.status == Some(2) && refused.stderr.contains("is no archive of a run"), "{refused:?}");
    assert!(!program.dir().join("runs").exists());
}

#[test]
fn shard_is_resumed_and_run_again_as_that_shard() {
    let program = bench(6, "");
    run(&program, "a", &["--shard", "1/2"]);
    run(&program, "b", &["--shard", "2/2"]);
    let missing = &cells(&program, "a")[0];
    std::fs::remove_dir_all(program.dir().join("a/cells").join(missing)).unwrap();
    let words = ["run", "matrix.yaml", "--resume", "a", "--qemu", FAKE_QEMU];
    let refused = program.run(words);
    assert_eq!(refused.status, Some(2), "{refused:?}");
    assert!(refused.stderr.contains("`--shard 1/2`"), "{refused:?}");
    let resumed = program.run([&words[..], &["--shard", "1/2"]].concat());
    assert!(matches!(resumed.status, Some(0 | 1)), "{resumed:?}");
    let again = program.run(["rerun", "b", "--qemu", FAKE_QEMU, "--out", "again"]);
    assert!(matches!(again.status, Some(0 | 1)), "{again:?}");
    assert_eq!(program.run(["merge", "a", "again", "--out", "merged"]).status, Some(1));
    assert_eq!(cells(&program, "merged").len(), 6);
    assert!(RunDir::open(&program.dir().join("merged")).unwrap().is_complete().unwrap());
}

#[test]
fn runs_of_two_filters_are_merged() {
    let program = bench(6, "");
    run(&program, "b", &["--filter", "guest=g04,g05"]);
    run(&program, "a", &["--filter", "guest=g00"]);
    assert_eq!(program.run(["merge", "b", "a", "--out", "merged"]).status, Some(0));
    let guests: Vec<String> =
        cells(&program, "merged").iter().map(|id| id.rsplit_once('=').unwrap().1.to_owned()).collect();
    assert_eq!(guests, ["g00", "g04", "g05"]);
}

#[test]
fn empty_shard_and_the_whole_are_shards() {
    let program = bench(2, "");
    assert_eq!(run(&program, "empty", &["--shard", "3/3"]).status, Some(0));
    assert_eq!(cells(&program, "empty"), Vec::<String>::new());
    assert_eq!(run(&program, "whole", &["--shard", "1/1"]).status, Some(0));
    assert_eq!(cells(&program, "whole").len(), 2);
}

#[test]
fn plan_tells_what_a_shard_takes() {
    let program = bench(5, "  vcpus: 1\n");
    let document = |args: &[&str]| -> Value {
        let printed = program.run([&["plan", "matrix.yaml", "--json"][..], args].concat());
        serde_json::from_str(&printed.stdout).unwrap_or_else(|_| panic!("{printed:?}"))
    };
    let (one, other) = (document(&["--shard", "1/2"]), document(&["--shard", "2/2"]));
    assert_eq!(one["shard"]["plan"], other["shard"]["plan"]);
    assert_eq!(one["shard"]["expected_s"], other["shard"]["expected_s"]);
    let counts = [&one, &other].map(|plan| plan["cells"].as_array().unwrap().len());
    assert_eq!(counts, [3, 2]);
    let text = program.run(["plan", "matrix.yaml", "--shard", "1/2"]).stdout;
    assert!(text.contains("\nshard 1/2 · about ") && text.contains(" · 0 of 3 cells were measured\n"), "{text}");
}

/// A machine that has the kernel's configuration knows that it cannot run one of the cells. Another one does not.
#[test]
fn shards_do_not_depend_on_what_a_machine_knows() {
    let program = lab();
    program.write("config", "CONFIG_X=y\n");
    let workloads = "[idle, memcg-hog, zram-swap]";
    let text = format!("axes:\n  kernel: mine\n  arch: x86_64\n  ram: 128M\n  workload: {workloads}\n");
    program.write("matrix.yaml", &text);
    let plan = |config: &str, shard: &str| -> Value {
        let image = program.dir().join("kernel");
        let source = format!("source:\n  local:\n    x86_64: {{image: {}{config}}}\n", image.display());
        program.write("kernels/mine.yaml", &source);
        let printed = program.run(["plan", "matrix.yaml", "--json", "--shard", shard]);
        serde_json::from_str(&printed.stdout).unwrap_or_else(|_| panic!("{printed:?}"))
    };
    let config = format!(", config: {}", program.dir().join("config").display());
    let count = |plan: &Value, key: &str| plan[key].as_array().map_or(0, Vec::len);
    let mut skipped = 0;
    for shard in ["1/2", "2/2"] {
        let (knows, other) = (plan(&config, shard), plan("", shard));
        assert_eq!(knows["shard"], other["shard"]);
        assert_eq!(count(&knows, "cells") + count(&knows, "skipped"), count(&other, "cells"));
        assert_eq!(count(&other, "skipped"), 0);
        skipped += count(&knows, "skipped");
    }
    assert_eq!(skipped, 1, "by the machine whose cell it is");
}

#[test]
fn wrong_shards_and_costs_are_wrong_usage() {
    let program = bench(2, "");
    program.write("costs.json", "{\"schema\": 9, \"cells\": {}}");
    for (args, expected) in [
        (&["--shard", "0/8"][..], "there is no shard 0 of 8: they count from 1 to 8"),
        (&["--shard", "9/8"], "there is no shard 9 of 8"),
        (&["--shard", "x"], "not a shard: write for example `2/8`"),
        (&["--costs", "costs.json"], "cannot read the costs costs.json: costs of schema 9"),
        (&["--shard", "1/2", "--costs", "costs.json"], "cannot read the costs costs.json: costs of schema 9"),
        (&["--shard", "1/2", "--costs", "nothing"], "cannot read the costs nothing: No such file"),
    ] {
        for command in ["run", "plan"] {
            let refused = program.run([&[command, "matrix.yaml"][..], args].concat());
            assert_eq!(refused.status, Some(2), "{refused:?}");
            assert!(refused.stderr.contains(expected), "{refused:?}");
        }
    }
    let merged = program.run(["merge", "costs.json", "--out", "merged"]);
    assert_eq!(merged.status, Some(2), "{merged:?}");
    assert!(merged.stderr.contains("costs.json is no archive of a run: no zstd"), "{merged:?}");
    assert!(!program.dir().join("runs").exists());
}

#[test]
fn jobs_of_github_are_the_shards() {
    let program = bench(5, "");
    let export = |args: &[&str]| program.run([&["export", "github", "matrix.yaml", "--cpus", "1"][..], args].concat());
    let printed = export(&["--shards", "2"]);
    let expected = json!({"include": [
        {"shard": "1/2", "minutes": 1, "timeout-minutes": 32, "cells": 3},
        {"shard": "2/2", "minutes": 1, "timeout-minutes": 32, "cells": 2},
    ]});
    assert_eq!(serde_json::from_str::<Value>(&printed.stdout).unwrap(), expected);
    let cell = |at: usize, seconds: f64| {
        let id = format!("mine.riscv64-nommu.32M.idle.guest=g{at:02}");
        (id, json!({"seconds": seconds, "arch": "riscv64-nommu", "workload": "idle"}))
    };
    let known: serde_json::Map<String, Value> = (0..5).map(|at| cell(at, 300.0)).collect();
    program.write("costs.json", &json!({"schema": 1, "cells": known}).to_string());
    let shards = |minutes: &str| {
        let printed = export(&["--costs", "costs.json", "--max-minutes", minutes]);
        serde_json::from_str::<Value>(&printed.stdout)
            .map(|jobs| jobs["include"].as_array().unwrap().len())
            .map_err(|_| printed)
    };
    assert_eq!([25, 24, 10, 5].map(|minutes| shards(&minutes.to_string()).unwrap()), [1, 2, 3, 5]);
    let refused = shards("4").unwrap_err();
    assert_eq!(refused.status, Some(2));
    assert!(refused.stderr.contains("takes at most 4 min each: the trials of "), "{refused:?}");
    assert!(export(&["--shards", "257"]).stderr.contains("at most 256 jobs"));
    assert_eq!(export(&[]).status, Some(2), "one of the two numbers is required");
}

#[test]
fn real_guests_of_two_shards_are_one_run() {
    let program = Program::new();
    let text =
        "axes:\n  kernel: linux-7.3\n  arch: riscv64-nommu\n  ram: 32M\n  workload: [idle, anon-hog, pipe-fill]\n";
    program.write("matrix.yaml", text);
    for number in ["1", "2"] {
        let shard = format!("{number}/2");
        let done = finish(&mut command(&program, &["run", "matrix.yaml", "--shard", &shard, "--out", number]));
        assert_eq!(done.status, Some(0), "{done:?}");
    }
    let merged = program.run(["merge", "1", "2", "--out", "merged"]);
    assert_eq!(merged.status, Some(0), "{merged:?}");
    let record = RunDir::open(&program.dir().join("merged")).unwrap().record().unwrap();
    let workloads: Vec<&str> = record.trials.iter().map(|trial| trial.cell.workload_name()).collect();
    assert_eq!(workloads, ["idle", "anon-hog", "pipe-fill"]);
}
