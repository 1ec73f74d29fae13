//! Output of stress-ng.

use super::{read, summary};
use testlog::Format;

#[track_caller]
fn assert_reads(output: &str, expected: &[&str]) {
    assert_eq!(summary(Format::StressNg, output), expected, "{output}");
}

const RUN_0_18: &str = "\
stress-ng: info:  [26] setting to a 10 secs run per stressor
stress-ng: info:  [26] dispatching hogs: 2 vm, 1 brk, 1 numa
stress-ng: fail:  [28] brk: brk failed, errno=12 (Cannot allocate memory)
stress-ng: error: [26] brk: [28] terminated with an error, exit status=2 (stressor failed)
stress-ng: warn:  [26] numa: [29] aborted early, no system resources
stress-ng: metrc: [26] stressor       bogo ops real time  usr time  sys time   bogo ops/s     bogo ops/s
stress-ng: metrc: [26]                           (secs)    (secs)    (secs)   (real time) (usr+sys time)
stress-ng: metrc: [26] vm                23584     10.22      3.06     16.19       391.63        1224.97
stress-ng: metrc: [26] vm             600923.80 bytes per sec (harmonic mean of 2 instances)
stress-ng: info:  [26] skipped: 1: numa (1)
stress-ng: info:  [26] passed: 2: vm (2)
stress-ng: info:  [26] failed: 1: brk (1)
stress-ng: info:  [26] metrics untrustworthy: 0
stress-ng: info:  [26] unsuccessful run completed in 10.25 secs
";

#[test]
fn lists_give_the_status_of_each_stressor() {
    let brk = "fail brk (brk failed, errno=12 (Cannot allocate memory))";
    let numa = "skip numa ([29] aborted early, no system resources)";
    assert_reads(RUN_0_18, &["pass vm [10.22]", brk, numa]);
    let stamped = RUN_0_18.replace("stress-ng: ", "stress-ng: 23:25:48.40 ");
    assert_reads(&stamped, &["pass vm [10.22]", brk, numa]);
    let untrusted = RUN_0_18.replace("passed: 2: vm (2)", "passed: 1: vm (1)");
    let untrusted = untrusted.replace("untrustworthy: 0", "untrustworthy: 1: vm (1)");
    assert_eq!(summary(Format::StressNg, &untrusted)[0], "broken vm (metrics untrustworthy) [10.22]");
}

#[test]
fn versions_without_lists_name_failures_in_messages() {
    let failed = "\
stress-ng: info:  [9] brk: this stressor is not implemented on this system: x86_64 Linux
stress-ng: info:  [9] dispatching hogs: 4 vm, 1 cpu
stress-ng: fail:  [10] stress-ng-vm: detected 19 bit errors while stressing memory
stress-ng: error: [9] process 10 (stress-ng-vm) terminated with an error, exit status=1 (stress-ng core failure)
stress-ng: info:  [9] unsuccessful run completed in 10.06s
stress-ng: info:  [9] cpu                2000      0.41      0.25      0.15      4828.47        5000.00        96.57
";
    let brk = "skip brk (this stressor is not implemented on this system: x86_64 Linux)";
    assert_reads(failed, &[brk, "fail vm (detected 19 bit errors while stressing memory)", "pass cpu [0.41]"]);
    assert_reads(
        &failed.replace("fail:  [10] stress-ng-vm: detected", "info: [10] x"),
        &[
            brk,
            "fail vm (process 10 (stress-ng-vm) terminated with an error, exit status=1 (stress-ng core failure))",
            "pass cpu [0.41]",
        ],
    );
}

#[test]
fn failure_without_a_name_counts_against_all() {
    let output = "stress-ng: info:  [9] dispatching hogs: 1 vm\nstress-ng: fail:  [9] metrics-check: corrupted\n\
                  stress-ng: info:  [9] unsuccessful run completed in 1.14s\n";
    assert_reads(output, &["fail vm (metrics-check: corrupted)", "! metrics-check: corrupted"]);
}

#[test]
fn failed_run_without_failed_stressor_is_a_problem() {
    let run =
        RUN_0_18.replace("failed: 1: brk (1)", "failed: 0").replace("passed: 2: vm (2)", "passed: 3: vm (2) brk (1)");
    assert_eq!(read(Format::StressNg, &run).problem.as_deref(), Some("unsuccessful run"));
}

#[test]
fn success_passes_all() {
    let output =
        "stress-ng: info:  [9] dispatching hogs: 1 vm\nstress-ng: info:  [9] successful run completed in 0.42s\n";
    assert_reads(output, &["pass vm"]);
    assert_reads(&output.repeat(2), &["pass vm", "pass vm"]);
}

#[test]
fn dead_guest_leaves_failures() {
    let dead = RUN_0_18.split_once("stress-ng: warn").unwrap().0;
    let brk = "fail brk (brk failed, errno=12 (Cannot allocate memory))";
    assert_reads(dead, &[brk, "! stress-ng did not finish"]);
}
