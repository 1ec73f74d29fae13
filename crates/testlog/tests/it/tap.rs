//! TAP and KTAP as kernel selftests and KUnit print them.

use super::summary;
use testlog::Format;

#[track_caller]
fn assert_reads(output: &str, expected: &[&str]) {
    assert_eq!(summary(Format::Tap, output), expected, "{output}");
}

/// memfd_secret of `mm`, whose standard output is a pipe.
#[test]
fn set_that_a_forked_child_prints_again_has_no_gap() {
    let text = "1..1\n# selftests: mm: m\n# TAP version 13\n# 1..2\n# ok 1 a\n# TAP version 13\n# 1..2\n# ok 1 a\n# ok 2 b\n\
        ok 1 selftests: mm: m\n";
    let m = |name: &str| format!("pass selftests: mm: m/{name}");
    assert_reads(text, &[&m("a"), &m("a"), &m("b")]);
    let tail = "# selftests: mm: m\n# TAP version 13\n# 1..3\n# ok 1 a\n# TAP version 13\n# 1..3\n# ok 3 c\nok 1 selftests: mm: m\n";
    assert_reads(tail, &[&m("a"), &m("c")]);
    assert_reads(
        "TAP version 13\n1..2\nok 1 a\nTAP version 13\n1..1\nok 1 b\n",
        &["pass a", "pass b", "! 1 of 2 results"],
    );
}

#[test]
fn plan_and_results_agree() {
    assert_reads("TAP version 13\n1..2\nok 1 a\nnot ok 2 - b # exit=1\n", &["pass a", "fail b (exit=1)"]);
    assert_reads("ok 1 a\nok 2 b\n1..2\n", &["pass a", "pass b"]);
}

#[test]
fn missing_results_are_a_problem() {
    assert_reads("1..40\nok 1 a\n", &["pass a", "! 1 of 40 results"]);
    assert_reads("ok 2 module\nok 3 suite\n", &["pass module", "pass suite"]);
    assert_reads("ok 1 a\nok 3 c\nok 3 d\n", &["pass a", "pass c", "pass d", "! result 3 follows result 1: c"]);
    assert_reads("1..2\nok 1 a\nTAP version 13\n1..1\nok 1 b\n", &["pass a", "pass b", "! 1 of 2 results"]);
}

#[test]
fn bail_out_is_a_problem_with_its_reason() {
    assert_reads("1..9\nok 1 a\nBail out! no memory\n", &["pass a", "! bail out: no memory"]);
}

#[test]
fn skipped_plan_is_a_skipped_subtest() {
    assert_reads("TAP version 13\n1..0 # SKIP no swap\n", &["skip all (no swap)"]);
}

#[test]
fn diagnostic_is_the_reason_of_a_failure() {
    assert_reads("# mmap: out of memory\nnot ok 1 a\nnot ok 2 b\n", &["fail a (mmap: out of memory)", "fail b"]);
    let harness = "\
1..1
#  RUN           global.fork ...
# memory.c:12:fork:Expected 0 (0) == ret (-12)
# fork: Test terminated by assertion
#          FAIL  global.fork
not ok 1 global.fork
# FAILED: 0 / 1 tests passed.
# Totals: pass:0 fail:1 xfail:0 xpass:0 skip:0 error:0";
    assert_reads(harness, &["fail global.fork (memory.c:12:fork:Expected 0 (0) == ret (-12))"]);
}

#[test]
fn yaml_block_is_no_output_but_its_message_is_a_reason() {
    let yaml =
        "not ok 1 a\n  ---\n  message: 'it broke'\n  ok 7 no result\n  ...\nok 2 b\n  ---\n  message: x\nok 3 c\n";
    assert_reads(yaml, &["fail a (it broke)", "pass b", "pass c"]);
}

