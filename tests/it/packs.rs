//! `oomlab pack` and `oomlab run --pack`: real guests on a host that has QEMU alone.

mod bare;

use crate::support::guests::read_json;
use crate::support::kernels;
use crate::support::program::{Finished, Program, finish};
use model::{RunRecord, TrialRecord};
use oomlab::store::RunDir;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const OOMLAB: &str = env!("CARGO_BIN_EXE_oomlab");

/// One cell that passes, and one that livelocks: the diagnostics read its symbols and its debug information.
const MATRIX: &str = "axes: {kernel: linux-7.3, arch: riscv64-nommu, ram: 32M, workload: [idle, zombie-victim]}\n\
    expect:\n  - {match: {workload: zombie-victim}, verdict: hang/oom-livelock, reason: x}\n\
    defaults: {timeouts: {stuck: 3s}}\n";

/// A matrix whose kernel is in the cache.
fn lab(matrix: &str) -> Program {
    kernels::kernel("linux-7.3", "riscv64-nommu");
    let program = Program::new();
    program.write("matrix.yaml", matrix);
    program
}

/// A folder with the emulators alone, for `PATH`.
fn emulators(program: &Program) -> PathBuf {
    let bin = program.dir().join("emulators");
    if !bin.is_dir() {
        std::fs::create_dir(&bin).unwrap();
        for name in ["qemu-system-riscv64", "qemu-system-x86_64"] {
            let path = std::env::var_os("PATH").unwrap();
            let found = std::env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file());
            symlink(found.expect("an emulator"), bin.join(name)).unwrap();
        }
    }
    bin
}

/// A command line on a host with emulators, without a home, a cache and any other program.
fn bare(program: &Program, command: &str, args: &[&str]) -> Finished {
    let mut bare = Command::new(command);
    bare.args(args).current_dir(program.dir()).env_clear().stdin(Stdio::null());
    finish(bare.env("PATH", emulators(program)))
}

fn trials(folder: &Path) -> Vec<TrialRecord> {
    let RunRecord { trials, .. } = RunDir::open(folder).unwrap().record().unwrap();
    trials
}

/// What a trial booted and how it ended.
fn booted(trial: &TrialRecord) -> impl PartialEq + std::fmt::Debug {
    let digests = [&trial.kernel_digest, &trial.initrd_digest, &trial.firmware_digest, &trial.root_disk_digest];
    let versions = [&trial.kernel_release, &trial.kernel_commit];
    (
        trial.cell.clone(),
        trial.verdict.kind,
        trial.verdict.title.clone(),
        digests.map(Clone::clone),
        versions.map(Clone::clone),
    )
}

#[test]
fn packed_plan_runs_as_an_unpacked_one() {
    let program = lab(MATRIX);
    let here = finish(&mut kernels::command(&program, &["run", "matrix.yaml", "--out", "here"]));
    assert_eq!(here.status, Some(0), "{here:?}");
    let pack = |out: &str| finish(&mut kernels::command(&program, &["pack", "matrix.yaml", "--out", out]));
    let packed = pack("folder");
    assert!(packed.status == Some(0) && packed.stdout.starts_with("folder: 2 cells, "), "{packed:?}");
    let ran = bare(&program, OOMLAB, &["run", "--pack", "folder", "--out", "there"]);
    assert_eq!(ran.status, Some(0), "{ran:?}");
    let (here, there) = (trials(&program.dir().join("here")), trials(&program.dir().join("there")));
    assert_eq!(here.iter().map(booted).collect::<Vec<_>>(), there.iter().map(booted).collect::<Vec<_>>());
    let files = |trials: &[TrialRecord]| {
        let names = trials.iter().map(|trial| trial.artifacts.iter().map(|file| file.file.clone()).collect::<Vec<_>>());
        names.collect::<Vec<_>>()
    };
    assert_eq!(files(&here), files(&there), "the same diagnostics");
    for name in ["pack.json", "plan.json", "README.txt"] {
        let text = std::fs::read_to_string(program.dir().join("folder").join(name)).unwrap();
        assert!(!text.contains(&*program.dir().to_string_lossy()), "{text}");
    }

    // The script, with the program of the pack.
    let script = program.dir().join("folder/run.sh");
    let script = script.to_str().unwrap();
    let ran = bare(&program, "/bin/sh", &[script, "--filter", "workload=idle", "--repeat", "2", "--jobs", "1"]);
    assert_eq!(ran.status, Some(0), "{ran:?}");
    let run =
        program.dir().join("runs").read_dir().unwrap().flatten().map(|entry| entry.path()).find(|path| path.is_dir());
    assert_eq!(trials(&run.unwrap()).len(), 2);

    let exists = pack("folder");
    assert!(exists.status == Some(2) && exists.stderr.contains("folder exists: `--force`"), "{exists:?}");
}

