//! Ctrl-C at each stage of a test over SSH: nothing stays behind.

use super::Lab;
use crate::support::outside::Running;
use model::{Event, SshEvent};
use rustix::process::Signal;
use std::time::Duration;

/// Interrupts a trial once `is_time`, and checks what is left.
fn interrupt(lab: &Lab, is_time: impl Fn(&Running)) {
    let temporary = tempfile::Builder::new().prefix("k").tempdir_in("/tmp").unwrap();
    let mut command = lab.command("riscv64", &[]);
    let running = Running::start(command.env("TMPDIR", temporary.path()), lab.program.dir());
    is_time(&running);
    running.signal(Signal::INT);
    assert!(running.ends_within(Duration::from_secs(60)), "{}", running.output());
    let output = running.output();
    assert_eq!(running.finish(), Some(130), "{output}");
    let left: Vec<_> = std::fs::read_dir(temporary.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(left, Vec::<std::path::PathBuf>::new(), "{output}");
    let name = temporary.path().to_str().unwrap();
    let lines = |pid: std::fs::DirEntry| std::fs::read(pid.path().join("cmdline")).unwrap_or_default();
    let processes = std::fs::read_dir("/proc").unwrap().flatten().map(lines);
    let owned = processes.filter(|line| String::from_utf8_lossy(line).contains(name)).count();
    assert_eq!(owned, 0, "a process of the trial is left");
}

fn session(find: impl Fn(&SshEvent) -> bool) -> impl Fn(&Running) {
    move |running| {
        running.wait_for(|event| match event {
            Event::Ssh { what } if find(what) => Some(()),
            _ => None,
        });
    }
}

#[test]
fn interrupt_while_the_disk_is_made() {
    let lab = Lab::new("riscv64");
    // Another free space makes another disk.
    let debian = include_str!("../../../images/debian.yaml");
    let free = 512 + std::process::id() % 64;
    lab.program.write("images/mine.yaml", &debian.replace("free: 512M", &format!("free: {free}M")));
    lab.workload("  run: sleep 1000\n");
    let path = lab.program.dir().join("images/workloads/my-test/manifest.yaml");
    let text = std::fs::read_to_string(&path).unwrap().replace("image: debian", "image: mine");
    std::fs::write(path, text).unwrap();
    interrupt(&lab, |running| {
        let begun = (0..3000).any(|_| {
            assert!(!running.ends_within(Duration::from_millis(10)), "{}", running.output());
            running.output().contains("root disk")
        });
        assert!(begun, "{}", running.output());
    });
}

#[test]
fn interrupt_while_the_guest_boots() {
    let lab = Lab::new("riscv64");
    lab.workload("  run: sleep 1000\n");
    interrupt(&lab, |running| {
        running.wait_for(|event| matches!(event, Event::Line { .. }).then_some(()));
    });
}

#[test]
fn interrupt_during_the_login() {
    let lab = Lab::new("riscv64");
    lab.workload("  run: sleep 1000\n");
    interrupt(&lab, |running| {
        let is_beat = |event: &Event| matches!(event, Event::Agent { frame: model::Frame::Beat(_), .. }).then_some(());
        running.wait_for(is_beat);
    });
}

#[test]
fn interrupt_while_the_test_runs() {
    let lab = Lab::new("riscv64");
    lab.workload("  run: |\n    echo begun\n    sleep 1000\n");
    interrupt(&lab, session(|what| matches!(what, SshEvent::Output { .. })));
}
