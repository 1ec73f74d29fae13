//! Runs that cannot be resumed, and what is said of them.

use super::{Bench, ENDLESS, ended, healthy, wait_for};
use crate::processes::signal;
use crate::support::guests::{AGENT, FAKE_QEMU, HEALTHY, boot_args, lab, matrix};
use crate::support::program::{Program, finish, start, wait};
use crate::support::transcript::assert_transcript;
use rustix::process::Signal;

/// A run `it` of a quick and an endless guest that was stopped; `setting` is one of the matrix's defaults.
fn stopped(setting: &str) -> Bench {
    let bench = Bench::new();
    write_matrix(&bench);
    let text = std::fs::read_to_string(bench.program.dir().join("matrix.yaml")).unwrap();
    bench.program.write("matrix.yaml", &with_default(&text, setting));
    let lab = start(&mut bench.command(&["run", "matrix.yaml", "--out", "runs/it", "--jobs", "1"]));
    wait_for(&bench.dir("it"), 1, 8);
    signal(&lab, Signal::INT);
    assert_eq!(wait(lab).status, Some(130));
    bench.program.write("b.script", &healthy());
    bench
}

fn write_matrix(bench: &Bench) {
    let endless = format!("{AGENT}{ENDLESS}");
    matrix(&bench.program, &[("a", &healthy()), ("b", &endless)], "");
}

fn with_default(matrix: &str, setting: &str) -> String {
    matrix.replace("defaults:\n", &format!("defaults:\n{setting}"))
}

#[test]
fn changed_plan_is_refused() {
    let program = Program::new();
    let guests: Vec<(String, String)> = (0..6).map(|number| (format!("g{number}"), healthy())).collect();
    let guests: Vec<(&str, &str)> = guests.iter().map(|(name, script)| (name.as_str(), script.as_str())).collect();
    matrix(&program, &guests, "");
    let run = ["run", "matrix.yaml", "--out", "runs/it", "--qemu", FAKE_QEMU];
    assert_eq!(program.run(run).status, Some(0));
    let text = std::fs::read_to_string(program.dir().join("matrix.yaml")).unwrap();
    let changed = text.replace("load: 60s", "load: 2m").replace("    g5:", "    g6:");
    program.write("changed.yaml", &with_default(&changed, "  canary: gfp-noio\n"));
    assert_transcript(&program, "resume-changed-plan", &["run", "changed.yaml", "--resume", "it"], 2);
    let repeated = program.run(["run", "matrix.yaml", "--resume", "it", "--repeat", "3"]);
    assert!(repeated.stderr.contains("guest=g0: repeat 1 → 3\n"), "{repeated:?}");
    let filtered = program.run(["run", "matrix.yaml", "--resume", "it", "--filter", "guest=g1"]);
    assert!(filtered.stderr.contains("  removed  mine.riscv64-nommu.32M.idle.guest=g0\n"), "{filtered:?}");
    assert!(filtered.stderr.contains("  removed  and 1 more\n"), "{filtered:?}");
    assert_eq!(program.run(["run", "matrix.yaml", "--resume", "it", "--qemu", FAKE_QEMU]).status, Some(0));
}

#[test]
fn wrong_arguments_are_explained() {
    let program = Program::new();
    program.write("matrix.yaml", "axes: {kernel: debian-6.1, arch: arm, ram: 128M, workload: idle}\n");
    for (name, args) in [
        ("resume-nothing", &["run", "--resume"][..]),
        ("resume-unknown", &["run", "--resume", "2026-01-02-0"]),
        ("resume-matrix", &["run", "--resume", "matrix.yaml"]),
        ("resume-filter", &["run", "--resume", "x", "--filter", "arch=arm"]),
        ("resume-out", &["run", "matrix.yaml", "--resume", "--out", "x"]),
        ("resume-range", &["run", "matrix.yaml", "--resume", "--range", "a..b"]),
        ("resume-trust", &["run", "matrix.yaml", "--resume", "--trust"]),
        ("rerun-nothing", &["rerun"]),
        ("run-nothing", &["run"]),
    ] {
        assert_transcript(&program, name, args, 2);
    }
}

#[test]
fn run_that_goes_on_is_refused() {
    let bench = Bench::new();
    write_matrix(&bench);
    let lab = start(&mut bench.command(&["run", "matrix.yaml", "--out", "runs/it", "--jobs", "1"]));
    wait_for(&bench.dir("it"), 1, 8);
    let in_use =
        format!("error: runs/it is in use by process {}: wait until that run ends, or interrupt it\n", lab.id());
    for args in [&["run", "--resume"][..], &["run", "--resume", "it"], &["run", "matrix.yaml", "--resume"]] {
        let refused = bench.run(args);
        assert_eq!((refused.status, refused.stderr.as_str()), (Some(2), in_use.as_str()), "{args:?}");
    }
    signal(&lab, Signal::INT);
    let stopped = wait(lab);
    assert!(stopped.stdout.contains("1 pass · 1 stopped"), "it was not disturbed: {stopped:?}");
}

