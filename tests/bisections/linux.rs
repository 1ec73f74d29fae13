//! Real kernels. They take long: `cargo test --test bisections -- --ignored`.

use crate::linux::{Linux, Wanted};
use crate::program::{Program, finish};
use crate::{answer, kernels};
use std::path::PathBuf;

/// The unpacked source of Linux 6.1.
fn source() -> PathBuf {
    let arch = "riscv64-nommu";
    kernels::kernel("linux-6.1", arch);
    let sources = std::fs::read_dir(kernels::cache().join("sources")).unwrap();
    let is_6_1 = |path: &PathBuf| {
        let makefile = std::fs::read_to_string(path.join("Makefile")).unwrap_or_default();
        makefile.contains("\nVERSION = 6\nPATCHLEVEL = 1\n")
    };
    sources.map(|entry| entry.unwrap().path()).find(is_6_1).expect("the source of linux-6.1")
}

/// Bisects such a history with a hang that shows in so many of ten boots of a bad kernel.
fn bisect(wanted: Wanted<'_>, probability: &str) {
    let program = Program::new();
    let linux = Linux::new(&program.dir().join("linux"), &source(), wanted);
    let args = ["bisect", "commits", "--repo", "linux", "--good", &linux.commits[0], "--bad", "main"];
    let cell = ["--arch", "riscv64-nommu", "--ram", "32M", "--workload", "zombie-victim", "--json"];
    let mut command = kernels::command(&program, &[&args[..], &cell[..]].concat());
    command.arg("--option").arg(format!("probability={probability}"));
    let finished = finish(&mut command);
    eprintln!("{}", finished.stderr);
    let answer = answer(&finished);
    let subject = answer["candidates"][0]["subject"].as_str().unwrap();
    assert!(subject.ends_with(&format!(" change part {}", wanted.culprit)), "{answer}");
    assert!(answer["confirmed"] == true && answer["probability"].as_f64() >= Some(0.95), "{answer}");
}

#[test]
#[ignore = "builds about twenty kernels: up to 40 minutes on two cores"]
fn the_commit_that_brought_the_livelock_is_named() {
    bisect(Wanted { commits: 68, culprit: 41, broken: &[17, 36, 44], dead: 50, merge: 30 }, "0.4");
}

#[test]
#[ignore = "builds several kernels: up to 10 minutes on two cores"]
fn the_commit_that_brought_the_livelock_is_named_in_a_short_history() {
    bisect(Wanted { commits: 16, culprit: 11, broken: &[5, 9], dead: 13, merge: 3 }, "0.4");
}