#[test]
fn ktap_nests_by_two_blanks_and_the_parent_follows() {
    let ktap = "\
KTAP version 1
1..2
  KTAP version 1
  1..2
    KTAP version 1
    1..2
    not ok 1 test_1
    ok 2 test_2
  not ok 1 test_3
  ok 2 test_4 # SKIP
not ok 1 example_test_1
ok 2 example_test_2";
    let names = ["fail example_test_1/test_3/test_1", "pass example_test_1/test_3/test_2"];
    assert_reads(ktap, &[names[0], names[1], "skip example_test_1/test_4", "pass example_test_2"]);
}

#[test]
fn kunit_is_read_through_printk() {
    let kunit = "\
[    1.000001] KTAP version 1
[    1.000002] 1..1
[    1.000003]     KTAP version 1
[    1.000004]     # Subtest: slub_test
[    1.000005]     # module: slub_kunit
[    1.000006]     1..2
[    1.000007] BUG kmalloc-64: unrelated
[    1.000008]     ok 1 test_clobber_zone
[    1.000009]     # test_next_pointer: EXPECTATION FAILED at lib/slub_kunit.c:60
                   Expected 3 == slab_errors, but
[    1.000010]     not ok 2 test_next_pointer
[    1.000011] # slub_test: pass:1 fail:1 skip:0 total:2
[    1.000012] # Totals: pass:1 fail:1 skip:0 total:2
[    1.000013] not ok 1 slub_test";
    let failure = "fail slub_test/test_next_pointer (test_next_pointer: EXPECTATION FAILED at lib/slub_kunit.c:60)";
    assert_reads(kunit, &["pass slub_test/test_clobber_zone", failure]);
    let dead: String = kunit.lines().take(8).map(|line| format!("{line}\n")).collect();
    assert_reads(&dead, &["pass slub_test/test_clobber_zone", "! 0 of 1 results, no result of slub_test"]);
}

#[test]
fn tap14_nests_by_four_blanks() {
    assert_reads("1..1\n# Subtest: f\n    1..1\n    ok 1 - a\nok 1 - f\n", &["pass f/a"]);
}

const RUNNER: &str = "\
TAP version 13
1..4
# timeout set to 45
# selftests: mm: madv_populate
# TAP version 13
# 1..2
# ok 1 range is populated
# not ok 2 populate # TODO later
# # Totals: pass:1 fail:0 xfail:0 xpass:0 skip:0 error:0
ok 1 selftests: mm: madv_populate
# selftests: mm: hmm
# 1..0 # SKIP no device
ok 2 selftests: mm: hmm # SKIP
# selftests: mm: cow
# 1..9
# ok 1 fork
#
not ok 3 selftests: mm: cow # TIMEOUT 45 seconds
# selftests: mm: oom
# Bail out! cannot map
# # Planned tests != run tests (9 != 0)
not ok 4 selftests: mm: oom # exit=1
";

#[test]
fn runner_prints_subtests_as_comments() {
    let expected = [
        "pass selftests: mm: madv_populate/range is populated",
        "expected-fail selftests: mm: madv_populate/populate (later)",
        "skip selftests: mm: hmm (no device)",
        "pass selftests: mm: cow/fork",
        "timeout selftests: mm: cow (45 seconds)",
        "fail selftests: mm: oom (bail out: cannot map (exit=1))",
    ];
    assert_reads(RUNNER, &expected);
}

#[test]
fn runner_may_state_durations() {
    let timed = "# selftests: mm: merge\nok 1 selftests: mm: merge # time=1.5s\nnot ok 2 selftests: mm: rmap # exit=1 # time=0.2s\n";
    assert_reads(timed, &["pass selftests: mm: merge [1.5]", "fail selftests: mm: rmap (exit=1) [0.2]"]);
    assert_reads("  ok 1 a # time=3s\nok 1 p # time=4s\n", &["pass p/a [3]"]);
}

