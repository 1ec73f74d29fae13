//! What the lab says when Slurm, a task or a node cannot do what it should.

use super::{Bench, MANY, endless, healthy};
use crate::processes::{eventually, signal};
use crate::support::guests::{RUN, lab, matrix, read_json};
use crate::support::program::{Program, finish, start, wait};
use model::{Kind, Outcome};
use oomlab::store::read_trial;
use rustix::process::Signal;
use serde_json::Value;

/// The message of a run on Slurm that does not begin.
fn refused(program: &Program, more: &[&str], env: &[(&str, &str)]) -> (Option<i32>, String) {
    let mut command = program.command([&RUN[..], &["--out", "runs/it", "--executor", "slurm"], more].concat());
    command.envs(env.iter().copied());
    let finished = finish(&mut command);
    (finished.status, finished.stderr.split_whitespace().collect::<Vec<_>>().join(" "))
}

#[test]
fn missing_slurm_is_reported() {
    let program = lab();
    matrix(&program, &[("a", &healthy())], "");
    let (status, stderr) = refused(&program, &[], &[("PATH", "/nonexistent")]);
    assert!(status == Some(3) && stderr.contains("cannot find `scontrol`: install Slurm's commands"), "{stderr}");
    program.write(
        "slurm.conf",
        "ClusterName=x\nSlurmctldHost=localhost(127.0.0.1)\nSlurmctldPort=1\nAuthType=auth/none\n",
    );
    let configuration = program.dir().join("slurm.conf").display().to_string();
    let (status, stderr) = refused(&program, &[], &[("SLURM_CONF", &configuration)]);
    assert!(status == Some(3) && stderr.contains("no answer from Slurm's controller"), "{stderr}");
    assert!(!program.dir().join("runs").exists(), "nothing was made");
}

#[test]
fn options_of_the_local_host_are_refused() {
    let program = lab();
    matrix(&program, &[("a", &healthy())], "");
    for (more, why) in [
        (&["--cpus", "1"][..], "Slurm admits by what its nodes have"),
        (&["--keep-on", "hang"], "cannot be used with"),
        (&["--slurm-arg=--array=0-9"], "the lab itself gives `--array` to `sbatch`"),
        (&["--slurm-arg=qos"], "write an option of `sbatch` with its value"),
    ] {
        let (status, stderr) = refused(&program, more, &[]);
        assert!(status == Some(2) && stderr.contains(why), "{stderr}");
    }
    let without = program.run([&RUN[..], &["--partition", "main"]].concat());
    assert_eq!(without.status, Some(2), "{without:?}");
}

#[test]
fn refused_jobs_fail_the_run() {
    let bench = Bench::new(MANY);
    matrix(&bench.program, &[("a", &healthy()), ("b", &healthy())], "");
    let args = ["run", "matrix.yaml", "--out", "runs/it", "--executor", "slurm", "--partition"];
    let unknown = bench.run(&[&args[..], &["nope"]].concat());
    assert_eq!(unknown.status, Some(3), "{unknown:?}");
    assert!(unknown.stderr.contains("invalid partition specified: nope"), "{}", unknown.stderr);
    assert_eq!(bench.ended("it"), 0);
    // The limit of that partition is a minute.
    let resume = ["run", "--resume", "it", "--executor", "slurm", "--partition"];
    let limited = bench.run(&[&resume[..], &["short"]].concat());
    assert_eq!(limited.status, Some(3), "{limited:?}");
    let trials = bench.trials("it");
    assert_eq!(trials.len(), 2);
    for trial in trials.values() {
        assert!(trial.verdict.summary.contains("PartitionTimeLimit): it can never start"), "{}", trial.verdict.summary);
    }
    assert_eq!(bench.cluster.tasks("PENDING,RUNNING"), [""; 0]);
}

#[test]
fn ended_task_fails_the_trial_that_it_ran() {
    let bench = Bench::new(MANY);
    matrix(&bench.program, &[("a", &healthy()), ("b", &endless())], "");
    let lab = start(&mut bench.command(&["run", "matrix.yaml", "--out", "runs/it", "--executor", "slurm"]));
    bench.wait_for_guests("it", 1);
    eventually("one task", || bench.ended("it") == 1 && bench.cluster.tasks("RUNNING").len() == 1);
    let task = bench.cluster.tasks("RUNNING").remove(0);
    // SIGKILL, as the kernel's OOM killer sends it, to the worker alone.
    assert!(bench.cluster.command("scancel", &["--batch", "--signal=KILL", &task]).status.success());
    let finished = wait(lab);
    assert_eq!(finished.status, Some(3), "{finished:?}");
    let trial = &bench.trials("it")["mine.riscv64-nommu.32M.idle.guest=b"];
    assert_eq!(trial.verdict.kind, Kind::QemuDied);
    let summary = &trial.verdict.summary;
    assert!(summary.starts_with(&format!("Slurm task {task} on n")), "{summary}");
    assert!(summary.contains("FAILED, signal 9"), "{summary}");
    assert!(trial.artifacts.iter().any(|artifact| artifact.file == "console.log"), "what there is stays");
}

