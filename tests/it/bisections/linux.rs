//! Real kernels. They take long: `cargo test --test it bisections::linux -- --ignored`.

use super::answer;
use crate::support::kernels;
use crate::support::linux::{Linux, NOMMU_OOM_SKIP, OOM_REAPER_LAZY, Wanted};
use crate::support::program::{Program, finish};
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

/// Boots the livelock of [`NOMMU_OOM_SKIP`] with a probability of 0.4.
const ZOMBIE: [&str; 8] =
    ["--arch", "riscv64-nommu", "--ram", "32M", "--workload", "zombie-victim", "--option", "probability=0.4"];

/// Bisects such a history with this cell.
fn bisect(wanted: Wanted<'_>, cell: &[&str]) {
    let program = Program::new();
    let linux = Linux::new(&program.dir().join("linux"), &source(), wanted);
    let args = ["bisect", "commits", "--repo", "linux", "--good", &linux.commits[0], "--bad", "main"];
    let mut command = kernels::command(&program, &[&args[..], cell, &["--json"]].concat());
    let finished = finish(&mut command);
    eprintln!("{}", finished.stderr);
    let answer = answer(&finished);
    let subject = answer["candidates"][0]["subject"].as_str().unwrap();
    assert!(subject.ends_with(&format!(" change part {}", wanted.culprit)), "{answer}");
    assert!(answer["confirmed"] == true && answer["probability"].as_f64() >= Some(0.95), "{answer}");
}

#[test]
#[ignore = "builds about twenty kernels: up to 40 minutes on two cores"]
fn livelock_is_bisected() {
    bisect(
        Wanted { bug: NOMMU_OOM_SKIP, commits: 68, culprit: 41, broken: &[17, 36, 44], dead: 50, merge: 30 },
        &ZOMBIE,
    );
}

fn bisect_lazy_reaper(arch: &str) {
    let wanted = Wanted { bug: OOM_REAPER_LAZY, commits: 68, culprit: 41, broken: &[17, 36, 44], dead: 50, merge: 30 };
    bisect(wanted, &["--arch", arch, "--ram", "128M", "--workload", "blocked-victim"]);
}

#[test]
#[ignore = "builds about twenty kernels: up to 40 minutes on two cores"]
fn livelock_is_bisected_on_x86_64() {
    bisect_lazy_reaper("x86_64");
}

#[test]
#[ignore = "builds about twenty kernels: up to 40 minutes on two cores"]
fn livelock_is_bisected_on_aarch64() {
    bisect_lazy_reaper("aarch64");
}

#[test]
#[ignore = "builds several kernels: up to 10 minutes on two cores"]
fn livelock_is_bisected_in_a_short_history() {
    bisect(Wanted { bug: NOMMU_OOM_SKIP, commits: 16, culprit: 11, broken: &[5, 9], dead: 13, merge: 3 }, &ZOMBIE);
}

#[test]
#[ignore = "builds several kernels: up to 15 minutes on two cores"]
fn livelock_of_a_run_is_bisected() {
    let program = Program::new();
    let wanted = Wanted { bug: NOMMU_OOM_SKIP, commits: 16, culprit: 7, broken: &[4, 10], dead: 12, merge: 3 };
    let linux = Linux::new(&program.dir().join("linux"), &source(), wanted);
    let last = linux.commits.last().unwrap();
    let description = |revision: &str| {
        let repository = program.dir().join("linux");
        let (repository, fragments) = (repository.display(), "[base, detect, riscv64-nommu]");
        format!(
            "source:\n  git: {{repository: {repository}, revision: {revision}}}\nbuild:\n  riscv64-nommu: {fragments}\n"
        )
    };
    program.write("nightly.yaml", "axes: {kernel: mine, arch: riscv64-nommu, ram: 32M, workload: zombie-victim}\n");
    let night = |revision: &str| {
        program.write("kernels/mine.yaml", &description(revision));
        let args = ["--data", ".", "run", "nightly.yaml", "--bisect-regressions=30"];
        finish(&mut kernels::command(&program, &args))
    };
    let green = night(&linux.commits[1]);
    assert_eq!(green.status, Some(0), "{green:?}");
    let red = night(last);
    eprintln!("{}\n{}", red.stderr, red.stdout);
    assert_eq!(red.status, Some(1), "{red:?}");
    let named = red.stdout.lines().last().unwrap_or_default();
    assert!(
        named.starts_with("mine.riscv64-nommu.32M.zombie-victim: ") && named.contains(" change part 7 (9"),
        "{named}"
    );
}
