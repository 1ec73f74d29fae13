//! Sessions that fail, and guests in which something runs out.

use super::Lab;
use crate::support::kernels;
use model::{Event, Kind, SshEvent};
use oomlab::store::read_events;

const SOURCE: &str = include_str!("../../../images/agent/root_disk.c");

/// Has the agent start this in place of the SSH server.
fn server(lab: &Lab, line: &str) {
    let words = ["\"-D\"", "\"-e\"", "\"/usr/sbin/sshd\""];
    assert!(words.iter().all(|word| SOURCE.contains(word)));
    let source = words.iter().zip(["\"-c\"".to_owned(), format!("\"{line}\""), "\"/bin/sh\"".to_owned()]);
    let source = source.fold(SOURCE.to_owned(), |source, (word, other)| source.replace(word, &other));
    lab.program.write("images/agent/root_disk.c", &source);
}

#[test]
fn server_that_never_comes_up_is_no_hang() {
    let lab = Lab::new("riscv64");
    lab.workload("  run: exit 0\n");
    server(&lab, "exec sleep 1000");
    let (_, trial) = lab.boot("riscv64", &["--boot-timeout", "8"]);
    assert_eq!(trial.verdict.kind, Kind::SshFailed, "{}", trial.verdict.summary);
    assert!(
        trial.verdict.summary.contains("the test was not started over SSH within")
            && trial.verdict.summary.ends_with("the guest lives")
    );
}

#[test]
fn banner_without_a_login_is_no_hang() {
    let lab = Lab::new("riscv64");
    lab.workload("  packages: [perl-base]\n  run: exit 0\n");
    server(
        &lab,
        "exec perl -MSocket -e 'socket(S, 2, 1, 0); bind(S, sockaddr_in(22, INADDR_ANY)); listen(S, 9); \
         while (accept(C, S)) { syswrite(C, qq(SSH-2.0-deaf\\\\r\\\\n)); push @c, *C{IO}; undef *C }'",
    );
    let (_, trial) = lab.boot("riscv64", &["--boot-timeout", "8"]);
    assert_eq!(trial.verdict.kind, Kind::SshFailed, "{}", trial.verdict.summary);
}

#[test]
fn server_that_ends_is_named() {
    let lab = Lab::new("riscv64");
    lab.workload("  run: exit 0\n");
    server(&lab, "exit 3");
    let (_, trial) = lab.boot("riscv64", &[]);
    assert_eq!(trial.verdict.kind, Kind::WorkloadFailed);
    assert!(trial.verdict.summary.contains("ssh-server-ended"), "{}", trial.verdict.summary);
}

#[test]
fn connection_dropped_in_the_middle_keeps_what_was_printed() {
    let lab = Lab::new("riscv64");
    lab.workload("  results: tap\n  run: |\n    echo 1..2\n    echo ok 1 begun\n    sleep 1\n    pkill -9 sshd-session\n    sleep 1000\n");
    let (_, trial) = lab.boot("riscv64", &["--stuck-timeout", "2"]);
    assert_eq!(trial.verdict.kind, Kind::SshFailed, "{}", trial.verdict.summary);
    assert_eq!((trial.subtests.len(), trial.subtests[0].name.as_str()), (1, "begun"));
    assert!(lab.read("output.log").contains("ok 1 begun"));
}

/// What does not fit is read and left out: the test comes to its end.
#[test]
fn endless_output_is_bounded() {
    let lab = Lab::new("riscv64");
    lab.workload("  results: tap\n  run: |\n    echo 1..1\n    tr '\\0' x </dev/zero | head -c 64M\n    echo ok 1\n");
    let (finished, trial) = lab.boot("riscv64", &["--load-timeout", "400"]);
    assert_eq!(trial.verdict.kind, Kind::WorkloadFailed, "{}", finished.stdout);
    assert!(trial.verdict.summary.contains("printed more than is recorded"), "{}", trial.verdict.summary);
    let log = lab.read("output.log");
    assert!(log.len() < 5 << 20 && log.ends_with("(the rest is left out)\n"), "{}", log.len());
    let events = read_events(&lab.folder().join("events.jsonl")).unwrap();
    let dropped = |event: &Event| match event {
        Event::Ssh { what: SshEvent::OutputDropped { bytes } } => *bytes,
        _ => 0,
    };
    assert!(events.iter().map(|record| dropped(&record.event)).sum::<u64>() > 50 << 20);
    assert!(events.iter().any(|record| record.event == Event::Ssh { what: SshEvent::Exited(0) }));
}

#[test]
fn full_disk_of_the_guest_is_the_tests_business() {
    let lab = Lab::new("riscv64");
    lab.workload(
        "  results: tap\n  run: |\n    echo 1..1\n    dd if=/dev/zero of=/full bs=1M && echo ok 1 || echo not ok 1\n",
    );
    let (_, trial) = lab.boot("riscv64", &["--load-timeout", "400"]);
    assert_eq!(trial.verdict.kind, Kind::TestFailed, "{}", trial.verdict.summary);
    assert!(lab.read("output.log").contains("No space left on device"), "{}", lab.read("output.log"));
}

