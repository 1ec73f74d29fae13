//! `oomlab bundle`: a trial that others boot, watch and replay, a scripted one here.

use crate::support::guests::{FAKE_QEMU, HEALTHY, boot_args, lab, read_json};
use crate::support::program::{Program, finish};
use ruzstd::decoding::StreamingDecoder;
use std::path::Path;
use std::process::Command;

const CELL: &str = "kernel.riscv64-nommu.32M.initrd";

fn unpack(archive: &Path, folder: &Path) {
    let tar = StreamingDecoder::new(std::fs::File::open(archive).unwrap()).unwrap();
    tar::Archive::new(tar).unpack(folder).unwrap();
}

#[test]
fn bundle_is_booted_watched_and_replayed_elsewhere() {
    let program = lab();
    let boot = [boot_args(&program, HEALTHY), ["--out", "runs/first"].map(str::to_owned).to_vec()].concat();
    assert_eq!(program.run(boot).status, Some(0));
    let trial = format!("first/{CELL}");
    // The scripted guest's own script is a file of this host.
    let refused = program.run(["bundle", &trial]);
    assert_eq!(refused.status, Some(2), "{refused:?}");
    assert!(refused.stderr.contains("run.sh, line ") && refused.stderr.contains("`--allow-paths`"), "{refused:?}");
    let packed = program.run(["bundle", &trial, "--allow-paths"]);
    let archive = program.dir().join(format!("{CELL}.tar.zst"));
    assert!(packed.status == Some(0) && packed.stdout.starts_with(&format!("{CELL}.tar.zst: ")), "{packed:?}");
    let again = program.run(["bundle", &trial, "--allow-paths"]);
    assert!(again.status == Some(2) && again.stderr.contains("`--force`"), "{again:?}");
    let first = std::fs::read(&archive).unwrap();
    assert_eq!(program.run(["bundle", &trial, "--allow-paths", "--force"]).status, Some(0));
    assert!(std::fs::read(&archive).unwrap() == first, "the same trial gives the same bytes");

    let other = Program::new();
    unpack(&archive, other.dir());
    let folder = other.dir().join(CELL);
    let shell = |line: &str| {
        let mut shell = Command::new("sh");
        shell.args(["-c", line]).current_dir(&folder).env_clear();
        finish(shell.env("PATH", std::env::var_os("PATH").unwrap()).env("HOME", &folder))
    };
    let printed = shell("./run.sh --print");
    assert!(printed.status == Some(0) && printed.stdout.starts_with("fake-qemu -name guest=kernel."), "{printed:?}");
    assert!(printed.stdout.contains(" -kernel ./kernel -initrd ./initramfs.cpio.gz "), "{printed:?}");
    assert_eq!(printed.stderr, "", "its files are the recorded ones");
    let oomlab = env!("CARGO_BIN_EXE_oomlab");
    let watch =
        format!("eval \"{oomlab} watch --arch riscv64-nommu --out seen -- $(QEMU={FAKE_QEMU} ./run.sh --print)\"");
    let watched = shell(&watch);
    assert_eq!(watched.status, Some(0), "{watched:?}");
    let kind = |path: &str| read_json(&folder.join(path))["verdict"]["kind"].clone();
    assert_eq!(kind("seen/cells/watched/trial.json"), kind("trial.json"));
    let replayed = shell(&format!("{oomlab} replay ."));
    assert_eq!(replayed.status, Some(0), "{replayed:?}");
}

#[test]
fn bundle_of_nothing_or_of_changed_files_names_the_remedy() {
    let program = lab();
    let missing = program.run(["bundle", "nothing"]);
    assert!(missing.status == Some(2) && missing.stderr.contains("there is no trial `nothing`"), "{missing:?}");
    let boot = [boot_args(&program, HEALTHY), ["--out", "runs/first"].map(str::to_owned).to_vec()].concat();
    assert_eq!(program.run(boot).status, Some(0));
    program.write("kernel", "\0another kernel");
    let changed = program.run(["bundle", &format!("first/{CELL}")]);
    assert_eq!(changed.status, Some(2), "{changed:?}");
    assert!(changed.stderr.contains("is not the kernel of this trial any more: `oomlab repro`"), "{changed:?}");
    assert!(!program.dir().join(format!("{CELL}.tar.zst")).exists());
}
