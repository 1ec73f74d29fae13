//! Process groups of shell scripts.

use super::{Limits, Orphans, Output, PipedProcess, RunError, SpawnError, capture, capture_blocking};
use rustix::process::{Pid, Signal, test_kill_process};
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::time::Duration;
use tokio::process::Command;

/// Far above what any test needs.
const LIMITS: Limits = Limits { timeout: Duration::from_secs(60), max_stdout: 1 << 20 };

fn shell(script: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", script]);
    command
}

fn start(script: &str, orphans: Orphans) -> PipedProcess {
    PipedProcess::spawn_joined(&mut shell(script), orphans).unwrap()
}

/// Reads until a line is complete.
async fn line(process: &mut PipedProcess) -> String {
    let mut text = Vec::new();
    while !text.ends_with(b"\n") {
        match tokio::time::timeout(LIMITS.timeout, process.next()).await.unwrap().unwrap() {
            Output::Stdout(bytes) => text.extend(bytes),
            other => panic!("{other:?} after {}", String::from_utf8_lossy(&text)),
        }
    }
    String::from_utf8(text).unwrap().trim().to_owned()
}

async fn exit(process: &mut PipedProcess) -> ExitStatus {
    match tokio::time::timeout(LIMITS.timeout, process.next()).await.unwrap().unwrap() {
        Output::Exited(status) => status,
        other => panic!("{other:?}"),
    }
}

/// Waits until a process has exited. Killed grandchildren are zombies until init reaps them.
async fn gone(pid: &str) {
    let ended = async {
        loop {
            let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            if stat.is_empty() || stat.contains(") Z ") {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(LIMITS.timeout, ended).await.unwrap_or_else(|_| panic!("process {pid} lives"));
}

#[tokio::test]
async fn exit_of_a_program_kills_its_group() {
    let mut process = start("sleep 600 & echo $!; exit 3", Orphans::Signal(Signal::TERM));
    let left = line(&mut process).await;
    assert_eq!(exit(&mut process).await.code(), Some(3));
    gone(&left).await;
}

#[tokio::test]
async fn dropped_group_is_killed() {
    let mut process = start("sleep 600 & echo $!; wait", Orphans::Signal(Signal::KILL));
    let child = line(&mut process).await;
    drop(process);
    gone(&child).await;
}

#[tokio::test]
async fn stop_escalates_to_sigkill() {
    let mut willing = start("echo ready; sleep 600", Orphans::Signal(Signal::KILL));
    line(&mut willing).await;
    assert_eq!(willing.stop(LIMITS.timeout).await.unwrap().signal(), Some(15));
    let mut ignoring = start("trap '' TERM; echo ready; while :; do sleep 1; done", Orphans::Signal(Signal::KILL));
    line(&mut ignoring).await;
    assert_eq!(ignoring.stop(Duration::from_millis(50)).await.unwrap().signal(), Some(9));
}

#[tokio::test]
async fn process_outside_the_group_does_not_delay_the_end() {
    let mut process = start("setsid sleep 600 & echo $!", Orphans::Signal(Signal::KILL));
    let escaped = line(&mut process).await;
    assert!(exit(&mut process).await.success());
    let pid = Pid::from_raw(escaped.parse().unwrap()).unwrap();
    if test_kill_process(pid).is_ok() {
        rustix::process::kill_process(pid, Signal::KILL).unwrap();
    }
}

#[tokio::test]
async fn capture_separates_outputs_and_keeps_the_end_of_stderr() {
    let script = "seq 10000; seq 100000 >&2; exit 7";
    let captured = capture(&mut shell(script), LIMITS).await.unwrap();
    assert_eq!(captured.status.code(), Some(7));
    assert!(captured.stdout.starts_with(b"1\n2\n") && captured.stdout.ends_with(b"\n10000\n"));
    assert!(captured.stderr.len() <= 64 * 1024 && captured.stderr.ends_with("\n100000\n"));
    let error = captured.text().unwrap_err();
    assert!(error.to_string().ends_with("\n99999\n100000"), "{error}");
}

#[tokio::test]
async fn capture_limits_time_and_output() {
    let short = Limits { timeout: Duration::from_millis(50), ..LIMITS };
    assert!(matches!(capture(&mut shell("sleep 600"), short).await, Err(RunError::TimedOut { .. })));
    assert!(matches!(capture(&mut shell("yes"), LIMITS).await, Err(RunError::TooLong { .. })));
}

#[tokio::test]
async fn capture_blocks_inside_a_runtime_too() {
    let mut command = std::process::Command::new("sh");
    command.args(["-c", "echo here"]);
    assert_eq!(capture_blocking(command, LIMITS).unwrap().text().unwrap(), "here\n");
}

#[tokio::test]
async fn missing_program_is_named() {
    let error = capture(&mut Command::new("no-such-program"), LIMITS).await.unwrap_err();
    assert!(
        matches!(&error, RunError::Spawn(SpawnError::Missing { program, .. }) if program == "no-such-program"),
        "{error}"
    );
}