#[test]
fn packed_run_goes_on_where_it_was_stopped() {
    let program = lab(MATRIX);
    let args = ["pack", "matrix.yaml", "--filter", "workload=idle", "--repeat", "2", "--out", "a.tar.zst"];
    let packed = finish(&mut kernels::command(&program, &args));
    assert_eq!(packed.status, Some(0), "{packed:?}");
    let ran = bare(&program, OOMLAB, &["run", "--pack", "a.tar.zst", "--out", "run"]);
    assert_eq!(ran.status, Some(0), "{ran:?}");
    // As if the lab was killed during the second trial.
    let run = program.dir().join("run");
    let second = run.join("cells").read_dir().unwrap().flatten().map(|entry| entry.path());
    let second = second.into_iter().find(|path| path.to_string_lossy().ends_with("~2")).expect("a second trial");
    std::fs::remove_file(second.join("trial.json")).unwrap();
    let head = std::fs::read_to_string(run.join("run.json")).unwrap();
    std::fs::write(run.join("run.json"), head.replace("\"finished\": true", "\"finished\": false")).unwrap();
    let refused = bare(&program, OOMLAB, &["run", "--pack", "a.tar.zst", "--repeat", "3", "--resume", "run"]);
    assert!(refused.status == Some(2) && refused.stderr.contains("is not that of run"), "{refused:?}");
    let resumed = bare(&program, OOMLAB, &["run", "--pack", "a.tar.zst", "--resume", "run"]);
    assert!(resumed.status == Some(0) && resumed.stderr.contains("1 of 2 trials have ended"), "{resumed:?}");
    assert_eq!(trials(&run).len(), 2);
    assert_eq!(read_json(&run.join("run.json"))["resumed"], 1);
}

#[test]
fn further_arguments_of_qemu_need_trust() {
    let more = "how: {more: {qemu: [-msg, timestamp=off]}}";
    let program = lab(&format!("axes: {{kernel: linux-7.3, arch: riscv64-nommu, ram: 32M, workload: idle, {more}}}\n"));
    let packed = finish(&mut kernels::command(&program, &["pack", "matrix.yaml", "--out", "pack"]));
    assert_eq!(packed.status, Some(0), "{packed:?}");
    let refused = bare(&program, OOMLAB, &["run", "--pack", "pack"]);
    assert!(refused.status == Some(2) && refused.stderr.contains("add `--trust`"), "{refused:?}");
    let ran = bare(&program, OOMLAB, &["run", "--pack", "pack", "--trust"]);
    assert_eq!(ran.status, Some(0), "{ran:?}");
}

#[test]
fn damaged_pack_boots_nothing() {
    let program = lab(MATRIX);
    let packed = finish(&mut kernels::command(&program, &["pack", "matrix.yaml", "--out", "pack"]));
    assert_eq!(packed.status, Some(0), "{packed:?}");
    let manifest = read_json(&program.dir().join("pack/pack.json"));
    let kernel = manifest["kernels"][0]["image"]["file"].as_str().unwrap();
    std::fs::write(program.dir().join("pack").join(kernel), "x").unwrap();
    let refused = bare(&program, OOMLAB, &["run", "--pack", "pack"]);
    assert!(refused.status == Some(2) && refused.stderr.contains("is not the file that was packed"), "{refused:?}");
    let nothing = bare(&program, OOMLAB, &["run", "--pack", "matrix.yaml"]);
    assert!(nothing.status == Some(2) && nothing.stderr.contains("matrix.yaml is no pack"), "{nothing:?}");
    assert!(!program.dir().join("runs").exists());
}

/// Runs a matrix with what the cache has, and without a compiler or any other program but QEMU.
fn without_compilers(program: &Program, out: &str) -> Finished {
    let mut command = kernels::command(program, &["run", "matrix.yaml", "--out", out]);
    finish(command.env("PATH", emulators(program)))
}

#[test]
fn cache_of_another_host_is_used_without_compilers() {
    let program = lab("axes: {kernel: linux-7.3, arch: riscv64-nommu, ram: 32M, workload: idle}\n");
    let here = finish(&mut kernels::command(&program, &["run", "matrix.yaml", "--out", "here"]));
    assert_eq!(here.status, Some(0), "{here:?}");
    let ran = without_compilers(&program, "there");
    assert_eq!(ran.status, Some(0), "{ran:?}");
    let (here, there) = (trials(&program.dir().join("here")), trials(&program.dir().join("there")));
    assert_eq!(booted(&here[0]), booted(&there[0]));
    // Without its image there is a clear error.
    let matrix = "axes: {kernel: linux-7.3, arch: riscv64-nommu, ram: 32M, workload: mine}\n";
    program.write("matrix.yaml", matrix);
    let manifest = "name: mine\nsummary: is new\naims_at: nothing\nsource: none\nmmu: any\nunit: none\nfinished: at once\n\
        min_ram: 8M\nhealthy: {outcome: pass, kind: finished}\n";
    program.write("images/workloads/mine/manifest.yaml", manifest);
    program.write("images/workloads/mine/main.c", "#include \"../../guest/workload.h\"\n");
    let lacking = without_compilers(&program, "nothing");
    assert_eq!(lacking.status, Some(3), "{lacking:?}");
    assert!(lacking.stderr.contains("riscv64-linux-gnu-gcc") && lacking.stderr.contains("doctor --fix"), "{lacking:?}");
}

#[test]
fn cached_script_runs_without_compilers() {
    kernels::kernel("debian-6.1", "x86_64");
    let program = Program::new();
    program.write("matrix.yaml", "axes: {kernel: debian-6.1, arch: x86_64, ram: 128M, workload: hello}\n");
    let manifest = "name: hello\nsummary: x\naims_at: x\nsource: x\nmmu: required\nunit: lines\nfinished: x\n\
        min_ram: 64M\nhealthy: {outcome: pass}\nscript:\n  results: exit\n  run: echo hello\n";
    program.write("images/workloads/hello/manifest.yaml", manifest);
    let here = finish(&mut kernels::fetching(&program, &["run", "matrix.yaml", "--out", "here"]));
    assert_eq!(here.status, Some(0), "{here:?}");
    let ran = without_compilers(&program, "there");
    assert_eq!(ran.status, Some(0), "{ran:?}");
    let (here, there) = (trials(&program.dir().join("here")), trials(&program.dir().join("there")));
    assert_eq!(booted(&here[0]), booted(&there[0]));
}
