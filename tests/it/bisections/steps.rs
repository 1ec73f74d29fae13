//! `git bisect run oomlab step …`.

use crate::support::program::{Program, finish};
use crate::support::repository::{Repository, git};

fn step(program: &Program, args: &[&str]) -> (Option<i32>, String) {
    let finished = program.run([&["step"], args].concat());
    (finished.status, finished.stderr)
}

#[test]
fn step_repeats_a_command_until_it_is_certain() {
    let program = Program::new();
    let (status, said) = step(&program, &["false"]);
    assert!(status == Some(1) && said.contains("1 of 1 trials failed: bad with "), "{said}");
    let (status, said) = step(&program, &["true"]);
    assert!(status == Some(0) && said.contains("0 of ") && said.contains("good with 95."), "{said}");
    let (status, said) = step(&program, &["--rate", "0.2", "--max-trials", "5", "true"]);
    assert!(status == Some(125) && said.contains("0 of 5 trials failed: undecided"), "{said}");
    let (status, said) = step(&program, &["--timeout", "0.1", "sleep", "600"]);
    assert!(status == Some(1) && said.contains("bad"), "{said}");
    assert_eq!(step(&program, &["sh", "-c", "exit 125"]).0, Some(125));
    assert_eq!(step(&program, &["sh", "-c", "kill -SEGV $$"]).0, Some(128), "ends `git bisect run`");
    assert_eq!(step(&program, &["no-such-command"]).0, Some(3));
    assert_eq!(step(&program, &["--rate", "0", "true"]).0, Some(2));
}

#[test]
fn git_bisect_run_finds_a_flaky_failure_with_step() {
    let program = Program::new();
    let repository = Repository::new(&program.dir().join("repository"), 60, 33);
    let trials = program.write("trials", "");
    // Fails in every third trial.
    let script = format!("test -e bug || exit 0; echo >> {0}; test $(($(wc -l < {0}) % 3)) -ne 2", trials.display());
    let run = |args: &[&str]| {
        let finished = finish(git(&repository.dir).args(args));
        assert_eq!(finished.status, Some(0), "{finished:?}");
        finished.stdout
    };
    run(&["bisect", "start", "main", &repository.commits[0]]);
    let oomlab = env!("CARGO_BIN_EXE_oomlab");
    let found = run(&["bisect", "run", oomlab, "step", "--rate", "0.33", "--sure", "0.99", "sh", "-c", &script]);
    assert!(found.contains(&format!("{} is the first bad commit", repository.commits[33])), "{found}");
}
