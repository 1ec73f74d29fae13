//! What commands leave that are stopped, or killed, while they write for minutes.

use crate::support::guests::{AGENT, END, FAKE_QEMU, lab, matrix};
use crate::support::outside::Running;
use crate::support::program::Program;
use oomlab::store::RunDir;
use rustix::process::Signal;
use std::fs::{File, read_dir};
use std::time::Duration;

/// A command that is stopped looks at that between parts of a file.
const STOPS_WITHIN: Duration = Duration::from_secs(60);

/// A finished run in the folder `run`.
fn finished() -> Program {
    let program = lab();
    matrix(&program, &[("one", &format!("{AGENT}{END}"))], "");
    let ran = program.run(["run", "matrix.yaml", "--qemu", FAKE_QEMU, "--out", "run"]);
    assert_eq!(ran.status, Some(0), "{ran:?}");
    program
}

/// Such a run whose console is so long that it takes minutes to compress.
fn long() -> Program {
    let program = finished();
    let trial = read_dir(program.dir().join("run/cells")).unwrap().next().unwrap().unwrap().path();
    File::create(trial.join("console.log")).unwrap().set_len(64 << 30).unwrap();
    program
}

fn hidden(program: &Program) -> Vec<String> {
    let names = read_dir(program.dir()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name.starts_with('.')).collect()
}

/// `oomlab archive`, which has begun to write.
fn archiving(program: &Program) -> Running {
    let running = Running::start(&mut program.command(["archive", "run"]), program.dir());
    running.until(|| !hidden(program).is_empty());
    running
}

#[test]
fn stopped_archive_leaves_nothing() {
    let program = long();
    let running = archiving(&program);
    running.signal(Signal::INT);
    assert!(running.ends_within(STOPS_WITHIN), "{}", running.output());
    assert!(running.output().contains("stopping (Ctrl-C again to abort)"), "{}", running.output());
    assert_eq!(running.finish(), Some(130));
    assert!(hidden(&program).is_empty() && !program.dir().join("run.tar.zst").exists());
}

#[test]
fn stopped_pack_leaves_nothing() {
    let program = finished();
    // Text that takes long to compress. The scripts of the guests are not packed.
    let noise: Vec<u8> = (0..100_000_000_u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    std::fs::write(program.dir().join("kernel"), noise).unwrap();
    let words = ["pack", "matrix.yaml", "--allow-paths", "--out", "pack.tar.zst"];
    let running = Running::start(&mut program.command(words), program.dir());
    let is_writing = |name: &String| {
        let content = program.dir().join(name).join("content");
        let parts = read_dir(content).into_iter().flatten().flatten();
        parts.into_iter().any(|part| part.metadata().is_ok_and(|part| part.len() > 0))
    };
    running.until(|| hidden(&program).iter().any(is_writing));
    running.signal(Signal::TERM);
    assert!(running.ends_within(STOPS_WITHIN), "{}", running.output());
    assert_eq!(running.finish(), Some(130));
    assert!(hidden(&program).is_empty() && !program.dir().join("pack.tar.zst").exists());
}

#[test]
fn killed_archive_is_removed_by_the_next() {
    let program = long();
    let running = archiving(&program);
    running.signal(Signal::KILL);
    running.finish();
    assert_eq!(hidden(&program).len(), 1, "nothing that was killed removes its files");
    assert_eq!(RunDir::all(program.dir()).unwrap().len(), 1);
    let next = finished();
    let out = program.dir().join("next.tar.zst");
    let packed = next.run(["archive", "run", "--out", out.to_str().unwrap()]);
    assert!(packed.status == Some(0) && out.is_file(), "{packed:?}");
    assert_eq!(hidden(&program), Vec::<String>::new());
}

#[test]
fn killed_merge_is_no_run() {
    let program = finished();
    let folder = program.dir().join("runs/.oomlab-scratch-killed");
    std::fs::create_dir_all(folder.join("content/cells")).unwrap();
    program.write("runs/.oomlab-scratch-killed/lock", "");
    for name in ["run.json", "plan.json"] {
        std::fs::copy(program.dir().join("run").join(name), folder.join("content").join(name)).unwrap();
    }
    let listed = program.run(["report", "latest"]);
    assert!(listed.status == Some(2) && listed.stderr.contains("there is no run or trial `latest`"), "{listed:?}");
    let history = program.run(["history"]);
    assert!(!history.stdout.contains("killed"), "{history:?}");
    let archived = program.run(["archive", "run"]);
    assert_eq!(archived.status, Some(0), "{archived:?}");
    let merged = program.run(["merge", "run.tar.zst"]);
    assert_eq!(merged.status, Some(0), "{merged:?}");
    assert!(!folder.exists());
    assert_eq!(RunDir::all(&program.dir().join("runs")).unwrap().len(), 1);
}
