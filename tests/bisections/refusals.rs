//! What cannot be searched, and says so.

use crate::program::finish;
use crate::repository::{git, output};
use crate::{Bench, answer, flaky};

/// What is said of a wrong premise, and after how many trials.
fn premise(exec: &str) -> (String, u64) {
    let bench = Bench::new(60, 30);
    let finished = finish(&mut bench.bisect(exec, &[]));
    let answer = answer(&finished);
    assert_eq!((answer["culprit"].as_str(), finished.status), (None, Some(1)), "{finished:?}");
    let wrong = answer["wrong"].as_str().unwrap_or_else(|| panic!("{finished:?}")).to_owned();
    assert!(finished.stderr.contains("Nothing to be found between these ends"), "{finished:?}");
    (wrong, answer["trials"].as_u64().unwrap())
}

#[test]
fn a_good_end_that_is_bad_is_told_within_the_first_trials() {
    let (wrong, trials) = premise("exit 1");
    assert!(wrong.starts_with("the good end ") && wrong.contains(" is bad, too: "), "{wrong}");
    assert!(trials <= 12, "{trials}");
}

#[test]
fn a_bad_end_that_is_good_is_told_within_the_first_trials() {
    let (wrong, trials) = premise("exit 0");
    assert!(wrong.starts_with("the bad end ") && wrong.contains("is good: 0 of "), "{wrong}");
    assert!(trials <= 60, "{trials}");
}

#[test]
fn two_ends_that_fail_as_often_differ_in_nothing() {
    let (wrong, trials) = premise(&flaky(400, 1).replace("test -e bug", "true"));
    assert!(wrong.starts_with("the good end "), "{wrong}");
    assert!(trials <= 40, "{trials}");
}

#[test]
fn failures_of_another_kind_are_no_bad_ones() {
    let (wrong, trials) = premise("kill -SEGV $$");
    assert!(wrong.contains("fails, but always in another way"), "{wrong}");
    assert!(trials <= 12, "{trials}");
}

#[test]
fn an_end_that_cannot_be_tried_is_told() {
    let (wrong, trials) = premise("exit 125");
    assert!(wrong.contains("cannot be tried"), "{wrong}");
    assert!(trials <= 2, "{trials}");
}

#[test]
fn words_that_make_no_sense_are_refused_before_anything_is_made() {
    let bench = Bench::new(20, 10);
    let first = bench.repository.commits[0].clone();
    let run = |good: &str, bad: &str, more: &[&str]| {
        let finished = finish(&mut bench.bisect_between(good, bad, "true", more));
        assert_eq!(finished.status, Some(2), "{finished:?}");
        assert!(!bench.program.dir().join("bisections").exists(), "{finished:?}");
        finished.stderr
    };
    assert!(run("nowhere", "main", &[]).contains("`nowhere` names no commit of "));
    assert!(run("main", &first, &[]).contains("did you mean `--fix`?"));
    assert!(run("main", "main", &[]).contains("is not newer than"));
    assert!(run(&first, "main", &["--fix"]).contains("leave out `--fix`"));
    assert!(run(&first, "main", &["--sure", "1.5"]).contains("between 0.5 and 1"));
    let empty = finish(&mut bench.bisect(" ", &[]));
    assert!(empty.status == Some(2) && empty.stderr.contains("`--exec` is empty"), "{empty:?}");
    let outside = ["bisect", "commits", "--repo", "/", "--good", "a", "--bad", "b", "--exec", "true"];
    let outside = bench.program.run(outside);
    assert!(outside.status == Some(2) && outside.stderr.contains("is not in a git repository"), "{outside:?}");
    output(git(&bench.repository.dir).args(["checkout", "--quiet", "--orphan", "other"]));
    output(git(&bench.repository.dir).args(["commit", "--quiet", "--message", "x"]));
    assert!(run("other", "main", &[]).contains("have no commit in common"));
}

#[test]
fn a_command_that_cannot_be_run_ends_the_search_and_is_no_answer() {
    let bench = Bench::new(20, 10);
    let finished = finish(&mut bench.bisect("no-such-command", &[]));
    assert_eq!((finished.status, finished.stdout.as_str()), (Some(2), ""), "{finished:?}");
    assert!(finished.stderr.contains("sh ended with status 127: not found"), "{finished:?}");
}
