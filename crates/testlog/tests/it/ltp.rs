//! Output of the Linux Test Project.

use super::{read, summary};
use testlog::Format;

#[track_caller]
fn assert_reads(output: &str, expected: &[&str]) {
    assert_eq!(summary(Format::Ltp, output), expected, "{output}");
}

const OOM01: &str = "\
<<<test_start>>>
tag=oom01
tst_test.c:1900: TINFO: LTP version: 20250130
oom.h:187: TINFO: expected victim is 90.
oom.h:201: TPASS: victim retcode: (12) ENOMEM
oom.h:196: TFAIL: victim signalled: (11) SIGSEGV

Summary:
passed   1
failed   1
broken   0
skipped  0
warnings 0
<<<test_start>>>
tag=oom02
tst_test.c:1490: TCONF: Test needs at least 2 nodes
";

#[test]
fn tests_in_sequence_are_named_by_their_tag() {
    let oom02 = "skip oom02/1 (Test needs at least 2 nodes)";
    assert_reads(OOM01, &["pass oom01/1", "fail oom01/2 (victim signalled: (11) SIGSEGV)", oom02]);
}

#[test]
fn dead_guest_leaves_what_was_seen_and_names_the_test() {
    let until = |line: &str| OOM01.split_once(line).unwrap().0;
    assert_reads(until("oom.h:201"), &["! oom01 did not finish"]);
    assert_reads(until("oom.h:196"), &["pass oom01/1", "! oom01 did not finish"]);
}

#[test]
fn lost_results_are_a_problem() {
    let lost = OOM01.replace("oom.h:201: TPASS: victim retcode: (12) ENOMEM\n", "");
    let problem = read(Format::Ltp, &lost).problem;
    assert_eq!(problem.as_deref(), Some("the summary of oom01 counts other results than were seen"));
}

#[test]
fn results_without_tag_are_named_by_their_file() {
    let output =
        "dir/mmap01.c:7: \x1b[1;32mTPASS: \x1b[0mmapped\nmmap01.c:9: TWARN: x\nmmap01.c:9: TBROK: fork: ENOMEM (12)\n";
    assert_reads(output, &["pass mmap01/1", "broken mmap01/2 (fork: ENOMEM (12))", "! mmap01 did not finish"]);
}

#[test]
fn killed_test_is_a_timeout() {
    assert_reads("tst_test.c:1700: TBROK: Test killed! (timeout?)", &["timeout tst_test/1 (Test killed! (timeout?))"]);
}

#[test]
fn old_library_and_shell_are_read() {
    let old = "\
shmctl01    0  TINFO  :  start
shmctl01    1  TPASS  :  pid is correct
shmctl01    2  TBROK  :  shmctl01.c:33: no shm
shmctl01    3  TBROK  :  shmctl01.c:33: Remaining cases broken
df01 1 TFAIL: df failed";
    let expected = ["pass shmctl01/1", "broken shmctl01/2 (shmctl01.c:33: no shm)", "fail df01/1 (df failed)"];
    assert_reads(old, &expected);
}

fn ran(tag: &str, output: &str, end: &str) -> String {
    format!(
        "<<<test_start>>>\ntag={tag} stime=1\ncmdline=\"{tag}\"\n<<<test_output>>>\n{output}<<<execution_status>>>\n\
         initiation_status=\"ok\"\nduration=12 {end} corefile=no\ncutime=0 cstime=1\n<<<test_end>>>\n"
    )
}

#[test]
fn runner_tells_duration_and_end() {
    let exited = |id: u32| format!("termination_type=exited termination_id={id}");
    assert_reads(&ran("a", "", &exited(0)), &["pass a [12]"]);
    assert_reads(&ran("a", "", &exited(127)), &["broken a (exit status 127) [12]"]);
    assert_reads(&ran("a", "", "termination_type=signaled termination_id=9"), &["broken a (signal 9) [12]"]);
    assert_reads(&ran("a", "a 1 TPASS: x\n", &exited(0)), &["pass a/1 [12]"]);
    assert_reads(&ran("a", "a 1 TPASS: x\n", &exited(1)), &["pass a/1", "fail a (exit status 1)"]);
    assert_reads(&ran("a", "a 1 TFAIL: x\n", &exited(1)), &["fail a/1 (x) [12]"]);
    assert_reads(&ran("a", "a 1 TCONF: x\n", &exited(32)), &["skip a/1 (x) [12]"]);
}
