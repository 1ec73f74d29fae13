//! Requests without an answer.

use super::{Bench, answer, flaky};
use crate::support::program::finish;
use crate::support::repository::{git, output};

/// The explanation of an invalid premise, and the number of trials.
fn premise(exec: &str) -> (String, u64) {
    let bench = Bench::new(60, 30);
    let finished = finish(&mut bench.bisect(exec, &[]));
    let answer = answer(&finished);
    assert_eq!((answer["culprit"].as_str(), finished.status), (None, Some(1)), "{finished:?}");
    let wrong = answer["invalid_premise"].as_str().unwrap_or_else(|| panic!("{finished:?}")).to_owned();
    assert!(finished.stderr.contains("No culprit between these ends"), "{finished:?}");
    (wrong, answer["trials"].as_u64().unwrap())
}

#[test]
fn bad_good_end_is_found_in_few_trials() {
    let (wrong, trials) = premise("exit 1");
    assert!(wrong.starts_with("the good end ") && wrong.contains(" is bad too: "), "{wrong}");
    assert!(trials <= 12, "{trials}");
}

#[test]
fn good_bad_end_is_found_in_few_trials() {
    let (wrong, trials) = premise("exit 0");
    let passed = " passed 29 times: a failure rate above 10 % is excluded with 95 %";
    assert!(wrong.starts_with("the bad end ") && wrong.ends_with(passed), "{wrong}");
    assert_eq!(trials, 29);
}

#[test]
fn equal_failure_rates_mean_a_bad_good_end() {
    let (wrong, trials) = premise(&flaky(400, 1).replace("test -e bug", "true"));
    assert!(wrong.starts_with("the good end "), "{wrong}");
    assert!(trials <= 40, "{trials}");
}

#[test]
fn signals_do_not_count_as_bad() {
    let (wrong, trials) = premise("kill -SEGV $$");
    assert!(wrong.contains("fails, but with other failures only"), "{wrong}");
    assert!(trials <= 12, "{trials}");
}

#[test]
fn untestable_end_is_reported() {
    let (wrong, trials) = premise("exit 125");
    assert!(wrong.contains("cannot be tried"), "{wrong}");
    assert!(trials <= 2, "{trials}");
}

#[test]
fn invalid_requests_leave_no_session() {
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
    for rate in ["0", "1", "nan"] {
        assert!(run(&first, "main", &["--rate", rate]).contains("`--rate` must be between 0 and 1"));
    }
    let empty = finish(&mut bench.bisect(" ", &[]));
    assert!(empty.status == Some(2) && empty.stderr.contains("`--exec` is empty"), "{empty:?}");
    let outside = ["bisect", "commits", "--repo", "/", "--good", "a", "--bad", "b", "--exec", "true"];
    let outside = bench.program.run(outside);
    assert!(outside.status == Some(2) && outside.stderr.contains("is not in a git repository"), "{outside:?}");
    output(git(&bench.repository.dir).args(["checkout", "--quiet", "--orphan", "other"]));
    output(git(&bench.repository.dir).args(["commit", "--quiet", "--message", "x"]));
    assert!(run("other", "main", &[]).contains("have no common ancestor"));
}

#[test]
fn missing_command_ends_the_search() {
    let bench = Bench::new(20, 10);
    let finished = finish(&mut bench.bisect("no-such-command", &[]));
    assert_eq!((finished.status, finished.stdout.as_str()), (Some(2), ""), "{finished:?}");
    assert!(finished.stderr.contains("exit status 127: not found"), "{finished:?}");
}
