//! Runs whose jobs, nodes or lab end before them.

use super::{Bench, MANY, endless, healthy};
use crate::processes::{eventually, signal};
use crate::support::cluster::NODES;
use crate::support::guests::{matrix, read_json};
use crate::support::program::{start, wait};
use model::Kind;
use rustix::process::Signal;
use std::process::Child;

const RUN: [&str; 6] = ["run", "matrix.yaml", "--out", "runs/it", "--executor", "slurm"];

/// A run with a guest that passes, and three that run until they are ended; these run when this returns.
fn started(bench: &Bench) -> Child {
    matrix(&bench.program, &[("a", &healthy()), ("b", &endless()), ("c", &endless()), ("d", &endless())], "");
    let lab = start(&mut bench.command(&RUN));
    bench.wait_for_guests("it", 3);
    eventually("the end of the first task", || bench.ended("it") >= 1 && bench.cluster.tasks("RUNNING").len() == 3);
    lab
}

/// Lets all guests pass, resumes the run, and checks that what had ended is not run again.
fn resume(bench: &Bench, args: &[&str]) -> String {
    let first = bench.dir("it").join("cells/mine.riscv64-nommu.32M.idle.guest=a/trial.json");
    let before = std::fs::read(&first).unwrap();
    for name in ["b", "c", "d"] {
        bench.program.write(&format!("{name}.script"), &healthy());
    }
    let resumed = bench.run(&[&["run", "--resume"], args].concat());
    assert_eq!(resumed.status, Some(0), "{resumed:?}");
    assert_eq!(std::fs::read(&first).unwrap(), before, "judged twice");
    let kinds: Vec<Kind> = bench.kinds("it").into_values().collect();
    assert_eq!(kinds, [Kind::Finished; 4]);
    assert!(!bench.dir("it").join("slurm").exists());
    eventually("the end of all processes", || bench.processes().is_empty());
    resumed.stderr
}

#[test]
fn interrupt_cancels_the_arrays() {
    let bench = Bench::new(MANY);
    let lab = started(&bench);
    signal(&lab, Signal::INT);
    let stopped = wait(lab);
    assert_eq!(stopped.status, Some(130), "{stopped:?}");
    assert!(stopped.stderr.contains("`oomlab run --resume it` continues it"), "{stopped:?}");
    assert_eq!(bench.cluster.tasks("PENDING,RUNNING"), [""; 0]);
    assert_eq!(bench.processes(), [""; 0]);
    assert!(!bench.dir("it").join("slurm").exists());
    let interrupted = bench.kinds("it").into_values().filter(|&kind| kind == Kind::Interrupted).count();
    assert_eq!(interrupted, 3, "their workers have ended the guests: {stopped:?}");
    // On this host.
    resume(&bench, &[]);
}

#[test]
fn jobs_of_a_killed_lab_are_cancelled_by_the_resumed_run() {
    let bench = Bench::new(MANY);
    let mut lab = started(&bench);
    lab.kill().unwrap();
    wait(lab);
    assert_eq!(bench.cluster.tasks("RUNNING").len(), 3, "Slurm's tasks live on");
    let stderr = resume(&bench, &["it", "--executor", "slurm"]);
    assert!(stderr.contains("cancelled 3 Slurm tasks that the lab had left"), "{stderr}");
    assert!(stderr.contains("resuming runs/it · 1 of 4 trials have ended"), "{stderr}");
}

#[test]
fn cancelled_array_is_a_run_that_resumes() {
    let bench = Bench::new(MANY);
    let lab = started(&bench);
    let arrays = bench.cluster.text("squeue", &["--noheader", "--format=%A", "--states=RUNNING"]);
    let cancelled: Vec<&str> = arrays.lines().map(str::trim).collect();
    assert!(bench.cluster.command("scancel", &cancelled).status.success());
    let stopped = wait(lab);
    assert_eq!(stopped.status, Some(130), "{stopped:?}");
    let judged: Vec<Kind> = bench.kinds("it").into_values().filter(|&kind| kind != Kind::Interrupted).collect();
    assert_eq!(judged, [Kind::Finished], "nothing is judged by the signal that ended it");
    resume(&bench, &["--executor", "slurm"]);
}

#[test]
fn cancelled_task_does_not_stop_the_others() {
    let bench = Bench::new(MANY);
    matrix(&bench.program, &[("a", &healthy()), ("b", &endless()), ("c", &healthy()), ("d", &healthy())], "");
    let lab = start(&mut bench.command(&RUN));
    bench.wait_for_guests("it", 1);
    eventually("one task", || bench.ended("it") == 3 && bench.cluster.tasks("RUNNING").len() == 1);
    assert!(bench.cluster.command("scancel", &[&bench.cluster.tasks("RUNNING")[0]]).status.success());
    let stopped = wait(lab);
    assert_eq!(stopped.status, Some(130), "{stopped:?}");
    assert_eq!(bench.kinds("it").into_values().filter(|&kind| kind == Kind::Finished).count(), 3);
    resume(&bench, &["--executor", "slurm"]);
}

#[test]
fn trials_of_a_dead_node_run_on_another_one() {
    let mut bench = Bench::new(MANY);
    matrix(&bench.program, &[("a", &healthy()), ("b", &endless())], "");
    let lab = start(&mut bench.command(&RUN));
    bench.wait_for_guests("it", 1);
    eventually("one task", || bench.ended("it") == 1 && bench.cluster.tasks("RUNNING").len() == 1);
    bench.program.write("b.script", &healthy());
    let node = bench.cluster.text("squeue", &["--noheader", "--states=RUNNING", "--format=%N"]).trim().to_owned();
    bench.cluster.kill_node(&node);
    let finished = wait(lab);
    assert_eq!(finished.status, Some(0), "{finished:?}");
    assert!(finished.stderr.contains("NODE_FAIL"), "{}", finished.stderr);
    assert!(finished.stderr.contains("submitting 1 of its trials again"), "{}", finished.stderr);
    let other = NODES.into_iter().find(|name| *name != node).unwrap();
    let trials = bench.trials("it");
    assert_eq!(trials["mine.riscv64-nommu.32M.idle.guest=b"].node.as_deref(), Some(other));
    assert_eq!(read_json(&bench.dir("it").join("run.json"))["interrupted"], false);
}

#[test]
fn preempted_trials_run_again() {
    let bench = Bench::new(MANY);
    matrix(&bench.program, &[("a", &endless())], "");
    let lab = start(&mut bench.command(&RUN));
    bench.wait_for_guests("it", 1);
    bench.program.write("a.script", &healthy());
    let urgent =
        ["--parsable", "--partition=urgent", "--nodes=2", "--exclusive", "--output=/dev/null", "--wrap=sleep 600"];
    let job = bench.cluster.text("sbatch", &urgent).trim().to_owned();
    eventually("the urgent job", || {
        bench.cluster.text("squeue", &["--noheader", "--jobs", &job, "--format=%T"]) == "RUNNING\n"
    });
    assert_eq!(bench.ended("it"), 0, "nothing is recorded of a trial that runs again");
    assert!(bench.cluster.command("scancel", &[&job]).status.success());
    let finished = wait(lab);
    assert_eq!(finished.status, Some(0), "{finished:?}");
    assert!(finished.stderr.contains("PREEMPTED"), "{}", finished.stderr);
    assert!(finished.stderr.contains("submitting 1 of its trials again"), "{}", finished.stderr);
    assert_eq!(bench.kinds("it").into_values().collect::<Vec<_>>(), [Kind::Finished]);
}