#[test]
fn task_at_its_time_limit_fails_the_trial_that_it_ran() {
    let bench = Bench::new(MANY);
    matrix(&bench.program, &[("a", &endless())], "");
    let lab = start(&mut bench.command(&["run", "matrix.yaml", "--out", "runs/it", "--executor", "slurm"]));
    bench.wait_for_guests("it", 1);
    let task = bench.cluster.tasks("RUNNING").remove(0);
    // The shortest limit of a job that begins is a minute.
    let updated = bench.cluster.command("scontrol", &["update", &format!("JobId={task}"), "EndTime=now+1"]);
    assert!(updated.status.success(), "{updated:?}");
    let finished = wait(lab);
    assert_eq!(finished.status, Some(3), "{finished:?}");
    let trial = &bench.trials("it")["mine.riscv64-nommu.32M.idle.guest=a"];
    assert_eq!(trial.verdict.kind, Kind::QemuDied);
    assert!(trial.verdict.summary.contains("TIMEOUT"), "{}", trial.verdict.summary);
    assert!(trial.artifacts.iter().any(|artifact| artifact.file == "console.log"), "what there is stays");
}

#[test]
fn tasks_that_can_no_longer_start_do_not_end_those_that_run() {
    let bench = Bench::new(MANY);
    let guests: Vec<(String, String)> = (0..6).map(|number| (format!("g{number}"), endless())).collect();
    let guests: Vec<(&str, &str)> = guests.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    matrix(&bench.program, &guests, "");
    let lab = start(&mut bench.command(&["run", "matrix.yaml", "--out", "runs/it", "--executor", "slurm"]));
    // Two nodes of two CPUs.
    bench.wait_for_guests("it", 4);
    let running = bench.cluster.tasks("RUNNING");
    let updated = bench.cluster.command("scontrol", &["update", "PartitionName=main", "MaxTime=1"]);
    assert!(updated.status.success(), "{updated:?}");
    // Slurm looks at tasks that wait now and then.
    eventually("the end of those that wait", || bench.cluster.tasks("PENDING").is_empty());
    eventually("their records", || bench.ended("it") == 2);
    assert_eq!(bench.cluster.tasks("RUNNING,PENDING"), running);
    signal(&lab, Signal::INT);
    let stopped = wait(lab);
    assert_eq!(stopped.status, Some(130), "{stopped:?}");
    let kinds: Vec<Kind> = bench.kinds("it").into_values().collect();
    let count = |kind| kinds.iter().filter(|found| **found == kind).count();
    assert_eq!((count(Kind::Interrupted), count(Kind::QemuDied)), (4, 2), "{kinds:?}");
}

#[test]
fn worker_names_files_and_versions_that_do_not_fit() {
    let bench = Bench::new(MANY);
    matrix(&bench.program, &[("a", &healthy())], "");
    let run = ["run", "matrix.yaml", "--out", "runs/it", "--executor", "slurm", "--slurm-arg=--hold"];
    let mut lab = start(&mut bench.command(&run));
    let batch = bench.dir("it").join("slurm/1/0.json");
    eventually("a submission", || bench.dir("it").join("slurm/1/array.json").is_file());
    let original = read_json(&batch);
    lab.kill().unwrap();
    wait(lab);
    let worker = |change: &dyn Fn(&mut Value)| {
        let mut changed = original.clone();
        change(&mut changed["trials"][0]["spec"]);
        std::fs::write(&batch, changed.to_string()).unwrap();
        bench.run(&["batch", &batch.display().to_string()])
    };
    let newer = worker(&|spec| spec["schema"] = 99.into());
    assert!(newer.status == Some(3) && newer.stderr.contains("spec of schema 99"), "{newer:?}");
    assert_eq!(bench.ended("it"), 0);
    let hidden = worker(&|spec| spec["kernel"]["image"] = "/cache/of/another/host".into());
    assert_eq!(hidden.status, Some(0), "{hidden:?}");
    let record = read_trial(&bench.dir("it").join("cells/mine.riscv64-nommu.32M.idle.guest=a")).unwrap();
    assert_eq!(record.verdict.kind, Kind::ImageUnavailable);
    assert!(record.verdict.summary.contains("does not see /cache/of/another/host"), "{}", record.verdict.summary);
    let mut two = original.clone();
    let trials = two["trials"].as_array_mut().unwrap();
    trials.push(trials[0].clone());
    trials[0]["folder"] = "first".into();
    trials[1]["folder"] = "second".into();
    std::fs::write(&batch, two.to_string()).unwrap();
    let finished = finish(bench.command(&["batch", &batch.display().to_string()]).env("SLURMD_NODENAME", "n7"));
    assert_eq!(finished.status, Some(0), "{finished:?}");
    for folder in ["first", "second"] {
        let record = read_trial(&bench.dir("it").join("cells").join(folder)).unwrap();
        assert_eq!((record.verdict.outcome(), record.node.as_deref()), (Outcome::Pass, Some("n7")));
    }
    // A record that is there is not made again.
    assert_eq!(worker(&|_| ()).status, Some(0));
    assert_eq!(read_trial(&bench.dir("it").join("cells").join(record.folder())).unwrap(), record);
}