/// Before its time is up the test is asked to end, and what it says then counts.
#[test]
fn test_that_takes_too_long_is_ended() {
    let lab = Lab::new("riscv64");
    lab.workload("  results: tap\n  run: |\n    trap 'echo ok 1 interrupted; exit 0' TERM\n    echo 1..2\n    while :; do sleep 1; done\n");
    let (_, trial) = lab.boot("riscv64", &["--load-timeout", "60"]);
    assert_eq!(trial.verdict.kind, Kind::LoadTimeout, "{}", trial.verdict.summary);
    assert!(trial.verdict.summary.contains("the lab ended it"), "{}", trial.verdict.summary);
    assert_eq!(trial.subtests.iter().map(|test| test.name.as_str()).collect::<Vec<_>>(), ["interrupted"]);
}

#[test]
fn package_that_is_gone_is_named() {
    let lab = Lab::new("riscv64");
    lab.workload("  packages: [no-such-package]\n  run: exit 0\n");
    let (_, trial) = lab.boot("riscv64", &[]);
    assert_eq!(trial.verdict.kind, Kind::ImageUnavailable);
    assert!(trial.verdict.summary.contains("no-such-package"), "{}", trial.verdict.summary);
}

#[test]
fn unknown_image_is_named() {
    let lab = Lab::new("riscv64");
    lab.workload("  run: exit 0\n");
    let path = lab.program.dir().join("images/workloads/my-test/manifest.yaml");
    let text = std::fs::read_to_string(&path).unwrap().replace("image: debian", "image: debain");
    std::fs::write(path, text).unwrap();
    let (_, trial) = lab.boot("riscv64", &[]);
    assert_eq!(trial.verdict.kind, Kind::ImageUnavailable);
    assert!(trial.verdict.summary.contains("debain"), "{}", trial.verdict.summary);
}

/// QEMU says which rule it could not set up; the address is of a network for documentation (RFC 5737), so that no host has it.
#[test]
fn host_without_a_free_port_is_no_fault_of_the_guest() {
    let lab = Lab::new("riscv64");
    lab.workload("  run: exit 0\n");
    let (_, trial) =
        lab.boot("riscv64", &["--qemu-arg=-netdev", "--qemu-arg=user,id=other,hostfwd=tcp:192.0.2.1:0-:22"]);
    assert_eq!(trial.verdict.kind, Kind::QemuFailed, "{}", trial.verdict.summary);
    assert!(trial.verdict.summary.contains("host forwarding rule"), "{}", trial.verdict.summary);
}

/// A bug of the kernel's memory management is a hang although the session is dead; as soon as without one.
#[test]
#[ignore = "builds a kernel"]
fn livelock_is_a_hang_although_the_session_is_dead() {
    let kernel = "linux-6.1+oom-reaper-gone+root-disk";
    kernels::kernel(kernel, "riscv64");
    let mut lab = Lab::new("riscv64");
    lab.workload(include_str!("blocked-victim.yaml"));
    let (_, healthy) = lab.boot("riscv64", &[]);
    assert_eq!(healthy.verdict.kind.outcome(), model::Outcome::Pass, "{}", healthy.verdict.summary);
    std::fs::remove_dir_all(lab.program.dir().join("run")).unwrap();
    lab.kernel = kernel;
    let (_, trial) = lab.boot("riscv64", &[]);
    // The tasks that wait for memory sleep now and then (reclaim_throttle()): the victim's lock decides, not the vCPUs' demand.
    assert_eq!(trial.verdict.kind, model::Kind::OomLivelock, "{}", trial.verdict.summary);
    assert_eq!(trial.verdict.victim.map(|victim| victim.comm).as_deref(), Some("perl"));
    assert_eq!(trial.subtests.len(), 1, "what was printed until then is kept");
}

#[test]
fn guests_do_not_write_to_the_image() {
    let lab = Lab::new("riscv64");
    lab.workload("  results: exit\n  run: sleep 1\n");
    let (_, trial) = lab.boot("riscv64", &[]);
    let drive = trial.command.iter().find(|word| word.contains("id=oomlab-root")).unwrap();
    assert!(drive.contains("snapshot=on"), "{drive}");
    let path = drive.strip_prefix("file=").unwrap().split(',').next().unwrap();
    let before = std::fs::metadata(path).unwrap().modified().unwrap();
    std::fs::remove_dir_all(lab.program.dir().join("run")).unwrap();
    lab.boot("riscv64", &[]);
    assert_eq!(std::fs::metadata(path).unwrap().modified().unwrap(), before, "guests do not write to the image");
}