#[test]
fn other_kernel_is_refused_before_anything_boots() {
    let bench = stopped("");
    let before = ended(&bench.dir("it"));
    let refuse = |args: &[&str], what: &str| {
        let refused = bench.run(&[&["run", "--resume", "it"], args].concat());
        assert_eq!(refused.status, Some(2), "{refused:?}");
        assert!(refused.stderr.contains(what), "{what}: {refused:?}");
        assert!(
            refused.stderr.contains("A run is of one kernel: begin a new one, with `oomlab rerun it`"),
            "{refused:?}"
        );
        assert_eq!((ended(&bench.dir("it")), &bench.head("it")["resumed"]), (before.clone(), &0.into()));
    };
    let link = bench.program.dir().join("other-qemu");
    std::os::unix::fs::symlink(FAKE_QEMU, &link).unwrap();
    let other = format!("  mine riscv64-nommu: QEMU {FAKE_QEMU}, now ./other-qemu\n");
    refuse(&["--qemu", "./other-qemu"], &other);
    bench.program.write("kernel", "\0another kernel");
    refuse(&[], "  mine riscv64-nommu: kernel image ");
    bench.program.write("kernel", "\0a kernel");
    assert_eq!(bench.run(&["run", "--resume"]).status, Some(0));
}

#[test]
fn arguments_of_qemu_need_trust_or_the_matrix() {
    for (resume, status) in [
        (&["run", "--resume"][..], 2),
        (&["run", "--resume", "--trust"], 0),
        (&["run", "matrix.yaml", "--resume"], 0),
        (&["rerun"], 2),
        (&["rerun", "--trust"], 0),
    ] {
        let bench = stopped("  qemu: -no-hpet\n");
        let finished = bench.run(resume);
        assert_eq!(finished.status, Some(status), "{resume:?}: {finished:?}");
        let refused = "this run has a cell that gives QEMU further arguments, with which it can read and write your files: -no-hpet; \
            if you trust it, add `--trust`";
        assert_eq!(finished.stderr.contains(refused), status == 2, "{finished:?}");
    }
}

#[test]
fn torn_record_runs_again_and_a_wrong_one_is_refused() {
    let bench = stopped("");
    let record = bench.dir("it").join("cells/mine.riscv64-nommu.32M.idle.guest=a/trial.json");
    let text = std::fs::read_to_string(&record).unwrap();
    std::fs::write(&record, text.replace("\"duration_s\"", "\"duration\"")).unwrap();
    let refused = bench.run(&["run", "--resume", "it"]);
    assert_eq!(refused.status, Some(3), "{refused:?}");
    assert!(refused.stderr.contains("guest=a/trial.json is damaged: missing field `duration_s`"), "{refused:?}");
    // As a loss of power may leave it.
    for torn in [&text[..text.len() / 2], "", "\0\0\0\0"] {
        std::fs::write(&record, torn).unwrap();
        let resumed = bench.run(&["run", "--resume", "it"]);
        assert_eq!(resumed.status, Some(0), "{resumed:?}");
        assert!(resumed.stderr.contains("its record was not written to its end: the trial runs again"), "{resumed:?}");
        assert!(resumed.stdout.contains("2 pass"), "{resumed:?}");
    }
}

#[test]
fn watched_guest_is_refused() {
    let program = lab();
    let script = program.write("guest.script", HEALTHY);
    let append = format!("fake_script={}", script.display());
    let watch = ["watch", "--arch", "riscv64-nommu", "--out", "runs/it", "--", FAKE_QEMU, "-append", &append];
    assert_eq!(program.run(watch).status, Some(0));
    for args in [&["run", "--resume", "it"][..], &["rerun", "it"]] {
        let refused = program.run(args);
        assert_eq!(refused.status, Some(2), "{refused:?}");
        assert!(refused.stderr.contains("the lab only watched this guest"), "{refused:?}");
    }
    assert_eq!(program.run(["rerun"]).status, Some(2), "it is not the latest run that can be run again");
}

/// The catalogue does not have the user's own kernel.
#[test]
fn own_kernel_is_used_while_it_is_unchanged() {
    let program = lab();
    let boot =
        [boot_args(&program, HEALTHY), ["--out", "runs/it", "--repeat", "2"].map(str::to_owned).to_vec()].concat();
    assert_eq!(program.run(boot).status, Some(0));
    std::fs::remove_dir_all(program.dir().join("runs/it/cells/kernel.riscv64-nommu.32M.initrd~2")).unwrap();
    let mut resume = program.command(["run", "--resume", "it"]);
    let resumed = finish(resume.env("OOMLAB_QEMU", FAKE_QEMU));
    assert_eq!(resumed.status, Some(0), "{resumed:?}");
    assert!(resumed.stdout.contains("2 pass"), "{resumed:?}");
    program.write("kernel", "\0another kernel");
    let refused = program.run(["rerun", "it"]);
    assert_eq!(refused.status, Some(2), "{refused:?}");
    assert!(refused.stderr.contains("kernel `kernel` is not in the catalogue"), "{refused:?}");
}