#[test]
fn dead_guest_leaves_what_was_seen_and_names_the_test() {
    let until = |line: &str| RUNNER.split_once(line).unwrap().0;
    let seen = "pass selftests: mm: madv_populate/range is populated";
    assert_reads(until("# not ok 2"), &[seen, "! 0 of 4 results, no result of selftests: mm: madv_populate"]);
    let oom = summary(Format::Tap, until("# Bail out"));
    assert_eq!(oom.last().unwrap(), "! 3 of 4 results, no result of selftests: mm: oom");
}

#[test]
fn failing_parent_stays_beside_subtests_that_do_not_explain_it() {
    assert_reads("  ok 1 a\nnot ok 1 p # exit=139\n", &["pass p/a", "fail p (exit=139)"]);
    assert_reads("  not ok 1 a\nnot ok 1 p # exit=1\n", &["fail p/a"]);
    assert_reads("  1..2\n  not ok 1 a\nnot ok 1 p\n", &["fail p/a", "fail p"]);
    assert_reads("  1..2\n  ok 1 a\nok 1 p\n", &["pass p/a", "! 1 of 2 results of p"]);
}

#[test]
fn vmtests_frame_results_before_6_8() {
    let old = "\
-----------------------
running ./hugepage-mmap
-----------------------
[PASS]
-------------
running ./cow
-------------
TAP version 13
1..1
ok 1 fork
[PASS]
----------------------------------
running bash ./test_vmalloc.sh smoke
----------------------------------
[SKIP]
-----------------
running ./gup_test -u
-----------------
[FAIL]
SUMMARY: PASS=2 SKIP=1 FAIL=1";
    let expected = ["pass hugepage-mmap", "pass cow/fork", "skip test_vmalloc.sh smoke", "fail gup_test -u"];
    assert_reads(old, &expected);
    let below: String = old.lines().map(|line| format!("# {line}\n")).collect();
    let parent = "selftests: mm: run_vmtests.sh";
    let below = format!("# {parent}\n{below}not ok 1 {parent} # exit=1\n");
    assert_reads(
        &below,
        &expected.map(|line| line.replacen(' ', &format!(" {parent}/"), 1)).each_ref().map(String::as_str),
    );
    let ruled = "-----\nrunning hugepage-mmap\n-----\n[PASS]\n";
    assert_reads(ruled, &["pass hugepage-mmap"]);
    let dead: String = old.lines().take(9).map(|line| format!("{line}\n")).collect();
    assert_reads(&dead, &["pass hugepage-mmap", "! 0 of 1 results, no result of cow"]);
}

#[test]
fn vmtests_are_tap_since_6_8() {
    let new = "\
TAP version 13
# -------------
# running ./cow
# -------------
# TAP version 13
# 1..1
# ok 1 fork
# [PASS]
ok 1 cow
# hugepages not supported
# -----------------------
# running ./hugepage-mmap
# -----------------------
# [SKIP]
ok 2 hugepage-mmap # SKIP
# ---------------------
# running ./gup_test -u
# ---------------------
# # no gup_test
# [FAIL]
not ok 3 gup_test -u # exit=1
# SUMMARY: PASS=1 SKIP=1 FAIL=1
1..3";
    let hung = new.replace("# # no gup_test\n# [FAIL]\n", "").replace("1..3", "");
    let hung = format!(
        "# {}\nnot ok 1 run_vmtests.sh # TIMEOUT 180 seconds",
        hung.split_once("not ok").unwrap().0.trim_end().replace('\n', "\n# ")
    );
    assert_eq!(summary(Format::Tap, &hung)[2], "timeout run_vmtests.sh (180 seconds in gup_test -u)");
    assert_reads(new, &["pass cow/fork", "skip hugepage-mmap", "fail gup_test -u (no gup_test (exit=1))"]);
}

#[test]
fn prose_is_no_result() {
    assert_reads("ok so far\n  ok then\nrunning out of memory\n[PASS]\n1.. of 2\n", &[]);
    assert_reads("TAP version 13\nok so far\n", &["pass so far"]);
}
