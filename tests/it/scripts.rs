//! Workloads that are scripts: what they print, the results in it, and the verdict.

use crate::support::kernels;
use crate::support::program::{Program, finish};
use crate::support::scripted::Scripted;
use model::{Kind, Outcome, RunRecord, Script, SubtestStatus, TestFormat, TrialRecord};
use oomlab::report;

const BEGIN: &str = "say [    0.000000] Linux version 6.1.0\n\
    frame hello v=1 arch=riscv64-nommu page=4096 ram=28000\n\
    frame speed us=1000\n\
    frame beat t=300 free=20000 rounds=1 us=50 age=0 kills=0 reclaim=0 units=0\n\
    frame started name=scripted pid=20\n";

const LTP: &str =
    "oom01.c:40: TPASS: victim killed\n\nSummary:\npassed   1\nfailed   0\nbroken   0\nskipped  0\nwarnings 0";

/// A stressor that could not run.
const STRESS_NG: &str = "stress-ng: info:  [129] dispatching hogs: 2 swap\n\
    stress-ng: info:  [129] skipped: 2: swap (2)\nstress-ng: info:  [129] successful run completed in 0 secs";

fn end(status: u32) -> String {
    format!("frame finished status={status} units=3\nframe bye\nevent SHUTDOWN guest-shutdown\nexit 0\n")
}

async fn judged(format: TestFormat, output: &str, end: &str) -> (Scripted, RunRecord) {
    let mut scripted = Scripted::default();
    let lines: String = output.lines().map(|line| format!("frame output text={}\n", line.replace(' ', "+"))).collect();
    let cell = scripted.cell("cell", &format!("{BEGIN}{lines}{end}"));
    cell.needs.script = Some(Script {
        packages: Vec::new(),
        without: Vec::new(),
        selftests: None,
        ltp: Vec::new(),
        results: format,
        image: None,
        fetch: Vec::new(),
    });
    let record = scripted.run().await;
    (scripted, record)
}

fn statuses(trial: &TrialRecord) -> Vec<(&str, SubtestStatus)> {
    trial.subtests.iter().map(|subtest| (subtest.name.as_str(), subtest.status)).collect()
}

