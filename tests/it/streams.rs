//! Standard output and standard error that cannot be written: a reader that went away, a full device.

use crate::support::guests;
use crate::support::program::Program;
use crate::support::repository::Repository;

use guests::{AGENT, END, RUN, matrix, read_json, run_dir};
use std::fs::{File, OpenOptions};
use std::process::{Command, Stdio};

/// Writing ends with EPIPE.
fn closed_pipe() -> Stdio {
    let (_reader, writer) = std::io::pipe().unwrap();
    writer.into()
}

/// Writing ends with ENOSPC (full(4)).
fn full_device() -> Stdio {
    let device: File = OpenOptions::new().write(true).open("/dev/full").unwrap();
    device.into()
}

/// Exit status of a command that can say nothing.
fn status(command: &mut Command, stream: fn() -> Stdio) -> Option<i32> {
    command.stdout(stream()).stderr(stream()).status().unwrap().code()
}

#[test]
fn run_judges_all_cells_without_streams() {
    let healthy = format!("{AGENT}{END}");
    for (what, stream) in [("a closed pipe", closed_pipe as fn() -> Stdio), ("a full device", full_device)] {
        for verbose in [&["--verbose"][..], &[]] {
            let program = Program::new();
            matrix(&program, &[("a", &healthy), ("b", "abort\n"), ("c", &healthy)], "");
            let mut command = program.command(verbose.iter().chain(&RUN).chain(&["--jobs", "1"]));
            assert_eq!(status(&mut command, stream), Some(3), "{what}: one cell is a lab error");
            let run = run_dir(&program);
            assert_eq!(read_json(&run.join("run.json"))["finished"], true, "{what}");
            let kinds = ["a", "b", "c"].map(|guest| {
                let trial = run.join(format!("cells/mine.riscv64-nommu.32M.idle.guest={guest}/trial.json"));
                read_json(&trial)["verdict"]["kind"].as_str().unwrap().to_owned()
            });
            assert_eq!(kinds, ["finished", "qemu-died", "finished"], "{what}");
        }
    }
}

#[test]
fn bisect_finds_its_commit_without_streams() {
    for (what, stream) in [("a closed pipe", closed_pipe as fn() -> Stdio), ("a full device", full_device)] {
        let program = Program::new();
        let repository = Repository::new(&program.dir().join("repository"), 12, 7);
        let good = &repository.commits[0];
        let exec = "if test -e bug; then exit 1; fi";
        let mut command = program.command([
            "bisect",
            "commits",
            "--repo",
            "repository",
            "--good",
            good,
            "--bad",
            "main",
            "--exec",
            exec,
            "--out",
            "it",
        ]);
        status(&mut command, stream);
        let report = program.run(["bisect", "report", "it"]).stdout;
        assert!(report.contains(&repository.commits[7]), "{what}: {report}");
    }
}

#[test]
fn full_output_is_an_error_where_it_is_the_result() {
    let program = Program::new();
    let finished = program.command(["schema"]).stdout(full_device()).stderr(Stdio::piped()).output().unwrap();
    assert_eq!(finished.status.code(), Some(3));
    let said = String::from_utf8(finished.stderr).unwrap();
    assert!(said.contains("cannot write to standard output: No space left on device"), "{said}");
}
