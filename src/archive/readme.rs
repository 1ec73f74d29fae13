//! `README.txt`: what an archive is, and what to do with it.

use super::manifest::program;
use crate::report::{KEY, PORT, SSH_OPTIONS};
use model::{Accel, Payload, RunId, TEST_SCRIPT, TrialRecord, printable};
use std::fmt::Write as _;

/// The text; `has` tells whether the archive has a file.
pub(super) fn readme(run: &RunId, trial: &TrialRecord, has: &dyn Fn(&str) -> bool) -> String {
    let verdict = &trial.verdict;
    let (name, started) = (printable(&format!("{run}/{}", trial.folder())), printable(&trial.started));
    let mut out = format!("{}: {}/{}\n\n", printable(&trial.folder()), verdict.outcome(), verdict.kind);
    let _ = writeln!(out, "{}\n", printable(&verdict.summary));
    let _ = writeln!(out, "A guest of oomlab, which looks for hangs of Linux under memory pressure. It was the trial");
    let _ = writeln!(out, "{name}, started {started}.\n");
    for (what, text) in [("kernel", kernel(trial)), ("machine", machine(trial)), ("payload", payload(trial))] {
        let _ = writeln!(out, "  {what:8} {}", printable(&text));
    }
    out.push_str("\nIn this folder:\n\n");
    for (command, text) in commands(trial, has) {
        let _ = writeln!(out, "  {command}\n      {}\n", text.replace('\n', "\n      "));
    }
    let _ = writeln!(out, "{}", symbols(trial));
    for note in notes(trial) {
        let _ = writeln!(out, "\n{note}");
    }
    out
}

fn kernel(trial: &TrialRecord) -> String {
    let release = trial.kernel_release.iter().map(|release| format!(", release {release}"));
    let commit = trial.kernel_commit.iter().map(|commit| format!(", commit {commit}"));
    format!("{} for {}{}", trial.cell.kernel, trial.cell.arch, release.chain(commit).collect::<String>())
}

fn machine(trial: &TrialRecord) -> String {
    let cell = &trial.cell;
    let vcpus = if cell.vcpus == 1 { "1 vCPU".to_owned() } else { format!("{} vCPUs", cell.vcpus) };
    format!("{}, {} of RAM, {vcpus}, accelerator {}", program(trial), cell.ram, trial.accel.qemu_name())
}

fn payload(trial: &TrialRecord) -> String {
    match &trial.cell.payload {
        Payload::Workload { name, options } => {
            let options = options.iter().map(|(option, value)| format!(" {option}={value}"));
            format!("the lab's agent with the workload {name}{}", options.collect::<String>())
        }
        Payload::Initrd(initrd) if initrd.path.is_some() => "an initramfs of the user".to_owned(),
        Payload::Initrd(_) => "none beside the kernel".to_owned(),
    }
}

/// Commands, and what they do.
fn commands(trial: &TrialRecord, has: &dyn Fn(&str) -> bool) -> Vec<(String, &'static str)> {
    let boots = match &trial.cell.payload {
        Payload::Workload { .. } => {
            "boots it. The console is here; Ctrl-A X ends QEMU. FRAMES=1 ./run.sh shows the messages of the\n\
             agent, too. KERNEL=FILE ./run.sh boots another kernel."
        }
        Payload::Initrd(_) => {
            "boots it. The console is here; Ctrl-A X ends QEMU. KERNEL=FILE ./run.sh boots another kernel."
        }
    };
    let map = if has("System.map") { " --system-map System.map" } else { "" };
    let watch = format!("eval \"oomlab watch --arch {}{map} -- $(./run.sh --print)\"", trial.cell.arch);
    let login = has(KEY).then(|| {
        let command = format!("ssh -i {KEY} -p {PORT} {SSH_OPTIONS} root@127.0.0.1 sh -s <{TEST_SCRIPT}");
        let text = "runs the test in that guest when it is up, as the lab did; without `sh -s <test.sh` it is a shell.\n\
                    PORT=4000 ./run.sh takes another port of this host.";
        (command, text)
    });
    let boots = ("./run.sh".to_owned(), boots);
    let others = [
        ("./run.sh -s -S".to_owned(), "waits for gdb: gdb vmlinux -ex 'target remote :1234'"),
        (watch, "boots it under the lab, which judges it; `oomlab replay .` judges what was recorded."),
    ];
    std::iter::once(boots).chain(login).chain(others).collect()
}

/// Where gdb's symbols come from.
fn symbols(trial: &TrialRecord) -> String {
    let package = match &trial.kernel_release {
        Some(release) => format!("linux-image-{}-dbg", printable(release)),
        None => "linux-image-RELEASE-dbg".to_owned(),
    };
    let commit = trial.kernel_commit.as_deref().map(|commit| format!(" of commit {}", printable(commit)));
    let commit = commit.unwrap_or_default();
    format!(
        "vmlinux, which has the symbols for gdb, is too large for this archive. That of a Debian kernel is in\n\
         Debian's package {package}; another one is built{commit} with the file\n\
         config and the compiler that console.log names."
    )
}

/// What differs from the trial.
fn notes(trial: &TrialRecord) -> Vec<&'static str> {
    let faults = &trial.cell.faults;
    let kvm = (trial.accel == Accel::Kvm).then_some("It ran under KVM: run.sh needs /dev/kvm, and a similar CPU.");
    let lab = (faults.console_bps.is_some() || faults.vcpu_steal.is_some())
        .then_some("The lab slowed its console or its vCPUs down, which run.sh does not: see trial.json, \"faults\".");
    let disk = trial.root_disk_digest.as_ref().map(|_| {
        "Its user space is on disk.ext4, of which most is free: it takes its whole length when it is unpacked. What the\n\
         guest writes is lost with it."
    });
    kvm.into_iter().chain(lab).chain(disk).collect()
}
