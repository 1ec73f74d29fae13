//! Bounds that hold for any input.

use super::read;
use model::Subtest;
use proptest::prelude::*;
use testlog::{Format, MAX_FAILURES, MAX_SUBTESTS, Reader, Results};

/// Pieces of all forms, so that random lines often mean something.
const PIECES: &[&str] = &[
    "ok ",
    "not ok ",
    "1..",
    "# ",
    "  ",
    "    ",
    "KTAP version 1",
    "1",
    "18446744073709551615",
    " - ",
    "a",
    "é/",
    "\\#",
    "SKIP",
    "TODO",
    "TIMEOUT ",
    "Bail out! ",
    "---",
    "...",
    "message: x",
    "running ./",
    "[PASS]",
    "[FAIL]",
    "selftests: mm: ",
    "Subtest: ",
    "\x1b[1m",
    "\r",
    "[    1.000000] ",
    "<6>",
    "tag=",
    "<<<test_start>>>",
    "a.c:1: ",
    "TPASS: ",
    "TBROK: ",
    "a 1 TFAIL : ",
    "Summary:",
    "passed   1",
    "warnings 0",
    "duration=1 termination_type=exited termination_id=1",
    "stress-ng: info:  [1] ",
    "stress-ng: fail:  [1] ",
    "dispatching hogs: 1 vm, 2 ",
    "passed: 1: vm (1)",
    "vm: ",
    "vm 1 2.5",
    "unsuccessful run completed",
];

fn lines() -> impl Strategy<Value = Vec<String>> {
    let known = proptest::sample::select(PIECES).prop_map(str::to_owned);
    let piece = prop_oneof![8 => known, 1 => "\\PC{0,4}", 1 => any::<String>()];
    proptest::collection::vec(proptest::collection::vec(piece, 0..7).prop_map(|pieces| pieces.concat()), 0..60)
}

fn check(results: &Results) {
    assert!(results.subtests.len() <= MAX_SUBTESTS + MAX_FAILURES);
    for subtest in &results.subtests {
        assert!(subtest.name.chars().count() <= Subtest::MAX_NAME && !subtest.name.chars().any(char::is_control));
        assert!(subtest.why.as_ref().is_none_or(|why| why.chars().count() <= Subtest::MAX_WHY && !why.is_empty()));
        assert!(subtest.seconds.is_none_or(|seconds| seconds.is_finite() && seconds >= 0.0));
    }
    assert!(results.problem.as_ref().is_none_or(|problem| problem.chars().count() <= Subtest::MAX_WHY));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_output_has_bounded_results(lines in lines()) {
        for &format in Format::ALL {
            check(&read(format, &lines.join("\n")));
        }
    }
}

#[test]
fn subtests_beyond_the_maximum_are_counted_and_failures_kept() {
    let mut reader = Reader::new(Format::Tap);
    for number in 1..=MAX_SUBTESTS + MAX_FAILURES + 5 {
        reader.line(&format!("{} {number} a", if number > MAX_SUBTESTS + 3 { "not ok" } else { "ok" }));
    }
    let results = reader.results();
    assert_eq!((results.subtests.len(), results.dropped), (MAX_SUBTESTS + MAX_FAILURES, 5));
    assert_eq!(results.problem.as_deref(), Some("2 more subtests failed than are kept"));
    let mut reader = Reader::new(Format::Tap);
    (1..=MAX_SUBTESTS + 1).for_each(|number| reader.line(&format!("ok {number} a")));
    assert_eq!(
        (reader.results().dropped, reader.results().problem),
        (1, None),
        "a list without all passes proves no less"
    );
}

#[test]
fn deep_nesting_and_long_lines_are_cut() {
    let mut reader = Reader::new(Format::Tap);
    for depth in (0..200).chain((0..200).rev()) {
        reader.line(&format!("{}not ok 1 {}", "# ".repeat(depth), "x".repeat(100_000)));
    }
    check(&reader.results());
}

#[test]
fn exit_status_alone_has_no_results() {
    assert_eq!(read(Format::Exit, "ok 1 a\nnot ok 2 b"), Results::default());
}