#[tokio::test]
async fn failed_subtest_is_a_failure_that_every_report_shows() {
    let (scripted, run) =
        judged(TestFormat::Tap, "1..3\nok 1 mmap\nnot ok 2 ksm\nok 3 thp # SKIP no THP", &end(0)).await;
    let trial = &run.trials[0];
    assert_eq!((trial.verdict.kind, trial.verdict.outcome()), (Kind::TestFailed, Outcome::Fail));
    assert_eq!(trial.verdict.summary, "1 of 3 failed, 1 skipped: ksm");
    assert_eq!(trial.verdict.title.as_deref(), Some("test-failed: ksm"));
    let expected = [("mmap", SubtestStatus::Pass), ("ksm", SubtestStatus::Fail), ("thp", SubtestStatus::Skip)];
    assert_eq!(statuses(trial), expected);
    let folder = scripted.dir.path().join("runs/2026-01-02-0/cells/cell");
    let output = std::fs::read_to_string(folder.join("output.log")).unwrap();
    assert_eq!(output, "1..3\nok 1 mmap\nnot ok 2 ksm\nok 3 thp # SKIP no THP\n");
    let why = std::fs::read_to_string(folder.join("why.md")).unwrap();
    assert!(why.contains("**Subtests**: 1 of 3 failed, 1 skipped") && why.contains("- fail `ksm`"), "{why}");
    let json: serde_json::Value = serde_json::from_str(&report::json(&run)).unwrap();
    assert_eq!(json["cells"][0]["subtests"][1]["status"], "fail");
    let junit = report::junit(&run).unwrap();
    assert!(junit.contains(r#"tests="4""#) && junit.contains(r#"name="ksm""#), "{junit}");
}

#[tokio::test]
async fn script_passes_with_its_results() {
    let (_, run) = judged(TestFormat::Ltp, LTP, &end(0)).await;
    let trial = &run.trials[0];
    assert_eq!((trial.verdict.kind, trial.verdict.summary.as_str()), (Kind::Finished, "the test ended: 1 passed"));
    let (_, run) = judged(TestFormat::Exit, "anything", &end(0)).await;
    assert_eq!(run.trials[0].verdict.summary, "the test ended with status 0");
}

#[tokio::test]
async fn script_that_does_not_pass_says_why() {
    let (failed, unproven) = (Kind::TestFailed, Kind::WorkloadFailed);
    let kill = "say [    0.564737] Out of memory: Killed process 26 (hog) total-vm:6228kB\n";
    for (format, output, end, kind, summary) in [
        (TestFormat::Exit, "", end(3), failed, "the test exited with status 3"),
        (TestFormat::Exit, "", end(139), failed, "the test was ended by signal 11"),
        (TestFormat::Tap, "1..1\nok 1 a", end(1), failed, "the test exited with status 1"),
        (TestFormat::Tap, "1..2\nnot ok 1 a", end(0), failed, "1 of 1 failed: a; 1 of 2 results"),
        (TestFormat::Tap, "no results at all", end(0), unproven, "the test printed no results"),
        (TestFormat::Exit, "", end(127), unproven, "a command of the script could not be run (status 127)"),
        (TestFormat::StressNg, STRESS_NG, end(3), unproven, "stress-ng lacked resources (status 3)"),
        (
            TestFormat::Exit,
            "",
            kill.to_owned() + &end(137),
            unproven,
            "the test was ended by SIGKILL, after an OOM kill",
        ),
    ] {
        let (_, run) = judged(format, output, &end).await;
        let verdict = &run.trials[0].verdict;
        assert_eq!((verdict.kind, verdict.summary.as_str()), (kind, summary), "{output}");
    }
    let could_not =
        "frame finished status=127 units=0 why=not-executable\nframe bye\nevent SHUTDOWN guest-shutdown\nexit 0\n";
    let (_, run) = judged(TestFormat::Exit, "", could_not).await;
    assert_eq!(run.trials[0].verdict.summary, "the workload ended with status 127: not-executable");
}

/// As `oomlab watch` has it.
#[tokio::test]
async fn agent_names_the_form_of_results() {
    let mut scripted = Scripted::default();
    let begin = BEGIN.replace("pid=20", "pid=20 results=tap");
    scripted.cell("cell", &format!("{begin}frame output text=1..1\nframe output text=not+ok+1+a\n{}", end(0)));
    assert_eq!(scripted.run().await.trials[0].verdict.kind, Kind::TestFailed);
}

#[tokio::test]
async fn results_before_a_livelock_are_kept() {
    let hang = "spin on\nsay [    0.564737] Out of memory: Killed process 26 (hog) total-vm:6228kB\nbeats 1000 200 stuck\nhang\n";
    let (_, run) = judged(TestFormat::Tap, "1..2\nok 1 mmap", hang).await;
    let trial = &run.trials[0];
    assert_eq!(trial.verdict.kind, Kind::OomLivelock);
    assert_eq!(statuses(trial), [("mmap", SubtestStatus::Pass)]);
}

/// A test of the reader's own, in a real guest: the kernel's messages do not tear its lines apart, and the OOM killer takes
/// what it has started.
#[test]
fn script_runs_in_a_guest() {
    kernels::kernel("debian-6.1", "x86_64");
    let program = Program::new();
    let manifest = "name: my-test\nsummary: x\naims_at: x\nsource: x\nmmu: required\nunit: lines\nfinished: x\n\
        min_ram: 64M\nhealthy: {outcome: fail}\noptions:\n  word: {type: word, default: none, help: x}\n\
        script:\n  results: ltp\n  run: |\n    \
        for i in 1 2 3; do echo noise $i >/dev/kmsg; echo \"mine.c:$i: TPASS: round $i of $word\"; done\n    \
        sleep 0.2 & wait; read x || echo 'mine.c:4: TPASS: no input'\n    \
        tail /dev/zero || echo \"mine.c:9: TPASS: a hog was killed, $?\"\n    \
        echo 'mine.c:10: TFAIL: as it should'\n    exit 1\n";
    program.write("images/workloads/my-test/manifest.yaml", manifest);
    let cell = ["boot", "--kernel", "debian-6.1", "--arch", "x86_64", "--ram", "128M", "--workload", "my-test"];
    let mut command = kernels::fetching(&program, &[&cell[..], &["--option", "word=mine", "--out", "run"]].concat());
    let finished = finish(&mut command);
    assert_eq!(finished.status, Some(0), "{}{}", finished.stdout, finished.stderr);
    let text =
        std::fs::read_to_string(program.dir().join("run/cells/debian-6.1.x86_64.128M.my-test+word=mine/trial.json"));
    let trial: TrialRecord = serde_json::from_str(&text.unwrap()).unwrap();
    assert_eq!(trial.verdict.kind, Kind::TestFailed, "{}", trial.verdict.summary);
    assert!(trial.oom_kills > 0);
    let whys: Vec<&str> = trial.subtests.iter().filter_map(|subtest| subtest.why.as_deref()).collect();
    assert_eq!(trial.subtests.len(), 6, "{:?}", trial.subtests);
    assert!(whys.iter().any(|why| why.contains("as it should")), "{whys:?}");
}
